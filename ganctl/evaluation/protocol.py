"""How scores came about, and whether two were made alike: what must agree before they are compared or ranked.

Imports no torch, so that tables and reports are quick.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ganctl.contract import Plain
from ganctl.forms import legible, printable

MUST_AGREE = (
    *("extractor", "weights_hash", "resizing", "pixels"),
    *("num_generated", "num_real", "split", "data_hash", "sources", "weights"),
)
"""What makes two scores incomparable where it differs. Seeds and versions are recorded, and may differ."""

_WORDS = {
    "weights_hash": "extractor's weights",
    "num_generated": "number of generated images",
    "num_real": "number of real images",
    "split": "split of the real images",
    "data_hash": "real images",
    "sources": "sources of the generated images",
    "weights": "generator's weights",
}


@dataclass(frozen=True)
class Protocol:
    """What a set of scores was computed with; None = not known, nothing was drawn (`seed`), or no `sources` were made.

    `facts` are the extractor's own, `tunables` the metrics' as `METRIC.NAME`, and `remarks` what a command adds.
    """

    extractor: str | None = None
    weights_hash: str | None = None
    resizing: str | None = None
    dimensions: int | None = None
    num_real: int | None = None
    num_generated: int | None = None
    split: str | None = None
    data_hash: str | None = None
    sources: str | None = None
    pixels: str | None = None
    weights: str | None = None
    seed: int | None = None
    ganctl: str | None = None
    torch: str | None = None
    numpy: str | None = None
    facts: Mapping[str, Plain] = field(default_factory=dict)
    remarks: Mapping[str, Plain] = field(default_factory=dict)
    tunables: Mapping[str, Plain] = field(default_factory=dict)

    def to_plain(self) -> dict[str, Plain]:
        """As it stands on disk: one flat mapping, the extractor's facts as `extractor.NAME`."""
        facts = {f"extractor.{name}": value for name, value in self.facts.items()}
        return {name: getattr(self, name) for name in _FIXED} | facts | dict(self.tunables) | dict(self.remarks)

    @staticmethod
    def from_plain(record: object) -> "Protocol":
        """What `to_plain` made, or an older or damaged record: what is missing or of another type is not known."""
        record = record if isinstance(record, Mapping) else {}
        fixed: dict[str, Any] = {}
        facts: dict[str, Plain] = {}
        remarks: dict[str, Plain] = {}
        tunables: dict[str, Plain] = {}
        for key, value in legible(record).items():
            group, dot, name = key.partition(".")
            is_usual = isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value))
            value = value if is_usual else printable(value)  # which equals itself, as not-a-number does not
            if key in _FIXED:
                fixed[key] = value if isinstance(value, int if key in _NUMBERS else str) else None
            elif dot and group == "extractor":
                facts[name] = value
            else:
                (tunables if dot else remarks)[key] = value
        return Protocol(**fixed, facts=facts, remarks=remarks, tunables=tunables)

    def known(self) -> dict[str, Plain]:
        """The flat mapping without what is not known."""
        return {key: value for key, value in self.to_plain().items() if value is not None}


_FIXED = tuple(f.name for f in fields(Protocol) if f.name not in ("facts", "remarks", "tunables"))
_NUMBERS = ("dimensions", "num_real", "num_generated", "seed")


def differences(first: Protocol, second: Protocol, metric: str | None = None) -> list[str]:
    """The keys whose values make scores of `metric` under two protocols incomparable; none: they may be ranked.

    Of the tunables only those of the metric count; all where it is not known. A key that one side lacks differs.
    What an extractor says of itself follows from its weights.
    """
    ours, theirs = first.to_plain(), second.to_plain()
    keys = [*MUST_AGREE, *_tunables([*first.tunables, *second.tunables], metric)]
    return [key for key in keys if ours.get(key) != theirs.get(key)]


def identity(protocol: Protocol, metric: str | None = None) -> tuple[object, ...]:
    """What two protocols have in common exactly where `differences` finds none."""
    plain = protocol.to_plain()
    return tuple((key, plain.get(key)) for key in [*MUST_AGREE, *_tunables(protocol.tunables, metric)])


def difference(
    name: str, labels: tuple[str, str], first: Protocol, second: Protocol, metric: str | None = None
) -> str | None:
    """`fid of A and B: unequal number of generated images (num_generated 5000 and 50000)`; None where none differs."""
    key = next(iter(differences(first, second, metric)), None)
    if key is None:
        return None
    values = " and ".join(short(protocol.to_plain().get(key)) for protocol in (first, second))
    return f"{name} of {' and '.join(labels)}: unequal {_WORDS.get(key, key)} ({key} {values})"


def too_few(protocol: Protocol) -> str | None:
    """The warning that a Frechet distance is biased: fewer images on a side than its features have dimensions."""
    generated, real, dimensions = protocol.num_generated, protocol.num_real, protocol.dimensions
    if generated is None or real is None or dimensions is None or min(generated, real) >= dimensions:
        return None
    side = "generated" if generated <= real else "real"
    return (
        f"{min(generated, real):,} {side} images for features of {dimensions:,} dimensions: the Frechet distance comes "
        f"out too high and ranks nothing; take {dimensions:,} or more, or read the kernel distance with its interval"
    )


def few_modes(protocol: Protocol) -> str | None:
    """The warning that modes were counted among fewer images than a metric calls `enough`; None where none does."""
    count = protocol.num_generated
    wanted = [n for key, n in protocol.tunables.items() if key.endswith(".enough") and isinstance(n, int)]
    enough = max(wanted, default=0)
    if count is None or count >= enough:
        return None
    return (
        f"{count:,} generated images to count modes among: papers take {enough:,}, and fewer find fewer modes and a "
        f"higher divergence; for figures to be compared with theirs, take {enough:,}"
    )


def line(protocol: Protocol, keys: Iterable[str] = (*MUST_AGREE, "seed")) -> str:
    """What is known of `keys` in one line: `extractor=digits  num_generated=5000  ...  seed=0`."""
    known = protocol.known()
    return "  ".join(f"{key}={short(known[key])}" for key in keys if key in known)


def short(value: Plain) -> str:
    """A value for people: hashes by their first 12 letters."""
    text = "unknown" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def _tunables(keys: Iterable[str], metric: str | None) -> list[str]:
    return sorted({key for key in keys if metric is None or key.partition(".")[0] == metric})
