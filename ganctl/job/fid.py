"""`ganctl fid A B`: scores any images against any others, with the protocol they were made under."""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from ganctl import build
from ganctl.configuration.keys import choice_of
from ganctl.contract import FeatureExtractor, ImageStore, Plain, TrainedOnData
from ganctl.dataset.size import as_typed, size_of
from ganctl.dataset.store import cache_folder
from ganctl.evaluation.evaluate import TEACHER, protocol_of, pupil_of, score
from ganctl.evaluation.judge import Judge
from ganctl.evaluation.protocol import line, short
from ganctl.evaluation.real import RealFeatures, chosen, real_features, real_images
from ganctl.evaluation.scores import ScoreSet
from ganctl.evaluation.statistics_file import Statistics, read_statistics, write_statistics
from ganctl.files import atomic_file, unfinished, write_json
from ganctl.invocation.images import Word
from ganctl.job.side import Side, alike, check_number
from ganctl.record.console import Console
from ganctl.record.wording import with_intervals


@dataclasses.dataclass(frozen=True)
class Named:
    """An extractor that is known by name only: all that is needed where both sides are statistics."""

    name: str
    weights_hash: str


def score_sides(config: DictConfig, words: tuple[Word, Word], *, save: Path | None, output: Path | None) -> ScoreSet:
    """Scores the images of the first word against those of the second, as `config` (fid.yaml) asks.

    The statistics of the second go to the new file `save`, scores and protocol to `output`, where they are not None.
    Prints a table, and the first score once more as the last line. Returns the scores.
    """
    if not config.get("metric"):
        raise ValueError("metric=[]: nothing is to be scored; try metric=[frechet]")
    if not re.fullmatch(r"raw|ema(_[\d.]+)?", config.weights):
        raise ValueError(f"weights={config.weights}: must be ema, raw or an average such as ema_0.05; try weights=ema")
    with Console(None) as console:
        scores, real = _statistics_only(config, words) or _scored(config, words, console)
        rows = _rows(scores, words)
        if save is not None:
            with _writing("save", save), atomic_file(save) as file:
                write_statistics(file, real)
            rows["statistics of B"] = str(save)
        if output is not None:
            record = {"generated": words[0].text, "real": words[1].text, **scores.to_plain()}
            with _writing("output", output):
                write_json(output, record)
            rows["written to"] = str(output)
        for warning in scores.warnings:
            console.warn(warning)
        console.summary(with_intervals(scores), rows, {})
        judging = {name: value for name, value in scores.headlines.items() if scores.scores[name].score.direction}
        name, value = next(iter((judging or scores.headlines or scores.values).items()))
        console.note(f"{name} {value:.8g}")
    return scores


@contextmanager
def passing_cache(config: DictConfig) -> Iterator[str]:
    """A folder for packed images that are looked at once: side A's, and samples. It is removed in the end."""
    with unfinished(cache_folder(config.cache) / "datasets" / "passing") as folder:
        yield str(folder)


