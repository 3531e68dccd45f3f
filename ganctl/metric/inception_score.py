"""Inception score: how sure the classifier is of each image, and how evenly its classes are drawn."""

from dataclasses import dataclass

from torch import Tensor

from ganctl.contract import ArgumentError, FeatureSet, Score


@dataclass(frozen=True)
class InceptionScore:
    """exp E_x KL(p(y|x) || p(y)) (Salimans et al. 2016, arXiv:1606.03498, section 4), named `is_<extractor>`.

    From 1 to the number of classes; higher is better. `splits` parts of consecutive images are scored each by itself
    and averaged: 10 in the paper; one part is the least biased (Barratt and Sharma 2018, arXiv:1801.01973).
    """

    splits: int = 1

    needs = ("generated.logits",)

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        return (Score(f"is_{extractor}", "higher"),)

    def check_count(self, num_images: int, num_real: int | None) -> None:
        if num_images < self.splits:
            raise ArgumentError("splits", self.splits, f"more than the {num_images} images", 1)

    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.logits is not None
        self.check_count(generated.count, real.count)
        (score,) = self.declare(generated.extractor, generated.logits.shape[1])
        return {score.name: inception_score(generated.logits, splits=self.splits)}


def inception_score(logits: Tensor, *, splits: int = 1) -> float:
    """The score of logits (N, K), averaged over `splits` nearly equal parts. Raises ValueError for NaN."""
    if not logits.isfinite().all():
        raise ValueError("NaN or infinite logits have no inception score; the images are not finite")
    scores = []
    for part in logits.double().tensor_split(splits):
        log_p = part.log_softmax(dim=1)
        p = log_p.exp()
        log_marginal = p.mean(dim=0).log()
        divergence = (p * (log_p - log_marginal.clamp(min=-1e4))).sum(dim=1).mean()
        scores.append(divergence.exp().item())
    return sum(scores) / splits
