from __future__ import annotations

import hashlib
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganctl.feature import inception
from ganctl.feature.inception import FILE_NAME, cached_file, find_weights, read_state
from tests.server import Server

CONTENT = bytes(range(256)) * 400
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch hub of the test's own."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints"


@pytest.fixture
def expect_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the server's file for the one of the right hash, as nobody can make a file of pytorch-fid's."""
    monkeypatch.setattr(inception, "HASH_PREFIX", PREFIX)


def one_line(error: pytest.ExceptionInfo[ValueError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    for cure in ("; try weights=FILE", f"put {FILE_NAME} into", "judge by efficientnet_lite2"):
        assert cure in message
    return message


@pytest.mark.usefixtures("expect_content")
def test_a_good_download_lands_in_torch_hubs_cache_and_is_not_repeated(server: Server, hub: Path):
    server.files["good"] = CONTENT
    assert not cached_file().exists()
    path = find_weights(None, url=f"{server.url}good", max_download_seconds=10)
    assert path == cached_file() == hub / FILE_NAME
    assert path.read_bytes() == CONTENT
    assert find_weights(None, url=f"{server.url}good", max_download_seconds=10) == path
    assert server.requests == ["good"]
    assert list(hub.iterdir()) == [path]


@pytest.mark.usefixtures("expect_content")
@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("absent", "HTTP status 404"),
        ("truncated", "ended after 51200 of 102400 bytes"),
        ("other", f"wrong checksum, {hashlib.sha256(b'something else').hexdigest()[:8]} instead of {PREFIX}"),
        ("slow", "only 0 MB came in 0.3 s"),
    ],
)
def test_a_bad_download_is_one_line_with_the_cures_and_leaves_nothing(
    page: str, reason: str, server: Server, hub: Path
):
    server.files = {"truncated": CONTENT, "other": b"something else", "slow": CONTENT}
    server.truncated.add("truncated")
    server.trickling.add("slow")
    with pytest.raises(ValueError, match=reason) as error:
        find_weights(None, url=server.url + page, max_download_seconds=0.3 if page == "slow" else 10)
    assert server.url + page in one_line(error)
    assert not hub.exists()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("url", ["{nobody}", "not a url"])
def test_no_server_at_all_is_one_line_with_the_cures(url: str, nobody: str):
    with pytest.raises(ValueError, match=r"^weights=null: no weights at .*, and the download failed \(") as error:
        find_weights(None, url=url.format(nobody=nobody), max_download_seconds=5)
    one_line(error)


@pytest.mark.usefixtures("hub")
def test_zero_seconds_ask_nobody(server: Server):
    with pytest.raises(ValueError, match=r"downloads are off \(max_download_seconds=0\)") as error:
        find_weights(None, url=f"{server.url}good", max_download_seconds=0)
    one_line(error)
    assert server.requests == []


def test_a_damaged_cache_is_named_and_not_used(hub: Path):
    hub.mkdir(parents=True)
    (hub / FILE_NAME).write_bytes(CONTENT[:100])
    with pytest.raises(ValueError, match="is damaged, its SHA-256 does not begin with 6726825d; delete it") as error:
        find_weights(None, url="http://127.0.0.1:9/", max_download_seconds=5)
    one_line(error)


def test_a_named_file_is_taken_as_it_is_and_its_absence_told(tmp_path: Path, server: Server):
    path = tmp_path / "mine.pth"
    with pytest.raises(ValueError, match=f"^weights={path}: no such file") as error:
        find_weights(str(path), url=f"{server.url}good", max_download_seconds=5)
    one_line(error)
    path.write_bytes(CONTENT)
    assert find_weights(str(path), url=f"{server.url}good", max_download_seconds=5) == path
    assert server.requests == []


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_file_that_carries_code_is_refused_and_its_code_not_run(tmp_path: Path):
    for number, legacy in enumerate([True, False]):
        bomb = tmp_path / f"bomb{number}.pth"
        torch.save({"fc.bias": Bomb(tmp_path / "exploded")}, bomb, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(ValueError, match="not a file of weights") as error:
            read_state(bomb)
        one_line(error)
    plain = tmp_path / "plain.pth"
    plain.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(ValueError, match="not a file of weights"):
        read_state(plain)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("size", [0, 10, 300, -20])
def test_a_truncated_file_is_refused_in_one_line(legacy: bool, size: int, tmp_path: Path):
    path = tmp_path / "cut.pth"
    torch.save({"weight": torch.arange(100.0)}, path, _use_new_zipfile_serialization=not legacy)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=f"^weights={path}: ") as error:
        read_state(path)
    one_line(error)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3}, [torch.zeros(1)]])
def test_a_file_of_something_else_is_refused_in_one_line(content: object, tmp_path: Path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match="holds something else than named tensors") as error:
        read_state(path)
    one_line(error)
    path.write_text("these are words")
    with pytest.raises(ValueError, match="not a file of weights"):
        read_state(path)


def test_a_file_that_would_fill_the_memory_is_refused_before_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A small archive of many zeros, and a tensor that repeats one number without having it."""
    whole, packed, endless = tmp_path / "whole.pth", tmp_path / "packed.pth", tmp_path / "endless.pth"
    torch.save({"fc.bias": torch.zeros(1 << 20)}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member, source.read(member), zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 100_000
    torch.save({"fc.bias": torch.zeros(1).expand(1 << 40)}, endless)
    with pytest.raises(ValueError, match=r"endless.pth: its tensors are larger than the file") as error:
        read_state(endless)
    one_line(error)
    assert read_state(whole)["fc.bias"].shape == (1 << 20,)
    monkeypatch.setattr(torch, "load", None)  # nothing is unpacked: it is not even called
    with pytest.raises(ValueError, match=r"packed.pth: not a file of weights, or truncated \(ValueError\)") as error:
        read_state(packed)
    one_line(error)


@pytest.mark.parametrize("size", [5, 60, -3])
def test_a_truncated_file_of_safetensors_is_refused_in_one_line(size: int, tmp_path: Path):
    """Torch may read this format too: whole, it gives its tensors or is refused, and it can carry no code."""
    path = tmp_path / "weights.safetensors"
    save_file({"fc.bias": torch.ones(3)}, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="not a file of weights") as error:
        read_state(path)
    one_line(error)
