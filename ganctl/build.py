"""The composition root: turns a validated configuration into objects, each of an allowed class."""

import copy
import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from ganctl.configuration.checks import leaves
from ganctl.configuration.data import image_shape_of
from ganctl.configuration.keys import choice_of, keys_of
from ganctl.configuration.needs import check_needs, check_start, class_of, name_of, truth_lacks
from ganctl.configuration.targets import SEVERAL, check_target
from ganctl.contract import (
    ALONE,
    ArgumentError,
    Dataset,
    DataSpec,
    FeatureExtractor,
    Metric,
    Progress,
    Regularizer,
    Scheduler,
    Task,
    Tracker,
    World,
)
from ganctl.dataset.store import cache_folder
from ganctl.evaluation.evaluate import TEACHER, pupil_of
from ganctl.evaluation.judge import Judge
from ganctl.own_code import own_code
from ganctl.training.device import Device, open_device
from ganctl.training.draws import seed_building
from ganctl.training.game import Game, constrain
from ganctl.training.recorded import unrecorded
from ganctl.training.state import TrainState
from ganctl.training.whole import of_the_whole

OF_PROCESSES = ("processes", "sync_batch_norm")
"""The keys of the node `device` that are no matter of a device."""


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain data, resolved: what a checkpoint holds and what networks are compared by."""
    return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]


def part(group: str, node: Any, trusted: list[str], *, key: str | None = None, **keywords: Any) -> Any:
    """Builds what `node` of the configuration group `group` names, if its `_target_` may be built there.

    Raises ValueError in one line for a target that is not allowed and for values that its class refuses, by their keys
    under `key` (None: `group`).
    """
    settings = plain(node) if isinstance(node, DictConfig) else dict(node)
    settings.pop("shape_rule", None)
    target = settings.pop("_target_")
    check_target(group, target, trusted)
    try:
        module, _, name = target.rpartition(".")
        with own_code(f"{group}={target}: cannot be built", trusted):
            return getattr(importlib.import_module(module), name)(**settings, **keywords)
    except Exception as error:
        cause = error
        if isinstance(cause, ArgumentError):
            with keys_of(group if key is None else key):
                raise cause from None
        if isinstance(cause, ValueError):
            raise ValueError(str(cause)) from None
        if isinstance(cause, (TypeError, IndexError, ImportError, AttributeError)):
            detail = " ".join(str(cause).split())[:200]
            raise ValueError(f"{group}={target}: cannot be built: {detail}") from error
        raise


def device(config: DictConfig, world: World = ALONE) -> Device:
    """Opens the device of the node `device` for this process of `world`; sets torch's global switches."""
    settings = {key: value for key, value in plain(config.device).items() if key not in OF_PROCESSES}
    with keys_of("device", type="device"):
        return open_device(**settings, world=world)


def dataset(config: DictConfig) -> Dataset:
    """The data set of the node `dataset`, not read yet."""
    return part("dataset", config.dataset, config.trust)


def task(config: Mapping[str, Any] | DictConfig, spec: DataSpec, world: World = ALONE) -> Task:
    """What the generator is asked for images of `spec`; `fitted` to the data or `restored` later."""
    settings = {"spec": spec, "latent_size": config["latent_size"], "conditional": config["conditional"]}
    with keys_of(**{key: f"task.{key}" for key in config["task"]}):
        return part("task", config["task"], config["trust"], key="", world=world, **settings)


def network(config: Mapping[str, Any] | DictConfig, group: str, task: Task) -> nn.Module:
    """The network that the node `group` (generator, discriminator) builds, drawn from torch's global generator."""
    check_start(config, group, task)
    with image_shape_of(config["dataset"], task.spec):
        return part(group, config[group], config["trust"], **task.keywords(group))


def constructor(config: Mapping[str, Any], group: str, task: Task) -> tuple[str, dict[str, Any]]:
    """The class that `network` builds, and all keyword arguments that it is built with."""
    settings = {key: value for key, value in config[group].items() if key not in ("_target_", "shape_rule")}
    return config[group]["_target_"], settings | task.keywords(group)


