"""What tells early that a run goes wrong, beside its losses: its gradients, and a batch that the generator draws."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganctl.training.state import TrainState

AT_AN_END = 0.99  # |x| from which a value is black or white, of those in [-1, 1]: the outermost of 255 levels
OUTSIDE = 1.1  # |x| from which a value is out of range; one that rounding, or a network without tanh, leaves is not


@torch.no_grad()
def gradient_norms(state: TrainState) -> dict[str, float]:
    """The Euclidean norm, in [0, inf), of the gradient that each side followed last, as `gradient_SIDE`.

    It is of all processes together, and after `training.clip_norm`: a clipped one is at most that.
    """
    norms = {}
    for side, optimizer in state.optimizers.items():
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        squares = [each.grad.float().square().sum() for each in parameters if each.grad is not None]
        norms[f"gradient_{side}"] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    return norms


class BatchSigns:
    """Measures batches of generated images by the side of `real` images (N, C, ...), both in [-1, 1].

    A sign of which these real images say nothing, as all are the same or all are black and white, is left out.
    """

    def __init__(self, real: Tensor) -> None:
        self._spread, self._midtones = _spread(real), _midtones(real)

    @torch.no_grad()
    def of(self, images: Tensor) -> Mapping[str, float]:
        """Of generated images (N, C, ...):

        `variety`: how far they differ from each other, as a multiple of how far real images do: the root mean square,
        over the places of an image, of the deviation over the batch. 1 is alike, 0 one and the same image.
        `saturation`: which share of the values between black and white is missing beside real images: 0 none, 1 all.
        `out_of_range`: the share, in [0, 1], of values beyond [-1.1, 1.1].
        """
        signs = {"out_of_range": float((images.abs() > OUTSIDE).float().mean())}
        if self._spread:
            signs["variety"] = _spread(images) / self._spread
        if self._midtones:
            signs["saturation"] = max(0.0, 1 - _midtones(images) / self._midtones)
        return signs


def _spread(images: Tensor) -> float:
    return float(images.float().var(0).mean().sqrt())


def _midtones(images: Tensor) -> float:
    """The share of values that are neither black nor white."""
    return float((images.abs() < AT_AN_END).float().mean())
