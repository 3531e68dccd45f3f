from __future__ import annotations

import json
import platform
import subprocess
import sys
from datetime import datetime

import torch

from ganctl.files import plain
from ganctl.record.environment import environment, git_commit, package_version


def git(folder, *arguments):
    identity = ["-c", "user.name=someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def test_the_environment_is_plain_data_that_says_what_ran_where():
    found = environment(device="Some GPU")
    assert json.loads(json.dumps(found)) == found == plain(found)
    assert "ganctl" in found["packages"]
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == package_version("numpy") is not None
    assert found["threads"] == torch.get_num_threads()
    assert found["device"] == "Some GPU" and found["argv"] == sys.argv
    assert found["cpu"] and found["cpus"] >= 1
    assert datetime.fromisoformat(found["date"]).tzinfo is not None


def test_a_package_that_is_not_installed_has_no_version():
    assert package_version("surely-no-such-package") is None


def test_looking_around_imports_nothing_heavy():
    script = (
        "import sys; from ganctl.record.environment import environment; found = environment()\n"
        "print(sorted({'torch', 'torchvision', 'numpy', 'hydra'} & sys.modules.keys()), found['threads'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["[]", "None"]


def test_the_commit_is_named_and_changes_to_tracked_files_make_it_dirty(tmp_path):
    assert git_commit(tmp_path) is None
    git(tmp_path, "init", "-q")
    assert git_commit(tmp_path) is None
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    clean = git_commit(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False
    (tmp_path / "untracked").write_text("output of a run")
    assert git_commit(tmp_path) == clean
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == clean | {"dirty": True}


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) is None


def test_a_git_that_hangs_or_fails_is_no_commit(tmp_path, monkeypatch):
    (tmp_path / "git").write_text("#!/bin/sh\necho broken >&2\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_commit(tmp_path) is None