def state(config: DictConfig, game: Game, task: Task, device: Device) -> TrainState:
    """Networks, averages and optimizers before the first step, on `device`; a function of config.seed."""
    seed_building(config.seed)
    sync = config.device.sync_batch_norm
    networks = {name: network(config, group, task) for name, group in game.networks.items()}
    networks = {name: device.place(of_the_whole(each, sync_batch_norm=sync)) for name, each in networks.items()}
    optimizers = {
        side: optimizer(config, side, [networks[name] for name in names], device) for side, names in game.sides.items()
    }
    lengths = config.training.ema_lengths
    begun = TrainState.begin(networks, optimizers, averaged=game.averaged, lengths=lengths, memories=game.memories())
    constrain(begun, game)
    return begun


def copy_with(network: nn.Module, weights: Mapping[str, Any]) -> nn.Module:
    """A copy of `network` that has other weights."""
    copied = copy.deepcopy(network)
    copied.load_state_dict(weights)
    return copied


def optimizer(config: DictConfig, side: str, networks: Sequence[nn.Module], device: Device) -> Any:
    """The optimizer of one side of the game, with that side's own values of the node `optimizer`."""
    node = plain(config.optimizer)
    settings = {"_target_": node["_target_"], **node[side]}
    if settings.get("fused") and device.torch_device.type not in ("cpu", "cuda"):
        settings["fused"] = False
    if device.cuda_graph:
        settings["capturable"] = True
    parameters = [parameter for network in networks for parameter in network.parameters()]
    built = part("optimizer", settings, config.trust, params=parameters)
    for group in built.param_groups:
        group["base_lr"], group["base_betas"] = group["lr"], group.get("betas")
        if device.cuda_graph:
            group["lr"] = torch.tensor(group["lr"], device=device.torch_device)
    return built


def game(config: DictConfig, task: Task) -> Game:
    """The rules: loss, regularizers, augmentation and the settings of the step."""
    training = config.training
    return part(
        "game",
        config.game,
        config.trust,
        task=task,
        loss=part("loss", config.loss, config.trust),
        regularizers=regularizers(config, task),
        batch_size=training.batch_size,
        discriminator_steps=training.discriminator_steps,
        fresh_fakes=training.fresh_fakes,
        accumulate=training.accumulate,
        clip_norm=training.clip_norm,
        ema_half_life=training.ema_half_life_kimg * 1000,
        ema_rampup=training.ema_rampup,
        ema_lengths=tuple(training.ema_lengths),
        burn_in=training.burn_in_kimg * 1000,
    )


def regularizers(config: DictConfig, task: Task) -> dict[str, Regularizer]:
    """The parts of the nodes `regularizer`, `augment` and `term`, by name: to a game they are the same.

    One whose class has an attribute `has_truth` is told whether each sample has a true image.
    """
    groups = ("regularizer", "augment", "term")
    if same := set(config.regularizer) & set(config.augment):
        name = min(map(str, same))
        raise ValueError(f"augment=[{name}]: there is a regularizer of this name; rename one of them in its YAML")
    parts: dict[str, Regularizer] = {}
    for group in groups:
        for name, node in config[group].items():
            kind = class_of(node, group, config.trust)
            told = {"has_truth": not truth_lacks(config)} if hasattr(kind, "has_truth") else {}
            parts[str(name)] = part(group, node, config.trust, key=f"{group}.{name}", **told)
            check_needs(config, f"{group}=[{name}]", parts[str(name)], task)
    return parts


def why_unrecorded(config: DictConfig, game: Game, scheduler: Scheduler) -> str | None:
    """Why the steps of `game` are not recorded as CUDA graphs; None where they can be."""
    if config.trust:
        return f"nothing is known of {', '.join(config.trust)}"
    return unrecorded(game, scheduler, class_of(config.optimizer, "optimizer", []))


def scheduler(config: DictConfig) -> Scheduler:
    """The learning rate's factor as a function of the step; one that has a length in `burn_in_steps` is told it."""
    training, told = config.training, {}
    if hasattr(class_of(config.scheduler, "scheduler", config.trust), "burn_in_steps"):
        told["burn_in_steps"] = 1000 * training.burn_in_kimg / (training.batch_size * training.discriminator_steps)
    last = config.scheduler.get("final_beta2")
    if last is not None and "betas" not in config.optimizer:
        need = f"optimizer={name_of(config.optimizer)} has no second beta"
        raise ArgumentError("scheduler.final_beta2", last, need, "null")
    return part("scheduler", config.scheduler, config.trust, **told)


