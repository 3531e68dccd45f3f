"""What needs an NVIDIA GPU: every model trains there, goes on bit for bit, and plays back what it recorded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from ganctl.files import given_path
from ganctl.job.session import Session
from ganctl.training.vital_signs import gradient_norms
from tests.conftest import Command
from tests.settings import settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

MODELS = [
    *("mlp", "dcgan_2016", "dcgan", "cdcgan", "lsgan", "wgan", "wgan_gp", "dragan", "sngan", "pacgan", "acgan"),
    *("sagan", "biggan", "infogan", "r3gan", "rpgan", "fastgan", "projected"),
]
RECORDED = [model for model in MODELS if model not in ("r3gan", "fastgan")]  # which change, or draw elsewhere


def session(model: str, *words: str) -> Session:
    data = "dataset=crops" if model in ("fastgan", "projected") else "dataset=mnist5k"
    overrides = [data, f"model={model}", "device=cuda", "training.batch_size=16", "training.steps=100", *words]
    opened = Session(settings(*overrides))
    opened.read(lambda what, done, total: None)
    return opened


def weights(opened: Session) -> Iterator[Tensor]:
    for networks in (opened.state.networks, opened.state.averages):
        for network in networks.values():
            yield from network.state_dict().values()


def take(opened: Session, count: int) -> list[dict[str, float]]:
    steps = opened.steps()
    return [{name: float(value) for name, value in next(steps).items()} for _ in range(count)]


def assert_same(first: Session, second: Session) -> None:
    for one, other in zip(weights(first), weights(second), strict=True):
        assert torch.equal(one, other)


@pytest.mark.filterwarnings("ignore:device.cuda_graph=true")  # fastgan draws where it cuts on the processor
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_goes_on_bit_for_bit(model: str, precision: str) -> None:
    words = [f"device.precision={precision}"]
    whole, begun, resumed = (session(model, *words) for _ in range(3))
    logs = take(whole, 12)
    take(begun, 6)
    resumed.state.load_state_dict(begun.state.state_dict())
    rest = take(resumed, 6)
    assert rest == logs[6:]
    assert_same(whole, resumed)
    assert whole.is_finite({name: torch.tensor(value) for name, value in logs[-1].items()})


@pytest.mark.parametrize("model", RECORDED)
def test_what_is_recorded_is_what_would_have_been_done(model: str) -> None:
    """Learning rates are single precision in a recorded step: equal to the order of that."""
    played, again = session(model), session(model)
    logs = take(played, 40)
    take(again, 21)
    resumed = session(model)
    resumed.state.load_state_dict(again.state.state_dict())
    assert take(resumed, 19) == logs[21:], "a resumed run records anew, and gets the same bits"
    assert_same(played, resumed)
    assert played.device.cuda_graph and played.unrecorded is None
    plain = session(model, "device.cuda_graph=false")
    for done, wanted in zip(logs[:8], take(plain, 8), strict=True):
        for name, value in wanted.items():
            assert done[name] == pytest.approx(value, rel=2e-2, abs=2e-3), name


def test_an_earlier_state_taken_up_is_recorded_anew() -> None:
    whole, back = session("dcgan"), session("dcgan")
    take(whole, 30)
    steps = back.steps()
    for _ in range(20):
        next(steps)
    kept = back.state.state_dict()
    for _ in range(7):
        next(steps)
    back.state.load_state_dict(kept)
    for _ in range(10):
        next(steps)
    assert_same(whole, back)


def test_gradients_are_those_of_the_last_step() -> None:
    played, plain = session("dcgan"), session("dcgan", "device.cuda_graph=false")
    for each in (played, plain):
        take(each, 17)  # the last one is a step with lazy R1, recorded apart
    for name, norm in gradient_norms(plain.state).items():
        assert gradient_norms(played.state)[name] == pytest.approx(norm, rel=0.2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["model=r3gan"], "betas"),
        (["augment=[ada]"], "ada changes"),
        (["optimizer=sgd"], "SGD reads"),
        (["regularizer=[instance_noise]"], "instance_noise changes"),
    ],
)
def test_what_changes_from_step_to_step_is_done_as_it_is(words: list[str], why: str) -> None:
    opened = session("dcgan_2016", *words)
    assert why in (opened.unrecorded or "") and not opened.device.cuda_graph
    take(opened, 6)


class Drawing(torch.nn.Module):
    """A discriminator that draws on the processor."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return images.mean((1, 2, 3)) * self.weight * float(torch.rand(()))


def test_a_step_that_draws_on_the_processor_goes_on_as_it_is() -> None:
    opened, plain = session("dcgan_2016"), session("dcgan_2016", "device.cuda_graph=false")
    for each in (opened, plain):
        each.state.networks["discriminator"] = drawing = Drawing().cuda()
        each.state.optimizers["discriminator"].param_groups[0]["params"] = list(drawing.parameters())
    with pytest.warns(UserWarning, match="draws on the processor"):
        logs = take(opened, 8)
    for one, other in zip(logs, take(plain, 8), strict=True):
        assert one == pytest.approx(other, rel=1e-3)


@pytest.mark.parametrize("more", ["", "device.cuda_graph=false", "device.precision=bf16", "device.deterministic=false"])
def test_a_whole_run_trains_and_is_judged(more: str, ganctl: Command) -> None:
    words = ["dataset=mnist5k", "model=dcgan", "device=cuda", "training.steps=60", "final_fid.enabled=false"]
    words += ["evaluation.num_images=200", "evaluation.final_images=200", "evaluation.num_real=500", "hydra.run.dir=r"]
    answer = ganctl("train", *words, *more.split())
    assert answer.code == 0, answer.err
    assert (given_path("r") / "summary.json").exists()
