"""`ganctl export RUN`: a trained generator for others, who need no ganctl."""

from collections.abc import Sequence

from ganctl.invocation.hydra_job import run_and_config
from ganctl.own_code import own_code


def main(words: Sequence[str]) -> int:
    """Returns the exit code."""
    request = run_and_config("export", words)
    if isinstance(request, int):
        return request
    target, config = request
    if config.onnx:
        from ganctl.export.packages import check_packages

        check_packages()
    from ganctl.job.export import export_run

    with own_code(str(target), list(config.trust)):
        return export_run(config, target)