def extractor(config: DictConfig, device: Device) -> FeatureExtractor:
    """The feature extractor of the node `feature`, on `device`. Raises ValueError if its weights cannot be had."""
    return part("feature", config.feature, config.trust, device=device.torch_device)


def teachers_of(config: Mapping[str, Any] | DictConfig, trusted: list[str]) -> dict[str, str]:
    """The pretrained networks that parts of a run learn from, each with the part, as `discriminator=projected`.

    Such a part's class says so by an attribute `teacher`, the network's name.
    """
    teachers = {}
    groups = [group for group in ("discriminator", "loss", "regularizer", "term") if group in config]
    for group in groups:
        several = group in SEVERAL
        for name, node in config[group].items() if several else [(name_of(config[group]), config[group])]:
            if teacher := getattr(class_of(node, group, trusted), "teacher", None):
                teachers[teacher] = f"{group}=[{name}]" if several else f"{group}={name}"
    return teachers


def metrics(config: DictConfig) -> dict[str, Metric]:
    """The metrics of the node `metric`, by name."""
    return {name: part("metric", node, config.trust, key=f"metric.{name}") for name, node in config.metric.items()}


def trackers(config: DictConfig) -> dict[str, Tracker]:
    """The trackers of the node `tracker`, by name, not opened yet. Raises ValueError where a package is missing."""
    return {name: part("tracker", node, config.trust, key=f"tracker.{name}") for name, node in config.tracker.items()}


def check_untaught(metrics: Mapping[str, Metric], teachers: Mapping[str, str]) -> None:
    """Raises ValueError for a metric that judges by one of the `teachers` of the run."""
    for name, metric in metrics.items():
        if pupil := pupil_of(metric, teachers):
            key = f"metric.{name}.network={metric.pretrained}"  # pyright: ignore[reportAttributeAccessIssue]
            raise ValueError(f"{key}: is what {pupil} learns from, and so cannot judge this run; choose another")


def judge(config: DictConfig, device: Device, progress: Progress, spec: DataSpec) -> Judge:
    """The judge of a run on images of `spec` by its nodes `feature`, `metric`, `stop` and `evaluation`.

    Raises ValueError for images that its extractor cannot judge.
    """
    with keys_of("dataset"):
        cache = cache_folder(config.dataset.get("cache")) / "features"
    extractor_of_run, metrics_of_run = extractor(config, device), metrics(config)
    teachers = teachers_of(config, config.trust)
    check_untaught(metrics_of_run, teachers)
    with choice_of("feature", extractor_of_run.name):
        extractor_of_run.check(spec)
    pupil = pupil_of(extractor_of_run, teachers)
    if pupil:
        extractor_of_run.name += TEACHER
    return Judge(
        extractor=extractor_of_run,
        pupil=pupil,
        metrics=metrics_of_run,
        score=config.stop.score,
        num_real=config.evaluation.num_real,
        batch_size=config.evaluation.batch_size,
        cache=cache,
        progress=progress,
    )


def total_steps(config: DictConfig, num_images: int) -> int:
    """The budget in generator updates, from whichever of training.steps, epochs and images is set."""
    training = config.training
    images_per_step = training.batch_size * training.discriminator_steps
    if training.epochs is not None:
        return max(1, math.ceil(training.epochs * num_images / images_per_step))
    if training.images is not None:
        return max(1, math.ceil(training.images / images_per_step))
    return training.steps


def networks_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys of two plain configurations that decide the networks and differ: a resumed run keeps them.

    What only `new` has was not there yet when the run began; whether the networks are the same shows in their weights.
    """
    first, second = (dict(leaves(_networks(config))) for config in (old, new))
    return sorted(key for key, value in first.items() if key not in second or str(value) != str(second[key]))


def _networks(config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: config.get(key) for key in ("generator", "discriminator", "task", "game", "latent_size", "conditional")
    }


def described(node: DictConfig, network: nn.Module) -> str:
    """A network's name and its number of parameters, for people."""
    return f"{name_of(node)}, {sum(parameter.numel() for parameter in network.parameters()):,} parameters"
