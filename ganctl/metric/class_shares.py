"""Which classes a generator draws, and how clearly, as the extractor's classifier sees them."""

from dataclasses import dataclass

from torch import Tensor

from ganctl.contract import FeatureSet, Score
from ganctl.metric.classes import class_counts
from ganctl.metric.features import by_name


@dataclass(frozen=True)
class ClassShares:
    """`share_<k>_<extractor>`: images taken for class k; `confidence_<extractor>`: mean of the largest probability.

    Both in [0, 1]. Missing classes show mode collapse; a share has no better or worse by itself, confidence is better
    higher. With more than `max_classes` classes (Inception's 1008) the shares are left out.
    """

    max_classes: int = 100

    needs = ("generated.logits",)

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        classes = range(num_classes if num_classes <= self.max_classes else 0)
        shares = (Score(f"share_{k}_{extractor}", kind="share", of=str(k)) for k in classes)
        return Score(f"confidence_{extractor}", "higher"), *shares

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None
        shares, confidence = class_shares(generated.logits)
        declared = self.declare(generated.extractor, len(shares))
        return by_name(declared, [confidence, *shares][: len(declared)])


def class_shares(logits: Tensor) -> tuple[list[float], float]:
    """The share of each of K classes, and the mean confidence, from logits (N, K). Raises ValueError for NaN."""
    shares = [count / len(logits) for count in class_counts(logits).tolist()]
    return shares, logits.double().softmax(dim=1).amax(dim=1).mean().item()
