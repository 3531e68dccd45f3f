"""A run of several processes: the first one leads, the others follow, and what is said when one of them is lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ganctl import build, checkpoint, collective
from ganctl.configuration.names import one_line
from ganctl.contract import ALONE, World
from ganctl.job.journal import Journal
from ganctl.job.machine import number_of
from ganctl.job.session import Session
from ganctl.job.signals import StopSignals
from ganctl.job.summary import command_on
from ganctl.own_code import OwnCodeError, own_code
from ganctl.processes import world_of_environment

_EVERY = 0.5  # seconds between looks at whether the launcher lives


def lead(config: DictConfig) -> World:
    """Meets the other processes, if there are any, and hands them what they have to do. Returns our place among them.

    Raises ValueError where several are asked for that nobody has started, as in a sweep.
    """
    world = world_of_environment()
    if world.size == 1:
        if (number := number_of(config)) > 1:
            raise ValueError(f"device.processes={number}: a job of a sweep has one; leave it out")
        return ALONE
    _end_with_the_launcher()
    collective.join(world)
    collective.announced({"config": build.plain(config), "import": sys.path, "place": os.getcwd()})  # noqa: PTH109
    return world


def follow(world: World) -> int:
    """The whole life of a process that is not the first: it composes, locks, writes and prints nothing.

    Returns the exit code. What goes wrong the first process says.
    """
    _be_silent()
    _end_with_the_launcher()
    try:
        collective.join(world)
        with StopSignals() as signals:
            _follow(world, collective.announced({}), signals)
    except collective.LostError:
        return 1
    except Exception as error:
        text = one_line(error)
        collective.leave_word(text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}")
        return 1
    return 0


def _follow(world: World, job: dict[str, Any], signals: StopSignals) -> None:
    sys.path += [folder for folder in job["import"] if folder not in sys.path]
    with suppress(OSError):  # on another machine; there all paths are those that were typed
        os.chdir(job["place"])
    config = DictConfig(job["config"])
    OmegaConf.set_struct(config, True)
    with own_code("training", list(config.trust), OwnCodeError):
        session = Session(config, world=world, signals=signals)
        judge = build.judge(config, session.device, _no_progress, session.spec)
        session.read(_no_progress)
        collective.in_turn(lambda: judge.prepare(session.store))
        session.follow(judge)
    collective.leave()


def lost(journal: Journal) -> dict[str, Any]:
    """Says in one line that another process has ended, and how to go on. Returns the summary of the run."""
    saved = any(journal.checkpoints.glob("step-*.pt"))
    last = f"the last checkpoint is {checkpoint.find(journal.folder)}" if saved else "there was no checkpoint yet"
    cure = f"go on: {command_on(journal, 'train --resume')}" if saved else "start it again"
    journal.console.warn(f"{collective.words_of_the_lost()}; {last}; {cure}")
    step = journal.state.step
    return {"status": "lost", "exit_code": 1, "score": None, "folder": str(journal.folder), "step": step}


def _end_with_the_launcher() -> None:
    """Ends this process as SIGTERM does, should the one that started it be killed, which can pass on no signal then."""

    def watch(launcher: int) -> None:
        while os.getppid() == launcher:
            time.sleep(_EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()


def _be_silent() -> None:
    """What user code and libraries print the first process prints already."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)


def _no_progress(what: str, done: int, total: int) -> None: ...
