"""`ganctl train`: opens a run, consumes the training loop, and does the four periodic jobs between its steps."""

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from ganctl import build, collective
from ganctl.collective import LostError
from ganctl.configuration.keys import choice_of, keys_of
from ganctl.evaluation.evaluate import TEACHER
from ganctl.invocation.presets import About
from ganctl.job.journal import Journal
from ganctl.job.pruning import Pruning
from ganctl.job.rollback import go_back
from ganctl.job.session import END, Session
from ganctl.job.signals import Interrupted, StopSignals
from ganctl.job.summary import FAILED, check_weights, finish
from ganctl.job.together import lead, lost
from ganctl.job.trackers import Trackers
from ganctl.record.console import Console
from ganctl.training.game import Log

_KEYS = {"score": "stop.score", "num_images": "evaluation.num_images", "num_real": "evaluation.num_real"}


def train_once(
    config: DictConfig,
    folder: Path,
    resume: Path | None = None,
    about: About | None = None,
    options: Sequence[str] = (),
    signals: StopSignals | None = None,
    pruning: Pruning | None = None,
) -> dict[str, Any]:
    """Trains into `folder`, from the checkpoint `resume` on if given, and returns the run's summary.

    `options` are what every later command on the run needs again: --config-dir and trust. `signals` are those that the
    caller receives already. `pruning` may end the run at an evaluation.

    The summary has `status` (finished, target, patience, time, pruned, diverged, trouble, interrupted, lost),
    `exit_code`, `score`, `folder`, and `step` unless it ended before training began. Raises ValueError in one line for
    what the user can mend.
    """
    check_weights(config)
    with signals or StopSignals() as signals, Console(folder / "train.log") as console:

        def progress(what: str, done: int, total: int) -> None:
            console.progress(what, done, total)
            signals.raise_if_received()

        try:
            signals.raise_if_received()
            trackers = Trackers(build.trackers(config), console.warn)
            world = lead(config)
            session = Session(config, resume, world, signals)
            judge = build.judge(config, session.device, progress, session.spec)
            count = config.evaluation.num_images
            with choice_of("feature", judge.extractor.name.removesuffix(TEACHER)), keys_of(**_KEYS):
                score = judge.check(
                    session.spec, conditional=config.conditional, num_images=count, pairs=session.has_truth
                )
            session.read(progress)
            with choice_of("feature", judge.extractor.name), keys_of(**_KEYS):
                judge.check_store(session.store)
                collective.in_turn(lambda: judge.prepare(session.store))
            signals.raise_if_received()
            journal = Journal(
                session, judge, score, folder, console, signals, about or About(), options, trackers, pruning
            )
        except Interrupted:
            console.warn("interrupted before training began; there was nothing to save")
            return {"status": "interrupted", "exit_code": signals.exit_code, "score": None, "folder": str(folder)}
        except LostError:
            console.warn(f"{collective.words_of_the_lost()}; training had not begun; start it again")
            return {"status": "lost", "exit_code": 1, "score": None, "folder": str(folder)}
        with closing(journal):
            try:
                summary = finish(journal, _train(session, journal))
            except LostError:
                return lost(journal)
        with suppress(LostError):  # whoever is gone need not be told
            session.order(END)
            collective.leave()
        return summary


def _train(session: Session, journal: Journal) -> str:
    """The loop. Returns why it ended."""
    stop, steps, action = journal.reason_to_stop(), session.steps(), session.config.health.action
    try:
        if stop is None and journal.evaluation_was_cut_off():
            journal.evaluate()
            journal.save_checkpoint()
            stop = journal.reason_to_stop()
        elif stop or (action == "rollback" and session.state.step == 0):  # so that there is one to go back to
            journal.save_checkpoint()
        while stop is None and (log := next(steps, None)) is not None:
            stop = _between_steps(session, journal, log)
            if stop in FAILED and go_back(journal):
                stop = None
        if stop == "trouble" and action == "stop":
            journal.save_checkpoint()
    except Interrupted:  # out of an evaluation: the state is that of the step before it
        journal.save_checkpoint()
        return "interrupted"
    return stop or "finished"


def _between_steps(session: Session, journal: Journal, log: Log) -> str | None:
    """What is due after a step whose log this is. Returns why the run ends with it, None where it goes on."""
    output, step = session.config.output, session.state.step
    last = step == session.total_steps
    journal.console.advance(step)
    log_due = _due(step, output.log_every, last)
    grid_due = _due(step, output.sample_every, last)
    early = output.sample_early and step < output.sample_every and step & (step - 1) == 0  # a power of two
    evaluation_due = _due(step, output.evaluate_every, last)
    checkpoint_due = _due(step, output.checkpoint_every, last)
    if (log_due or grid_due or evaluation_due) and not session.is_finite(log):
        return journal.look(diverged=True)
    if log_due:
        journal.write_losses(log)
    else:
        journal.show_first_losses(log)
    if grid_due or early:
        journal.grids.save()
    if evaluation_due:
        journal.evaluate()
    if (log_due or evaluation_due) and (trouble := journal.look()):
        return trouble
    stop = journal.reason_to_stop()
    if checkpoint_due or stop:
        if not session.is_finite(log):
            return journal.look(diverged=True)
        journal.save_checkpoint()
    return stop


def _due(step: int, every: int | None, last: bool) -> bool:
    return last or (every is not None and step % every == 0)
