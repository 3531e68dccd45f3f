"""Records that nobody wrote: any value at any place of a record's file, other bytes, and other things than files."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.report.records import CONFIG, PROTOCOL, judged, losses, run, scores, sweep_job, written

STRANGE = [
    *("", " ", "\x1b[31m", "a\nb", "\r", "\u2028", "\ud800", "\udfff\ud83d", "\u202eevil", "\x00", "\ufffe"),
    *(
        "</script><script>alert(1)</script>",
        "[/red]",
        "[bold",
        "{{ 7 * 7 }}",
        "%s%n",
        "=1+1",
        "|",
        "'\"`$(id)",
        "²",
        "٣",
    ),
    *("NaN", "Infinity", "-Infinity", "nan", "1e999", "null", "true", "../../etc/passwd", "${oc.env:HOME}", "a=b=c"),
    *(
        "x" * 5000,
        "é" * 300,
        "🐈" * 40,
        "step",
        "kind",
        "seed",
        "~",
        "++a=1",
        "model=" + "m" * 300,
        "scheduler",
        "a.b.c",
    ),
]
NUMBERS = [
    *(0, -0.0, 1, -1, 2, 1.5, 1e-320, 1e-100, 1e30, 1e39, 1e100, 1e154, 1.7e308, -1.7e308, 1e400, float("nan")),
    *(-float("inf"), 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), 10**25, 10**400, 0.1 + 0.2, 100_000_000),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(NUMBERS),
    st.sampled_from(STRANGE),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=12),
)
KEYS = st.one_of(
    st.sampled_from(STRANGE),
    st.sampled_from([*PROTOCOL, "scores", "protocol", "about", "made_by", "name", "value", "choices", "step", "kind"]),
    st.text(st.characters(), max_size=6),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
BEYOND = {"\ue000DEEP": "[" * 3000 + "]" * 3000, "\ue000LONG": "9" * 5000}  # what Python's own writers refuse

FRAGMENTS = [
    *("a: &a [*a]", "&a {x: *a}", "a: &a x\nb: [" + ", ".join(["*a"] * 2000) + "]", "!!python/object:os.system {}"),
    *("- !!binary x", "? {a: b}\n: c", "2024-13-45", "a: 2024-01-01", "<<: {a: 1}", "- 1: 2\n  ? [1]", "%YAML 9", "\t"),
    *("--- 1\n--- 2", "a: !!set {b, c}", "- null\n- 7\n- [x]\n- {a: b}", "a: 0x" + "f" * 5000, "1" * 5000, "[" * 20000),
    *(
        "a: !!omap [b: 1]",
        "a: !!timestamp 1",
        "- seed=0\n- 'model=\\x1b'",
        '["tag=\\u2028", "seed=[[[["]',
        "a: 1_0:60:60",
    ),
]
PIECES = [
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\n",
    b"}\n{",
    b",",
    b'"',
    b"[" * 3000,
    b"\x1b[2J",
    b"\xed\xa0\x80",
    b"\r\n",
]


def folders(place: Path) -> tuple[Path, Path, Path]:
    """Two runs with all files that runs have, and a sweep."""
    for name, value in (("a", 4.0), ("b", 5.0)):
        _whole_run(place / name, value)
    sweep = place / "sweep"
    jobs = [sweep_job(rank, 4.0 + rank, rank, seed=str(rank % 2), lr=f"{rank}e-4") for rank in range(1, 4)]
    jobs = [job | {"overrides": ["seed=1"], "failed": False, "error": None} for job in jobs]
    for job in jobs:
        _whole_run(sweep / f"{job['job']}-x", job["score"]["value"])
        unranked = {key: value for key, value in job.items() if key != "rank"}
        (sweep / f"{job['job']}-x" / "result.json").write_text(json.dumps(unranked))
    mean = {"varied": {"lr": "1e-4"}, "score": {"name": "fd_digits", "higher_is_better": False}, "mean": 4.0}
    whole = {"status": "finished", "jobs": 3, "failed": 0, "not_run": 0, "ranking": jobs}
    whole |= {"over_seeds": [mean | {"deviation": 0.1, "seeds": 2}], "not_ranked_together": ["a and b"]}
    (sweep / "sweep.json").write_text(json.dumps(whole))
    (sweep / "multirun.yaml").write_text("")
    return place / "a", place / "b", sweep


def _whole_run(folder: Path, value: float) -> None:
    made = run(
        losses=losses()[:6],
        scores=scores(8.0, 6.0, value),
        final=judged({"fd_digits": value, "is_digits": 8.0, "kd_digits": 0.1, "share_0_digits": 0.1}),
        config=CONFIG | {"seed": round(value)},
    )
    written(folder, made, grids=1)
    summary = json.loads((folder / "summary.json").read_text())
    summary["fid"] = {"skipped": "no weights", "command": "ganctl evaluate a", "scores": {"fid": value}}
    summary["held_out"] = {"what": "mnist:test", "scores": {"fd_digits": 1.0}, "protocol": PROTOCOL}
    summary["score"] |= {"higher_is_better": False, "value": value}
    (folder / "summary.json").write_text(json.dumps(summary))
    part = judged({"fd_digits": value})[0].scores.to_plain()
    draws = [part | {"protocol": PROTOCOL | {"seed": seed}} for seed in range(2)]
    (folder / "scores-2026.json").write_text(json.dumps({"checkpoint": "best.pt", "step": 1000, "draws": draws}))
    (folder / "config-from-500.yaml").write_text((folder / "config.yaml").read_text())
    environment = {"date": "2026-01-01", "git": {"commit": "a", "dirty": False}, "options": ["trust=x"], "argv": ["a"]}
    (folder / "environment.json").write_text(json.dumps(environment))
    hydra = {"hydra": {"runtime": {"choices": {"model": "dcgan", "dataset": "mnist5k"}}}}
    (folder / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(hydra))
    (folder / ".hydra" / "overrides.yaml").write_text(json.dumps([f"seed={value:.0f}", "model=dcgan", "tag=x"]))


def text_of(value: object, *, ascii: bool = False) -> bytes:
    """As JSON, in which halves of pairs of surrogates are escaped."""
    text = json.dumps(value, ensure_ascii=ascii)
    for name, content in BEYOND.items():
        text = text.replace(json.dumps(name, ensure_ascii=ascii), content)
    return "".join(f"\\u{ord(c):04x}" if 0xD800 <= ord(c) < 0xE000 else c for c in text).encode()


def places(node: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all parts of nested data, the whole among them."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def replaced(node: Any, path: tuple[Any, ...], value: object) -> Any:
    """The data with another value at the path."""
    if not path:
        return value
    head, *rest = path
    if isinstance(node, dict):
        return node | {head: replaced(node[head], tuple(rest), value)}
    return [replaced(item, tuple(rest), value) if place == head else item for place, item in enumerate(node)]


@st.composite
def other_values(draw: st.DrawFn, content: bytes, name: str) -> bytes:
    """The content with any values at several places of a record: what is read well of one must not hide another."""
    if name == "metrics.jsonl":
        lines = content.splitlines()
        for place in draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=3, unique=True)):
            lines[place] = draw(other_values(lines[place], "line"))
        return b"\n".join(lines) + b"\n"
    node = yaml.safe_load(content) if name.endswith("yaml") else json.loads(content)
    for _ in range(draw(st.integers(1, 8))):
        by_depth = itertools.groupby(sorted(places(node), key=lambda path: (len(path), str(path))), key=len)
        whole, *parts = [list(paths) for _, paths in by_depth]
        path = draw(st.sampled_from(draw(st.sampled_from(parts or [whole]))))
        value = draw(VALUES)
        if isinstance(value, str) and path and draw(st.booleans()):  # another key
            node = replaced(node, path[:-1], {value: 1.5, "more": value})
        else:
            node = replaced(node, path, value)
    return text_of(node, ascii=draw(st.booleans()))


@st.composite
def other_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The content cut off, with bytes flipped or put in, or any bytes."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(["cut", "flip", "insert", "any", "empty", "twice"]))
        if kind == "cut":
            content = content[:place]
        elif kind == "flip" and content:
            place = min(place, len(content) - 1)
            content = content[:place] + bytes([content[place] ^ draw(st.integers(1, 255))]) + content[place + 1 :]
        elif kind == "insert":
            content = content[:place] + draw(st.sampled_from(PIECES)) + content[place:]
        elif kind == "any":
            content = draw(st.binary(max_size=60))
        else:
            content = b"" if kind == "empty" else content * 2
    return content


@st.composite
def changes(draw: st.DrawFn, folder: Path) -> list[tuple[Path, bytes | str]]:
    """Files below the folder with their new content, or in a word what is to be there instead of a file.

    Records of any values in several files, or one file that is damaged as a whole, which is refused before others.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png")
    full = [path for path in files if path.stat().st_size]
    full += 4 * [path for path in full if path.parent == folder]  # of a sweep: its own, more than those of its runs
    if draw(st.integers(0, 3)):
        drawn = draw(st.lists(st.sampled_from(full), min_size=1, max_size=6))
        return [
            (path.relative_to(folder), draw(other_values(path.read_bytes(), path.name)))
            for path in dict.fromkeys(drawn)
        ]
    path = draw(st.sampled_from(files))
    kinds = [st.sampled_from(["folder", "pipe", "nowhere", "endless", "gone"]), other_bytes(path.read_bytes())]
    kinds.append(st.sampled_from(list(BEYOND) if path.suffix != ".yaml" else FRAGMENTS).map(text_or_fragment))
    return [(path.relative_to(folder), draw(st.one_of(kinds)))]


def text_or_fragment(name: str) -> bytes:
    """A list with what Python's own writers refuse; else the text itself."""
    return text_of([{"a": name}]) if name in BEYOND else name.encode()


def put(path: Path, content: bytes | str) -> None:
    """The new content, or the thing that is no file."""
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "folder":
        path.mkdir()
    elif content == "pipe":
        os.mkfifo(path)
    elif content != "gone":
        path.symlink_to({"nowhere": "nowhere", "endless": "/dev/zero"}[content])
