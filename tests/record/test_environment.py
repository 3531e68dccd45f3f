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
    facts = environment(device="Some GPU")
    assert json.loads(json.dumps(facts)) == facts == plain(facts)
    assert "ganctl" in facts["packages"]
    assert facts["python"] == platform.python_version()
    assert facts["packages"]["numpy"] == package_version("numpy") is not None
    assert facts["threads"] == torch.get_num_threads()
    assert facts["device"] == "Some GPU" and facts["argv"] == sys.argv
    assert facts["cpu"] and facts["cpus"] >= 1
    assert datetime.fromisoformat(facts["date"]).tzinfo is not None


def test_a_package_that_is_not_installed_has_no_version():
    assert package_version("surely-no-such-package") is None


def test_looking_around_imports_nothing_heavy():
    script = (
        "import sys; from ganctl.record.environment import environment; facts = environment()\n"
        "print(sorted({'torch', 'torchvision', 'numpy', 'hydra'} & sys.modules.keys()), facts['threads'])"
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
