"""Which steps may be recorded as CUDA graphs, and what is made ready for it; tests/gpu has the recording itself."""

from __future__ import annotations

import pytest
import torch

from ganctl import build
from ganctl.training.device import open_device
from ganctl.training.loop import set_rates
from tests.settings import settings


def reason(*words: str) -> str | None:
    config = settings("dataset=mnist5k", "device=cpu", *words)
    game = build.game(config, build.task(config, build.dataset(config).spec))
    return build.why_unrecorded(config, game, build.scheduler(config))


@pytest.mark.parametrize(
    "model", ["mlp", "dcgan_2016", "dcgan", "cdcgan", "wgan", "wgan_gp", "sngan", "sagan", "biggan", "acgan", "rpgan"]
)
def test_steps_of_most_models_are_recorded(model: str) -> None:
    assert reason(f"model={model}") is None


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["model=r3gan"], "the scheduler changes the optimizer's betas"),
        (["model=r3gan", "scheduler=constant"], "fading_r1 changes from step to step"),
        (["model=r3gan", "scheduler=constant", "regularizer=[r1,r2]"], "rising changes from step to step"),
        (["regularizer=[lecam]"], "lecam changes from step to step"),
        (["regularizer=[top_k]"], "top_k changes from step to step"),
        (["regularizer=[instance_noise]"], "instance_noise changes from step to step"),
        (["augment=[ada]"], "ada changes from step to step"),
        (["optimizer=sgd"], "SGD reads its learning rate on the processor"),
    ],
)
def test_what_changes_from_step_to_step_is_named(words: list[str], why: str) -> None:
    assert reason(*words) == why


@pytest.mark.parametrize(
    "words",
    [
        ["model=r3gan", "scheduler=constant", "regularizer=[r1,r2]", "augment=[]"],
        ["augment=[diffaugment]"],
        ["regularizer=[instance_noise]", "regularizer.instance_noise.decay_steps=null"],
    ],
)
def test_what_stays_the_same_is_recorded(words: list[str]) -> None:
    assert reason(*words) is None


def test_only_a_gpu_records() -> None:
    assert not open_device(type="cpu", cuda_graph=True).cuda_graph


def test_a_rate_that_a_recording_reads_is_changed_in_its_place() -> None:
    """The recording knows the tensor, not the number."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=torch.tensor(0.5), capturable=True, foreach=True)
    (group,) = optimizer.param_groups
    group["base_lr"], group["base_betas"] = 0.5, None
    rate = group["lr"]
    set_rates([optimizer], lambda step, total_steps: 0.25, 0, 10)
    assert group["lr"] is rate and float(rate) == 0.125
