"""`ganctl sample RUN`: pictures from a trained generator."""

from collections.abc import Sequence

from ganctl.invocation.hydra_job import run_and_config
from ganctl.own_code import own_code


def main(words: Sequence[str]) -> int:
    """Returns the exit code."""
    request = run_and_config("sample", words)
    if isinstance(request, int):
        return request
    from ganctl.job.sample import draw_samples

    target, config = request
    with own_code(str(target), list(config.trust)):
        return draw_samples(config, target)
