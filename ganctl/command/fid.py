"""`ganctl fid A B`: scores of any images against any others."""

from __future__ import annotations

from collections.abc import Sequence

from ganctl.invocation.arguments import parse
from ganctl.invocation.hydra_job import checked_config, composer_for, shown_instead
from ganctl.invocation.images import check_pair, new_file, understand, with_dataset


def main(words: Sequence[str]) -> int:
    """`ganctl fid A B`. Returns the exit code."""
    arguments = parse(words, takes_targets=2)
    if (code := shown_instead("fid", arguments)) is not None:
        return code
    if len(arguments.targets) < 2:
        raise ValueError(
            "A or B is missing: ganctl fid A B [KEY=VALUE ...], each a folder, zip or .npz of images, .npz of "
            "statistics, data set or run"
        )
    composer = composer_for("fid", arguments)
    config = checked_config(composer, arguments.overrides)
    sides = [understand(text, composer.options()["dataset"]) for text in arguments.targets]
    check_pair(sides[0], sides[1])
    save, output = new_file("save", config.save, ".npz"), new_file("output", config.output, ".json")
    sides = [with_dataset(side, composer, arguments.overrides, config) if side.option else side for side in sides]
    from ganctl.job.fid import run

    return run(config, (sides[0], sides[1]), save=save, output=output)
