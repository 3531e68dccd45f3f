"""Going back: a run in trouble takes up its last good checkpoint again, as another attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganctl import checkpoint
from ganctl.report.health_signs import STEPS_OF_TROUBLE

if TYPE_CHECKING:
    from ganctl.job.journal import Journal
    from ganctl.report.health_scores import Finding


def go_back(journal: Journal) -> bool:
    """Takes the run back to before its troubles, where `health.action` wants it and can have it.

    The new attempt has other random numbers, and learning rates times `health.lr_factor`. What came after the
    checkpoint is set aside, as when a run is resumed from it. Returns whether it went back; why not becomes
    `journal.ending`.
    """
    settings, state, troubles = journal.config.health, journal.state, journal.grave
    title, cure = troubles[0].title, f"; try {troubles[0].cure}" if troubles[0].cure else ""
    if settings.action != "rollback":
        is_choice = settings.action == "stop" and troubles[0].level != "error"
        journal.ending = f"health.action=stop: {title}{cure}" if is_choice else None
        return False
    if state.attempt >= settings.max_rollbacks:
        journal.ending = f"health.max_rollbacks={settings.max_rollbacks}: gone back so often, and again: {title}{cure}"
        return False
    files = checkpoint.kept(journal.checkpoints)
    good = good_step(list(files), troubles, journal.record.rollbacks)
    if good is None:
        need = f"no checkpoint is kept from before the trouble began: {title}"
        journal.ending = f"output.keep_last={journal.config.output.keep_last}: {need}; keep more of them{cure}"
        return False
    _take_up(journal, files[good], troubles[0])
    return True


def good_step(steps: Sequence[int], troubles: Sequence[Finding], rollbacks: Sequence[Mapping[str, Any]]) -> int | None:
    """The step of the checkpoint to go back to, of those at `steps`; None where none is good.

    Good is what was saved before the first sign of any of the troubles. Of several the newest is taken, but one from
    which the run has got into trouble already only where there is no other.
    """
    sound = min(trouble.sound_until for trouble in troubles)
    good = [step for step in steps if step <= sound]
    tried = {rollback["to"] for rollback in rollbacks}
    return max([step for step in good if step not in tried] or good, default=None)


def spared_steps(journal: Journal) -> list[int]:
    """The checkpoints that the run may have to go back to, whatever `output.keep_last` says.

    A trouble is told from a passing phase after `STEPS_OF_TROUBLE`: all are kept since the last before that. A score
    that has turned is so since its best.
    """
    config, step = journal.config, journal.state.step
    if config.health.action != "rollback":
        return []
    back = step - STEPS_OF_TROUBLE - 2 * max(config.health.check_every or 0, config.output.log_every)
    steps = list(checkpoint.kept(journal.checkpoints))
    last, best = (max((s for s in steps if s <= most), default=0) for most in (back, journal.record.best_step or 0))
    return [s for s in steps if s >= last or s == best]


def _take_up(journal: Journal, file: Path, trouble: Finding) -> None:
    content, state, before = checkpoint.load_to_resume(file), journal.state, journal.state.step
    attempt = state.attempt + 1
    journal.session.go_back({**content["state"], "attempt": attempt})
    moved = checkpoint.set_aside_after(journal.folder, state.step, always=True)
    assert moved is not None
    rollback = {"from": before, "to": state.step, "attempt": attempt, "title": trouble.title}
    rollback |= {"evidence": trouble.evidence, "cure": trouble.cure, "abandoned": moved.name}
    journal.go_on(content["record"], [*journal.record.rollbacks, rollback])
    settings = journal.config.health
    slower = f", learning rates times {settings.lr_factor**attempt:g}" if settings.lr_factor < 1 else ""
    where = f"went back from step {before} to the checkpoint of step {state.step}"
    of = f"attempt {attempt + 1} of {settings.max_rollbacks + 1}"
    journal.console.note(f"{where}: {of}{slower}; what came after it was moved to {moved}")
