"""hydra/sweeper=optuna: real studies of tiny runs; no trial is lost or doubled, whatever is killed."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from ganctl import checkpoint
from ganctl.job.search_settings import SearchSettings
from ganctl.job.search_space import read_space
from ganctl.job.study import Study
from ganctl.mistakes import parse
from ganctl.record.jsonl import read_metrics
from tests.command.test_sweep_resume import (
    LONG,
    STEPS,
    WORDS,
    run_to_the_end,
)
from tests.conftest import TINY, Command, Refusal

OPTUNA = ["-m", "hydra/sweeper=optuna"]
RATE = "optimizer.lr=tag(log,interval(1e-6,1e-2))"
SHORT = [*TINY, "training.steps=2", "training.batch_size=8", "output.sample_early=false"]


def study_in(sweep: Path) -> optuna.Study:
    """The study as Optuna opens it."""
    place: str | optuna.storages.JournalStorage = f"sqlite:///{sweep / 'study.db'}"
    if (journal := sweep / "study.log").exists():
        place = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    return optuna.load_study(study_name=sweep.name, storage=place)


def results(sweep: Path) -> list[dict]:
    found = [json.loads(path.read_text()) for path in sweep.glob("*/result.json")]
    return sorted(found, key=lambda result: result["job"])


def assert_whole(sweep: Path, trials: int) -> None:
    """Each trial of the study has ended, and is one run with all its steps and its own score and settings."""
    ended, study = results(sweep), study_in(sweep)
    rows = json.loads((sweep / "jobs.json").read_text())["jobs"]
    assert [row["trial"] for row in rows] == [trial.number for trial in study.trials] == list(range(trials))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * trials
    assert [result["job"] for result in ended] == list(range(1, trials + 1))
    for trial, result in zip(study.trials, ended, strict=True):
        assert trial.value == result["score"]["value"]
        assert {key: float(value) for key, value in result["varied"].items()} == trial.params
        metrics = read_metrics(Path(result["folder"]) / "metrics.jsonl")
        assert [record["step"] for record in metrics if record["kind"] == "losses"] == STEPS


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("trials", "kills", "words"),
    [
        (2, 1, []),
        pytest.param(40, 10, [], marks=LONG),
        pytest.param(40, 10, ["hydra.sweeper.n_jobs=2", "hydra.sweeper.storage=journal"], marks=LONG),
    ],
)
def test_a_search_that_is_killed_at_random_instants_loses_and_doubles_no_trial(
    trials: int, kills: int, words: list[str], workplace: Path
) -> None:
    sweep = workplace / "cut"
    words = [*OPTUNA, *WORDS, RATE, f"hydra.sweeper.n_trials={trials}", *words]
    run_to_the_end(words, sweep, kills, random.Random(trials))
    assert_whole(sweep, trials)
    assert json.loads((sweep / "sweep.json").read_text())["status"] == "finished"


@pytest.mark.slow
def test_seeds_are_averaged_a_hopeless_trial_is_pruned_and_other_commands_read_it(
    ganctl: Command, workplace: Path
) -> None:
    """Of two points of a grid the second is ruined by its learning rate."""
    grid = ["hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=1", "optimizer.lr=choice(1e-5,0.01)"]
    grid += ["hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1", "output.evaluate_every=2"]
    grid += ["hydra.sweeper.seeds=[3,4]"]
    answer = ganctl("train", *OPTUNA, *WORDS, *grid, "hydra.sweep.dir=swept", "regularizer=[]")
    assert answer.code == 0, answer
    sweep = workplace / "swept"
    first, second = study_in(sweep).trials
    assert first.params == {"optimizer.lr": "1e-05"}
    assert [trial.state.name for trial in (first, second)] == ["COMPLETE", "PRUNED"]
    one, other, cut = results(sweep)
    assert [(result["varied"]["seed"], result["status"]) for result in (one, other, cut)] == [
        ("3", "finished"), ("4", "finished"), ("3", "pruned"),
    ]  # fmt: skip
    assert first.value == pytest.approx((one["score"]["value"] + other["score"]["value"]) / 2)
    assert list(first.intermediate_values) == [2, 4, 6] and list(second.intermediate_values) == [2]
    summary = json.loads((Path(cut["folder"]) / "summary.json").read_text())
    assert (summary["status"], summary["exit_code"], summary["step"]) == ("pruned", 0, 2)
    ranking = json.loads((sweep / "sweep.json").read_text())
    assert [row["rank"] for row in ranking["ranking"]] == [1, 2, None]
    assert (ranking["status"], ranking["jobs"], ranking["not_run"]) == ("finished", 3, 0)
    assert (
        "the best is trial 0: fd_digits " in answer.out and "in 1-lr-1e-05-seed-3 and 2-lr-1e-05-seed-4" in answer.out
    )
    before = {path: path.stat().st_mtime_ns for path in sweep.glob("*/result.json")}
    assert ganctl("train", "--resume", "swept").code == 0
    assert {path: path.stat().st_mtime_ns for path in sweep.glob("*/result.json")} == before
    assert ganctl("report", "swept").code == 0 and "pruned" in (sweep / "report.html").read_text()
    compared = ganctl("compare", "swept")
    assert compared.code == 0 and "2 runs, best first" in compared.out
    assert "3-lr-0.01-seed-3: was pruned after step 2 and is left out; " in compared.out


@pytest.mark.slow
def test_several_scores_each_by_its_own_better_and_more_trials_later(ganctl: Command, workplace: Path) -> None:
    scores = "hydra.sweeper.score=[fd_digits,is_digits]"
    words = [*SHORT, RATE, "loss=hinge,minimax", scores, "hydra.sweep.dir=swept", "hydra.sweeper.storage=journal"]
    assert ganctl("train", *OPTUNA, *words, "hydra/sweeper/sampler=random", "hydra.sweeper.n_trials=1").code == 0
    answer = ganctl("train", "--resume", "swept", "hydra.sweeper.n_trials=2")
    assert answer.code == 0 and "search of 2 trials, of which 1 have ended" in answer.out
    study = study_in(workplace / "swept")
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]
    assert study.trials[0].params["optimizer.lr"] != study.trials[1].params["optimizer.lr"]
    assert "no other is better in every score than trial " in answer.out


@pytest.mark.slow
def test_a_trial_that_failed_is_tried_again_if_asked_and_a_dead_workers_at_once(
    ganctl: Command, workplace: Path
) -> None:
    """A study in a database of its own, in which another worker has left a trial whose last sign of life is old."""
    place = f"sqlite:///{workplace / 'shared.db'}"
    space = read_space(parse(["training.batch_size=choice(8,5001)"], dict))
    settings = SearchSettings(
        5, [], ["fd_digits"], ["minimize"], place, "shared", 60, 1, 1,
        {"_target_": "optuna.samplers.RandomSampler", "seed": 0}, {},
    )  # fmt: skip
    other = Study(settings, space, workplace, "other", is_there=False)
    _, values = other.ask()
    with sqlite3.connect(workplace / "shared.db") as database:
        database.execute("UPDATE trial_heartbeats SET heartbeat = '2001-01-01 00:00:00'")
    words = [*SHORT, "training.batch_size=choice(8,5001)", f"hydra.sweeper.storage='{place}'"]
    words += ["hydra.sweeper.study_name=shared", "hydra/sweeper/sampler=random", "hydra.sweeper.n_trials=3"]
    assert ganctl("train", *OPTUNA, *words, "hydra.sweep.dir=swept").code == 1
    states = [trial.state.name for trial in other.trials()]
    assert states[0] == "FAIL" and other.trials()[1].params == values
    assert other.trials()[1].system_attrs["retry_history"] == [0]
    assert len(states) == 4 and states.count("COMPLETE") + states.count("FAIL") == 4
    failed = [trial.number for trial in other.trials()[1:] if trial.state.name == "FAIL"]
    assert failed and all(other.trials()[number].params["training.batch_size"] == "5001" for number in failed)
    assert ganctl("train", "--resume", "swept", "retry_failed=true").code == 1
    retried = [trial.system_attrs["retry_history"][-1] for trial in other.trials()[4:]]
    assert retried == failed


@pytest.mark.slow
def test_a_trial_that_was_asked_for_and_not_written_down_is_taken_up(ganctl: Command, workplace: Path) -> None:
    """As after a kill between the study and jobs.json, and after one between a run's end and the study."""
    words = [*SHORT, RATE, "latent_size=int(interval(8,16))", "hydra.sweep.dir=swept", "hydra.sweeper.n_trials=2"]
    assert ganctl("train", *OPTUNA, *words).code == 0
    sweep = workplace / "swept"
    content = json.loads((sweep / "jobs.json").read_text())
    row = content["jobs"].pop()
    (sweep / "jobs.json").write_text(json.dumps(content))
    (sweep / row["folder"] / "result.json").unlink()
    with sqlite3.connect(sweep / "study.db") as database:
        database.execute("UPDATE trials SET state = 'RUNNING'")
        database.execute("DELETE FROM trial_values")
        database.execute("DELETE FROM trial_params WHERE param_name = 'latent_size' AND trial_id = 2")
    before = (sweep / content["jobs"][0]["folder"] / "result.json").stat().st_mtime_ns
    assert ganctl("train", "--resume", "swept").code == 0
    assert (sweep / content["jobs"][0]["folder"] / "result.json").stat().st_mtime_ns == before
    study = study_in(sweep)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]
    assert study.trials[1].params["optimizer.lr"] == float(row["varied"]["optimizer.lr"])
    assert [trial.value for trial in study.trials] == [result["score"]["value"] for result in results(sweep)]
    newest = checkpoint.load(checkpoint.find(Path(results(sweep)[1]["folder"])))
    assert newest["state"]["step"] == 2


