"""FastGAN's discriminator: what its decoders see, and that they learn to draw it."""

from __future__ import annotations

import pytest
import torch

from ganctl.model.fastgan_discriminator import halvings_of

LABELS = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("sides", "halvings"), [((16, 16), 1), ((28, 28), 1), ((64, 64), 3), ((64, 96), 3), ((12, 40), 1)]
)
def test_the_least_map_has_8_to_15_pixels_a_side(sides: tuple[int, int], halvings: int) -> None:
    assert halvings_of((3, *sides)) == halvings


def test_its_size_at_64_pixels(build) -> None:
    network = build("discriminator", "fastgan", 64, 3)
    assert sum(parameter.numel() for parameter in network.parameters()) == 2_027_712


def test_its_decoders_learn_to_draw_what_it_saw(build) -> None:
    network = build("discriminator", "fastgan", 32, 3, width=16, decoder_width=8)
    images = torch.zeros(4, 3, 32, 32)
    for number, image in enumerate(images):  # each has another half that is bright
        image[:, 16 * (number % 2) : 16 * (number % 2) + 16 if number < 2 else None] = 0.9
        image[number % 3] -= 0.5
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
    errors = []
    for _ in range(40):
        optimizer.zero_grad()
        error = network(images, LABELS, reconstruct=True)
        assert error.shape == (4,)
        error.mean().backward()
        optimizer.step()
        errors.append(error.mean().item())
    assert sum(errors[-5:]) < 0.5 * sum(errors[:5])


def test_a_quarter_is_compared_with_the_same_quarter_of_the_image(build) -> None:
    network = build("discriminator", "fastgan", 64, 3, width=16).eval()
    seen = {}
    network.quarter.register_forward_hook(lambda _, given, drawn: seen.update(maps=given[0], drawn=drawn))
    images = torch.rand(2, 3, 64, 64)
    network(images, LABELS[:2], reconstruct=True)
    maps = network.blocks[0](network.stem(images))
    places = [(a, b) for a in (0, 8) for b in (0, 8) if torch.equal(maps[:, :, a : a + 8, b : b + 8], seen["maps"])]
    assert maps.shape[2:] == (16, 16) and len(places) == 1
    assert seen["drawn"].shape == (2, 3, 32, 32)
    top, left = (4 * place for place in places[0])
    image = images[:, :, top : top + 32, left : left + 32]
    whole = (
        (torch.nn.functional.interpolate(images, size=(32, 32), mode="area") - network.whole(network.blocks[1](maps)))
        .abs()
        .mean((1, 2, 3))
    )
    torch.manual_seed(0)
    for _ in range(20):  # until the same quarter is drawn
        error = network(images, LABELS[:2], reconstruct=True)
        if torch.equal(seen["maps"], maps[:, :, top // 4 : top // 4 + 8, left // 4 : left // 4 + 8]):
            break
    torch.testing.assert_close(error, whole + (image - seen["drawn"]).abs().mean((1, 2, 3)))
