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

    `network` is the dotted path of its class, `data` the name of the data set, `weights` ema, raw or another average of
    the run. `num_classes` and `class_names` are None where no class can be asked for. `multiple` is that of a
    `Recording`: what the sides of other source pictures have to be multiples of.
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
    multiple: int | None = None

    @property
    def translates(self) -> bool:
        """Whether it starts from pictures."""
        return "source" in self.inputs

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of the class in generator.py: they describe it."""
        source = {"source_shape": list(self.inputs["source"])} if self.translates else {}
        return {
            "latent_size": self.inputs["latents"][0] if "latents" in self.inputs else None,
            **source,
            "image_shape": list(self.image_shape),
            "num_classes": self.num_classes,
            "class_names": None if self.class_names is None else list(self.class_names),
        }

    def config(self, onnx: Mapping[str, Any] | None) -> dict[str, Any]:
        """The content of config.json; `onnx` has opset and largest difference, None = there is no ONNX."""
        return {
            **self.arguments(),
            "inputs": {name: ["N", *self._shape(name, shape)] for name, shape in self.inputs.items()},
            **({"sides": self._sides()} if self.translates else {}),
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
        named = {name: self._shape(name, shape) for name, shape in self.inputs.items()}
        shapes = [f"{name} (N, {', '.join(map(str, shape))})" for name, shape in named.items() if shape]
        shapes += [f"{name} (N,)" for name, shape in named.items() if not shape]
        draw = "torch.rand({}) * 2 - 1" if self.translates else "torch.randn({})"
        return {
            "given": " and ".join(shapes),
            "sides": self._sides(),
            "example": ", ".join(self._example(draw, "torch.arange({}) % {}").values()),
            "translates": self.translates,
            "image_shape": self.image_shape,
            "made": ", ".join(map(str, self._made())),
            "size": f"{self.image_shape[2]}x{self.image_shape[1]}",
            "network": printable(self.network),
            "weights": "the weights of the last step" if self.weights == "raw" else "the averaged weights",
            "version": __version__,
            "torch": self.torch,
        }

    def onnx_example(self) -> str:
        """What onnxruntime is given, as Python."""
        normal, uniform = "numpy.random.standard_normal(({}))", "numpy.random.uniform(-1, 1, ({}))"
        draw = f"{uniform if self.translates else normal}.astype(numpy.float32)"
        given = self._example(draw, "numpy.arange({}) % {}")
        return f"{{{', '.join(f'{chr(34)}{name}{chr(34)}: {text}' for name, text in given.items())}}}"

    def _shape(self, name: str, shape: tuple[int, ...]) -> tuple[int | str, ...]:
        """The shape of an input, with letters for the sides of a source that are free."""
        return (shape[0], "H", "W") if name == "source" and self.multiple else shape

    def _made(self) -> tuple[int | str, ...]:
        """The shape of the images that come of it."""
        if not (self.translates and self.multiple):
            return self.image_shape
        factor = self.image_shape[1] // self.inputs["source"][1]
        return (self.image_shape[0], *(side if factor == 1 else f"{factor} {side}" for side in "HW"))

    def _sides(self) -> str:
        """Which sides a source may have, in words."""
        if not self.translates:
            return ""
        if not self.multiple:
            return f"{self.inputs['source'][2]}x{self.inputs['source'][1]} pixels alone"
        return "any height and width" + (f" that are multiples of {self.multiple}" if self.multiple > 1 else "")

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
