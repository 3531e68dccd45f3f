"""What parts cannot do without, and whether the run has it, asked of classes before a network is built."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from ganctl.configuration.targets import check_target
from ganctl.contract import Task

_ANSWERING = {
    "classes": ("say the class", "discriminator=acgan"),
    "reconstruct": ("reconstruct", "discriminator=fastgan"),
    "recover": ("recover codes", "discriminator=infogan"),
    "features": ("show its inner features", "discriminator=patchgan, dcgan, resnet, cnn or strided_cnn"),
}
"""What a discriminator cannot do that does not know a keyword which a regularizer asks for, and one that does."""
_MODELS = {"enlargement": "model=srgan", "restoration": "model=srgan"}
"""Which model goes with a task that starts from pictures; model=pix2pix with any other."""
_OF_CODES = {"categories", "continuous"}
"""The keywords by which a network is of the task whose latents have codes."""
_OF_TASKS = {"source_shape", "latent_size", "num_classes"}
"""The keywords by which a network is of the tasks that start from pictures, or of those that do not."""


def check_needs(config: Mapping[str, Any], choice: str, regularizer: object, task: Task) -> None:
    """Raises ValueError where the run lacks what a regularizer or term cannot do without.

    `needs_truth` is a true image of each sample, `needs_setting` a setting of the generator, `needs_latents`,
    `needs_classes`, `needs_codes` and `needs_like_sources` what the generator starts from, `asks` a keyword of the
    discriminator.
    """
    known = task.keywords("generator")
    setting = getattr(regularizer, "needs_setting", None)
    if setting is not None and not config["generator"].get(setting):
        need = f"needs generator.{setting} above 0, and generator={name_of(config['generator'])} has none"
        raise ValueError(f"{choice}: {need}; leave it out, or take generator=resnet_translator generator.{setting}=256")
    if getattr(regularizer, "needs_truth", False) and (lack := truth_lacks(config)):
        raise ValueError(f"{choice}: {lack}")
    if getattr(regularizer, "needs_latents", False) and "latent_size" not in known:
        raise ValueError(f"{choice}: task={option_of(config['task'])} starts from no latents; leave it out")
    if getattr(regularizer, "needs_classes", False) and known.get("num_classes") is None:
        cure = "leave it out" if task.spec.num_classes is None else "add conditional=true, or leave it out"
        raise ValueError(f"{choice}: needs images by class, and this run asks for none; {cure}")
    if getattr(regularizer, "needs_like_sources", False) and known.get("source_shape") != known["image_shape"]:
        need = f"needs sources of the images' shape, and task={option_of(config['task'])} has none"
        raise ValueError(f"{choice}: {need}; leave it out, or take task=translation")
    if getattr(regularizer, "needs_codes", False) and not known.keys() >= _OF_CODES:
        raise ValueError(f"{choice}: task={option_of(config['task'])} has no codes in the latents; try task=codes")
    asked = getattr(regularizer, "asks", None)
    if asked is not None:
        check_asked(config, choice, asked)


def check_asked(config: Mapping[str, Any], choice: str, asked: str) -> None:
    """Raises ValueError unless the discriminator knows the keyword `asked`."""
    forward = class_of(config["discriminator"], "discriminator", config["trust"]).forward
    if asked not in inspect.signature(forward).parameters:
        deed, cure = _ANSWERING.get(asked, (asked, ""))
        need = f"discriminator={name_of(config['discriminator'])} cannot {deed}"
        raise ValueError(f"{choice}: {need}; leave it out{cure and f', or take {cure}'}")


def truth_lacks(config: Mapping[str, Any]) -> str | None:
    """Why samples have no true image each, with the cure; None where they have one."""
    if not getattr(class_of(config["task"], "task", config["trust"]), "has_truth", False):
        need = f"task={option_of(config['task'])} has no true image of each sample"
        return f"{need}; leave it out, or take task=translation or task=enlargement"
    if not getattr(class_of(config["dataset"], "dataset", config["trust"]), "paired", True):
        return "the sources of these data belong to no image; leave it out"
    return None


def check_start(config: Mapping[str, Any], group: str, task: Task) -> None:
    """Raises ValueError for a network of the tasks that start from pictures where this one does not, and vice versa.

    That is one whose class needs what the task does not give, or does not know what it gives.
    """
    parameters = inspect.signature(class_of(config[group], group, config["trust"])).parameters
    variadic = {name for name, each in parameters.items() if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)}
    needed = {name for name, each in parameters.items() if each.default is each.empty} - variadic
    given = task.keywords(group).keys()
    unknown = set() if variadic else given - parameters.keys()
    if _OF_CODES & unknown:
        need = f"knows of no codes in the latents, and task={option_of(config['task'])} has some"
        raise ValueError(f"{group}={name_of(config[group])}: {need}; try {group}=infogan, or task=noise")
    if not _OF_TASKS & (unknown | needed - given - config[group].keys()):
        return
    option, choice = option_of(config["task"]), f"{group}={name_of(config[group])}"
    is_generator = group == "generator"
    if "source_shape" in task.keywords("generator"):
        what = "starts from latents" if is_generator else "judges images that start from latents"
        cure = f"{_MODELS.get(option, 'model=pix2pix')}, or task=noise"
        raise ValueError(f"{choice}: {what}, and task={option} starts from pictures; try {cure}")
    what = "starts from a picture" if is_generator else "judges images that start from pictures"
    cure = "model=pix2pix, or task=translation for pairs and task=enlargement for any pictures"
    raise ValueError(f"{choice}: {what}, and task={option} starts from none; try {cure}")


def class_of(node: Mapping[str, Any], group: str, trusted: list[str]) -> Any:
    """The class that a node of `group` names, if it may be built there."""
    target = str(node["_target_"])
    check_target(group, target, trusted)
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def name_of(node: Mapping[str, Any]) -> str:
    """A short name of what a node builds: dcgan for ganctl.model.dcgan.Generator, Hinge for ganctl.loss.Hinge."""
    *_, module, name = ["", *str(node["_target_"]).split(".")]
    return module.removesuffix("_discriminator") if name in ("Generator", "Discriminator") else name


def option_of(node: Mapping[str, Any]) -> str:
    """The option of `task` or `game` that a node is of: noise for ganctl.task.Noise; of others the class's name."""
    return name_of(node).lower() if is_ours(node) else name_of(node)


def is_ours(node: Mapping[str, Any]) -> bool:
    return str(node["_target_"]).startswith("ganctl.")
