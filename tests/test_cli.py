"""The front of the command line: instant where nothing is to be done, and all that Hydra's users expect behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ganctl import __version__
from ganctl.cli import COMMANDS
from tests.conftest import Command, Refusal, timed


def imported_by(*words: str) -> set[str]:
    """The modules that a process has loaded after running a command line."""
    code = (
        f"import sys; from ganctl.cli import main\nmain({list(words)!r})\nprint('\\n'.join(['MODULES', *sys.modules]))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ended.stdout.partition("MODULES\n")[2].split())


def test_help_comes_at_once_and_names_every_command(ganctl: Command) -> None:
    answer = ganctl("--help")
    assert answer.code == 0 and all(f"\n  {name} " in answer.out for name in COMMANDS)
    assert min(timed("-m", "ganctl", "--help")[1] for _ in range(5)) < 0.15


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["train", "--help"], ["list"]])
def test_what_only_informs_imports_neither_torch_nor_hydra(words: list[str]) -> None:
    assert not imported_by(*words) & {"torch", "hydra", "omegaconf", "numpy", "rich"}


def test_no_command_at_all_is_a_call_for_help(ganctl: Command) -> None:
    assert ganctl().out == ganctl("--help").out


def test_the_version_is_the_packages(ganctl: Command, ganctl_process: Command) -> None:
    assert ganctl("--version").out == ganctl_process("--version").out == f"ganctl {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, ganctl: Command) -> None:
    answer = ganctl(command, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"usage: ganctl {command} ")
    assert "examples:" in answer.out
    assert ganctl("help", command).out == answer.out


def test_the_help_of_train_lists_the_options_of_every_group(ganctl: Command) -> None:
    lines = ganctl("train", "--help").out.splitlines()
    assert any(line.split()[:1] == ["loss"] and "hinge" in line for line in lines)
    assert not any("_base" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "trian: no such command; did you mean train?"),
        (["dataset=mnist"], "dataset=mnist: no such command; did you mean ganctl train dataset=mnist?"),
        (["xyz"], f"xyz: no such command; there is {', '.join(sorted(COMMANDS))}"),
    ],
)
def test_an_unknown_command_is_answered_with_the_nearest(words: list[str], said: str, refused: Refusal) -> None:
    assert refused(*words) == said


def test_cfg_job_prints_the_configuration_and_options_may_stand_anywhere(ganctl: Command) -> None:
    answer = ganctl("train", "loss=hinge", "--cfg", "job", "training.steps=7")
    assert answer.code == 0 and answer.err == ""
    config = yaml.safe_load(answer.out)
    assert config["loss"]["_target_"] == "ganctl.loss.Hinge" and config["training"]["steps"] == 7
    assert "hydra" not in config


def test_cfg_job_shows_a_package_alone(ganctl: Command) -> None:
    assert yaml.safe_load(ganctl("train", "--cfg", "job", "-p", "stop").out)["patience"] is None


def test_cfg_job_prints_the_comments_beside_the_values(ganctl: Command) -> None:
    lines = ganctl("train", "optimizer=sgd", "--cfg", "job").out.splitlines()
    assert "  lr: 0.01  # learning rate; in (0, inf)" in lines
    assert "seed: 0  # everything random follows from it; in [0, 4294967295]" in lines
    assert (
        ganctl("train", "--cfg", "job", "-p", "stop").out.splitlines()[2].startswith("score: null  # name of the score")
    )
    assert "num_images: 5000  # generated images; in [2, 10000000]" in ganctl("evaluate", "--cfg=job").out.splitlines()


@pytest.mark.parametrize("words", [["train", "--help", "optimizer"], ["help", "train", "optimizer"]])
def test_help_of_a_section_explains_its_keys(words: list[str], ganctl: Command) -> None:
    assert ganctl(*words).out.splitlines()[0].split() == [
        *("optimizer.lr=0.001", "in", "(0,", "inf)", "learning", "rate")
    ]
    assert "torch" not in imported_by(*words)


def test_cfg_hydra_has_our_names(ganctl: Command) -> None:
    config = yaml.safe_load(ganctl("train", "--cfg", "hydra", "hydra.job.chdir=true").out)["hydra"]
    assert config["job"]["name"] == "train" and config["job"]["chdir"] is True


@pytest.mark.parametrize("words", [["--info", "defaults"], ["--info"], ["-i", "searchpath"]])
def test_info_tells_where_the_configuration_comes_from(words: list[str], ganctl: Command) -> None:
    answer = ganctl("train", *words, "loss=hinge")
    assert answer.code == 0
    assert "ganctl.configs" in answer.out or "loss/hinge" in answer.out


def test_hydras_own_help_is_there(ganctl: Command) -> None:
    assert "--shell-completion" in ganctl("train", "--hydra-help").out


def test_a_primary_configuration_of_ones_own_is_taken(ganctl: Command, workplace: Path) -> None:
    folder = workplace / "mine"
    folder.mkdir()
    (folder / "quick.yaml").write_text("defaults:\n  - train\n  - _self_\ntraining:\n  steps: 3\n")
    answer = ganctl("train", "--config-dir", "mine", "--config-name", "quick", "--cfg", "job")
    assert yaml.safe_load(answer.out)["training"]["steps"] == 3


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ganctl ", "train"),
        ("ganctl sa", "sample"),
        ("ganctl train loss=", "loss=hinge"),
        ("ganctl train seed=1 loss=h", "loss=hinge"),
        ("ganctl train training.st", "training.steps="),
        ("ganctl train --resume outputs/some/run training.ep", "training.epochs="),
        ("ganctl sample outputs/some/run dev", "device="),
        ("ganctl evaluate outputs/some/run feature=d", "feature=digits"),
        ("ganctl fid a b wei", "weights="),
    ],
)
def test_tab_completes(line: str, offered: str, ganctl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    answer = ganctl("-sc", "query=bash")
    assert answer.code == 0 and offered in answer.out.split()


def test_the_completion_can_be_installed(ganctl: Command) -> None:
    answer = ganctl("-sc", "install=bash")
    assert "complete" in answer.out and answer.out.rstrip().endswith("ganctl")
    assert subprocess.run(["bash", "-n"], input=answer.out, text=True, check=False).returncode == 0


@pytest.mark.parametrize("words", ["list", "--help", "train --help", "train --cfg job"])
@pytest.mark.parametrize(
    ("streams", "said"),
    [
        (">/dev/full", "standard output: cannot be written, No space left on device\n"),
        (">&-", "standard output: cannot be written, it is closed\n"),
        (">/dev/full 2>/dev/full", ""),
        (">&- 2>&- <&-", ""),
    ],
)
def test_what_cannot_be_printed_is_told_in_one_line(words: str, streams: str, said: str) -> None:
    line = f"{sys.executable} -m ganctl {words} {streams}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (1, said, "")


def test_an_error_that_nobody_can_be_told_of_keeps_its_exit_code() -> None:
    for streams in ("2>&-", "2>/dev/full", ">&- 2>&-"):
        line = f"{sys.executable} -m ganctl trian {streams}"
        ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (2, ""), streams


def test_a_reader_that_leaves_early_is_no_error(workplace: Path) -> None:
    line = f"{sys.executable} -m ganctl list | head -n 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert ended.stderr == "" and ended.stdout.count("\n") == 1
