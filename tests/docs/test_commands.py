"""What a page tells to type is understood: overrides compose and lie in their ranges, targets and files exist."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

from ganctl.cli import COMMANDS
from ganctl.compose import Composer
from ganctl.invocation.arguments import parse
from ganctl.job.expansion import expand, last_of_each, parsed_of
from ganctl.job.search_space import read_space
from ganctl.job.sweep import is_search
from ganctl.job.sweep_resume import wish_of
from tests.conftest import Command
from tests.docs.pages import GENERATED, PAGES, ROOT, command_lines

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the tests lie outside a checkout")

LINES = sorted({line for page in PAGES if page.name not in GENERATED for line in command_lines(page.read_text())})
REFUSED = {"ganctl train optimiser.lr=1e-3"}  # shown for its answer
TARGETS = {"sample": 1, "export": 1, "evaluate": 1, "fid": 2, "train": 0, "translate": 9}


@pytest.fixture
def folders(workplace: Path) -> Path:
    """A working directory with what the pages name: pictures, a network of one's own."""
    for path in (
        "paintings/a.png",
        "styles/monet/a.png",
        "styles/turner/b.png",
        "photos/a.png",
        "facades/train/a.png",
        "facades/val/b.png",
        "emoji/a.png",
        "maps/a.png",
    ):
        (workplace / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(workplace / path)
    with ZipFile(workplace / "paintings.zip", "w") as archive:
        archive.write(workplace / "paintings" / "a.png", "a.png")
    (workplace / "conf" / "generator").mkdir(parents=True)
    page = (ROOT / "docs" / "own_parts.md").read_text()
    code, settings = page.split("    # mynet.py")[1].split("    # conf/generator/mine.yaml")
    (workplace / "mynet.py").write_text(dedent(code))
    (workplace / "conf" / "generator" / "mine.yaml").write_text(dedent(settings.split("    ganctl train")[0]))
    return workplace


def dedent(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines()) + "\n"


def test_the_pages_have_commands() -> None:
    assert len(LINES) > 50
    assert {line.split()[1] for line in LINES if line.startswith("ganctl ")} >= set(COMMANDS)


@pytest.mark.parametrize("line", [line for line in LINES if line.split()[0] == "ganctl"])
def test_every_ganctl_command_is_understood(
    line: str, folders: Path, ganctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, command, *words = shlex.split(line)
    assert command in COMMANDS
    if line in REFUSED:
        assert ganctl(command, *words).code == 2
    elif command == "list":
        assert ganctl(command, *(word for word in words if word != "GROUP")).code == 0
    elif command in TARGETS and words != ["-m"]:
        arguments = parse(words, takes_targets=TARGETS[command], takes_resume=command == "train")
        if arguments.multirun and arguments.resume:
            wish_of(arguments.overrides)
            return
        composer = Composer(command, config_dir=arguments.config_dir)
        monkeypatch.syspath_prepend(str(folders))
        config = composer.compose(arguments.overrides, multirun=arguments.multirun)
        if arguments.multirun and is_search(config):
            assert read_space(last_of_each(parsed_of(composer, config)))
        elif arguments.multirun:
            assert expand(composer, config)
        else:
            composer.check(config, arguments.overrides)
    elif command == "data":
        assert ganctl(command, *words).code in (0, 1)  # the one picture that there is here is too few
    elif command in ("compare", "report") and words:  # its arguments are read before any run is looked for
        refusal = ganctl(command, *words)
        assert refusal.code == 2 and "no such option" not in refusal.err, refusal


@pytest.mark.parametrize("line", [line for line in LINES if line.split()[0] != "ganctl"])
def test_every_other_command_names_something_that_exists(line: str) -> None:
    program, *words = shlex.split(line)
    if program == "make":
        target = next(word for word in words if "=" not in word)
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)
    elif program == "python" and words[0] == "-m":
        name = words[1]
        assert (ROOT / f"{name.replace('.', '/')}.py").exists() or importlib.util.find_spec(name.partition(".")[0])
    elif program == "python":
        assert (ROOT / words[0]).exists()
