"""What `import ganctl` offers beside `load`: to train and to score, as the commands do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganctl.configuration.names import in_one_line
from ganctl.evaluation.scores import ScoreSet
from ganctl.files import given_path
from ganctl.report.recorded import is_sweep
from ganctl.trained import Trained, load


@dataclass(frozen=True)
class Run:
    """A run that has ended: its folder, how it ended, and its last scores by name.

    `status` is finished, target, patience, time, pruned, diverged, trouble or interrupted; `summary` is all of
    summary.json.
    """

    folder: Path
    status: str
    scores: dict[str, float]
    summary: Mapping[str, Any]

    def load(self, **options: Any) -> Trained:
        """Its best generator; options as of `ganctl.load`."""
        return load(self.folder, **options)


def train(*overrides: str, resume: str | Path | None = None, config_dir: str | Path | None = None) -> Run:
    """Trains one run, as `ganctl train OVERRIDES` does: `train("dataset=mnist", "training.steps=500")`.

    `resume` is a run's folder or a checkpoint to go on from, `config_dir` a folder of YAML files of your own. Shows
    what the command shows. Raises ValueError in one line for what you can mend.
    """
    from ganctl.command.train import train as train_from_words

    if options := [word for word in overrides if word.startswith("-")]:
        raise ValueError(f"{options[0]}: not an override KEY=VALUE; sweeps are made by `ganctl train -m`")
    if resume is not None and is_sweep(given_path(resume)):
        raise ValueError(f"resume={resume}: is a sweep, which goes on by `ganctl train -m --resume {resume}`")
    words = [*overrides]
    words += [f"--resume={resume}"] if resume is not None else []
    words += [f"--config-dir={config_dir}"] if config_dir is not None else []
    with in_one_line():
        summary = train_from_words(words, starts_others=False)
    assert isinstance(summary, dict), "neither help nor a sweep was asked for"
    scores = {name: float(value) for name, value in summary.get("scores", {}).items()}
    return Run(Path(summary["folder"]), summary["status"], scores, summary)


def score(
    generated: str | Path, real: str | Path | None = None, *overrides: str, config_dir: str | Path | None = None
) -> ScoreSet:
    """Scores the images `generated` against those of `real`, as `ganctl fid A B` does; `.values` has them by name.

    Each is a folder, a zip or an npz of images, statistics, a data set by its name, or a run: of a run, `real` None is
    the data that it was trained on. `score("samples", "mnist:test", "feature=digits", "metric=[frechet,kid]")`.
    Raises ValueError in one line for what you can mend.
    """
    from ganctl.command.fid import score as score_from_words

    words = [str(generated), *([] if real is None else [str(real)]), *overrides]
    words += [f"--config-dir={config_dir}"] if config_dir is not None else []
    with in_one_line():
        scores = score_from_words(words)
    assert isinstance(scores, ScoreSet), "no help was asked for"
    return scores
