"""Looks at a run while it trains, by the rules of its report: each trouble is said once, with its remedy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganctl.job.real_grid import real_grid
from ganctl.job.session import Session
from ganctl.report.files import curves_of
from ganctl.report.health import not_finite, troubles
from ganctl.report.health_scores import Finding
from ganctl.report.recorded import Recorded
from ganctl.training.vital_signs import BatchSigns, gradient_norms

MOST_LINES = 400  # of losses that a look takes into account, which bounds what it costs
MOST_IMAGES, FEWEST_IMAGES = 32, 4  # of the batch that is drawn at a look; otherwise as many as a step has

Write = Callable[[Mapping[str, Any]], None]


class Watch:
    """What is wrong with the run of `session` in `folder`, from its records alone, so that a resumed run sees the same.

    `write` puts a line into metrics.jsonl, of which `remember` is told every line.
    """

    def __init__(self, session: Session, folder: Path, write: Write) -> None:
        self._session, self._write = session, write
        self._settings = session.config.health
        plain = session.plain_config
        budget = {"steps": session.total_steps, "epochs": None, "images": None}  # of epochs a record knows no length
        config = {**plain, "training": {**plain["training"], **budget}}
        self._run = Recorded(folder, folder.name, config, [], {}, {}, [], [], [])
        self._said: dict[str, Finding] = {}
        pixels = real_grid(session.store, self._num_images(), None, session.config.seed)
        self._batch_signs = BatchSigns(pixels.float() / 127.5 - 1)

    def forget(self, lines: Iterable[dict[str, Any] | None]) -> None:
        """All but these lines of metrics.jsonl, from which the run goes on."""
        self._run.losses.clear()
        self._run.scores.clear()
        self._said.clear()
        for line in lines:
            self.remember(line)

    def remember(self, line: Mapping[str, Any] | None) -> None:
        """One line of metrics.jsonl."""
        curves = curves_of([dict(line or {})])
        self._run.losses.extend(curves["losses"])
        self._run.scores.extend(curves["scores"])
        del self._run.losses[:-MOST_LINES]
        for event in curves["trouble"]:
            title = event["title"]
            if event["over"]:
                self._said.pop(title, None)
            else:
                self._said[title] = Finding(event["level"], title, event["evidence"], event["cure"])

    def is_due(self, step: int) -> bool:
        """Whether the losses of `step` are the first since the last whole `health.check_every` steps, or the last."""
        every, line = self._settings.check_every, self._session.config.output.log_every
        return every is not None and (step // every > (step - line) // every or step == self._session.total_steps)

    def signs(self) -> dict[str, float]:
        """What is measured at a look: the gradients of this step, and a batch of fixed samples."""
        samples = self._session.drawer().samples(self._session.config.seed, 0, self._num_images())
        return {**gradient_norms(self._session.state), **self._batch_signs.of(samples)}

    def look(self, *, diverged: bool = False) -> list[tuple[str, Finding]]:
        """The troubles that were not there at the last look, by the names of `health.act_on`.

        They are written down, and so are those that are gone. `diverged`: a loss or a weight is no finite number.
        """
        if not (diverged or self._is_time()):
            return []
        if diverged:
            run = replace(self._run, summary={"status": "diverged", "step": self._session.state.step})
            there = [("finite", finding) for finding in not_finite(run)]
            gone = []
        else:
            there = troubles(replace(self._run))  # a copy, as one that was asked keeps its answers
            titles = [finding.title for _, finding in there]
            gone = [finding for title, finding in self._said.items() if title not in titles]
        new = [(name, finding) for name, finding in there if diverged or finding.title not in self._said]
        for finding in (*(finding for _, finding in new), *gone):
            self._write(self._event(finding, over=finding in gone))
        return new

    def _is_time(self) -> bool:
        """Whether there are losses with signs, or scores, of this step."""
        step = self._session.state.step
        is_evaluated = any(record["step"] == step for record in self._run.scores[-1:])
        return self.is_due(step) or (is_evaluated and self._settings.check_every is not None)

    def _event(self, finding: Finding, *, over: bool) -> dict[str, Any]:
        said = {"title": finding.title, "level": finding.level, "evidence": finding.evidence, "cure": finding.cure}
        return {"step": self._session.state.step, "kind": "trouble", **said, "over": over}

    def _num_images(self) -> int:
        batch = self._session.config.training.batch_size
        return self._session.num_samples(min(MOST_IMAGES, max(FEWEST_IMAGES, batch)))
