"""How unlike generated images look from the true ones, pair by pair, to a network that knows pictures."""

from dataclasses import dataclass

import torch

from ganctl.contract import FeatureSet, Score
from ganctl.metric.features import by_name
from ganctl.metric.style import batches, check_network, frozen_network
from ganctl.pretrained import perceptual_distance


@dataclass(frozen=True)
class Perceptual:
    """`perceptual_<network>`: the mean over the pairs of generated image i and real image i; 0 for equal images.

    The distance is that of Zhang et al. 2018 (arXiv:1801.03924, section 3, eq. 1) without learned weights, in [0, 4],
    by the feature maps of the frozen `network`, which sees images at `size` pixels a side. Lower is better.

    Raises:
        ArgumentError: for another network.
    """

    network: str = "efficientnet_lite2"
    size: int = 100

    needs = ("generated.images", "real.images", "generated.pairs")

    def __post_init__(self) -> None:
        check_network(self.network)

    @property
    def pretrained(self) -> str:
        return self.network

    def declare(self, extractor: str, num_classes: int) -> tuple[Score, ...]:
        """Named after the metric's own network, whatever the extractor."""
        return (Score(f"perceptual_{self.network}", "lower", quantity="perceptual"),)

    @torch.no_grad()
    def __call__(self, generated: FeatureSet, real: FeatureSet) -> dict[str, float]:
        assert generated.images is not None and real.images is not None
        network = frozen_network(self.network)
        truths = real.images[: len(generated.images)]
        sides = zip(batches(generated.images, self.size), batches(truths, self.size), strict=True)
        distances = torch.cat([perceptual_distance(network, *pair) for pair in sides])
        return by_name(self.declare(generated.extractor, 0), [distances.double().mean().item()])
