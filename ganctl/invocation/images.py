"""What the two words after `ganctl fid` mean: images, arrays, statistics, a data set or a run. Imports no torch."""

import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganctl.compose import Composer
from ganctl.configuration.names import nearest, quote, suggestion
from ganctl.contract import ArgumentError
from ganctl.dataset.arrays import NpzImages, headers, is_statistics
from ganctl.dataset.image_folder import ImageFolder
from ganctl.files import given_path
from ganctl.invocation.arguments import about_path
from ganctl.invocation.folders import holds_run, refuse_sweep
from ganctl.invocation.hydra_job import checked_config


@dataclass(frozen=True)
class Word:
    """One of the two words, and its `kind`: images, arrays, statistics, dataset or run.

    A data set has the name of its `option` and perhaps a `split`; `dataset` is its configuration, composed later.
    """

    text: str
    kind: str
    option: str | None = None
    split: str | None = None
    dataset: DictConfig | Mapping[str, Any] | None = None

    @property
    def path(self) -> Path:
        """Where it is, if it is no data set."""
        return Path(self.text).expanduser()


def with_dataset(word: Word, composer: Composer, overrides: Sequence[str], config: DictConfig) -> Word:
    """A data set with its configuration, composed and checked, from the folders that `config` (fid.yaml) names.

    It is composed as a training's, whose model it may choose, beside networks that take images of any shape.
    """
    composer = composer.beside("train")
    chosen = [f"dataset={word.option}", "generator=mlp", "discriminator=projected"]
    chosen += [text for text in overrides if text.startswith("trust=")]
    known = composer.compose(chosen).dataset
    if word.split == "test" and "split" not in known:
        raise ValueError(f"{word.text}: {word.option} has no splits; leave out :test")
    values = {"root": config.root, "split": word.split, "cache": config.cache}
    chosen += [f"dataset.{key}={quote(value)}" for key, value in values.items() if value is not None and key in known]
    try:
        return replace(word, dataset=checked_config(composer, chosen).dataset)
    except ArgumentError as error:
        if error.argument == "dataset.path" and known.path is None:
            need = "is no data set until it has a path; give the folder or .zip of images itself"
            raise ValueError(f"{word.text}: {need}") from None
        # The key that a user of `ganctl fid` has set stands at the top.
        raise error.under(error.argument.removeprefix("dataset.")) from None


def data_of(run: Word) -> Word:
    """The data that a run was trained on; its checkpoint says which they are."""
    return Word(f"the data of {run.text}", "dataset")


def understand(text: str, options: Collection[str]) -> Word:
    """What `text` means, `options` being the names of the data sets.

    A name (`mnist`, `mnist:test`) is a data set, anything else a path. Looks at names and headers only. Raises
    ValueError, in one line with the cure, for what is neither or both, and for files of which nothing can be made.
    """
    try:
        return _understood(text, _path(text), options)
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise ValueError(f"{text}: cannot be looked at ({error.strerror}); choose another") from None


def check_pair(generated: Word, real: Word) -> None:
    """Raises ValueError where both words mean the same: such a comparison says nothing."""
    if generated.kind != real.kind:
        return
    if generated.kind == "dataset":
        same = (generated.option, generated.split or "train") == (real.option, real.split or "train")
    else:
        same = generated.path.resolve() == real.path.resolve()
    if same:
        raise ValueError(f"{generated.text} and {real.text}: are the same, at distance 0; name two sets of images")


def _understood(text: str, path: Path, options: Collection[str]) -> Word:
    option, colon, split = text.partition(":")
    if option in options:
        if path.exists() and not colon:
            raise ValueError(f"{text}: is a data set and a path here; write ./{text} or {text}:train")
        if colon and split not in ("train", "test"):
            raise ValueError(f"{text}: {split or 'nothing'} is no split; try {option}:train or {option}:test")
        return Word(text, "dataset", option, split or None)
    if path.is_dir():
        refuse_sweep(path, "ganctl fid")
        return Word(text, "run") if holds_run(path) else _images(text)
    if path.is_file():
        return _file(text, path)
    if any(parent.is_file() for parent in path.parents):
        return _images(text)
    close = nearest(option, options)
    cure = f"did you mean {close[0] + colon + split}?" if close else suggestion(option, options, "data set")
    raise ValueError(f"{text}: there is no such path, and no data set of that name; {cure}")


def _images(text: str) -> Word:
    with about_path():
        entries = ImageFolder(path=text, resolution=None, channels=None).entries
    if len(entries) < 2:
        raise ValueError(f"{text}: holds one image only; statistics need at least 2 images")
    return Word(text, "images")


def _file(text: str, path: Path) -> Word:
    if path.suffix.lower() == ".npz":
        if is_statistics(headers(path)):
            return Word(text, "statistics")
        NpzImages(path=str(path))
        return Word(text, "arrays")
    try:
        with zipfile.ZipFile(path) as archive:
            is_checkpoint = any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        if path.suffix.lower() in (".pt", ".pth", ".ckpt", ".safetensors"):
            return Word(text, "run")  # whose reader says what is wrong with it
        raise ValueError(
            f"{text}: is none of a folder or .zip of images, an .npz, a run, a checkpoint; "
            "write single images into a folder"
        ) from None
    return Word(text, "run") if is_checkpoint else _images(text)


def _path(text: str) -> Path:
    return given_path(text)
