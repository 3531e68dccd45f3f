"""What reads JSON and YAML of unknown origin keeps its bounds, whatever the text."""

import os
import time

import pytest

from ganctl.bounded import DEEPEST, MOST, check_yaml, parse_json, parse_yaml, read_json, read_yaml

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUGHS, f"more than {MOST:,} values"),
        ("a: &a [*a]", "refers to itself"),
        ("&a a: {b: *a, c: &c {d: *c}}", "refers to itself"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "levels deep"),
        ("[" * 100_000, "levels deep"),
        ("a: \x00", "special characters"),
        ("a: [1", "expected"),
        ("a: *nowhere", "nowhere"),
        ("a: !!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("? [1, 2]\n: 3", "unhashable"),
        ("!!timestamp x", "NoneType"),
        ("!!bool x", "x"),
        ("!!int ''", "index"),
        ("1" + ":59" * 200 + ".5", "too large"),
    ],
)
def test_a_yaml_text_outside_the_bounds_is_refused_in_one_short_line(text, reason):
    began = time.monotonic()
    with pytest.raises(ValueError, match=reason) as raised:
        parse_yaml(text)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    assert time.monotonic() - began < 30  # not minutes


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "{", "", "nonsense", b"\xff\xfe{"])
def test_a_json_text_outside_the_bounds_is_refused_in_one_line(text):
    with pytest.raises(ValueError) as raised:
        parse_json(text)
    assert "\n" not in str(raised.value)


def test_what_comes_out_is_plain_and_can_be_encoded():
    value = parse_json('{"a": "\\ud800x", "b": ' + "9" * 5000 + ', "c": [1, 2.5, null, true], "d": -' + "9" * 400 + "}")
    assert value == {"a": "?x", "b": float("inf"), "c": [1, 2.5, None, True], "d": float("-inf")}
    assert parse_yaml("3: 2024-13-45\n2024-01-01: 9_000\ntrue: 0x10") == {
        "3": "2024-13-45",
        "2024-01-01": 9000,
        "True": 16,
    }
    assert parse_yaml("a: &a [1, 2]\nb: *a") == {"a": [1, 2], "b": [1, 2]}
    check_yaml("")


def test_a_file_is_named_in_what_is_said_of_it(tmp_path):
    path = tmp_path / "x.json"
    for content in (b"{", b"\xff", b"[" * 9999):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"^{path}: cannot be read"):
            read_json(path)
        with pytest.raises(ValueError, match=f"^{path}: cannot be read"):
            read_yaml(path)
    with pytest.raises(ValueError, match="No such file"):
        read_json(tmp_path / "nothing.json")
    with pytest.raises(ValueError, match="Is a directory"):
        read_json(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no file"):
        read_json(tmp_path / "pipe")
