"""`ganctl COMMAND ...`: finds the command and hands it the rest. Imports nothing heavy before it knows which."""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ganctl.files import disk_fault
from ganctl.job.signals import Stopped, StopSignals
from ganctl.record.streams import Streams, occupy

COMMANDS = {
    "train": "train a GAN, or sweep over settings with -m",
    "sample": "draw pictures with a trained generator",
    "translate": "make pictures of pictures with a trained translation or enlargement",
    "evaluate": "score a trained generator",
    "fid": "score any images against others: folders, zips, arrays, data sets, runs",
    "export": "put a trained generator into forms that need no ganctl",
    "compare": "a table of several runs' scores",
    "data": "look at pictures of your own before a training, or pack them",
    "report": "an HTML page of one or several runs, or of a sweep",
    "list": "show what there is to choose from",
}
"""What each command does; `main(words)` of the module of its name in ganctl.command returns the exit code."""

COMPOSED = ("train", "sample", "translate", "evaluate", "fid", "export")
"""The commands whose settings Hydra composes."""

ONLY_SHOWS = ("-h", "--help", "--hydra-help", "-c", "--cfg", "-i", "--info", "-sc", "--shell-completion")
"""The options with which a command prints something instead of its work."""

USAGE = """\
usage: ganctl COMMAND [...]

Trains generative adversarial networks from the command line, and judges them.

commands:
{commands}

  ganctl COMMAND --help     more about one
  ganctl --version

examples:
  ganctl train                              5,000 MNIST digits that come with a package: no download
  ganctl train dataset=mnist model=dcgan
  ganctl sample outputs/DATE/RUN
"""


def main(words: Sequence[str] | None = None) -> int:
    """Runs the command line `words` (None = the process's own, which ends after it). Returns the exit code.

    Prints a user's error, and that of a disk, in one line. What cannot be printed is 1, but for a training, which has
    written it into its train.log as well.
    """
    is_process = words is None
    words = list(sys.argv[1:] if words is None else words)
    if is_process:
        occupy()
    try:
        with StopSignals(at_once=True, to_the_end=is_process), Streams() as streams:
            code = _answer(words)
    except Stopped as stopped:
        return stopped.exit_code
    is_training = words[:1] == ["train"] and not any(word.partition("=")[0] in ONLY_SHOWS for word in words)
    return code or int(streams.failed and not is_training)


def _answer(words: list[str]) -> int:
    try:
        if words and words[0] in COMMANDS:
            _check_working_directory()
        return _dispatch(words)
    except ValueError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        from ganctl.configuration.names import message

        print(message(error), file=sys.stderr)
        return 2
    except OSError as error:
        if (fault := disk_fault(error)) is None:
            raise
        print(fault, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _check_working_directory() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise ValueError(f"the working directory: cannot be used ({error.strerror}); change to another") from None


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[1] in COMMANDS:
            return _dispatch([words[1], "--help", *words[2:]])
        lines = [f"  {name:<10}{summary}" for name, summary in COMMANDS.items()]
        print(USAGE.format(commands="\n".join(lines)), end="")
        return 0
    if words[0] in ("-V", "--version"):
        from ganctl import __version__

        print(f"ganctl {__version__}")
        return 0
    if words[0] in ("-sc", "--shell-completion"):
        return _complete(words[1:])
    if words[0] not in COMMANDS:
        from ganctl.configuration.names import suggestion

        is_override = "=" in words[0]
        cure = (
            f"did you mean ganctl train {' '.join(words)}?"
            if is_override
            else suggestion(words[0], COMMANDS, "command")
        )
        raise ValueError(f"{words[0]}: no such command; {cure}")
    if place := next((place for place, word in enumerate(words) if word in ("-h", "--help")), 0):
        topic = next((word for word in words[place + 1 :] if not word.startswith("-") and "=" not in word), None)
        if topic and words[0] in COMPOSED:
            from ganctl.compose import Composer
            from ganctl.invocation.meanings import show_topic

            return show_topic(Composer(words[0]), topic)
        from ganctl.invocation.help import show

        return show(words[0])
    return _main_of(words[0])(words[1:])


def _main_of(command: str) -> Callable[[Sequence[str]], int]:
    return importlib.import_module(f"ganctl.command.{command}").main


def _complete(words: list[str]) -> int:
    """TAB completion, `ganctl -sc WORDS` (install, uninstall or query): the command by us, what follows by Hydra.

    Hydra's shell functions call `ganctl -sc query=SHELL` with the line in COMP_LINE, and take its first word for the
    program.
    """
    if not any(word.startswith("query=") for word in words):
        return _main_of("train")(["-sc", *words])
    typed = os.environ.get("COMP_LINE", "").split(" ")
    if len(typed) < 3:
        print(" ".join(name for name in sorted(COMMANDS) if name.startswith(typed[-1] if len(typed) == 2 else "")))
        return 0
    if typed[1] not in COMPOSED:
        return 0
    overrides = [word for word in typed[2:-1] if "=" in word and not word.startswith("-")]
    os.environ["COMP_LINE"] = " ".join([typed[0], *overrides, typed[-1]])
    return _main_of(typed[1])(["-sc", *words])
