"""`_target_` is code to run: what gets through, and what does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ganctl.configuration.targets import HOMES, check_shape_rule, check_target, local_packages


@pytest.mark.parametrize(
    ("group", "target"),
    [
        ("generator", "ganctl.model.dcgan.Generator"),
        ("discriminator", "ganctl.model.dcgan.Discriminator"),
        ("loss", "ganctl.loss.Hinge"),
        ("regularizer", "ganctl.regularizer.R1"),
        ("regularizer", "ganctl.regularizer.slope.R1"),
        ("scheduler", "ganctl.scheduler.Constant"),
        ("optimizer", "torch.optim.Adam"),
        ("feature", "ganctl.feature.digits.Digits"),
        ("metric", "ganctl.metric.frechet.FrechetDistance"),
    ],
)
def test_each_group_builds_classes_of_its_home(group: str, target: str) -> None:
    check_target(group, target)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "eval",
        "subprocess.Popen",
        "pathlib.Path.write_text",
        "torch.load",
        "torch.hub.load",
        "torch.optim.lr_scheduler.os.system",
        "ganctl.cli.main",
        "ganctl.model.dcgan.torch.load",
        "ganctl.model.dcgan.nn.Module",
        "ganctl.loss.torch.load",
        "ganctl.loss.Tensor",
        "ganctl.loss._cross_entropy",
        "ganctl.regularizer.draw",
        "ganctl.task.sample_inputs",
        "ganctl.regularizer.slope.gradient_at",
        "ganctl.regularizer.slope.Critic",
        "ganctl.loss..Hinge",
        "ganctl.modelx.Generator",
        "ganctl.model",
        "",
        None,
        7,
        "ganctl.loss.Hinge\nos.system",
        "ganctl.model.../../../os.system",
    ],
)
def test_nothing_else_is_built_anywhere(target: object) -> None:
    for group in HOMES:
        with pytest.raises(ValueError, match=rf"^{group}\._target_=") as refused:
            check_target(group, target)
        assert "\n" not in str(refused.value)


def test_a_group_without_classes_builds_nothing() -> None:
    with pytest.raises(ValueError, match="nothing is built in training"):
        check_target("training", "ganctl.loss.Hinge")


@pytest.fixture
def own_package(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the user's own on Python's path."""
    package = workplace / "own_package_of_tests"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner.net import Net\nraise RuntimeError('imported')\n")
    (package / "inner" / "__init__.py").write_text("")
    (package / "inner" / "net.py").write_text("import os\nclass Net: pass\ndef make(): pass\n")
    monkeypatch.syspath_prepend(str(workplace))
    return package


def test_a_trusted_package_is_allowed_and_not_imported_to_find_out(own_package: Path) -> None:
    name = own_package.name
    for target in (f"{name}.inner.net.Net", f"{name}.inner.net.make", f"{name}.Net"):
        check_target("generator", target, [name])
        check_target("generator", target, [f"{name}.inner", name])
    assert name not in sys.modules


def test_trust_in_one_module_is_not_trust_in_all(own_package: Path) -> None:
    target = f"{own_package.name}.inner.net.Net"
    check_target("loss", target, [f"{own_package.name}.inner"])
    for trusted in ([], ["own_package"], [f"{own_package.name}.other"], [f"{own_package.name}.inner.ne"]):
        with pytest.raises(ValueError, match=rf"add trust=\[{own_package.name}\]"):
            check_target("loss", target, trusted)


def test_a_trusted_module_does_not_lend_out_what_it_imports(own_package: Path) -> None:
    name = own_package.name
    with pytest.raises(ValueError, match="there is no module"):
        check_target("loss", f"{name}.inner.net.os.system", [name])
    with pytest.raises(ValueError, match="does not define Nett; did you mean Net"):
        check_target("loss", f"{name}.inner.net.Nett", [name])


def test_broken_code_of_ones_own_is_named_with_its_line(own_package: Path) -> None:
    (own_package / "torn.py").write_text("class Net:\n  def\n")
    with pytest.raises(ValueError, match=r"torn\.py:2: invalid Python"):
        check_target("loss", f"{own_package.name}.torn.Net", [own_package.name])


def test_only_modules_that_lie_in_the_folders_are_local(own_package: Path, workplace: Path) -> None:
    targets = [f"{own_package.name}.inner.net.Net", "json.loads", "nowhere_at_all.X", "ganctl.loss.Hinge", None]
    assert local_packages(targets, [workplace]) == [own_package.name]
    assert local_packages(targets, [workplace / "elsewhere"]) == []


def test_shape_rules_are_functions_of_geometry_or_of_trusted_modules(own_package: Path) -> None:
    check_shape_rule("generator.shape_rule", "ganctl.model.geometry.doubling")
    check_shape_rule("generator.shape_rule", f"{own_package.name}.inner.net.make", [own_package.name])
    for target in ("os.system", "ganctl.model.geometry.os.system", "ganctl.model.dcgan.channels_of", None):
        with pytest.raises(ValueError, match=r"^generator\.shape_rule="):
            check_shape_rule("generator.shape_rule", target)
