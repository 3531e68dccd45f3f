"""The model card of an exported generator: what it is, how it was trained, what it scored, how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganctl.contract import DataSpec
from ganctl.evaluation.protocol import line
from ganctl.evaluation.scores import ScoreSet
from ganctl.forms import node, number, printable, text, whole
from ganctl.record.wording import counted, duration
from ganctl.report.facts import number as finite
from ganctl.report.facts import seconds
from ganctl.report.recorded import Evaluation, Recorded

_TAGS = ("gan", "ganctl", "model_hub_mixin", "pytorch_model_hub_mixin", "safetensors")
_MOST_NAMES = 30


def title(spec: DataSpec, choices: Mapping[str, str], *, translates: bool) -> str:
    """`mnist5k, drawn by dcgan`: the data and the model, as far as they are known."""
    model = choices.get("model") or choices.get("generator")
    return printable(spec.name) + (f", {'made from pictures' if translates else 'drawn'} by {model}" if model else "")


def tags(*, onnx: bool, conditional: bool, translates: bool) -> list[str]:
    kind = ["image-generation", "conditional-gan" if conditional else "unconditional-image-generation"]
    return [*_TAGS, *(["onnx"] if onnx else []), *(["image-to-image"] if translates else kind)]


def class_names(names: Sequence[str]) -> str:
    """`0 = cat, 1 = dog`, or `0 to 9` where the names say no more; nothing for none."""
    if names and all(name == str(place) for place, name in enumerate(names)):
        return f"0 to {len(names) - 1}"
    shown = [f"{place} = {printable(name)}" for place, name in enumerate(names[:_MOST_NAMES])]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more (config.json has them)" if more > 0 else "")


def training(config: Mapping[str, Any], step: int, weights: str, parts: Mapping[str, str], run: Recorded | None) -> str:
    """How the generator came about, in sentences, from the settings of its run and what that recorded.

    `parts` are the names of game, generator, discriminator, loss and optimizer.
    """
    settings = node(config.get("training")) or {}
    batch = whole(settings.get("batch_size"))
    shown = f", {step * batch:,} in all" if batch else ""
    images = f" of {batch} real images each{shown}" if batch else ""
    said = [
        _game(parts, _additions(config)) + ".",
        f"After {counted(step, 'step')}{images}, these weights were taken{_average(settings, weights)}.",
        _optimizer(config, parts["optimizer"]),
    ]
    spent = seconds(run) if run is not None else None
    environment = run.environment if run is not None else {}
    if spent is not None:
        where = text(environment.get("device"))
        said.append(f"The whole run took {duration(spent)}" + (f" ({where})." if where else "."))
    seed = whole(config.get("seed"))
    said.append(f"Seed {seed}." if seed is not None else "")
    return " ".join(sentence for sentence in said if sentence)


def scores(run: Recorded | None, step: int, weights: str) -> Evaluation | None:
    """The newest scores of these weights; None where they were not judged."""
    judged = [] if run is None else [*_while_training(run), *run.final]
    fitting = [each for each in judged if each.step == step and each.scores.protocol.weights in (weights, None)]
    return fitting[-1] if fitting else None


def rows(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Name, value and the better direction of each score that a table shows."""
    values = evaluation.scores
    return [
        (name, f"{value:.4g}", values.scores[name].score.direction or "")
        for name, value in values.headlines.items()
        if finite(value) is not None
    ]


def protocol(evaluation: Evaluation) -> str:
    return line(evaluation.scores.protocol, evaluation.scores.protocol.known()).replace("  ", ", ")


def _while_training(run: Recorded) -> list[Evaluation]:
    return [
        Evaluation(ScoreSet.from_plain({**record, "scores": record}), whole(record.get("step")), "metrics.jsonl")
        for record in run.scores
    ]


def _game(parts: Mapping[str, str], additions: str) -> str:
    """Who played against whom, with which parts; a game of somebody's own is named, and no more said of it."""
    generator, discriminator = f"`{parts['generator']}`", f"`{parts['discriminator']}`"
    game, beside = parts.get("game", "adversarial").lower(), f" and {additions}" if additions else ""
    if game == "adversarial":
        draws = f"the generator {generator} learned to draw, the discriminator {discriminator} to tell its pictures"
        return (
            f"Two networks played against each other: {draws} from real ones, with the loss `{parts['loss']}`{beside}"
        )
    if game == "cycle":
        both = f"two generators {generator}, there and back, learned that what goes both ways is what it was"
        judges = f"two discriminators {discriminator} to tell their pictures from real ones"
        rest = f"with the loss `{parts['loss']}`; this is the generator there"
        return f"Four networks played against each other: {both}, {judges}, {rest}"
    if game == "content":
        return f"The generator {generator} learned without an adversary, by {additions}"
    return f"The generator {generator} was trained by the game `{parts['game']}`{beside}"


def _additions(config: Mapping[str, Any]) -> str:
    groups = ("regularizer", "augment", "term")
    names = [printable(name) for group in groups for name in node(config.get(group)) or {}]
    return ", ".join(f"`{name}`" for name in names)


def _average(settings: Mapping[str, Any], weights: str) -> str:
    half_life = number(settings.get("ema_half_life_kimg"))
    if weights == "raw":
        return ", those of the last step without averaging"
    if weights != "ema":
        return f": an average of the generator's over a share of {weights.removeprefix('ema_')} of the run"
    if not half_life:
        return ""
    return f": the running average of the generator's, in which {half_life:g} thousand images halve what was before"


def _optimizer(config: Mapping[str, Any], name: str) -> str:
    rate = number((node(config.get("optimizer")) or {}).get("lr"))
    precision = text((node(config.get("device")) or {}).get("precision"))
    learning = f"The optimizer was {name}" + (f" with a learning rate of {rate:g}" if rate is not None else "")
    return learning + (f", forward passes were in {precision}." if precision else ".")
