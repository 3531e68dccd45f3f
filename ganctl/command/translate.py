"""`ganctl translate RUN IMAGES...`: pictures from pictures, by a trained translation or enlargement."""

from collections.abc import Sequence

from ganctl.files import given_path
from ganctl.invocation.arguments import parse
from ganctl.invocation.hydra_job import checked_config, composer_for, refuse_sweep, shown_instead
from ganctl.own_code import own_code


def main(words: Sequence[str]) -> int:
    """Returns the exit code. Raises ValueError in one line for what the user can mend."""
    arguments = parse(words, takes_targets=len(words))
    if (code := shown_instead("translate", arguments)) is not None:
        return code
    if len(arguments.targets) < 2:
        missing = "IMAGES" if arguments.targets else "RUN"
        usage = "ganctl translate RUN IMAGES... [KEY=VALUE ...], IMAGES being files, folders and zips"
        raise ValueError(f"{missing} is missing: {usage}")
    run, *images = arguments.targets
    target = given_path(run)
    if not target.exists():
        raise ValueError(f"{run}: there is no such run folder or checkpoint file")
    refuse_sweep(target, "ganctl translate")
    config = checked_config(composer_for("translate", arguments), arguments.overrides)
    from ganctl.job.translate import translate

    with own_code(str(target), list(config.trust)):
        return translate(config, target, images)
