"""How the values and the nearest names are written in messages."""

import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ganctl.forms import printable, shorten

LONGEST = 1000  # characters of a message
MOST_OPTIONS = 16  # most options that a message lists
ALIKE = 0.6  # least similarity of names, from 0 to 1, for one to be taken for the other
STRANGER = 0.75  # the same for a key elsewhere

SYNONYMS = {
    "cgan": "cdcgan",
    "cifar": "cifar10",
    "crossentropy": "non_saturating",
    "emd": "wasserstein",
    "fashion": "fashion_mnist",
    "fd": "frechet",
    "fid": "frechet",
    "gp": "gradient_penalty",
    "gpu": "cuda",
    "logistic": "non_saturating",
    "ls": "least_squares",
    "lsgan": "least_squares",
    "mmd": "kid",
    "mse": "least_squares",
    "nsgan": "non_saturating",
    "prdc": "precision_recall",
    "rpgan": "relativistic",
    "saturating": "minimax",
    "wgan": "wasserstein",
}
"""What else the field calls an option; of no use in a group that lacks it."""


def value_text(value: object) -> str:
    """A value as it would be typed: true, null, 0.5, [1, 2], text without quotes."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, int) and abs(value) >= 2**63:  # of which Python may refuse to write all digits
        return hex(value)
    text = str(value)
    return json.dumps(text) if "\n" in text else text


def one_line(text: object) -> str:
    """The text of an error without line breaks, as a message needs it."""
    return " ".join(str(text).split())


def control_sign(text: str) -> str | None:
    """What `text` holds that no name, no line and no file of text can: a line break, a control character; or None."""
    wrong = next((sign for sign in text if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")), None)
    return wrong and ("a line break" if wrong in "\r\n" else f"the control character {wrong!a}")


def message(error: object) -> str:
    """What an error says, as it is shown: one line, at most `LONGEST` characters, without signs that steer a screen."""
    return shorten(printable(str(error).strip(), LONGEST), LONGEST)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Inside, a ValueError that would not do as a message becomes one that does."""
    try:
        yield
    except ValueError as error:
        if (line := message(error)) == str(error):
            raise
        raise ValueError(line) from error


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The name that `name` means in other letters or as a synonym, or the most like it; none if none is alike."""
    known = sorted(set(names))
    meant = [_plain(name), SYNONYMS.get(_plain(name))]
    same = [other for other in known if _plain(other) in meant or other in meant]
    return same[:1] or difflib.get_close_matches(name, known, 1, ALIKE)


def _plain(name: str) -> str:
    """Capitals, hyphens and underscores aside."""
    return re.sub(r"[-_ ]", "", name).lower()


def quote(value: str) -> str:
    """A string as an override's value that Hydra reads back as exactly this string."""
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), value)
    return "'" + escaped.replace("${", "\\${") + "'"


def suggestion(name: str, names: Iterable[str], kind: str) -> str:
    """`did you mean NAME?`, or the list of all names, or where to see them: the end of a message."""
    known = sorted(set(names))
    if close := nearest(name, known):
        return f"did you mean {close[0]}?"
    if not known:
        return f"there is no {kind} to choose from"
    if len(known) > MOST_OPTIONS:
        return f"some of the {len(known)}: {', '.join(known[:MOST_OPTIONS])}"
    return f"there is {', '.join(known)}"


def nearest_keys(key: str, keys: Iterable[str]) -> list[str]:
    """The keys that `key` may have been meant for: the last word is alike, and of those the parents are most alike.

    More than one, at most two, only where they are equally near; the less deeply nested ones then.
    """
    parent, _, last = key.rpartition(".")
    scores: dict[str, float] = {}
    for other in set(keys):
        other_parent, _, other_last = other.rpartition(".")
        alike = difflib.SequenceMatcher(None, last, other_last).ratio()
        near = difflib.SequenceMatcher(None, parent, other_parent).ratio() if parent else 0.0
        if alike >= (ALIKE if near == 1 or not parent else STRANGER):
            scores[other] = round(alike + near / 2, 6)
    best = [other for other in scores if scores[other] == max(scores.values())]
    depth = min((other.count(".") for other in best), default=0)
    return sorted(other for other in best if other.count(".") == depth)[:2]