REFUSED = [
    (["hydra/sweeper/sampler=tpa"], "hydra/sweeper/sampler=tpa: no such option; did you mean tpe?"),
    (["hydra.sweeper.sampler=tpe"], "hydra.sweeper.sampler=tpe: is a group of settings; choose with hydra/sweeper/"),
    (["hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: must be in [1, 10000]"),
    (["hydra.sweeper.n_trails=3"], "hydra.sweeper.n_trails=3: no such key; did you mean hydra.sweeper.n_trials?"),
    (["optimizer.lr=interval(-1,1)"], "optimizer.lr=-1.0: must be in (0, inf)"),
    (["optimizer.lr=choice()"], "optimizer.lr=choice(): not an override that Hydra can read"),
    (["optimiser.lr=interval(1,2)"], "optimiser.lr=1.0: no such key; did you mean optimizer.lr?"),
    (["loss=hinge,hing"], "loss=hing: no such option; did you mean hinge?"),
    (["hydra.sweeper.seeds=[1,1]"], "hydra.sweeper.seeds=[1, 1]: must be a list of different whole numbers"),
    (["hydra.sweeper.seeds=[1]", "seed=3"], "seed=3: the seeds are those of hydra.sweeper.seeds"),
    (["hydra.sweeper.direction=maximize"], "hydra.sweeper.direction=maximize: fd_digits is better to minimize"),
    (
        ["hydra.sweeper.score=fid"],
        "hydra.sweeper.score=fid: none of the chosen metrics gives it; choose from fd_digits",
    ),
    (["hydra.sweeper.storage='nosql://x:secret@y'"], "hydra.sweeper.storage=nosql://...@y: cannot be used"),
    (["hydra/sweeper/sampler=grid"], "optimizer.lr=tag(log,interval(1e-6,1e-2)): a grid has no end here"),
    (["hydra/sweeper/sampler=cmaes", "hydra.sweeper.score=[fd_digits,is_digits]"], "hydra/sweeper/sampler=cmaes: "),
    (["hydra/sweeper/pruner=median"], "output.evaluate_every=2000: a run is pruned at an evaluation before its end"),
    (["+hydra.sweeper.sampler.sead=1"], "hydra.sweeper.sampler.sead=1: no such argument; did you mean seed?"),
    (["hydra.sweeper.sampler._target_=os.system"], "hydra.sweeper.sampler._target_=os.system: no sampler that a"),
    (["hydra/launcher=local", "jobs=2", "hydra.sweeper.n_jobs=3"], "hydra.sweeper.n_jobs=3: the launcher runs 2"),
    (["output.log_every=${output.grid}"], "output.log_every=${output.grid}: what a search is to go on with stands"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_searched_is_refused_before_anything_is_made(
    words: list[str], said: str, refused: Refusal
) -> None:
    space = [] if any(text.startswith("optimizer.lr") for text in words) else [RATE]
    line = refused("train", *OPTUNA, *TINY, *space, *words)
    assert line.startswith(said), line


SPACES = [
    ("optimizer.lr=interval(1,0.1)", "optimizer.lr=interval(1,0.1): the lower end of an interval comes first"),
    ("optimizer.lr=tag(log,interval(0,1))", "optimizer.lr=tag(log,interval(0,1)): a logarithmic scale begins above"),
    ("optimizer.lr=tag(lag,interval(1,2))", "optimizer.lr=tag(lag,interval(1,2)): the tag lag says nothing"),
    ("optimizer.lr=interval(0,inf)", "optimizer.lr=interval(0,inf): an interval has two ends that are numbers"),
    ("training.batch_size=range(4,4)", "training.batch_size=range(4,4): there is no such value"),
    ("seed=1,2", "seed=1,2: seeds are no setting to search for; write hydra.sweeper.seeds=[0,1]"),
    ("feature=digits,pixels", "feature=digits,pixels: trials are compared by a score, which is made alike only"),
]


@pytest.mark.parametrize(("word", "said"), SPACES, ids=[word for word, _ in SPACES])
def test_what_is_no_space_is_refused_in_one_line(word: str, said: str) -> None:
    with pytest.raises(ValueError) as refusal:
        read_space(parse([word], dict))
    assert str(refusal.value).startswith(said) and "\n" not in str(refusal.value)


def test_a_search_needs_a_space_a_sweep_and_the_package(refused: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("train", *OPTUNA).startswith("hydra/sweeper=optuna: nothing to search for; give a key several ")
    assert refused("train", OPTUNA[1]) == "hydra/sweeper=optuna: searches through the runs of a sweep; add -m"
    without = refused("train", "-m", "hydra.sweeper.n_trials=3", "seed=1,2")
    assert without == "hydra.sweeper.n_trials=3: is for a search; add hydra/sweeper=optuna"
    monkeypatch.setitem(sys.modules, "optuna", None)
    need = "hydra/sweeper=optuna: needs the package optuna; pip install 'ganctl[optuna]'"
    assert refused("train", *OPTUNA, RATE) == need


@pytest.mark.parametrize("name", ["TPESampler", "RandomSampler", "CmaEsSampler", "GridSampler"])
def test_a_sampler_goes_on_where_another_process_left_the_study(name: str, tmp_path: Path) -> None:
    """Each trial is asked for as after a kill: by a study that has just been opened."""
    words = ["a=range(0,2)", "b=choice(x,y)"] if name == "GridSampler" else ["a=interval(0,1)", "b=interval(0,1)"]
    space = read_space(parse(words, dict))
    sampler = {"_target_": f"optuna.samplers.{name}", "seed": 0}
    settings = SearchSettings(
        4, [], ["x"], ["minimize"], "journal", "s", 60, 1, 1,
        sampler | ({"n_startup_trials": 2} if name in ("TPESampler", "CmaEsSampler") else {}), {},
    )  # fmt: skip
    points = []
    for number in range(4):
        asked, values = Study(settings, space, tmp_path, "me", is_there=number > 0).ask()
        assert asked == number
        Study(settings, space, tmp_path, "me", is_there=True).tell(asked, TrialState.COMPLETE, [float(number)])
        points.append(tuple(values.values()))
    assert len(set(points)) == 4
    study = Study(settings, space, tmp_path, "me", is_there=True)
    assert [trial.value for trial in study.trials()] == [0.0, 1.0, 2.0, 3.0]
    assert not list(study.unlisted([]))


DAMAGED = [
    ({"settings": {}}, "jobs.json: the settings of its search are damaged"),
    ({"sampler": []}, "jobs.json: the settings of its search are damaged"),
    ({"sampler": {"_target_": "os.system"}}, "hydra.sweeper.sampler._target_=os.system: no sampler that a search may"),
    ({"storage": "sqlite"}, "ended/study.db: the study of the sweep is not there; start another"),
    ({"space": ["optimizer._target_=os.system,b"]}, "optimizer._target_=os.system,b: not taken from a run folder"),
    ({"fixed": ["hydra.callbacks.x=1"]}, "hydra.callbacks.x=1: not taken from a run folder"),
    ({"space": None}, "ended: jobs.json is damaged; the runs can still be resumed one by one"),
]


@pytest.mark.parametrize(("change", "said"), DAMAGED, ids=[said[:40] for _, said in DAMAGED])
def test_what_a_search_keeps_in_jobs_json_is_data(change: dict, said: str, refused: Refusal, workplace: Path) -> None:
    settings = SearchSettings(
        3, [], ["fd_digits"], ["minimize"], "sqlite", "ended", 60, 1, 1,
        {"_target_": "optuna.samplers.RandomSampler", "seed": 0}, {},
    ).to_plain()  # fmt: skip
    settings |= {key: value for key, value in change.items() if key in settings}
    about = {"id": "1", "settings": settings, "fixed": [], "space": [RATE]}
    about |= {key: value for key, value in change.items() if key in about}
    record = {
        "format": "ganctl-sweep",
        "version": 1,
        "jobs_at_once": None,
        "config_dir": None,
        "shared": {},
        "jobs": [],
    }
    (workplace / "ended").mkdir()
    (workplace / "ended" / "jobs.json").write_text(json.dumps({**record, "search": about}))
    line = refused("train", "-m", "--resume", "ended")
    assert line.startswith(said), line


def test_the_plugins_yaml_is_taken_over(workplace: Path, refused: Refusal) -> None:
    """The space in `params`, the plugin's own class and its names; only the score is one that there is not."""
    (workplace / "own" / "experiment").mkdir(parents=True)
    (workplace / "own" / "experiment" / "search.yaml").write_text(
        "# @package _global_\n"
        "defaults:\n  - override /hydra/sweeper: optuna\n  - override /hydra/sweeper/sampler: random\n"
        "hydra:\n  mode: MULTIRUN\n  sweeper:\n"
        "    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper\n"
        "    direction: minimize\n    storage: null\n    study_name: mine\n    n_trials: 3\n    n_jobs: 1\n"
        "    sampler:\n      _target_: optuna.samplers.TPESampler\n      seed: 1234\n      n_startup_trials: 10\n"
        "    params:\n      optimizer.lr: tag(log, interval(1e-4, 1e-2))\n      loss: choice(hinge, minimax)\n"
        "    score: fid\n"
    )
    line = refused("train", "--config-dir", "own", "experiment=search", *TINY)
    assert line.startswith("hydra.sweeper.score=fid: none of the chosen metrics gives it")


def test_a_space_is_read_as_hydra_writes_it() -> None:
    words = ["a=interval(1,8)", "b=int(interval(1,8))", "c=tag(log,int,interval(1,8))", "+d=range(1,8,2)", "e=x,y,x"]
    words += ["f=range(0,1,0.25)", "g=choice('a b',2)"]
    space = {dimension.key: dimension for dimension in read_space(parse(words, dict))}
    distributions = optuna.distributions
    assert [dimension.distribution for dimension in space.values()] == [
        distributions.FloatDistribution(1, 8),
        distributions.IntDistribution(1, 8),
        distributions.IntDistribution(1, 8, log=True),
        distributions.IntDistribution(1, 7, step=2),
        distributions.CategoricalDistribution(["x", "y"]),
        distributions.FloatDistribution(0, 0.75, step=0.25),
        distributions.CategoricalDistribution(["a\\ b", "2"]),
    ]
    assert space["d"].override(3) == "+d=3" and space["a"].override(1e-5) == "a=1e-05"
    again = read_space(parse([dimension.text for dimension in space.values()], dict))
    assert [each.distribution for each in again] == [each.distribution for each in space.values()]
