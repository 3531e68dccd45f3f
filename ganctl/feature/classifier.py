"""A judge for any labelled images: a small classifier that learns from the run's own training images, once."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.nn import functional

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Plain, Progress
from ganctl.feature.convnet import ConvNet, accuracy, train_classifier
from ganctl.tensor_files import read_tensors, write_tensors, write_torch

FORMAT = 1  # of the training and its cache; another number makes all older files unread
WHAT = "training the classifier"


class Classifier:
    """Features (N, 128), non-negative, and class logits (N, num_classes) of a `ConvNet` trained on the data at hand.

    The arguments are those of configs/feature/classifier.yaml. Images are averaged down to `size`, never enlarged, in
    training as in judging. The accuracy on the images held out is among `facts`, so that a score can be trusted as far
    as its judge. Judging is in float32 always. The weights are a function of the images, their labels and these
    options: on one machine with one number of threads, bit for bit. Torch's global state stays as it is.
    """

    name = "classifier"

    def __init__(
        self,
        *,
        size: int = 32,
        width: int = 24,
        epochs: int = 10,
        min_steps: int = 600,
        batch_size: int = 128,
        learning_rate: float = 4e-3,
        flip: bool = False,
        held_out: float = 0.1,
        precision: str = "fp32",
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        if precision not in ("fp32", "bf16"):
            raise ArgumentError("precision", precision, "must be fp32 or bf16")
        self.size, self.width, self.epochs, self.min_steps = size, width, epochs, min_steps
        self.batch_size, self.learning_rate, self.flip = batch_size, learning_rate, flip
        self.held_out, self.precision, self.seed = held_out, precision, seed
        self.device = torch.device(device)
        self.resizing = "none"
        self.facts: dict[str, Plain] = {}
        self.weights_hash = ""
        self.num_classes = 0  # until `check` tells
        self._built_for: tuple[tuple[int, ...], int] | None = None
        self._prepared: str | None = None

    def check(self, spec: DataSpec) -> None:
        """Builds the network for images of `spec`, with random weights, unless it is there already.

        Raises ValueError for images without labels or of a single class, and for those of fewer than 8 pixels a side.
        """
        if spec.num_classes is None or spec.num_classes < 2:
            lack = "no labels" if spec.num_classes is None else "a single class"
            cure = "sort the images into one folder a class, or judge by efficientnet or pixels"
            raise ValueError(f"learns from classes, and {spec.name} has {lack}; {cure}")
        channels, *sides = spec.image_shape
        factor = min(1.0, self.size / max(sides))
        shape = (round(sides[0] * factor), round(sides[1] * factor))
        if min(shape) < 8:
            size = f"{shape[0]}x{shape[1]} at size={self.size}; judge by pixels with size=4"
            raise ValueError(f"needs 8 pixels a side, and images of {spec.name} have {size}")
        if self._built_for == (spec.image_shape, spec.num_classes):
            return
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = ConvNet(channels=channels, num_classes=spec.num_classes, width=self.width)
        self.num_classes = spec.num_classes
        self._shape, self._built_for, self._prepared = shape, (spec.image_shape, spec.num_classes), None
        self.resizing = f"area average to {shape[0]}x{shape[1]}" if factor < 1 else "none"
        self.network = network.to(memory_format=torch.channels_last)
        self._take(as_bytes(self.network), {})

    def prepare(self, store: ImageStore, *, cache: Path | None, progress: Progress | None = None) -> None:
        """Trains on `store`, or reads what came of it from the folder `cache`; None neither reads nor writes.

        A cache file that is damaged, or of another training, is made anew; writing is atomic, and safe for two
        processes at once. A training that `progress` breaks off by raising, or that is killed, goes on the next time
        from the state that it left beside its cache file, to the same weights. Raises ValueError for images that
        `check` refuses and for too few of them.
        """
        self.check(store.spec)
        options = (self.size, self.width, self.epochs, self.min_steps, self.batch_size, self.learning_rate)
        options += (self.flip, self.held_out, self.precision, self.seed, self.device.type)
        data = (store.content_hash, store.spec.image_shape, store.spec.num_classes)
        key = json.dumps([FORMAT, *options, *data])  # all that decides the weights
        digest = hashlib.sha256(key.encode()).hexdigest()[:24]
        if digest == self._prepared:
            return
        path = cache / f"classifier-{digest}.safetensors" if cache else None
        weights_and_facts = read(path, key, self.network) if path else None
        if weights_and_facts is None:
            part = path.with_suffix(".part") if path else None
            weights_and_facts = self._train(store, progress, part, key)
            if path and part:
                content, facts = weights_and_facts
                about = {"key": key, "sha256": hashlib.sha256(content).hexdigest(), "facts": facts}
                write_tensors(path, load(content), {"about": json.dumps(about)})
                part.unlink(missing_ok=True)
        self._take(*weights_and_facts)
        self._prepared = digest

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert self._built_for, "check comes first"
        images = images.to(device=self.device, dtype=torch.float32)
        with torch.autocast(self.device.type, enabled=False):
            return self.network(self._shrunk(images).contiguous(memory_format=torch.channels_last))

    def _shrunk(self, images: Tensor) -> Tensor:
        return images if self.resizing == "none" else functional.adaptive_avg_pool2d(images, self._shape)

    def _take(self, content: bytes, facts: dict[str, Plain]) -> None:
        """Judges by the weights `content` from now on."""
        self.network.load_state_dict(load(content))
        self.network.eval().requires_grad_(False).to(self.device)
        self.weights_hash, self.facts = hashlib.sha256(content).hexdigest(), facts

    def _train(
        self, store: ImageStore, progress: Progress | None, part: Path | None, key: str
    ) -> tuple[bytes, dict[str, Plain]]:
        """The weights as safetensors bytes, and what stands beside its scores. `part` is the file of its state."""
        train, kept = stratified(store.labels, self.held_out, self.seed)
        if len(train) < 16 or not len(kept):
            parts = f"{len(train)} would be learnt from and {len(kept)} tested on"
            need = f"of which {parts}; give it more images, or judge by pixels"
            raise ValueError(f"{store.spec.name} has {len(store.labels)} images, {need}")
        batch_size = min(self.batch_size, max(8, len(train) // 8))
        steps_per_epoch = len(train) // batch_size
        epochs = max(self.epochs, -(-self.min_steps // steps_per_epoch))
        labels = torch.from_numpy(store.labels.astype(numpy.int64))
        pixels = self._pixels(store)
        network = self.network.requires_grad_(True).to(self.device)
        settings = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            with torch.enable_grad():
                train_classifier(
                    network,
                    pixels[train],
                    labels[train],
                    epochs=epochs,
                    batch_size=batch_size,
                    learning_rate=self.learning_rate,
                    flip=self.flip,
                    seed=self.seed,
                    bf16=self.precision == "bf16",
                    progress=(lambda step, steps, loss: progress(WHAT, step, steps)) if progress else None,
                    saved=_state(part, key) if part else None,
                    save=(lambda state: write_torch(part, {"key": key, **state})) if part else None,
                )
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = settings
        return as_bytes(network), {
            "held_out_accuracy": round(accuracy(network, pixels[kept], labels[kept]), 6),
            "held_out_images": len(kept),
            "training_images": len(train),
            "epochs": epochs,
            "batch_size": batch_size,
        }

    def _pixels(self, store: ImageStore, batch_size: int = 1000) -> Tensor:
        """All images as the network sees them, in 8 bits: a copy in memory, small whatever the size they come in."""
        parts = []
        for start in range(0, len(store.images), batch_size):
            images = torch.from_numpy(numpy.array(store.images[start : start + batch_size]))
            if self.resizing != "none":
                images = self._shrunk(images.float()).round().to(torch.uint8)
            parts.append(images)
        return torch.cat(parts)


def stratified(labels: numpy.ndarray, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The numbers, ascending, of the images to learn from and of those held out: `share` of each class, at least one.

    At least one of each class is learnt from. The choice depends on the labels and `seed` alone.
    """
    random = numpy.random.RandomState(seed)
    held_out = numpy.zeros(len(labels), dtype=bool)
    for label in numpy.unique(labels):
        members = random.permutation(numpy.flatnonzero(labels == label))
        held_out[members[: min(len(members) - 1, max(1, round(len(members) * share)))]] = True
    return torch.from_numpy(numpy.flatnonzero(~held_out)), torch.from_numpy(numpy.flatnonzero(held_out))


def as_bytes(network: ConvNet) -> bytes:
    """The weights in the format of safetensors: the same bytes for the same numbers."""
    return save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def _state(part: Path, key: str) -> dict[str, Any] | None:
    """The state of the training `key` that was broken off; None where there is none that can be read."""
    try:
        state = torch.load(part, map_location="cpu", weights_only=True)
    except Exception:  # torch.load raises almost anything on a damaged file; it is made anew, as all of a cache is
        return None
    return state if isinstance(state, dict) and state.get("key") == key else None


def read(path: Path, key: str, network: ConvNet) -> tuple[bytes, dict[str, Plain]] | None:
    """Weights for `network` and their facts, or None where the file cannot be trusted to be whole and of `key`."""
    tensors, metadata = read_tensors(path) or ({}, {})
    try:
        about = json.loads(metadata.get("about", "{}"))
    except json.JSONDecodeError:
        return None
    content = save(tensors)
    whole = {**about, "facts": {}} == {"key": key, "sha256": hashlib.sha256(content).hexdigest(), "facts": {}}
    shapes, expected = ({name: value.shape for name, value in t.items()} for t in (tensors, network.state_dict()))
    return (content, about["facts"]) if whole and shapes == expected else None
