"""What to type against a trouble: overrides that a run's own settings have, and that are not in force already.

Each function takes a run's flattened configuration. Empty text means that nothing of it is left to try.
"""

from collections.abc import Mapping
from typing import Any

from ganctl.report.facts import number

Settings = Mapping[str, Any]

MIRRORED_ALIKE = ("Cifar10", "ImageFolder")  # data whose mirror images are as real; mirrored digits are none
PENALTIES = ("lazy_r1", "light_r1", "r1", "gradient_penalty")
LOWEST_RATES = {"scheduler.final": 0.01, "scheduler.low": 0.1}  # shares of the highest rate, as the schedules have them
HIGHEST_RATE, USUAL_RATE = 0.01, 2e-4  # no published GAN trains with more than the first; the second is DCGAN's
LONGEST_RUN = 20_000  # steps, where nothing says how long the run was to be

_LAZY_R1 = 0.5  # weight of regularizer=lazy_r1


def overrides(settings: Settings, wanted: Mapping[str, Any]) -> str:
    """Those of the wanted values whose key the run has with another value, as words of the command line."""
    return " ".join(f"{key}={_text(value)}" for key, value in wanted.items() if settings.get(key, value) != value)


def scaled(settings: Settings, key: str, factor: float) -> str:
    """A setting made so many times as large; nothing where it is no number or nought."""
    value = number(settings.get(key))
    return f"{key}={value * factor:.3g}" if value else ""


def joined(*words: str) -> str:
    """All that are not empty."""
    return " ".join(filter(None, words))


def penalty(settings: Settings) -> str:
    """A gradient penalty, or the one there is four times as strong."""
    for name in PENALTIES:
        key = f"regularizer.{name}.weight"
        if key in settings:
            return scaled(settings, key, 4) or f"{key}={_LAZY_R1:g}"
    added = _with_option(settings, "regularizer", "lazy_r1")
    return joined(added, overrides(settings, {"discriminator.batch_norm": False}))  # which mixes the images' gradients


def variety(settings: Settings) -> str:
    """Against collapse: minibatch discrimination, else mode seeking, else a stronger penalty."""
    if "regularizer.gradient_penalty.weight" not in settings and settings.get("discriminator.minibatch_kernels") == 0:
        return overrides(settings, {"discriminator.minibatch_kernels": 32})
    alone = "discriminator.minibatch_kernels" not in settings  # no other view of the batch
    if alone and settings.get("discriminator.minibatch_deviation") is False:
        return overrides(settings, {"discriminator.minibatch_deviation": True})
    if not any("mode_seeking." in key for key in settings):
        return _with_option(settings, "regularizer", "mode_seeking")
    return penalty(settings)


def weaker_discriminator(settings: Settings) -> str:
    return joined(penalty(settings), scaled(settings, "optimizer.discriminator.lr", 1 / 4))


def teaching_discriminator(settings: Settings) -> str:
    """Against a gradient that vanishes: a loss whose gradient does not, else a discriminator that is not as sure."""
    saturates = str(settings.get("loss._target_")).endswith(".Minimax")
    return "loss=non_saturating" if saturates else weaker_discriminator(settings)


def stronger_discriminator(settings: Settings) -> str:
    updates = number(settings.get("training.discriminator_steps")) or 1
    more = {"training.discriminator_steps": min(2 * int(updates), 100)}
    return joined(overrides(settings, more), scaled(settings, "optimizer.generator.lr", 1 / 2))


def calmer_training(settings: Settings) -> str:
    """Against losses that explode: clipped gradients, a lower learning rate, whole precision."""
    rate, clipped = number(settings.get("optimizer.lr")), number(settings.get("training.clip_norm"))
    is_sgd = str(settings.get("optimizer._target_")).endswith(".SGD")  # whose rates are other ones
    lower = USUAL_RATE if rate is None or (rate > HIGHEST_RATE and not is_sgd) else rate / (10 if is_sgd else 4)
    wanted = {"training.clip_norm": clipped / 10 if clipped else 1, "optimizer.lr": float(f"{lower:.2g}")}
    return overrides(settings, wanted | {"device.precision": "fp32"})


def falling_rate(settings: Settings) -> str:
    """A learning rate that falls to the end; a lower one where it does so already."""
    if str(settings.get("scheduler._target_")).endswith(".Constant"):
        return "scheduler=cosine"
    return scaled(settings, "optimizer.lr", 1 / 2)


def rate_above_nought(settings: Settings, peak: float) -> str:
    if not peak:
        return overrides(settings, {"optimizer.lr": USUAL_RATE}) or "scheduler=constant"
    feet = {key: low for key, low in LOWEST_RATES.items() if key in settings}
    low = {key: least for key, least in feet.items() if (number(settings[key]) or 0) < least}
    return overrides(settings, low) if feet else "scheduler=cosine"


def earlier_end(settings: Settings) -> str:
    """Stops once the score has not become better for some evaluations; half as many where it does so already."""
    patience = number(settings.get("stop.patience"))
    return overrides(settings, {"stop.patience": 5 if patience is None else max(1, int(patience) // 2)})


def against_copies(settings: Settings) -> str:
    flip = overrides(settings, {"training.flip": True})
    mirrored = str(settings.get("dataset._target_")).endswith(MIRRORED_ALIKE)
    return joined(flip if mirrored else "", earlier_end(settings))


def more_images(settings: Settings, need: int, num_real: int | None) -> str:
    """At least so many images for each evaluation; the kernel distance where the data set has no more."""
    wanted = {"evaluation.num_images": need, "evaluation.final_images": need, "evaluation.num_real": None}
    few = {key: value for key, value in wanted.items() if (number(settings.get(key)) or need) < need}
    has_no_more = settings.get("evaluation.num_real") is None and num_real is not None and num_real < need
    return ("" if has_no_more else overrides(settings, few)) or _with_option(settings, "metric", "kid")


def more_evaluations(settings: Settings, steps: int | None) -> str:
    """Ten in a run of so many steps, or twice as many as there were."""
    every = number(settings.get("output.evaluate_every")) or float(steps or LONGEST_RUN)
    return overrides(settings, {"output.evaluate_every": max(1, min(int(every) // 2, (steps or LONGEST_RUN) // 10))})


def twice_as_long(settings: Settings) -> str:
    for key in ("training.epochs", "training.images", "training.steps"):
        if (value := number(settings.get(key))) is not None:
            return f"{key}={2 * value:g}" if value < 500_000 else f"{key}={2 * value:.0f}"
    return f"training.steps={LONGEST_RUN}"


def _with_option(settings: Settings, group: str, option: str) -> str:
    """The group's list with one option more; nothing where it is among them."""
    chosen = list(dict.fromkeys(key.split(".")[1] for key in settings if key.startswith(f"{group}.")))
    return "" if option in chosen else f"{group}=[{','.join([*chosen, option])}]"


def _text(value: object) -> str:
    """A value as the command line has it."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
