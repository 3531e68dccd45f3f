"""Whether a generator draws the classes asked for, and all that there are, as the extractor's classifier sees them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganctl.contract import FeatureSet, Score
from ganctl.metric.features import by_name, part


@dataclass(frozen=True)
class ClassAccuracy:
    """`class_accuracy_<extractor>`: share of samples taken for the class that was asked for; in [0, 1], higher better.

    It is the GAN-test of Shmelkov et al. (2018, arXiv:1807.09499, section 3). `real_class_accuracy_<extractor>`, the
    same of the real images and their true labels, is what it can reach, and tells whether the classifier knows these
    classes at all: numbers alone would not, as digits and clothes both have ten. Where it is below `min_real_accuracy`,
    or a label is not among the classifier's classes, it does not, and only the accuracy on real images is given.
    """

    min_real_accuracy: float = 0.5

    needs = ("generated.logits", "generated.labels", "real.logits", "real.labels")

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        return Score(f"real_class_accuracy_{extractor}"), Score(f"class_accuracy_{extractor}", "higher")

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None and generated.labels is not None
        assert real.logits is not None and real.labels is not None
        reachable = class_accuracy(real.logits, real.labels)
        of_real, of_generated = self.declare(generated.extractor, generated.logits.shape[1])
        scores = {of_real.name: reachable}
        known = max(generated.labels.max(), real.labels.max()) < generated.logits.shape[1]
        if known and reachable >= self.min_real_accuracy:
            scores[of_generated.name] = class_accuracy(generated.logits, generated.labels)
        return scores


def class_accuracy(logits: Tensor, labels: Tensor) -> float:
    """The share of rows of logits (N, K) whose largest is at the label (N,). Raises ValueError for NaN."""
    return (classes(logits) == labels.to(logits.device)).double().mean().item()


@dataclass(frozen=True)
class Modes:
    """How many classes are drawn, and how evenly, in comparison with the real images.

    `modes_<extractor>` is the number of classes that are drawn; higher is better. `reverse_kl_<extractor>` is
    KL(generated || real) of the shares of the classes, in [0, inf), lower is better. Both are as in VEEGAN (Srivastava
    et al. 2017, arXiv:1705.07761, section 4) and PacGAN (Lin et al. 2017, arXiv:1712.04086, section 4), who count modes
    of stacked MNIST, with the classifier's word for which class an image is of.

    We differ in one point: a class counts if it has more than `min_ratio` times its share among the real images, since
    the classifier takes some images of other classes for it. `min_ratio` = 0 counts single ones, as the papers do.
    """

    min_ratio: float = 0.1

    needs = ("generated.logits", "real.logits")

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        return (
            Score(f"modes_{extractor}", "higher", quantity="modes"),
            Score(f"reverse_kl_{extractor}", "lower", quantity="reverse_kl"),
        )

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None and real.logits is not None
        if generated.logits.shape[1] != real.logits.shape[1]:
            numbers = f"{generated.logits.shape[1]} classes cannot be compared with {real.logits.shape[1]}"
            raise ValueError(f"{numbers}; both sides need the same extractor")
        ours, theirs = class_counts(generated.logits), class_counts(real.logits)
        modes, divergence = self.declare(generated.extractor, len(ours))
        count = (ours > self.min_ratio * ours.sum() * theirs / theirs.sum()).sum()
        return {modes.name: float(count), divergence.name: reverse_kl(ours, theirs)}


@dataclass(frozen=True)
class EvenModes:
    """Modes where all classes are known to be equally frequent: those of stacked MNIST, as the papers count them.

    `modes_<extractor>` and `reverse_kl_<extractor>` as in `Modes`, with even shares (1 / K) in place of the
    real images'. Beside them `real_modes_<extractor>` and `real_reverse_kl_<extractor>` are what as many real images
    get (all of them where there are fewer), which tells what the classifier's errors and the number of images make of
    data that lack nothing: N images of exactly even classes get (K - 1) / 2N, 0.0192 of 26,000 images in 1,000 classes.

    `min_ratio` = 0 counts a class with a single image. With fewer generated images than `enough` the scores are given
    with a warning: fewer find fewer classes and a higher divergence. Lin et al. 2017 (arXiv:1712.04086), section 4.
    """

    min_ratio: float = 0.0
    enough: int = 26_000

    needs = ("generated.logits", "real.logits")

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        of_real = (Score(f"real_modes_{extractor}"), Score(f"real_reverse_kl_{extractor}"))
        return (*Modes().declare(extractor, num_classes), *of_real)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None and real.logits is not None
        sides = generated.logits, real.logits[part(len(real.logits), generated.count)]
        values = [value for logits in sides for value in self._of(class_counts(logits))]
        return by_name(self.declare(generated.extractor, generated.logits.shape[1]), values)

    def _of(self, counts: Tensor) -> tuple[float, float]:
        even = torch.ones_like(counts)
        return float((counts > self.min_ratio * counts.sum() / len(counts)).sum()), reverse_kl(counts, even)


def reverse_kl(generated: Tensor, real: Tensor) -> float:
    """sum_k p_k log (p_k / q_k) in nats, from the counts (K,) of generated (p) and real images (q).

    A class without a real image counts as half of one, so that the divergence stays finite and grows with the number of
    real images that prove the class to be wrong. What that makes fall below 0 is 0.
    """
    p = generated.double() / generated.sum()
    q = real.double().clamp(min=0.5) / real.sum()
    return max((torch.xlogy(p, p) - torch.xlogy(p, q)).sum().item(), 0.0)


def class_counts(logits: Tensor) -> Tensor:
    """How many rows of logits (N, K) have their largest at each class, (K,) int64. Raises ValueError for NaN."""
    return classes(logits).bincount(minlength=logits.shape[1])


def classes(logits: Tensor) -> Tensor:
    """The class (N,) with the largest of the logits (N, K). Raises ValueError for NaN."""
    if not logits.isfinite().all():
        raise ValueError("NaN or infinite logits have no class; the images are not finite")
    return logits.argmax(dim=1)
