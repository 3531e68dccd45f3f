"""What `ganctl COMMAND --help` says. Reads the YAML files' names and first lines only: it is instant."""

import sys
from importlib import resources
from pathlib import Path

HELP = {
    "train": """\
usage: ganctl train [GROUP=OPTION ...] [KEY=VALUE ...] [-m] [--resume PATH] [--config-dir DIR]

Trains a GAN and judges it. Every run gets a folder of its own, outputs/<date>/<time>-<dataset>-<model>/, with
checkpoints, sample grids, scores and a log.

examples:
  ganctl train                                          5,000 MNIST digits that come with a package: no download
  ganctl train dataset=mnist model=dcgan                MNIST, downloaded once
  ganctl train training.steps=500 optimizer.lr=1e-3     any setting of the YAML files
  ganctl train generator=mlp discriminator=cnn          a pair of your own choice
  ganctl train regularizer=[r1,orthogonal]              several at once
  ganctl train -m seed=1,2,3 loss=hinge,non_saturating  a sweep: six jobs and a table
  ganctl train --resume outputs/DATE/RUN training.steps=20000
                                                        goes on where a run stopped, here for longer
  ganctl train --config-dir configs dataset=mine        YAML files (and the modules beside them) of your own

options:
  -m, --multirun        one job for each combination of values given with commas
  --resume PATH         a run's folder or one of its checkpoints
  --config-dir DIR      a folder of YAML files of your own, searched first
  --cfg job             print the composed configuration instead of training
  --info                print where each part of it comes from
  --hydra-help          all options of Hydra, which reads this command line
  -sc install=SHELL     print what makes TAB complete: eval "$(ganctl -sc install=bash)"
""",
    "sample": """\
usage: ganctl sample RUN [KEY=VALUE ...]

Draws pictures with a trained generator. RUN is a run's folder (its best checkpoint is taken) or a checkpoint file.

examples:
  ganctl sample outputs/DATE/RUN                           a grid of 64
  ganctl sample outputs/DATE/RUN classes=3                 threes only, of a run with conditional=true
  ganctl sample RUN num_images=5000 grid=false images=true single PNG files
  ganctl sample RUN num_images=5000 npz=true               one array
  ganctl sample RUN interpolate=120                        a walk through the latents, 120 frames, as a GIF
  ganctl sample RUN weights=raw seed=1 output=somewhere    the weights without averaging

options:
  --cfg job             print the configuration instead; it shows all keys
  --config-dir DIR      where the YAML files of your own network are, if the run used one
""",
    "evaluate": """\
usage: ganctl evaluate RUN [GROUP=OPTION ...] [KEY=VALUE ...]

Scores a trained generator against its data set. RUN is a run's folder (its best checkpoint is taken) or a checkpoint
file. The scores, and the protocol they were made under, are printed and written into the run.

examples:
  ganctl evaluate outputs/DATE/RUN                       every score, by the run's own judge
  ganctl evaluate RUN metric=[frechet,kid]               some of them; metric=[]: those of the run
  ganctl evaluate RUN feature=classifier                 by a classifier trained on the run's labelled images
  ganctl evaluate RUN feature=inception num_images=50000 FID as papers give it
  ganctl evaluate RUN draws=5                            mean and deviation over five sets of samples
  ganctl evaluate RUN split=test                         against the test images

options:
  --cfg job             print the configuration instead; it shows all keys
  --config-dir DIR      where the YAML files of your own network are, if the run used one
""",
    "compare": """\
usage: ganctl compare RUN... [--score NAME] [--csv FILE] [--markdown FILE] [--force]

A table of several runs, best first. RUN is a run's folder, a checkpoint in it, or a sweep's folder (all its runs).
Scores are ranked only if they were made alike: the same judge, numbers of images, data, split and weights.

examples:
  ganctl compare outputs/DATE/RUN outputs/DATE/OTHER
  ganctl compare outputs/DATE/SWEEP --score recall_digits
  ganctl compare RUN OTHER --csv table.csv --markdown table.md

options:
  --score NAME          rank by this score; otherwise by the one that judged the runs
  --csv FILE            write every score with its deviation, the settings that differ, and the protocol
  --markdown FILE       write the table as Markdown
  --force               show scores of unequal protocol side by side, marked and without a rank
""",
    "report": """\
usage: ganctl report RUN... [--output FILE.html] [--force] [--open]

Writes one HTML page that needs no network: curves, pictures over the training with a slider, scores with how they were
made, what differs, and what looks wrong with its cure. RUN is a run's folder, a checkpoint in it, or a sweep's folder.
The page is report.html in the folder of the run or sweep, or report-<date>_<time>.html here for several runs; where it
is there already, the new one gets a number.

examples:
  ganctl report outputs/DATE/RUN
  ganctl report outputs/DATE/RUN outputs/DATE/OTHER
  ganctl report outputs/DATE/SWEEP --open
  ganctl report RUN --output page.html

options:
  --output FILE.html    write this file, which must not be there yet
  --force               show scores of unequal protocol side by side, marked and without a rank
  --open                show the page in the browser
""",
    "fid": """\
usage: ganctl fid A B [GROUP=OPTION ...] [KEY=VALUE ...]

Scores the images A (generated, judged) against the images B (real, the reference). It gives the values of pytorch-fid's
command, and takes any extractor and any metrics. A and B are each one of:
  a folder of images, to any depth; a .zip of them; a folder inside a zip, as photos.zip/train
  an .npz of images, uint8 (N, H, W, C), (N, C, H, W) or (N, H, W), called images or arr_0, or the only array
  an .npz of statistics, mu and sigma, as pytorch-fid writes it
  a data set by its name, as mnist5k, or mnist:test for a split
  a run's folder or a checkpoint file, of which samples are drawn

examples:
  ganctl fid samples photos                              FID of two folders
  ganctl fid samples photos feature=digits metric=[frechet,inception_score]
  ganctl fid samples.npz mnist:test feature=digits       an array against a data set
  ganctl fid outputs/DATE/RUN photos.zip num_images=50000
  ganctl fid samples photos resolution=64                images of several sizes, brought to one
  ganctl fid samples photos save=photos.npz              keeps the statistics of B, for pytorch-fid too
  ganctl fid samples photos.npz output=scores.json       scores and protocol as a file

options:
  --cfg job             print the configuration instead; it shows all keys
  --config-dir DIR      where the YAML files of your own data set, extractor, metric or network are
""",
    "list": """\
usage: ganctl list [GROUP] [--config-dir DIR]

Shows every group of options, or those of one group, each with a line that says what it is.

examples:
  ganctl list
  ganctl list loss
  ganctl list dataset --config-dir configs
""",
}


def show(command: str) -> int:
    """Prints the help of a command, with the groups that it can choose from. Returns the exit code 0."""
    text = HELP[command]
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
            if not group.startswith("hydra") and not any(word.startswith(("_", ".")) for word in (group, *words)):
                listed.setdefault(group, {})["/".join(words)] = _describe(file)
    return {group: dict(sorted(options.items())) for group, options in listed.items()}


def _describe(file: Path) -> str:
    """The first comment of a YAML file that is not a directive of Hydra's (`# @package ...`)."""
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.lstrip("#").strip()
        if line and not line.startswith("#"):
            break
        if text and not text.startswith("@"):
            return text
    return ""
