"""`ganctl evaluate RUN`: scores of a trained generator."""

from collections.abc import Sequence

from ganctl.invocation.hydra_job import run_and_config
from ganctl.own_code import own_code


def main(words: Sequence[str]) -> int:
    """Returns the exit code."""
    request = run_and_config("evaluate", words)
    if isinstance(request, int):
        return request
    from ganctl.job.evaluate import evaluate_run

    target, config = request
    with own_code(str(target), list(config.trust)):
        return evaluate_run(config, target)
