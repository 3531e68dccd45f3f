"""Which classes a generator draws, and how clearly, as the extractor's classifier sees them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ganctl.contract import FeatureSet


@dataclass(frozen=True)
class ClassShares:
    """`share_<k>_<extractor>`: images taken for class k; `confidence_<extractor>`: mean of the largest probability.

    Both in [0, 1]. Missing classes show mode collapse; a share has no better or worse by itself, confidence is better
    higher. With more than `max_classes` classes (Inception's 1008) the shares are left out.
    """

    max_classes: int = 100

    needs = ("generated.logits",)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None
        shares, confidence = class_shares(generated.logits)
        scores = {f"confidence_{generated.extractor}": confidence}
        if len(shares) <= self.max_classes:
            scores |= {f"share_{k}_{generated.extractor}": share for k, share in enumerate(shares)}
        return scores


def class_shares(logits: Tensor) -> tuple[list[float], float]:
    """The share of each of K classes, and the mean confidence, from logits (N, K). Raises ValueError for NaN."""
    if not logits.isfinite().all():
        raise ValueError("feature: NaN or infinite logits have no class; the images are not finite")
    counts = logits.argmax(dim=1).bincount(minlength=logits.shape[1])
    confidence = logits.double().softmax(dim=1).amax(dim=1).mean().item()
    return [count / len(logits) for count in counts.tolist()], confidence
