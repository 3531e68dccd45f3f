"""What `ganctl COMMAND --help` says. Reads the YAML files' names and first lines only: it is instant."""

import sys
from importlib import resources
from pathlib import Path

from ganctl.bounded import read_text


def show(command: str) -> int:
    """Prints the help of a command, with the groups that it can choose from. Returns the exit code 0."""
    text = resources.files("ganctl.invocation").joinpath(f"usage/{command}.txt").read_text(encoding="utf-8")
    if command in ("train", "evaluate", "fid"):
        listed = groups()
        names = list(listed) if command == "train" else ["feature", "metric", "device"]
        width = max(map(len, names))
        lines = [f"  {name:<{width}}  {', '.join(listed[name])}" for name in names]
        text += "\ngroups (`ganctl list GROUP` says what each option is):\n" + "\n".join(lines) + "\n"
    sys.stdout.write(text)
    return 0


def groups(config_dir: str | None = None) -> dict[str, dict[str, str]]:
    """The groups of ganctl and of the user's own folder; of each, the options with their one-line descriptions.

    What starts with an underscore is not meant to be chosen. The user's file hides one of ours of the same name.
    """
    listed: dict[str, dict[str, str]] = {}
    for root in (str(resources.files("ganctl.configs")), *([config_dir] if config_dir else [])):
        for file in sorted(Path(root).glob("*/**/*.yaml")):
            group, *words = file.relative_to(root).with_suffix("").parts
            is_hidden = group.startswith("hydra") or any(word.startswith(("_", ".")) for word in (group, *words))
            if not is_hidden and file.is_file():  # a device's text would never end
                listed.setdefault(group, {})["/".join(words)] = describe(read_text(file))
    return {group: dict(sorted(options.items())) for group, options in listed.items()}


def describe(text: str) -> str:
    """The first comment of a YAML file's text that is not a directive of Hydra's (`# @package ...`)."""
    for line in text.splitlines():
        said = line.lstrip("#").strip()
        if line and not line.startswith("#"):
            break
        if said and not said.startswith("@"):
            return said
    return ""
