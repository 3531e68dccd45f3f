"""The steps of other people's code for pictures from pictures, written out by hand: what ganctl's are timed against.

Each function is an endless generator that does one step a `next`, on batches that are tensors already: plain loops in
the order of the authors' own, with torch.optim.Adam as it comes, contiguous tensors, fp32, and no average of weights.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Batches = Iterator[tuple[Tensor, Tensor]]
"""Sources and images, (N, C, H, W) float32 in [-1, 1]."""
Networks = Mapping[str, nn.Module]
PATCHES = 256


def adam(*networks: nn.Module, lr: float = 2e-4, beta: float = 0.5) -> torch.optim.Adam:
    return torch.optim.Adam([each for network in networks for each in network.parameters()], lr, (beta, 0.999))


def freeze(frozen: bool, *networks: nn.Module) -> None:
    for network in networks:
        network.requires_grad_(not frozen)


def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def squares(logits: Tensor, real: bool) -> Tensor:
    return functional.mse_loss(logits, torch.full_like(logits, float(real)))


def pix2pix(networks: Networks, batches: Batches) -> Iterator[None]:
    """`optimize_parameters` of junyanz/pytorch-CycleGAN-and-pix2pix, models/pix2pix_model.py."""
    G, D = networks["generator"], networks["discriminator"]
    of_g, of_d = adam(G), adam(D)
    for source, image in batches:
        fake = G(source)
        freeze(False, D)
        of_d.zero_grad()
        loss = cross_entropy(D(torch.cat([source, fake], 1).detach()), False)
        ((loss + cross_entropy(D(torch.cat([source, image], 1)), True)) * 0.5).backward()
        of_d.step()
        freeze(True, D)
        of_g.zero_grad()
        loss = cross_entropy(D(torch.cat([source, fake], 1)), True)
        (loss + 100 * functional.l1_loss(fake, image)).backward()
        of_g.step()
        yield


def cyclegan(networks: Networks, batches: Batches) -> Iterator[None]:
    """`optimize_parameters` of the same, models/cycle_gan_model.py, with its weights 10, 10 and 0.5."""
    G, F, of_images, of_sources = (networks[name] for name in ("there", "back", "of_images", "of_sources"))
    of_g, of_d = adam(G, F), adam(of_images, of_sources)
    pools = pool(50), pool(50)
    for source, image in batches:
        fake, back = G(source), F(image)
        freeze(True, of_images, of_sources)
        of_g.zero_grad()
        loss = squares(of_images(fake), True) + squares(of_sources(back), True)
        loss = loss + 10 * functional.l1_loss(F(fake), source) + 10 * functional.l1_loss(G(back), image)
        loss = loss + 5 * functional.l1_loss(G(image), image) + 5 * functional.l1_loss(F(source), source)
        loss.backward()
        of_g.step()
        freeze(False, of_images, of_sources)
        of_d.zero_grad()
        for D, real, made, earlier in ((of_images, image, fake, pools[0]), (of_sources, source, back, pools[1])):
            ((squares(D(real), True) + squares(D(earlier(made.detach())), False)) * 0.5).backward()
        of_d.step()
        yield


def cut(networks: Networks, batches: Batches) -> Iterator[None]:
    """`optimize_parameters` of taesungp/contrastive-unpaired-translation, models/cut_model.py, its features' as well.

    Both generator passes are one, on sources and images together, and the features have an optimizer of their own.
    """
    G, D = networks["generator"], networks["discriminator"]
    features = G.projections
    assert isinstance(features, nn.Module)
    of_g = torch.optim.Adam([p for name, p in G.named_parameters() if "projections" not in name], 2e-4, (0.5, 0.999))
    of_d, of_f = adam(D), adam(features)
    for source, image in batches:
        fake, same = G(torch.cat([source, image])).chunk(2)
        freeze(False, D)
        of_d.zero_grad()
        ((squares(D(fake.detach()), False) + squares(D(image), True)) * 0.5).backward()
        of_d.step()
        freeze(True, D)
        of_g.zero_grad()
        of_f.zero_grad()
        loss = squares(D(fake), True) + (patches_lost(G, fake, source) + patches_lost(G, same, image)) * 0.5
        loss.backward()
        of_g.step()
        of_f.step()
        yield


def patches_lost(G: nn.Module, output: Tensor, source: Tensor) -> Tensor:
    """The cross-entropy of `PATCHES` places a map, as models/patchnce.py has it: the diagonal apart from the rest."""
    keys, places = G.patches(source, PATCHES)  # type: ignore[operator]
    queries, _ = G.patches(output, PATCHES, places)  # type: ignore[operator]
    losses = []
    for query, key in zip(queries, keys, strict=True):
        key = key.detach()
        own = (query * key).sum(2, keepdim=True)
        others = torch.bmm(query, key.transpose(1, 2))
        others = others.masked_fill(torch.eye(others.shape[1], dtype=torch.bool)[None], -10.0)
        logits = (torch.cat([own, others], 2) / 0.07).flatten(0, 1)
        losses.append(functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long)))
    return torch.stack(losses).mean()


def srgan(networks: Networks, batches: Batches) -> Iterator[None]:
    """The loop that tutorials teach: the discriminator's gradients of the generator's step are made and thrown away."""
    G, D = networks["generator"], networks["discriminator"]
    of_g, of_d = adam(G, lr=1e-4, beta=0.9), adam(D, lr=1e-4, beta=0.9)
    for source, image in batches:
        fake = G(source)
        of_d.zero_grad()
        (cross_entropy(D(image), True) + cross_entropy(D(fake.detach()), False)).backward()
        of_d.step()
        of_g.zero_grad()
        (cross_entropy(D(fake), True) + 100 * functional.l1_loss(fake, image)).backward()
        of_g.step()
        yield


def pool(size: int) -> Callable[[Tensor], Tensor]:
    """Images made earlier, of which each new one replaces another now and then: util/image_pool.py."""
    kept: list[Tensor] = []

    def earlier(images: Tensor) -> Tensor:
        shown = []
        for image in images:
            if len(kept) < size:
                kept.append(image)
            elif random.random() < 0.5:
                place = random.randrange(size)
                image, kept[place] = kept[place].clone(), image
            shown.append(image)
        return torch.stack(shown)

    return earlier


STEPS = {"pix2pix": pix2pix, "cyclegan": cyclegan, "cut": cut, "srgan": srgan}
