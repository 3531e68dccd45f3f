"""BigGAN: Brock et al. 2019 (arXiv:1809.11096), "Large Scale GAN Training for High Fidelity Natural Image Synthesis".

The generator of section 3 and appendix B, figure 15, and the authors' code (github.com/ajbrock/BigGAN-PyTorch, with
--G_shared and --hier): SAGAN's, with one embedding of the classes for all of its batch norms and with a part of the
latents for each of its blocks. Its discriminator is SAGAN's, so discriminator=biggan is `sagan.Discriminator`. At 32
pixels, with width and max_width 256, both are the authors' for CIFAR-10 with --G_ch 64. We differ in these points: the
networks start from 4 to 7 pixels a side, so that 28, 96 or 96x64 pixels work as well; batch norm's statistics are its
running averages, not those that the paper gathers anew before it draws.
"""

import torch
from torch import nn

from ganctl.contract import ArgumentError
from ganctl.model.geometry import ImageShape, doubling
from ganctl.model.layers import ConditionalBatchNorm, Weighted, initialise, normalise_spectra
from ganctl.model.sagan import Trunk
from ganctl.shapes import Images, Labels, Latents


class Generator(nn.Module):
    """Latents (N, latent_size) and labels (N,) to images (N, C, H, W) in [-1, 1], at any size of `geometry.doubling`.

    With `num_classes` the condition of each block is the label's vector of `shared_size` numbers, the same for all
    blocks; with `hierarchical` the latents are dealt out to the first linear layer and to the blocks, and each block's
    share follows the vector (the paper's skip-z). A linear layer makes scales and shifts of the condition. The shares
    are of equal length; where they cannot be, the linear layer has what is left over as well. Attention stands after
    the block whose maps have the most pixels, up to `attention` on the shorter side; 0 = none.

    Raises:
        ArgumentError: there are fewer latents than shares, or the maps of all blocks have more pixels than `attention`.
    """

    def __init__(
        self,
        *,
        latent_size: int,
        image_shape: ImageShape,
        num_classes: int | None,
        width: int,
        max_width: int,
        shared_size: int,
        hierarchical: bool,
        attention: int,
        spectral_norm: bool,
        initialisation: str,
    ) -> None:
        super().__init__()
        doublings = doubling(image_shape)[1]
        share = latent_size // (doublings + 1) if hierarchical else 0
        if hierarchical and not share:
            need = f"{latent_size} latents cannot be dealt out to a linear layer and {doublings} blocks"
            raise ArgumentError("hierarchical", "true", need, "false")
        self.shares = [latent_size - doublings * share, *[share] * doublings]
        self.classes = None if num_classes is None else nn.Embedding(num_classes, shared_size)
        condition = share + (0 if num_classes is None else shared_size)
        self.trunk = Trunk(
            image_shape, width, max_width, attention, lambda channels: ConditionalBatchNorm(channels, size=condition)
        )
        self.project = nn.Linear(self.shares[0], self.trunk.inputs)
        initialise(self, initialisation)
        if self.classes is not None:
            nn.init.orthogonal_(self.classes.weight)
        if spectral_norm:
            normalise_spectra(self, Weighted)  # the authors found it to harm the embedding

    def forward(self, latents: Latents, labels: Labels) -> Images:
        first, *shares = latents.split(self.shares, dim=1)
        conditions = shares if self.classes is None else [torch.cat([self.classes(labels), z], 1) for z in shares]
        return self.trunk(self.project(first), conditions).to(latents.dtype)
