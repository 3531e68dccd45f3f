"""BigGAN's generator: as many parameters as its authors', one embedding for all blocks, latents for each of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from ganctl.contract import ArgumentError
from ganctl.model.layers import ConditionalBatchNorm

LABELS = torch.arange(6) % 3


@pytest.mark.parametrize(
    ("size", "latent_size", "options", "num_classes", "of_generator", "of_discriminator"),
    [
        (32, 128, {"width": 256, "max_width": 256, "attention": 0}, 10, 4_373_251, 4_207_361),
        (128, 120, {"width": 96, "max_width": 1536, "attention": 64}, 1000, 70_433_988, 87_982_370),
    ],
    ids=["CIFAR-10", "ImageNet"],
)
def test_the_authors_widths_have_as_many_parameters_as_theirs(
    build, size, latent_size, options, num_classes, of_generator, of_discriminator
):
    """Counted in ajbrock/BigGAN-PyTorch: G_ch=64 at 32 pixels, 96 at 128, and G_shared, hier, shared_dim=128."""
    flat = 1 if size == 128 else 2
    options = {**options, "num_classes": num_classes, "spectral_norm": False, "initialisation": "default"}
    with torch.device("meta"):
        networks = (
            build("generator", "biggan", size, 3, latent_size=latent_size, **options),
            build("discriminator", "biggan", size, 3, flat_blocks=flat, **options),
        )
    count = [sum(parameter.numel() for parameter in network.parameters()) for network in networks]
    assert count == [of_generator, of_discriminator]


@pytest.mark.parametrize("size", [28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("hierarchical", [True, False])
def test_images_of_every_kind_are_made(narrow, size, channels, num_classes, hierarchical):
    network = narrow("generator", "biggan", size, channels, num_classes=num_classes, hierarchical=hierarchical)
    assert network(torch.randn(6, 100), LABELS).shape == (6, channels, size, size)


def conditions_of(network: nn.Module, latents: torch.Tensor) -> list[torch.Tensor]:
    """What each batch norm by a condition is given."""
    found = list[torch.Tensor]()
    for layer in network.modules():
        if isinstance(layer, ConditionalBatchNorm):
            layer.register_forward_hook(lambda _, inputs, __: found.append(inputs[1]))
    network(latents, LABELS)
    return found


def test_each_block_has_its_share_of_the_latents_behind_the_classes_vector(narrow):
    network = narrow("generator", "biggan", 32, 3, latent_size=12, num_classes=3, shared_size=5)
    latents = torch.randn(6, 12)
    vector = network.classes(LABELS)
    wanted = [torch.cat([vector, latents[:, start : start + 3]], 1) for start in (3, 6, 9)]
    found = conditions_of(network, latents)
    assert len(found) == 6, "two batch norms in each of three blocks"
    for condition, expected in zip(found, [each for each in wanted for _ in range(2)], strict=True):
        assert torch.equal(condition, expected)
    assert network.project.in_features == 3


def test_latents_that_cannot_be_dealt_out_evenly_leave_more_to_the_first_layer(narrow):
    network = narrow("generator", "biggan", 28, latent_size=11)
    assert network.shares == [5, 3, 3]
    assert [condition.shape[1] for condition in conditions_of(network, torch.randn(6, 11))] == [3] * 4


def test_too_few_latents_are_refused_in_one_line(narrow):
    need = "2 latents cannot be dealt out to a linear layer and 2 blocks"
    with pytest.raises(ArgumentError, match=f"^hierarchical=true: {need}; try hierarchical=false$"):
        narrow("generator", "biggan", latent_size=2)


def test_the_weights_begin_orthogonal_the_embedding_included(build):
    network = build("generator", "biggan", 32, 3, num_classes=5, spectral_norm=False, width=16, max_width=32)
    matrices = {name: p.detach().flatten(1) for name, p in network.named_parameters() if p.ndim > 1}
    assert "classes.weight" in matrices and "trunk.blocks.0.first_norm.gain.weight" in matrices
    for name, matrix in matrices.items():
        rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-5, rtol=0, msg=name)


def test_spectral_norm_spares_the_embedding_alone(narrow):
    network = narrow("generator", "biggan", num_classes=3)
    plain = {name for name, p in network.named_parameters() if p.ndim > 1 and "parametrizations" not in name}
    assert plain == {"classes.weight"}
    assert parametrize.is_parametrized(network.trunk.blocks[0].first_norm.gain)
