"""What the network families share: initialisation, spectral norm, minibatch discrimination, and reading the labels."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganctl.collective import var_mean, whole
from ganctl.contract import ArgumentError

LEAK = 0.2
"""Negative slope of every LeakyReLU: Radford et al. 2016 (arXiv:1511.06434), section 4."""

Weighted = nn.Linear | nn.Conv2d | nn.ConvTranspose2d
"""The layers whose weights are drawn by `initialise` and divided by `normalise_spectra`."""


def initialise(network: nn.Module, scheme: str) -> None:
    """Draws the weights of every linear and convolutional layer; biases become 0.

    Schemes, with n inputs reaching an output and m outputs reached by an input (see `fans`):

    - `normal`: N(0, 0.02^2), and batch norm's weights N(1, 0.02^2): Radford et al. 2016 (arXiv:1511.06434), section 4.
    - `orthogonal`: orthonormal rows or columns, Saxe et al. 2014 (arXiv:1312.6120), as Brock et al. 2019
      (arXiv:1809.11096), section 3, use it.
    - `xavier`: uniform within sqrt(6 / (n + m)): Glorot and Bengio 2010, equation 16.
    - `he`: N(0, 2 / n): He et al. 2015 (arXiv:1502.01852), equation 10.
    - `default`: torch's own; nothing is changed.
    """
    if scheme not in ("normal", "orthogonal", "xavier", "he", "default"):
        raise ArgumentError("initialisation", scheme, "is none of normal, orthogonal, xavier, he and default", "normal")
    if scheme == "default":
        return
    for layer in network.modules():
        if isinstance(layer, Weighted):
            inputs, outputs = fans(layer)
            bound = math.sqrt(6 / (inputs + outputs))
            if scheme == "orthogonal":
                nn.init.orthogonal_(layer.weight)
            elif scheme == "xavier":
                nn.init.uniform_(layer.weight, -bound, bound)
            else:
                nn.init.normal_(layer.weight, 0.0, 0.02 if scheme == "normal" else math.sqrt(2 / inputs))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.affine and scheme == "normal":
            nn.init.normal_(layer.weight, 1.0, 0.02)


def fans(layer: Weighted) -> tuple[int | float, int | float]:
    """How many inputs reach one output, and how many outputs one input reaches, strides and transposition counted.

    torch's own count ignores the stride and takes a transposed convolution for a plain one, which for a 4x4 kernel of
    stride 2 is off by a factor of 4 in the one and by outputs / inputs * 4 in the other.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    kernel, stride = math.prod(layer.kernel_size), math.prod(layer.stride)
    if isinstance(layer, nn.ConvTranspose2d):
        return layer.in_channels * kernel / stride / layer.groups, layer.out_channels * kernel / layer.groups
    return layer.in_channels * kernel / layer.groups, layer.out_channels * kernel / stride / layer.groups


def normalise_spectra(network: nn.Module, kinds: Any = Weighted | nn.Embedding) -> None:
    """Divides the weight of every layer of `kinds` by its largest singular value, in each forward pass.

    Miyato et al. 2018 (arXiv:1802.05957), section 2.1 and Algorithm 1: one power iteration a pass while training.
    """
    for layer in list(network.modules()):
        if isinstance(layer, kinds):
            parametrizations.spectral_norm(layer)


def finish(network: nn.Module, initialisation: str, *, spectral_norm: bool) -> None:
    """The end of a discriminator's constructor: draws its weights, then normalises them with `spectral_norm`."""
    initialise(network, initialisation)
    if spectral_norm:
        normalise_spectra(network)


def normalisation(kind: str, channels: int) -> list[nn.Module]:
    """Batch norm, instance norm without scale and shift (Ulyanov et al. 2016, arXiv:1607.08022), or nothing."""
    if kind not in ("batch", "instance", "none"):
        raise ArgumentError("norm", kind, "is none of batch, instance and none", "instance")
    return {"batch": [nn.BatchNorm2d(channels)], "instance": [nn.InstanceNorm2d(channels)], "none": []}[kind]


def drop(share: float) -> list[nn.Module]:
    """A dropout layer for nn.Sequential, or nothing where nothing is dropped."""
    return [nn.Dropout(share)] if share else []


