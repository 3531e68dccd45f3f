"""A judge for any labelled images: a classifier that learns from the run's own training images, once."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from ganctl.contract import ArgumentError, DataSpec, ImageStore, Plain, Progress
from ganctl.feature.convnet import ConvNet, accuracy, train_classifier
from ganctl.feature.frozen import Frozen, Head, head_accuracy, train_head
from ganctl.pretrained import LITE0, VARIANTS, check_channels
from ganctl.tensor_files import read_tensors, write_tensors, write_torch

FORMAT = 1  # of the training and its cache; another number makes all older files unread
LOOKING, WHAT = "looking at the images", "training the classifier"
OWN, OWN_SIZE, FROZEN_SIZE = "own", 32, 96
ROWS = ".rows"  # end of the file that holds what a frozen network saw, while its head is trained


class Classifier:
    """Features (N, 128), non-negative, and class logits (N, num_classes) of a network trained on the data at hand.

    `network` is what learns: a `Head` on a frozen network that knows ImageNet, as `efficientnet_lite0`, or a `ConvNet`
    of its `own`, from random weights. None is the first for images in colour and the second for grey ones, which are
    mostly digits, letters and the like. The frozen one brings images to `size` pixels a side (None: 96); for the other
    they are averaged down to `size` (None: 32), never enlarged; in training as in judging.

    The other arguments are those of configs/feature/classifier.yaml. The network's name and the accuracy on the images
    held out are among `facts`, so that a score can be trusted as far as its judge. Judging is in float32, but a frozen
    network sees images in `precision`, in training as in judging. The weights are a function of the images, their
    labels and these options: on one machine with one number of threads, bit for bit. Torch's global state stays as it
    is.
    """

    name = "classifier"

    def __init__(
        self,
        *,
        network: str | None = None,
        size: int | None = None,
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
        if network not in (None, OWN, *VARIANTS):
            raise ArgumentError("network", network, f"is unknown; choose from {', '.join([OWN, *VARIANTS])}")
        self.chosen, self.size, self.width, self.epochs, self.min_steps = network, size, width, epochs, min_steps
        self.batch_size, self.learning_rate, self.flip = batch_size, learning_rate, flip
        self.held_out, self.precision, self.seed = held_out, precision, seed
        self.device = torch.device(device)
        self.resizing = "none"
        self.facts: dict[str, Plain] = {}
        self.weights_hash = ""
        self.num_classes = 0  # until `check` tells
        self.pretrained: str | None = None  # the frozen network
        self.frozen: Frozen | None = None
        self._built_for: tuple[tuple[int, ...], int] | None = None
        self._prepared: str | None = None

    def check(self, spec: DataSpec) -> None:
        """Builds the network for images of `spec`, with random weights, unless it is there already.

        Raises ValueError for images without labels or of a single class, for those of other than 1 or 3 channels, and
        by a network of its own for those of fewer than 8 pixels a side.
        """
        if spec.num_classes is None or spec.num_classes < 2:
            lack = "no labels" if spec.num_classes is None else "a single class"
            cure = "sort the images into one folder a class, or judge by efficientnet or pixels"
            raise ValueError(f"learns from classes, and {spec.name} has {lack}; {cure}")
        check_channels(spec)
        if self._built_for == (spec.image_shape, spec.num_classes):
            return
        name = self.chosen or (OWN if spec.image_shape[0] == 1 else LITE0.name)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            network = self._own(spec) if name == OWN else self._head(name, spec)
        self.pretrained = None if name == OWN else name
        self.num_classes = spec.num_classes
        self._built_for, self._prepared = (spec.image_shape, spec.num_classes), None
        self.network = network.to(memory_format=torch.channels_last)
        self._take(as_bytes(self.network), {})

    def _own(self, spec: DataSpec) -> ConvNet:
        channels, *sides = spec.image_shape
        size = self.size or OWN_SIZE
        factor = min(1.0, size / max(sides))
        shape = (round(sides[0] * factor), round(sides[1] * factor))
        if min(shape) < 8:
            need = f"needs 8 pixels a side, and images of {spec.name} have {shape[0]}x{shape[1]} at size={size}"
            raise ValueError(f"{need}; judge by pixels with size=4")
        self._shape, self.resizing = shape, f"area average to {shape[0]}x{shape[1]}" if factor < 1 else "none"
        self.frozen = None
        assert spec.num_classes is not None
        return ConvNet(channels=channels, num_classes=spec.num_classes, width=self.width)

    def _head(self, name: str, spec: DataSpec) -> Head:
        size = self.size or FROZEN_SIZE
        self.frozen, self.resizing = (
            Frozen(VARIANTS[name], size, self.device),
            f"bicubic with antialiasing to {size}x{size}",
        )
        assert spec.num_classes is not None
        return Head(self.frozen.width, spec.num_classes)

    def prepare(self, store: ImageStore, *, cache: Path | None, progress: Progress | None = None) -> None:
        """Trains on `store`, or reads what came of it from the folder `cache`; None neither reads nor writes.

        A cache file that is damaged, or of another training, is made anew; writing is atomic, and safe for two
        processes at once. A training that `progress` breaks off by raising, or that is killed, goes on the next time
        from the state that it left beside its cache file, to the same weights. Raises ValueError for images that
        `check` refuses and for too few of them.
        """
        self.check(store.spec)
        size = self.frozen.size if self.frozen else self.size or OWN_SIZE
        options = (size, self.width, self.epochs, self.min_steps, self.batch_size, self.learning_rate)
        options += (self.flip, self.held_out, self.precision, self.seed, self.device.type)
        options += (self.frozen.variant.hash_prefix,) if self.frozen else ()
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
                for left in (part, path.with_suffix(ROWS)):
                    left.unlink(missing_ok=True)
        self._take(*weights_and_facts)
        self._prepared = digest

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert self._built_for, "check comes first"
        images = images.to(device=self.device, dtype=torch.float32)
        with torch.autocast(self.device.type, enabled=False):
            if self.frozen:
                return self.network(self.frozen(images, bf16=self.precision == "bf16"))
            return self.network(self._shrunk(images).contiguous(memory_format=torch.channels_last))

    def _shrunk(self, images: Tensor) -> Tensor:
        return images if self.resizing == "none" else functional.adaptive_avg_pool2d(images, self._shape)

    def _take(self, content: bytes, facts: dict[str, Plain]) -> None:
        """Judges by the weights `content` from now on."""
        self.network.load_state_dict(load(content))
        self.network.eval().requires_grad_(False).to(self.device)
        seen_by = f"{self.frozen.variant.hash_prefix} {self.precision}".encode() if self.frozen else b""
        self.weights_hash, self.facts = hashlib.sha256(seen_by + content).hexdigest(), facts

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
        seen = self._rows(store, progress, part, key) if self.frozen else self._pixels(store)
        network = self.network.requires_grad_(True).to("cpu" if self.frozen else self.device)
        flips = {} if self.frozen else {"flip": self.flip}
        settings = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        try:
            with torch.enable_grad():
                (train_head if self.frozen else train_classifier)(
                    network,  # pyright: ignore[reportArgumentType]
                    seen[train],
                    labels[train],
                    epochs=epochs,
                    batch_size=batch_size,
                    learning_rate=self.learning_rate,
                    **flips,
                    seed=self.seed,
                    bf16=self.precision == "bf16",
                    progress=(lambda step, steps, loss: progress(WHAT, step, steps)) if progress else None,
                    saved=_state(part, key) if part else None,
                    save=(lambda state: write_torch(part, {"key": key, **state})) if part else None,
                )
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = settings
        if isinstance(network, Head):
            right = head_accuracy(network, seen[kept, 0], labels[kept])
        else:
            right = accuracy(network, seen[kept], labels[kept])
        return as_bytes(network), {
            "network": self.pretrained or OWN,
            "precision": self.precision,
            "held_out_accuracy": round(right, 6),
            "held_out_images": len(kept),
            "training_images": len(train),
            "epochs": epochs,
            "batch_size": batch_size,
        }

    def _rows(self, store: ImageStore, progress: Progress | None, part: Path | None, key: str) -> Tensor:
        """What the frozen network sees in all images, and in their mirror images if `flip`; kept until all is done."""
        assert self.frozen
        file, count = part.with_suffix(ROWS) if part else None, len(store.images)
        save = (lambda state: write_torch(file, {"key": key, **state})) if file else None
        saved = _state(file, key) if file else None
        said = (lambda done, count: progress(LOOKING, done, count)) if progress else None
        options: dict[str, Any] = {"flip": self.flip, "bf16": self.precision == "bf16"}
        rows = self.frozen.rows(_scaled(store), count, **options, progress=said, saved=saved, save=save)
        if save and (saved is None or saved["done"] < count):
            save({"done": count, "rows": rows})
        return rows

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


def _scaled(store: ImageStore) -> Callable[[int, int], Tensor]:
    """Images of the store in [-1, 1], by the number of the first and how many."""

    def pixels(start: int, number: int) -> Tensor:
        return torch.from_numpy(numpy.array(store.images[start : start + number])).float() / 127.5 - 1

    return pixels


def as_bytes(network: nn.Module) -> bytes:
    """The weights in the format of safetensors: the same bytes for the same numbers."""
    return save({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()})


def _state(part: Path, key: str) -> dict[str, Any] | None:
    """The state of the training `key` that was broken off; None where there is none that can be read."""
    try:
        state = torch.load(part, map_location="cpu", weights_only=True)
    except Exception:  # torch.load raises almost anything on a damaged file; it is made anew, as all of a cache is
        return None
    return state if isinstance(state, dict) and state.get("key") == key else None


def read(path: Path, key: str, network: nn.Module) -> tuple[bytes, dict[str, Plain]] | None:
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
