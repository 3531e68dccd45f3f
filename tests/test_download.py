from __future__ import annotations

import hashlib
import socket
import time
from pathlib import Path

import pytest

from ganctl import download
from ganctl.download import fetch, hash_of

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(download, "SLOW_SECONDS", 0.5)


def refusal(*urls: str, folder: Path) -> str:
    with pytest.raises(OSError) as caught:
        fetch(urls, folder / "a.gz", algorithm="md5", checksum=MD5)
    assert not folder.exists() or list(folder.iterdir()) == [], "something was left behind"
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_good_file_arrives_with_progress(tmp_path: Path, server) -> None:
    server.files["a.gz"] = CONTENT
    told: list[tuple[str, int, int]] = []
    fetch(
        [server.url + "a.gz"],
        tmp_path / "new" / "a.gz",
        algorithm="md5",
        checksum=MD5,
        progress=lambda *what: told.append(what),
    )
    assert (tmp_path / "new" / "a.gz").read_bytes() == CONTENT and hash_of(tmp_path / "new" / "a.gz", "md5") == MD5
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.gz"]
    assert told[-1] == ("downloading a.gz", len(CONTENT), len(CONTENT))


def test_the_second_address_is_tried_when_the_first_fails(tmp_path: Path, server, nobody: str) -> None:
    server.files = {"wrong": CONTENT[1:], "right": CONTENT}
    fetch([nobody, server.url + "wrong", server.url + "right"], tmp_path / "a.gz", algorithm="md5", checksum=MD5)
    assert (tmp_path / "a.gz").read_bytes() == CONTENT and server.requests == ["wrong", "right"]


def test_a_file_that_breaks_off_is_not_kept(tmp_path: Path, server) -> None:
    server.files["a.gz"] = CONTENT
    server.truncated.add("a.gz")
    assert f"ended after {len(CONTENT) // 2} of {len(CONTENT)} bytes" in refusal(
        server.url + "a.gz", folder=tmp_path / "x"
    )


def test_a_wrong_checksum_is_refused_and_the_old_file_stays(tmp_path: Path, server) -> None:
    server.files["a.gz"] = b"something else"
    (tmp_path / "a.gz").write_bytes(b"old")
    with pytest.raises(OSError, match="wrong checksum"):
        fetch([server.url + "a.gz"], tmp_path / "a.gz", algorithm="md5", checksum=MD5)
    assert (tmp_path / "a.gz").read_bytes() == b"old"


def test_a_file_that_takes_too_long_in_all_is_given_up(tmp_path: Path, server) -> None:
    server.files["a.gz"] = CONTENT
    server.trickling.add("a.gz")
    with pytest.raises(OSError, match=r"a\.gz: only 0 MB came in 0\.3 s$"):
        fetch([server.url + "a.gz"], tmp_path / "a.gz", algorithm="md5", checksum=MD5, seconds=0.3)
    assert list(tmp_path.iterdir()) == []


def test_all_that_was_tried_is_said(tmp_path: Path, server, nobody: str) -> None:
    text = refusal(nobody + "a.gz", server.url + "a.gz", folder=tmp_path / "x")
    assert text == f"{nobody}a.gz: Connection refused; {server.url}a.gz: HTTP status 404"


@pytest.mark.parametrize("manner", ["silent", "stalling", "trickling"])
def test_a_dead_or_slow_server_fails_in_time(tmp_path: Path, server, manner: str) -> None:
    server.files["a.gz"] = CONTENT
    getattr(server, manner).add("a.gz")
    began = time.monotonic()
    text = refusal(server.url + "a.gz", folder=tmp_path / "x")
    assert time.monotonic() - began < 3
    assert ("bytes in 0.5 s" if manner == "trickling" else "no answer in 0.5 s") in text


def test_a_name_look_up_that_hangs_fails_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*arguments: object, **keywords: object) -> list[object]:
        time.sleep(2)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setenv("no_proxy", "*")
    began = time.monotonic()
    assert "no answer in 0.5 s" in refusal("http://nowhere.invalid/a.gz", folder=tmp_path / "x")
    assert time.monotonic() - began < 1.5


def test_the_time_limits_of_two_mirrors_stay_near_fifteen_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 2 * download.ANSWER_SECONDS <= 15


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=rf"{tmp_path}/file/x: .+"):
        fetch(["http://127.0.0.1:1/"], tmp_path / "file" / "x" / "a.gz", algorithm="md5", checksum=MD5)