def _scored(config: DictConfig, words: tuple[Word, Word], console: Console) -> tuple[ScoreSet, RealFeatures]:
    """The scores where at least one side has images: what can be refused early is, and features are taken once."""
    statistics = [read_statistics(word.path) if word.kind == "statistics" else None for word in words]
    if config.save is not None and statistics[1]:
        raise ValueError(f"save={config.save}: {words[1].text} holds statistics already; leave it out")
    device = build.device(config)
    extractor, metrics = build.extractor(config, device), build.metrics(config)
    with passing_cache(config) as passing:
        sides: list[Side | None] = []
        for word, known, key in zip(words, statistics, ("num_images", "num_real"), strict=True):
            keeps = word.kind == "dataset" or (key == "num_real" and word.kind != "run")
            cache = config.cache if keeps else passing
            if word.kind == "dataset" and word.dataset is None:
                assert sides[0] and sides[0].run
                word = dataclasses.replace(word, dataset=sides[0].run.config["dataset"])
            sides.append(None if known else Side(word, config, device, count=config[key], cache=cache))
        teachers = _teachers(sides, [extractor, *metrics.values()])
        build.check_untaught(metrics, teachers)
        learns = isinstance(extractor, TrainedOnData)
        for side in sides[1:] if learns else sides:
            if side:
                side.check(extractor)
        stores = _loaded(sides, config, console)
        _check(extractor, stores, words)
        if isinstance(extractor, TrainedOnData) and stores[1]:
            with choice_of("feature", extractor.name):
                extractor.prepare(stores[1], cache=cache_folder(config.cache) / "features", progress=console.progress)
        for word, known in zip(words, statistics, strict=True):
            if known:
                _check_statistics(word, known, extractor, stores)
        counts = [side.count if side else None for side in sides]
        untaught = real = _real(stores[1], statistics[1], extractor, counts[1], config, console)
        if pupil_of(extractor, teachers):
            extractor.name += TEACHER
            features = dataclasses.replace(real.features, extractor=extractor.name)
            real = dataclasses.replace(real, features=features)
        seed = config.seed if any(word.kind == "run" for word in words) else None
        if sides[0] and stores[0]:
            judge = Judge(extractor, metrics, batch_size=config.batch_size, progress=console.progress)
            images = _images(stores[0], counts[0])
            scores = judge.compare(real=real, seed=seed, weights=sides[0].weights, what="features of A", **images)
        else:
            assert statistics[0] is not None
            features = statistics[0].features(extractor.name)
            protocol = protocol_of(extractor, features, real, weights="statistics", seed=seed)
            scores = score(metrics, features, real.features, protocol, progress=console.progress)
    source = stores[0] or statistics[0]
    assert source is not None
    generated_hash = source.content_hash if isinstance(source, ImageStore) else source.data_hash
    scores = _with_origin(scores, words, statistics, generated_hash)
    if config.resolution is not None and any(word.kind == "images" for word in words):
        size = as_typed(size_of("resolution", config.resolution))
        resolution = int(size) if size.isdecimal() else size
        scores = scores.remarked(resolution=resolution, fit=config.fit, filter=config.filter)
    return scores, untaught


def _teachers(sides: list[Side | None], judges: Iterable[object]) -> dict[str, str]:
    """The pretrained networks that a run has learned from; looked for only where one of the `judges` is such a one."""
    if not any(getattr(judge, "pretrained", None) for judge in judges):
        return {}
    return {name: part for side in sides if side for name, part in side.teachers.items()}


def _loaded(sides: list[Side | None], config: DictConfig, console: Console) -> list[ImageStore | None]:
    """The images of both sides, None for statistics, refused where they are the same or too few."""
    stores = [side.load(console.progress) if side else None for side in sides]
    for side, store, key in zip(sides, stores, ("num_images", "num_real"), strict=True):
        if side and store:
            check_number(key, side.count, store, side.word.text)
    first, second = stores
    if first and second:
        if first.content_hash == second.content_hash and (first.images.shape == second.images.shape):
            texts = " and ".join(side.word.text for side in sides if side)
            raise ValueError(f"{texts}: hold the same images, at distance 0; name two sets of images")
        return list(alike(first, second))
    return stores


def _check(extractor: FeatureExtractor, stores: list[ImageStore | None], words: tuple[Word, Word]) -> None:
    """Raises ValueError where the extractor cannot judge the images of a side."""
    generated, real = stores
    if isinstance(extractor, TrainedOnData):
        if real is None:
            raise ValueError(f"{words[1].text}: {extractor.name} learns from B's images, and these are statistics")
        if generated and generated.spec.image_shape != real.spec.image_shape:
            shapes = " and ".join(
                f"{width}x{height}" for _, height, width in (generated.spec.image_shape, real.spec.image_shape)
            )
            raise ValueError(
                f"feature={extractor.name}: learns from B's images and judges those of the same size only, and these "
                f"have {shapes}; try resolution={min(real.spec.image_shape[1:])}"
            )
        generated = None  # its classes are B's
    for store in (generated, real):
        if store:
            with choice_of("feature", extractor.name):
                extractor.check(store.spec)


def _real(
    store: ImageStore | None,
    known: Statistics | None,
    extractor: FeatureExtractor,
    count: int | None,
    config: DictConfig,
    console: Console,
) -> RealFeatures:
    """The features of side B, from the cache where they are known already."""
    if store is None:
        assert known is not None
        return RealFeatures(known.features(extractor.name), extractor.weights_hash, known.data_hash, "statistics")
    return real_features(
        store,
        extractor,
        num_images=None if count == len(store.images) else count,
        batch_size=config.batch_size,
        cache=cache_folder(config.cache) / "features",
        what="features of B",
        progress=console.progress,
    )


