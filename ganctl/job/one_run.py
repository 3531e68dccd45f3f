"""One run through Hydra, new or gone on with: what `ganctl train` does, and each job of a sweep."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from ganctl.files import disk_fault
from ganctl.invocation.arguments import Arguments
from ganctl.invocation.folders import has_results
from ganctl.invocation.hydra_job import is_of_the_user, run_hydra, write_traceback
from ganctl.invocation.presets import About
from ganctl.invocation.resume import Resumed
from ganctl.job.pruning import Pruning
from ganctl.job.signals import StopSignals
from ganctl.own_code import OwnCodeError, own_code


def train_job(
    signals: StopSignals,
    config: DictConfig,
    trusted: Sequence[str],
    facts: About,
    again: Resumed | None = None,
    pruning: Pruning | None = None,
) -> dict[str, Any]:
    """The work, in the folder that Hydra has made for it. Returns the run's summary."""
    from ganctl.job.train import train_once

    with open_dict(config):
        config.trust = list(trusted)
    OmegaConf.set_struct(config, True)
    hydra = HydraConfig.get()
    sources = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    options = [f"--config-dir={Path(path).absolute()}" for path in sources]
    options += [text for text in hydra.overrides.task if text.startswith("trust=")]
    checkpoint = again.checkpoint if again else None
    folder = Path(hydra.runtime.output_dir)
    with own_code("training", trusted, OwnCodeError, note=f"; the traceback is in {folder / 'train.log'}"):
        return train_once(config, folder, checkpoint, facts, options, signals, pruning)


def train_through_hydra(
    arguments: Arguments,
    overrides: list[str],
    job: Callable[[DictConfig], dict[str, Any]],
    folder: Path,
    undo: Callable[[], object],
    *,
    is_new: bool = True,
) -> dict[str, Any]:
    """Trains by `job` through Hydra, in `folder`, and returns the run's summary.

    A run that ends before it has begun leaves nothing behind: `undo` removes what was made for it.
    """
    outcome: dict[str, Any] = {"hydra_is_done": False}

    def task(config: DictConfig) -> None:
        outcome["hydra_is_done"] = True
        try:
            outcome["summary"] = job(config)
        except Exception as error:  # kept from Hydra, which would print it in its own way
            outcome["error"] = error
            if not (is_of_the_user(error) or disk_fault(error)):
                outcome["log"] = write_traceback(folder)

    try:
        run_hydra("train", arguments.for_hydra(*overrides), task)
        if error := outcome.get("error"):
            raise error
    except BaseException as error:
        has_begun = has_results(folder) if is_new else outcome["hydra_is_done"] and not is_of_the_user(error)
        if not (has_begun or "log" in outcome):
            undo()
        raise
    if "step" not in outcome["summary"]:
        undo()
    return outcome["summary"]
