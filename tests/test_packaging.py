"""What is built is whole: the wheel installed elsewhere finds its configurations, and so does an editable install."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("configs", "ganctl")

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="the tests lie outside a checkout")


def wanted() -> set[str]:
    """What must be in the wheel: every module and every data file, configs/ as ganctl/configs/."""
    files = set()
    for top in KEPT:
        for path in (ROOT / top).rglob("*"):
            kinds = (".py", ".yaml", ".json", ".safetensors", ".j2", ".css", ".js", ".txt")
            if path.suffix in kinds or path.name == "py.typed":
                name = path.relative_to(ROOT).as_posix()
                files.add(f"ganctl/{name}" if top == "configs" else name)
    return files


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the package is built from, so that building leaves nothing in the checkout."""
    import shutil

    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    for name in KEPT:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    if not (folder / "README.md").exists():
        (folder / "README.md").write_text("# ganctl\n")
    return folder


def pip(*words: str) -> None:
    quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    command = [sys.executable, "-m", "pip", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | quiet)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (found,) = folder.glob("ganctl-*.whl")
    return found


def test_the_wheel_holds_every_module_and_every_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted() - names == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "configs/", "benchmarks/"))]


def test_the_packages_metadata_is_complete(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        metadata = archive.read(name).decode()
        entry = archive.read(name.replace("METADATA", "entry_points.txt")).decode()
    for line in (
        "Name: ganctl",
        "License-Expression: MIT",
        "Requires-Python: >=3.10",
        "Requires-Dist: hydra-core<1.4,>=1.3.8",
    ):
        assert line in metadata
    assert "ganctl = ganctl.cli:main" in entry


def elsewhere(folder: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`ganctl` as installed into `place`, without what else this environment knows of ganctl.

    -S leaves out the .pth files through which an editable install would be found; the other packages are put back.
    """
    code = (
        f"import sys, site; site.addsitedir({str(place)!r}); sys.path += {[sysconfig.get_path('purelib')]!r}\n"
        f"import ganctl; from ganctl.cli import main; print(ganctl.__file__)\nsys.exit(main({list(words)!r}))"
    )
    command = [sys.executable, "-S", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_wheel_installed_elsewhere_finds_its_configurations(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    pip("install", "--no-deps", "--target", str(place), str(wheel))
    for words in (["train", "--cfg", "job"], ["list"], ["train", "--help"], ["--version"]):
        answer = elsewhere(tmp_path, place, *words)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.startswith(str(place))
    assert "ganctl.model.dcgan.Generator" in elsewhere(tmp_path, place, "train", "--cfg", "job").stdout
    refused = elsewhere(tmp_path, place, "train", "training.batch_size=1")
    assert refused.returncode == 2 and "must be in [2, 65536]" in refused.stderr


def test_the_source_archive_builds_the_same_files(source: Path, tmp_path: Path) -> None:
    code = f"import setuptools.build_meta as backend; print(backend.build_sdist({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("ganctl-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    expected = {name.replace("ganctl/configs/", "configs/", 1) for name in wanted()}
    assert expected - names == set()
    assert "LICENSE" in names and "pyproject.toml" in names


def test_an_editable_install_finds_its_configurations(source: Path, tmp_path: Path) -> None:
    place = tmp_path / "site"
    pip("install", "--no-deps", "--no-build-isolation", "--target", str(place), "--editable", str(source))
    answer = elsewhere(tmp_path, place, "list", "loss")
    assert answer.returncode == 0 and "loss=hinge" in answer.stdout, answer.stderr
    assert answer.stdout.startswith(str(source))


def test_every_package_is_named_for_the_build() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for init in (ROOT / "ganctl").rglob("__init__.py"):
        package = ".".join(init.parent.relative_to(ROOT).parts)
        assert f'"{package}"' in text, f"pyproject.toml does not list {package}"
    without = [path for path in (ROOT / "ganctl").rglob("*.py") if not (path.parent / "__init__.py").exists()]
    assert without == []


@pytest.mark.parametrize(
    "target", ["help", "setup", "demo", "demo-colour", "train", "test", "check", "docs", "docs-pictures", "bench"]
)
def test_make_knows_and_explains_its_targets(target: str) -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert any(line.split()[:2] == ["make", target] and len(line.split()) > 3 for line in said.splitlines())
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)


def test_make_says_what_is_missing(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\ncase $1 in --version) echo Python 3.8.1;; *) exit 1;; esac\n")
    old.chmod(0o755)
    for python, said in {
        "python-of-nowhere": "is not there: install Python 3.10",
        str(old): "Python 3.8.1 is too old: ",
    }.items():
        command = ["make", "setup", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode != 0 and said in ended.stderr
