"""`ganctl fid A B`: scores of any images against any others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganctl.invocation.arguments import new_file, parse
from ganctl.invocation.hydra_job import checked_config, composer_for, shown_instead
from ganctl.invocation.images import check_pair, data_of, understand, with_dataset
from ganctl.own_code import own_code

if TYPE_CHECKING:
    from ganctl.evaluation.scores import ScoreSet


def main(words: Sequence[str]) -> int:
    """`ganctl fid A [B]`. Returns the exit code."""
    outcome = score(words)
    return outcome if isinstance(outcome, int) else 0


def score(words: Sequence[str]) -> int | ScoreSet:
    """As `main`; where something was scored, the scores. Raises ValueError in one line for what the user can mend."""
    arguments = parse(words, takes_targets=2)
    if (code := shown_instead("fid", arguments)) is not None:
        return code
    composer = composer_for("fid", arguments)
    config = checked_config(composer, arguments.overrides)
    sides = [understand(text, composer.options()["dataset"]) for text in arguments.targets]
    if [side.kind for side in sides] == ["run"]:
        sides.append(data_of(sides[0]))
    if len(sides) < 2:
        raise ValueError(
            "A or B is missing: ganctl fid A B [KEY=VALUE ...], each a folder, zip or .npz of images, .npz of "
            "statistics, data set or run; of a run, B is the data that it was trained on unless it is named"
        )
    check_pair(sides[0], sides[1])
    save, output = new_file("save", config.save, ".npz"), new_file("output", config.output, ".json")
    sides = [with_dataset(side, composer, arguments.overrides, config) if side.option else side for side in sides]
    from ganctl.job.fid import score_sides

    with own_code("ganctl fid", list(config.trust)):
        return score_sides(config, (sides[0], sides[1]), save=save, output=output)
