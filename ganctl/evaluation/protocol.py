"""Whether two scores were made alike: the parts of a protocol that must agree before scores are compared or ranked.

Imports no torch, so that tables and reports are quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ganctl.contract import Plain

MUST_AGREE = (
    *("extractor", "weights_hash", "resizing", "pixels"),
    *("num_generated", "num_real", "split", "data_hash", "weights"),
)
"""What makes two scores incomparable where it differs. Seeds and versions are told, and may differ."""

_SAID = {
    "extractor": "extractor",
    "weights_hash": "extractor's weights",
    "resizing": "resizing",
    "pixels": "pixels",
    "num_generated": "number of generated images",
    "num_real": "number of real images",
    "split": "split of the real images",
    "data_hash": "real images",
    "weights": "generator's weights",
}


def differences(
    name: str, first: Mapping[str, Plain], second: Mapping[str, Plain], made_by: Mapping[str, str] | None = None
) -> list[str]:
    """The keys whose values make the score `name` under two protocols incomparable; none: it may be ranked.

    Of the tunables (`METRIC.NAME`) only those of the score's own metric count, by `made_by`; all where it does not say.
    A key that one side lacks differs. What an extractor says of itself (`extractor.NAME`) follows from its weights.
    """
    return [key for key in _counting(name, [*first, *second], made_by) if first.get(key) != second.get(key)]


def identity(name: str, protocol: Mapping[str, Plain], made_by: Mapping[str, str] | None = None) -> tuple[object, ...]:
    """What two protocols have in common exactly where `differences` finds none for the score `name`."""
    return tuple((key, protocol.get(key)) for key in _counting(name, protocol, made_by))


def difference(
    name: str,
    labels: tuple[str, str],
    first: Mapping[str, Plain],
    second: Mapping[str, Plain],
    made_by: Mapping[str, str] | None = None,
) -> str | None:
    """The sentence on the first of the `differences`; None where the score may be compared."""
    keys = differences(name, first, second, made_by)
    return sentence(name, labels, keys[0], [first.get(keys[0]), second.get(keys[0])]) if keys else None


def by_reason(unequal: Mapping[str, str]) -> dict[str, list[str]]:
    """The scores that must not be compared, by what follows their names in the sentences that say why."""
    reasons: dict[str, list[str]] = {}
    for name, said in unequal.items():
        reasons.setdefault(said.removeprefix(name), []).append(name)
    return reasons


def too_few(protocol: Mapping[str, Plain]) -> str | None:
    """The warning that a Frechet distance is biased: fewer images on a side than its features have dimensions."""
    numbers = {key: protocol.get(key) for key in ("num_generated", "num_real", "dimensions")}
    if not all(isinstance(value, int) for value in numbers.values()):
        return None
    generated, real, dimensions = (int(value or 0) for value in numbers.values())
    if min(generated, real) >= dimensions:
        return None
    side = "generated" if generated <= real else "real"
    return (
        f"{min(generated, real):,} {side} images for features of {dimensions:,} dimensions: the Frechet distance comes "
        f"out too high and ranks nothing; take {dimensions:,} or more, or read the kernel distance with its interval"
    )


def sentence(name: str, labels: Iterable[str], key: str, values: Iterable[Plain]) -> str:
    """`fid of A and B: unequal number of generated images (num_generated 5000 and 50000)`."""
    said = _SAID.get(key, key)
    shown = " and ".join(short(value) for value in values)
    return f"{name} of {' and '.join(labels)}: unequal {said} ({key} {shown})"


def line(protocol: Mapping[str, Plain], keys: Iterable[str] | None = None) -> str:
    """`keys` of a protocol in one line: `extractor=digits  num_generated=5000  ...  seed=0`.

    None: those known of what decides whether scores may be compared, and the seed.
    """
    told = [key for key in (*MUST_AGREE, "seed") if key in protocol] if keys is None else keys
    return "  ".join(f"{key}={short(protocol.get(key))}" for key in told)


def short(value: Plain) -> str:
    """A value for people: hashes by their first 12 letters."""
    text = "unknown" if value is None else str(value)
    return text[:12] if len(text) == 64 else text


def _counting(name: str, keys: Iterable[str], made_by: Mapping[str, str] | None) -> list[str]:
    """The keys that must agree for the score `name`: those that always must, and its own metric's tunables."""
    metric = (made_by or {}).get(name)
    tunables = sorted({key for key in keys if "." in key and not key.startswith("extractor.")})
    return [*MUST_AGREE, *(key for key in tunables if metric is None or key.partition(".")[0] == metric)]