def _images(store: ImageStore, count: int | None) -> dict[str, Any]:
    """The images of side A, as a judge takes them."""
    number = count or len(store.images)
    index = chosen(len(store.images), number)
    return {
        "generate": real_images(store, number),
        "num_images": number,
        "labels": None if store.spec.num_classes is None else torch.from_numpy(store.labels[index]),
        "images": store.images if number == len(store.images) else store.images[index],
    }


def _check_statistics(
    word: Word, known: Statistics, extractor: FeatureExtractor | Named, stores: list[ImageStore | None]
) -> None:
    """Raises ValueError for statistics of another extractor, as far as the file tells."""
    if known.extractor and (known.extractor, known.weights_hash) != (extractor.name, extractor.weights_hash):
        raise ValueError(
            f"{word.text}: are statistics of {known.extractor} ({short(known.weights_hash)}), and this is "
            f"{extractor.name} ({short(extractor.weights_hash)}); choose the other with feature=, or make them anew"
        )
    store = next((store for store in stores if store), None)
    if store is not None and not isinstance(extractor, Named):
        dimensions = extractor(torch.zeros(2, *store.spec.image_shape))[0].shape[1]
        if dimensions != len(known.mean):
            raise ValueError(
                f"{word.text}: statistics of {len(known.mean):,} dimensions, and {extractor.name} gives "
                f"{dimensions:,}; choose the extractor that made them with feature="
            )


def _statistics_only(config: DictConfig, words: tuple[Word, Word]) -> tuple[ScoreSet, RealFeatures] | None:
    """The scores of two files of statistics, for which no extractor is needed; None where a side has images."""
    if any(word.kind != "statistics" for word in words):
        return None
    if config.save is not None:
        raise ValueError(f"save={config.save}: {words[1].text} holds statistics already; leave it out")
    first, second = (read_statistics(word.path) for word in words)
    if first.data_hash == second.data_hash:
        raise ValueError(f"{words[0].text} and {words[1].text}: are the same, at distance 0; name two files")
    if len(first.mean) != len(second.mean):
        raise ValueError(
            f"{words[0].text}: statistics of {len(first.mean):,} dimensions, and {words[1].text} of "
            f"{len(second.mean):,}; they are of two extractors"
        )
    named = next((side for side in (first, second) if side.extractor), None)
    extractor = Named(config.feature._target_.split(".")[-2], "")
    if named:
        extractor = Named(named.extractor or "", named.weights_hash or "")
    for word, known in zip(words, (first, second), strict=True):
        _check_statistics(word, known, extractor, [])
    generated = first.features(extractor.name)
    real = RealFeatures(second.features(extractor.name), extractor.weights_hash, second.data_hash, "statistics")
    protocol = protocol_of(extractor, generated, real, weights="statistics", seed=None)  # pyright: ignore[reportArgumentType]
    protocol = dataclasses.replace(protocol, weights_hash=extractor.weights_hash or None)
    scores = score(build.metrics(config), generated, real.features, protocol)
    return _with_origin(scores, words, [first, second], first.data_hash), real


def _with_origin(
    scores: ScoreSet, words: tuple[Word, Word], statistics: list[Statistics | None], generated_hash: str
) -> ScoreSet:
    """The scores with the hash of side A in their protocol, and of statistics what their file tells."""
    counts: dict[str, int | None] = {}
    remarks: dict[str, Plain] = {"generated_hash": generated_hash}
    for side, word, known in zip(("generated", "real"), words, statistics, strict=True):
        if known:
            counts[f"num_{side}"] = known.count
            unnamed = "" if known.extractor else ", which does not name its extractor"
            remarks[f"statistics_{side}"] = f"{word.path.name}{unnamed}"
    protocol = dataclasses.replace(scores.protocol, **counts)  # type: ignore[arg-type]
    return dataclasses.replace(scores, protocol=protocol).remarked(**remarks)


def _rows(scores: ScoreSet, words: tuple[Word, Word]) -> dict[str, str]:
    protocol = scores.protocol.to_plain()
    rows = {}
    for letter, word, side, key in zip(
        "AB", words, ("generated", "real"), ("generated_hash", "data_hash"), strict=True
    ):
        count = protocol[f"num_{side}"]
        number = f"{count:,} images" if isinstance(count, int) else "images of unknown number"
        rows[letter] = f"{word.text} ({number}, {short(protocol[key])})"
    rows["protocol"] = line(scores.protocol, scores.protocol.known())
    return rows | {f"left out: {name}": reason for name, reason in scores.left_out.items()}


@contextmanager
def _writing(key: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ValueError(f"{key}={path}: cannot be written ({error.strerror}); choose another place") from None
