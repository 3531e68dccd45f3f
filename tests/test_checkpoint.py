"""Checkpoints: whole or not at all, ours or refused, and never run."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
import zipfile

import pytest
import torch

from ganctl import checkpoint


def content(step=3, value=1.0):
    weights = {"generator": {"w": torch.full((50,), value)}}
    networks = weights | {"discriminator": {"w": torch.zeros(1000)}}
    state = {"step": step, "averages": weights, "networks": networks, "optimizers": {"generator": {0: 1}}}
    return {"config": {"a": 1}, "spec": {}, "task": {}, "class_names": [], "record": {}, "state": state}


def test_what_was_saved_is_loaded(tmp_path):
    checkpoint.save(tmp_path / "a.pt", content())
    found = checkpoint.load(tmp_path / "a.pt")
    assert found["config"] == {"a": 1} and torch.equal(found["state"]["averages"]["generator"]["w"], torch.ones(50))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def refused(path):
    with pytest.raises(ValueError) as caught:
        checkpoint.load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "a.pt"
    checkpoint.save(path, content())
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        refused(path)


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path):
    path = tmp_path / "a.pt"
    checkpoint.save(path, content())
    with zipfile.ZipFile(path) as archive:
        entry = max(archive.infolist(), key=lambda entry: entry.file_size * entry.filename.endswith("/0"))
    raw = bytearray(path.read_bytes())
    position = raw.index(torch.ones(1).numpy().tobytes(), entry.header_offset)
    raw[position + 2] ^= 1
    path.write_bytes(raw)
    assert "checksum" in refused(path)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_code_in_a_file_is_not_run(tmp_path):
    path, trap = tmp_path / "a.pt", tmp_path / "run"
    torch.save({**content(), "bomb": Bomb(str(trap))}, path)
    assert "not a ganctl checkpoint" in refused(path)
    path.write_bytes(pickle.dumps(Bomb(str(trap))))
    refused(path)
    assert not trap.exists()


@pytest.mark.parametrize("foreign", [{"state_dict": {}}, [1, 2], {"format": "other"}])
def test_foreign_files_are_refused(tmp_path, foreign):
    torch.save(foreign, tmp_path / "a.pt")
    assert "not a ganctl checkpoint" in refused(tmp_path / "a.pt")


def test_other_versions_text_folders_and_absence_are_refused(tmp_path):
    torch.save({"format": checkpoint.FORMAT, "version": 99}, tmp_path / "new.pt")
    assert "version 99" in refused(tmp_path / "new.pt")
    (tmp_path / "text.pt").write_text("hello")
    refused(tmp_path / "text.pt")
    refused(tmp_path)
    assert "no such checkpoint" in refused(tmp_path / "absent.pt")


def test_the_last_n_are_kept_and_last_is_the_newest(tmp_path):
    for step in (1, 2, 10, 11):
        checkpoint.save_step(tmp_path, step, content(step), keep_last=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt", "step-00000010.pt", "step-00000011.pt"]
    assert checkpoint.load(tmp_path / "last.pt")["state"]["step"] == 11
    checkpoint.save_step(tmp_path, 12, content(12), keep_last=None)
    assert len(list(tmp_path.glob("step-*.pt"))) == 3


def test_what_is_spared_is_kept_as_well(tmp_path):
    for step in (0, 10, 20, 30, 40):
        checkpoint.save_step(tmp_path, step, content(step), keep_last=1, spared=[0, 20])
    assert list(checkpoint.kept(tmp_path)) == [0, 20, 40]


def test_a_run_is_found_by_its_folder_or_a_file(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    with pytest.raises(ValueError, match="no such run"):
        checkpoint.find(tmp_path / "run")
    folder.mkdir(parents=True)
    with pytest.raises(ValueError, match="no checkpoint in this run"):
        checkpoint.find(tmp_path / "run")
    checkpoint.save_step(folder, 5, content(5), keep_last=2)
    assert checkpoint.find(tmp_path / "run", "best").name == "step-00000005.pt"
    checkpoint.save_best(folder, content(4))
    assert checkpoint.find(tmp_path / "run", "best").name == "best.pt"
    assert checkpoint.find(tmp_path / "run").name == "step-00000005.pt"
    assert checkpoint.run_folder(folder / "best.pt") == tmp_path / "run" == checkpoint.run_folder(tmp_path / "run")


def test_what_came_later_is_set_aside_and_not_lost(tmp_path):
    folder = tmp_path / "checkpoints"
    for step in (10, 20, 30):
        checkpoint.save_step(folder, step, content(step), keep_last=None)
    checkpoint.save_best(folder, content(30))
    (tmp_path / "metrics.jsonl").write_text("lines\n")
    (tmp_path / "samples").mkdir()
    for step in (20, 25):
        (tmp_path / "samples" / f"step-{step:08d}.png").touch()
    moved = checkpoint.set_aside_after(tmp_path, 20)
    later = ["best.pt", "metrics.jsonl", "step-00000025.png", "step-00000030.pt"]
    assert sorted(path.name for path in moved.iterdir()) == later
    assert [path.name for path in sorted(folder.glob("step-*.pt"))] == ["step-00000010.pt", "step-00000020.pt"]
    assert checkpoint.set_aside_after(tmp_path, 20) is None


def test_a_kill_at_any_instant_leaves_the_old_file_or_the_new(tmp_path):
    script = (
        "import sys, torch; sys.path.insert(0, '.');\n"
        "from pathlib import Path; from ganctl import checkpoint\n"
        "from tests.test_checkpoint import content\n"
        "print('ready', flush=True)\n"
        "for value in range(10**6):\n"
        "    big = content(); big['state']['averages']['generator']['w'] = torch.full((200_000,), float(value))\n"
        f"    checkpoint.save(Path({str(tmp_path / 'a.pt')!r}), big)\n"
    )
    for wait in (0.05, 0.11, 0.17):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        process.stdout.readline()
        while not (tmp_path / "a.pt").exists():
            time.sleep(0.01)
        time.sleep(wait)
        process.kill()
        process.wait()
        process.stdout.close()
        found = checkpoint.load(tmp_path / "a.pt")["state"]["averages"]["generator"]["w"]
        assert torch.equal(found, found[:1].expand(200_000))


def test_weights_are_written_as_safetensors_with_the_facts_as_texts(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "w.safetensors"
    checkpoint.save_weights(path, content(), {"network": "a.B", "arguments": {"image_shape": (1, 2)}})
    with safe_open(path, "pt") as file:
        about = file.metadata()
        assert torch.equal(file.get_tensor("w"), torch.ones(50))
    assert (about["network"], about["arguments"], about["step"]) == ("a.B", '{"image_shape": [1, 2]}', "3")
    read = checkpoint.load(path)
    assert read["config"] == {"a": 1} and torch.equal(read["state"]["averages"]["generator"]["w"], torch.ones(50))
    with pytest.raises(ValueError, match="not the optimizers"):
        checkpoint.load_to_resume(path)


def test_safetensors_of_others_are_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "theirs.safetensors")
    assert "does not say what network" in refused(tmp_path / "theirs.safetensors")
    (tmp_path / "torn.safetensors").write_bytes((tmp_path / "theirs.safetensors").read_bytes()[:20])
    assert "not a safetensors file" in refused(tmp_path / "torn.safetensors")


def test_the_best_shares_its_file_with_the_checkpoint_of_its_step_as_long_as_that_is_kept(tmp_path):
    best = tmp_path / "best.pt"
    checkpoint.save_best(tmp_path, content(1))
    light = best.stat().st_size
    for step, is_best in ((1, True), (2, False), (3, False)):
        path = checkpoint.save_step(tmp_path, step, content(step), keep_last=2, is_best=is_best)
        if step < 3:
            assert best.samefile(tmp_path / "step-00000001.pt") and best.stat().st_size > light
            assert checkpoint.load_to_resume(best)["state"]["step"] == 1
    assert path.samefile(tmp_path / "last.pt") and not (tmp_path / "step-00000001.pt").exists()
    assert best.stat().st_size == light
    state = checkpoint.load(best)["state"]
    assert state["step"] == 1 and state["networks"].keys() == {"generator"}, "raw weights can be drawn from, too"
    with pytest.raises(ValueError, match=r"best\.pt: holds a generator to draw from [^\n]*resume the run's folder"):
        checkpoint.load_to_resume(best)


def test_a_best_that_is_a_link_is_set_aside_as_well(tmp_path):
    folder = tmp_path / "checkpoints"
    for step in (10, 20):
        checkpoint.save_step(folder, step, content(step), keep_last=None, is_best=True)
    moved = checkpoint.set_aside_after(tmp_path, 10)
    assert sorted(path.name for path in moved.iterdir()) == ["best.pt", "step-00000020.pt"]
    assert not (folder / "best.pt").exists() and (folder / "last.pt").samefile(folder / "step-00000010.pt")