def inner_features(layers: nn.Sequential, images: Tensor, after: type[nn.Module] = nn.LeakyReLU) -> Tensor:
    """What each layer of the kind `after` gives, (N, F), divided by how many numbers it gives of an image.

    So a sum of absolute differences is that over layers of their means: Wang et al. 2018 (arXiv:1711.11585), eq. 3.
    """
    features = []
    for layer in layers:
        images = layer(images)
        if isinstance(layer, after):
            features.append(images.flatten(1) / images[0].numel())
    return torch.cat(features, dim=1)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift follow from a condition: maps (N, channels, H, W) to the same.

    (1 + gain) x + shift, with x normalised over the batch. With `num_classes` the condition is a label (N,), and gain
    and shift are learned for each class (Dumoulin et al. 2017, arXiv:1610.07629, eq. 5), starting at 0. With a `size`
    above 0 it is a vector (N, size), and they are linear functions of it (Brock et al. 2019, arXiv:1809.11096, appendix
    B). With neither this is plain batch norm, and the condition is not looked at.
    """

    def __init__(self, channels: int, num_classes: int | None = None, *, size: int = 0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=num_classes is None and not size)
        self.gain = self.shift = None
        if num_classes is not None:
            self.gain, self.shift = (nn.Embedding(num_classes, channels) for _ in range(2))
            nn.init.zeros_(self.gain.weight)
            nn.init.zeros_(self.shift.weight)
        elif size:
            self.gain, self.shift = (nn.Linear(size, channels, bias=False) for _ in range(2))

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        maps = self.norm(maps)
        if self.gain is None or self.shift is None:
            return maps
        gain, shift = (layer(condition).to(maps.dtype)[:, :, None, None] for layer in (self.gain, self.shift))
        return maps * (1 + gain) + shift


class MinibatchDiscrimination(nn.Module):
    """Lets the discriminator see how alike the images of a batch are, so that a collapsed generator gives itself away.

    Salimans et al. 2016 (arXiv:1606.03498), section 3.2. With M_i = f(x_i) T, a matrix of `kernels` rows of
    `kernel_size` numbers, the features f(x_i) (N, features) are followed by
    o(x_i)_b = sum_j exp(-||M_ib - M_jb||_1): (N, features + kernels). The sum runs over the whole batch, j = i
    included, that of all processes while training.
    """

    def __init__(self, features: int, kernels: int, kernel_size: int) -> None:
        super().__init__()
        self.shape = (kernels, kernel_size)
        self.projection = nn.Linear(features, kernels * kernel_size, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        matrices = self.projection(features).unflatten(1, self.shape)
        if matrices.dtype in (torch.bfloat16, torch.float16):  # small distances and sums over a batch need the digits
            matrices = matrices.float()
        everyone = whole(matrices) if self.training else matrices
        distances = (everyone.unsqueeze(0) - matrices.unsqueeze(1)).abs().sum(3)
        return torch.cat([features, torch.exp(-distances).sum(1).to(features.dtype)], dim=1)


class MinibatchDeviation(nn.Module):
    """Appends a map that says how much the images of the batch differ: (N, C, h, w) to (N, C + 1, h, w).

    Karras et al. 2018 (arXiv:1710.10196), section 3: the standard deviation over the batch of each channel at each
    place, averaged to one number, the same at every place of every image. Features (N, F) become (N, F + 1).
    """

    def forward(self, maps: Tensor) -> Tensor:
        variance = var_mean(maps.float(), [0])[0] if self.training else maps.float().var(0, correction=0)
        deviation = (variance + 1e-8).sqrt().mean().to(maps.dtype)
        return torch.cat([maps, deviation.expand(len(maps), 1, *maps.shape[2:])], dim=1)


class LogitHead(nn.Module):
    """The end of every discriminator: features (N, features) and labels (N,) to logits (N,).

    Unconditional: a linear layer, after minibatch discrimination where `minibatch_kernels` is not 0, and after the
    batch's deviation with `minibatch_deviation`. With `num_classes`, the projection of Miyato and Koyama 2018
    (arXiv:1802.05637), equation 3, is added: the inner product of the features with a vector learned for the label. Its
    vectors start at N(0, 1 / features).
    """

    def __init__(
        self,
        features: int,
        num_classes: int | None,
        minibatch_kernels: int,
        minibatch_kernel_size: int,
        minibatch_deviation: bool = False,
    ) -> None:
        super().__init__()
        self.minibatch = self.classes = None
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        if minibatch_kernels:
            self.minibatch = MinibatchDiscrimination(features, minibatch_kernels, minibatch_kernel_size)
        self.linear = nn.Linear(features + minibatch_deviation + minibatch_kernels, 1)
        if num_classes is not None:
            self.classes = nn.Embedding(num_classes, features)
            nn.init.normal_(self.classes.weight, 0.0, features**-0.5)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        seen = features if self.minibatch is None else self.minibatch(features)
        logits = self.linear(self.deviation(seen)).squeeze(1)
        if self.classes is not None:
            logits = logits + (self.classes(labels) * features).sum(1)
        return logits


class LabelledLatents(nn.Module):
    """The generator's input: latents (N, latent_size), followed by a learned vector for the label where it has one.

    Mirza and Osindero 2014 (arXiv:1411.1784), section 3.2, with an embedding in place of their one-hot vector, drawn
    from N(0, 1) like the latents so that neither drowns the other. `size` is the length of what comes out.

    With `mixture` = K > 0 the latents z ~ N(0, I) become those of K Gaussians, mean_k + scale_k z, both learned
    (Gurumurthy et al. 2017, arXiv:1706.02071, "DeLiGAN", section 3), so that kinds of images lie apart and less falls
    between them. We differ: k is read off the first latent, k = floor(K Phi(z_1)), so that the images stay a function
    of the latents; the means start at N(0, 1) and the scales at 1/2, and no term keeps the scales up.
    """

    def __init__(self, latent_size: int, *, num_classes: int | None, label_size: int, mixture: int = 0) -> None:
        super().__init__()
        self.size = latent_size if num_classes is None else latent_size + label_size
        self.classes = None if num_classes is None else nn.Embedding(num_classes, label_size)
        self.means = self.log_scales = None
        if mixture:
            self.means = nn.Embedding(mixture, latent_size)
            self.log_scales = nn.Embedding(mixture, latent_size)
            nn.init.constant_(self.log_scales.weight, math.log(0.5))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        if self.means is not None and self.log_scales is not None:
            share = torch.special.ndtr(latents[:, 0].float())
            component = (share * self.means.num_embeddings).long().clamp(max=self.means.num_embeddings - 1)
            latents = self.means(component) + self.log_scales(component).exp() * latents
        return latents if self.classes is None else torch.cat([latents, self.classes(labels)], dim=1)
