"""What is said of an exported generator, in config.json, in generator.py and on the model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from ganctl import __version__
from ganctl.forms import printable

_EXAMPLE = 16  # images


@dataclass(frozen=True)
class Description:
    """A generator's facts: `inputs` are the shapes of what it is given, without the number of images.

    `network` is the dotted path of its class, `data` the name of the data set, `weights` ema or raw. `num_classes` and
    `class_names` are None where no class can be asked for.
    """

    network: str
    inputs: Mapping[str, tuple[int, ...]]
    image_shape: tuple[int, ...]
    num_classes: int | None
    class_names: tuple[str, ...] | None
    data: str
    step: int
    weights: str
    torch: str

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the class in generator.py: they describe it."""
        return {
            "latent_size": self.inputs["latents"][0] if "latents" in self.inputs else None,
            "image_shape": list(self.image_shape),
            "num_classes": self.num_classes,
            "class_names": None if self.class_names is None else list(self.class_names),
        }

    def config(self, onnx: Mapping[str, Any] | None) -> dict[str, Any]:
        """The content of config.json; `onnx` has opset and largest difference, None = there is no ONNX."""
        return {
            **self.arguments(),
            "inputs": {name: ["N", *shape] for name, shape in self.inputs.items()},
            "images": "float32 in [-1, 1]",
            "network": self.network,
            "data": self.data,
            "step": self.step,
            "weights": self.weights,
            "ganctl": __version__,
            "torch": self.torch,
            "onnx": onnx,
        }

    def words(self) -> dict[str, Any]:
        """What both templates need."""
        shapes = [f"{name} (N, {', '.join(map(str, shape))})" for name, shape in self.inputs.items() if shape]
        shapes += [f"{name} (N,)" for name, shape in self.inputs.items() if not shape]
        return {
            "given": " and ".join(shapes),
            "example": ", ".join(self._example("torch.randn({})", "torch.arange({}) % {}").values()),
            "image_shape": self.image_shape,
            "size": f"{self.image_shape[2]}x{self.image_shape[1]}",
            "network": printable(self.network),
            "weights": "the averaged weights" if self.weights == "ema" else "the weights of the last step",
            "version": __version__,
            "torch": self.torch,
        }

    def onnx_example(self) -> str:
        """What onnxruntime is given, as Python."""
        normal = "numpy.random.standard_normal(({})).astype(numpy.float32)"
        given = self._example(normal, "numpy.arange({}) % {}")
        return f"{{{', '.join(f'{chr(34)}{name}{chr(34)}: {text}' for name, text in given.items())}}}"

    def _example(self, normal: str, labels: str) -> dict[str, str]:
        return {
            name: labels.format(_EXAMPLE, self.num_classes)
            if name == "labels"
            else normal.format(", ".join(map(str, (_EXAMPLE, *shape))))
            for name, shape in self.inputs.items()
        }


def filled(template: str, words: Mapping[str, Any]) -> str:
    """The template of that name with the words put in; a word that is missing is a mistake of ours."""
    from jinja2 import Environment, StrictUndefined

    text = resources.files("ganctl.export").joinpath(f"templates/{template}").read_text(encoding="utf-8")
    return Environment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text).render(words)
