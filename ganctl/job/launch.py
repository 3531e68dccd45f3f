"""`device.processes=N`: the processes of one run on this machine, started and watched over by torchrun's launcher."""

import logging
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ganctl import checkpoint
from ganctl.bounded import read_json
from ganctl.configuration.checks import check_processes
from ganctl.files import given_path
from ganctl.job.machine import number_of
from ganctl.job.signals import NUMBERS, StopSignals
from ganctl.processes import attempt, launch_name, world_of_environment


def to_start(config: Mapping[str, Any]) -> int:
    """How many processes are to be started for a run, 1 = none: it is this one, or torchrun has started them.

    Raises ValueError where the batch cannot be shared out among those that there will be.
    """
    size = world_of_environment().size
    check_processes(size if size > 1 else number_of(config), config["training"])
    return number_of(config) if size == 1 else 1


def broken_off(config: DictConfig) -> Path | None:
    """The folder of the run that an earlier attempt of this launch has begun and saved; None if there is none."""
    return _begun_by(launch_name(), config) if attempt() else None


def _begun_by(launch: str, config: DictConfig) -> Path | None:
    with suppress(OmegaConfBaseException):  # a folder's name that cannot be made is refused later
        folders = [Path(config.hydra.run.dir), *sorted(given_path(config.output.root).glob("*/*"), reverse=True)]
        for folder in folders:
            with suppress(ValueError):  # no record, or none of ours
                if read_json(folder / "environment.json")["launch"] == launch and checkpoint.find(folder):
                    return folder
    return None


def launch(
    words: Sequence[str], number: int, signals: StopSignals, config: DictConfig, folder: Path | None = None
) -> int:
    """Runs `ganctl train WORDS` in `number` processes. Returns the exit code: that of the first of them.

    `config` is what the words mean, `folder` that of a run that goes on. A signal is passed on to all, which then save
    and end. Where one of them ends badly the others are ended as well.
    """
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    heeded = [signal.Signals(each).name for each in NUMBERS if signal.getsignal(each) != signal.SIG_IGN]
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # what ends a process is said by ganctl
    with tempfile.TemporaryDirectory(prefix="ganctl-") as logs, StopSignals(at_once=True):
        signals.raise_if_received()
        settings = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=number,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
            run_id=(name := f"ganctl-{secrets.token_hex(8)}"),
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            signals_to_handle=",".join(heeded),
        )
        try:
            elastic_launch(settings, sys.executable)("-m", "ganctl", "train", *words)
        except SignalException as stopped:
            return 128 + stopped.sigval
        except ChildFailedError as failed:
            code = failed.failures[0].exitcode if 0 in failed.failures else 1
            if code < 0:
                place = folder or _begun_by(name, config)
                cure = (
                    f"go on: {shlex.join(['ganctl', 'train', '--resume', str(place)])}" if place else "start it again"
                )
                print(f"the first process was ended by {signal.Signals(-code).name}; {cure}", file=sys.stderr)
            return code if code > 0 else 1
    return 0
