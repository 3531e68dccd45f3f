"""The optimizer files: each builds a working torch optimizer; each value can be set for both networks or for one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

CONFIGS = Path(__file__).parents[1] / "configs"
NAMES = sorted(file.stem for file in (CONFIGS / "optimizer").glob("*.yaml"))


def settings(*overrides: str) -> dict:
    """The node `optimizer`, as plain data, with everything else of the configuration left out."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(overrides=[f"+{overrides[0]}", *overrides[1:]])
    return OmegaConf.to_container(config.optimizer, resolve=True)


def build(node: dict, network: str, parameters: list) -> torch.optim.Optimizer:
    return instantiate({"_target_": node["_target_"], **node[network], "_convert_": "all"}, params=parameters)


@pytest.mark.parametrize("name", NAMES)
def test_both_networks_have_every_value_of_the_file(name):
    node = settings(f"optimizer={name}")
    own = {key: value for key, value in node.items() if key not in ("_target_", "generator", "discriminator")}
    assert "lr" in own and "weight_decay" in own
    assert node["generator"] == node["discriminator"] == own


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_every_file_builds_an_optimizer_that_goes_down(name, network):
    x = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = build(settings(f"optimizer={name}"), network, [x])
    before = x.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        x.square().sum().backward()
        optimizer.step()
    assert (x.detach().abs() < before.abs()).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_value_set_once_reaches_both_networks(name):
    node = settings(f"optimizer={name}", "optimizer.lr=1e-3", "optimizer.weight_decay=0.25")
    for network in ("generator", "discriminator"):
        assert (node[network]["lr"], node[network]["weight_decay"]) == (0.001, 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_set_for_one_network_leaves_the_other(name):
    default = settings(f"optimizer={name}")["lr"]
    node = settings(f"optimizer={name}", "optimizer.discriminator.lr=0.125")
    assert (node["generator"]["lr"], node["discriminator"]["lr"]) == (default, 0.125)
    node = settings(f"optimizer={name}", "optimizer.lr=0.5", "optimizer.generator.lr=0.125")
    assert (node["generator"]["lr"], node["discriminator"]["lr"]) == (0.125, 0.5)


def test_the_default_is_the_one_of_dcgan():
    node = settings("optimizer=adam")
    assert (node["lr"], node["betas"]) == (0.0002, [0.5, 0.999])


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_optimizer_is_fused_and_takes_the_same_steps_as_the_plain_one(name):
    node = settings(f"optimizer={name}", "optimizer.weight_decay=0.1")
    assert node["generator"]["fused"] is True
    ends = []
    for fused in (True, False):
        x = torch.nn.Parameter(torch.linspace(-1, 1, 7))
        node["generator"]["fused"] = fused
        optimizer = build(node, "generator", [x])
        for _ in range(5):
            optimizer.zero_grad()
            (x - 0.3).pow(4).sum().backward()
            optimizer.step()
        ends.append(x.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-5, atol=1e-7)


def test_weight_decay_of_adamw_shrinks_weights_apart_from_the_gradient():
    x = torch.nn.Parameter(torch.tensor([2.0]))
    x.grad = torch.zeros(1)
    build(settings("optimizer=adamw", "optimizer.lr=0.1", "optimizer.weight_decay=0.5"), "generator", [x]).step()
    assert x.item() == pytest.approx(2.0 * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_weight_decay_elsewhere_is_added_to_the_gradient(name):
    x, y = (torch.nn.Parameter(torch.tensor([2.0])) for _ in range(2))
    x.grad, y.grad = torch.tensor([0.5]), torch.tensor([0.5 + 0.25 * 2.0])
    build(settings(f"optimizer={name}", "optimizer.weight_decay=0.25"), "generator", [x]).step()
    build(settings(f"optimizer={name}"), "generator", [y]).step()
    torch.testing.assert_close(x.detach(), y.detach())
