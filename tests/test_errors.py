"""Every mistake of a user is answered in one line with the cure, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ganctl.configuration.checks import has_cuda
from tests.conftest import Refusal, timed

TRAIN = [
    # an option of a group
    ("dataset=mnist5", "dataset=mnist5: no such option; did you mean mnist5k?"),
    ("loss=hing", "loss=hing: no such option; did you mean hinge?"),
    ("metric=[frechet,class_share]", "metric=class_share: no such option; did you mean class_shares?"),
    (
        "metric=[fid]",
        "metric=fid: no such option; the Frechet distance is metric=frechet; its score is called ",
    ),
    ("model=DCGAN", "model=DCGAN: no such option; did you mean dcgan?"),
    ("model=WGAN-GP", "model=WGAN-GP: no such option; did you mean wgan_gp?"),
    ("loss=wgan", "loss=wgan: no such option; did you mean wasserstein?"),
    ("loss=WGAN_GP", "loss=WGAN_GP: no such option; the loss is loss=wasserstein, its penalty "),
    ("loss=lsgan", "loss=lsgan: no such option; did you mean least_squares?"),
    ("loss=bce", "loss=bce: no such option; loss=non_saturating is the usual form, loss=minimax the first paper's"),
    ("loss=RaGAN", "loss=RaGAN: no such option; loss=relativistic is the pairwise kind, RpGAN"),
    ("regularizer=[gp]", "regularizer=gp: no such option; did you mean gradient_penalty?"),
    ("device=gpu", "device=gpu: no such option; did you mean cuda?"),
    ("hydra/launcher=joblib", "hydra/launcher=joblib: no such option; sweeps of ganctl run with hydra/launcher=basic "),
    ("hydra/launcher=lokal", "hydra/launcher=lokal: no such option; sweeps of ganctl run with hydra/launcher=basic "),
    ("hydra/launcher=local", "hydra/launcher=local: runs the jobs of a sweep; add -m"),
    ("jobs=2", "jobs=2: only hydra/launcher=local runs several jobs at once; add it"),
    ("retry_failed=true", "retry_failed=true: is for a sweep that goes on; add --resume SWEEP"),
    ("loss=null", "loss=null: a group cannot be null; leave it out, or see `ganctl list loss` for its options"),
    ("~loss", "loss=null: one is needed; `ganctl list loss` shows which there are"),
    ("device=_base", "device=_base: not to be chosen itself; `ganctl list device` shows what is"),
    # a key
    ("datset=mnist", "datset=mnist: no such key; did you mean dataset?"),
    ("stepz=5", "stepz=5: no such key; did you mean training.steps?"),
    ("training.stepz=5", "training.stepz=5: no such key; did you mean training.steps?"),
    ("trainig.steps=5", "trainig.steps=5: no such key; did you mean training.steps?"),
    ("batch_size=4", "batch_size=4: no such key; did you mean evaluation.batch_size or training.batch_size?"),
    ("optimiser.lr=0.1", "optimiser.lr=0.1: no such key; did you mean optimizer.lr?"),
    (
        "dataset.resolution=64",
        "dataset.resolution=64: no such key here; dataset=cifar10 and dataset=crops and dataset=image_folder and "
        "dataset=paired_folder and "
        "dataset=stacked_mnist and dataset=unpaired_folder would have it",
    ),
    ("+training.step=5", "training.step=5: nothing reads this key; did you mean training.steps?"),
    ("+training.steps=5", "+training.steps=5: the key is there already; leave out the +"),
    ("+seed_of_mine=5", "seed_of_mine=5: nothing reads this key; "),
    ("~training.flip", "~training.flip: a setting cannot be removed; training.flip=false is its default"),
    ("~training.flop", "~training.flop: no such key; did you mean training.flip?"),
    ("hydra.mode=???", "hydra.mode: Missing mandatory value"),
    ("hydra.run.dri=x", "hydra.run.dri=x: no such key; did you mean hydra.run.dir?"),
    # a type
    ("training.steps=many", "training.steps=many: must be a whole number; the default is training.steps=10000"),
    ("training.steps=1e3", "training.steps=1000.0: must be a whole number; try training.steps=1000"),
    ("training.steps=true", "training.steps=true: must be a whole number; "),
    ("training.flip=1", "training.flip=1: must be true or false; the default is training.flip=false"),
    ("training.clip_norm=big", "training.clip_norm=big: must be a number in (0, inf); "),
    ("training=null", "training=null: is a group of settings, set its keys one by one"),
    ("output.root=null", "output.root=null: must not be null; the default is output.root=outputs"),
    ("output.root={a:1}", "output.root={a: 1}: must be text; "),
    ("optimizer.betas=0.5", "optimizer.betas=0.5: must be a list in square brackets; "),
    ("optimizer.betas=[0.5,high]", "optimizer.betas=[0.5, high]: each value of the list must be a number; "),
    ("tag=5", "tag=5: must be text; quote it: \"tag='5'\""),
    ("trust=mypackage", "trust=mypackage: must be a list of packages: trust=[mypackage]"),
    # a range
    ("training.batch_size=1", "training.batch_size=1: must be in [2, 65536]; "),
    (
        "discriminator.pack=6",
        "discriminator.pack=6: must divide the 64 images of a batch, or of its part; try discriminator.pack=4",
    ),
    ("training.accumulate=3", "training.accumulate=3: must divide training.batch_size=64; try training.accumulate=2"),
    ("training.ema_rampup=1.5", "training.ema_rampup=1.5: must be in [0, 1]; "),
    ("training.ema_rampup=nan", "training.ema_rampup=nan: must be in [0, 1]; "),
    ("training.epochs=0", "training.epochs=0: must be in (0, inf); "),
    ("seed=-1", "seed=-1: must be in [0, 4294967295]; "),
    ("optimizer.lr=0", "optimizer.lr=0: must be in (0, inf); "),
    ("optimizer.generator.lr=-1", "optimizer.generator.lr=-1: must be in (0, inf); "),
    ("optimizer.discriminator.betas=[0.5,1]", "optimizer.discriminator.betas=[0.5, 1]: must be in [0, 1); "),
    ("device.precision=fp64", "device.precision=fp64: not one of fp32, bf16; "),
    ("device.threads=0", "device.threads=0: must be in [1, 1024]; "),
    # what has no value, or cannot be read
    ("latent_size=???", "latent_size=???: has no value yet (numbers in one latent vector; "),
    ("training.steps=${trainin.steps}", "training.steps=${trainin.steps}: Interpolation key 'trainin.steps' not found"),
    ("tag=${oc.env:GANCTL_NOT_SET}", "tag=${oc.env:GANCTL_NOT_SET}: "),
    ("tag=a=b", "tag=a=b: not an override that Hydra can read ("),
    ("tag=[a", "tag=[a: not an override that Hydra can read ("),
    ("mnist", "mnist: not an override KEY=VALUE; did you mean dataset=mnist?"),
    ("seed=1,2", "seed=1,2: several values; add -m to try each, or write seed=[1,2] for a list"),
    ("seed=range(3)", "seed=range(3): several values; add -m to try each"),
    # the budget
    ("training.steps=null", "training.steps=null: no budget: set one of training.steps, training.epochs, "),
    # what is code to run
    ("generator._target_=os.system", "generator._target_=os.system: generator builds classes of ganctl.model only; "),
    (
        "generator._target_=ganctl.model.dcgan.torch.load",
        "generator._target_=ganctl.model.dcgan.torch.load: there is no",
    ),
    (
        "generator._target_=ganctl.model.dcgan.nn",
        "generator._target_=ganctl.model.dcgan.nn: ganctl.model.dcgan does not ",
    ),
    ("generator._target_=ganctl.model.dcgan.Generater", "generator._target_=ganctl.model.dcgan.Generater: "),
    ("loss._target_=ganctl.model.dcgan.Generator", "loss._target_=ganctl.model.dcgan.Generator: loss builds "),
    ("optimizer._target_=torch.load", "optimizer._target_=torch.load: not an optimizer of torch.optim; "),
    ("optimizer._target_=torch.optim.sgd.os.system", "optimizer._target_=torch.optim.sgd.os.system: not an optimizer"),
    ("generator.shape_rule=os.system", "generator.shape_rule=os.system: shape rules are functions of "),
    ("generator._target_=5", "generator._target_=5: not a dotted path to a class, "),
    ("+generator._partial_=true", "generator._partial_=true: names with an underscore in front are Hydra's; remove it"),
    ("+training.hook={_target_:os.system}", "training.hook._target_=os.system: nothing is built here; remove it"),
    ("+generator.inner={_target_:os.system}", "generator.inner._target_=os.system: nothing is built here; remove it"),
    (
        "+metric.mine={weight:1}",
        "metric.mine={weight: 1}: is set, but mine is not chosen; add it with metric=[frechet,",
    ),
    # options
    ("--confg=job", "--confg=job: no such option; did you mean --cfg?"),
    ("--cfg=jobs", "--cfg/-c: invalid choice: 'jobs' "),
    ("--config-dir=nowhere", "--config-dir=nowhere: there is no such folder"),
    ("--config-name=trian", "--config-name=trian: there is no such configuration; "),
    ("--experimental-rerun=x", "--experimental-rerun: runs code from a pickle; "),
    ("--resume=nowhere", "nowhere: there is no such run or checkpoint"),
]


@pytest.mark.parametrize(("words", "said"), TRAIN, ids=[words for words, _ in TRAIN])
def test_a_mistake_in_training_is_answered_in_one_line(words: str, said: str, refused: Refusal) -> None:
    assert refused("train", words).startswith(said)


@pytest.mark.parametrize(
    ("words", "default"),
    [
        ("optimizer.lr=0", "optimizer.lr=0.001"),
        ("optimizer=sgd optimizer.lr=0", "optimizer.lr=0.01"),
        ("optimizer.lr=0.3 optimizer.generator.lr=-1", "optimizer.generator.lr=0.3"),
        ("training.batch_size=1", "training.batch_size=64"),
        ("generator.width=0", "generator.width=32"),
        ("experiment=demo training.steps=many", "training.steps=2800"),
        ("model=sngan latent_size=0", "latent_size=128"),
    ],
)
def test_the_default_is_the_value_in_force(words: str, default: str, refused: Refusal) -> None:
    assert refused("train", *words.split()).endswith(f"; the default is {default}")


def test_settings_that_contradict_each_other_name_the_cure(refused: Refusal) -> None:
    line = refused("train", "training.epochs=3", "training.images=1000", "training.steps=null")
    assert line.endswith("to keep training.images, add training.epochs=null")
    both = refused("train", "training.epochs=3", "training.steps=9")
    assert both.startswith("training.steps=9 and training.epochs=3: one budget at a time; ")
    assert both.endswith("to keep training.epochs, add training.steps=null")


def test_a_size_that_the_network_cannot_make_names_those_that_it_can(refused: Refusal, workplace: Path) -> None:
    from PIL import Image

    (workplace / "images").mkdir()
    Image.new("L", (8, 8)).save(workplace / "images" / "one.png")
    words = ["dataset=image_folder", "dataset.path=images", "feature=inception"]
    line = refused("train", *words, "dataset.resolution=30")
    assert line.startswith("dataset.resolution=30: ") and line.endswith(
        "try dataset.resolution=28 or dataset.resolution=32"
    )
    assert refused("train", *words, "conditional=true").startswith("conditional=true: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dataset=image_folder", "dataset.path=nowhere"], "dataset.path=nowhere: does not exist; give a folder or "),
        (
            ["dataset=image_folder", "dataset.path=images", "dataset.extensions=[]"],
            "dataset.extensions=[]: is no list ",
        ),
        (["dataset=mnist", "dataset.root=none", "dataset.download=false"], "dataset.root=none: train-images-idx3-"),
        (["dataset=mnist", "dataset.root='~nobody-of-that-name'"], "dataset.root=~nobody-of-that-name: there is no "),
        (
            ["dataset.cache='~nobody-of-that-name'"],
            "dataset.cache=~nobody-of-that-name: there is no such home folder; ",
        ),
        (
            ["feature=pixels", "feature.size=32"],
            "feature.size=32: mnist5k has images of 28 pixels a side; try feature.",
        ),
        (["feature=inception", "feature.weights=no"], "feature.weights=no: no such file; "),
        (
            ["dataset=image_folder", "dataset.path=images", "feature=digits"],
            "feature=digits: judges grey 28x28 images, ",
        ),
    ],
)
def test_what_a_part_says_of_its_arguments_is_said_of_the_keys(
    words: list[str], said: str, refused: Refusal, workplace: Path
) -> None:
    from PIL import Image

    (workplace / "images").mkdir()
    Image.new("L", (8, 8)).save(workplace / "images" / "one.png")
    assert refused("train", *words, "device=cpu").startswith(said)


def test_classes_cannot_be_asked_of_unlabelled_data(refused: Refusal, workplace: Path) -> None:
    (workplace / "mine" / "dataset").mkdir(parents=True)
    (workplace / "unlabelled_blots.py").write_text(
        "from ganctl.contract import DataSpec\nclass Blots:\n    spec = DataSpec('blots', (1, 32, 32), None)\n"
    )
    (workplace / "mine" / "dataset" / "blots.yaml").write_text("# Blots\n_target_: unlabelled_blots.Blots\n")
    line = refused("train", "--config-dir", "mine", "dataset=blots", "conditional=true")
    assert line == "conditional=true: blots has no labels; try conditional=false"


def test_cuda_without_a_gpu_is_refused_without_torch(refused: Refusal) -> None:
    if has_cuda():
        pytest.skip("there is a GPU")
    assert refused("train", "device=cuda").startswith("device=cuda: there is no CUDA GPU on this machine")


def test_apples_gpu_is_refused_elsewhere(refused: Refusal) -> None:
    if sys.platform == "darwin":
        pytest.skip("there may be one")
    assert refused("train", "device=mps").startswith("device=mps: Apple GPUs exist on macOS only; ")


@pytest.mark.parametrize("words", ["seed=oops", "loss=hing", "generator._target_=os.system", "device.precision=fp8"])
def test_a_refusal_takes_no_two_seconds_and_no_torch(words: str, workplace: Path) -> None:
    code = (
        "import sys; from ganctl.cli import main\n"
        f"code = main(['train', {words!r}])\n"
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    ended, seconds = timed("-c", code)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1
    assert seconds < 2
    assert not list(workplace.iterdir())


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "RUN is missing: ganctl {command} RUN [KEY=VALUE ...]"),
        (["num_images=3"], "RUN is missing: "),
        (["nowhere"], "nowhere: there is no such run folder or checkpoint file"),
        ([".", "num_images=0"], "num_images=0: must be in "),
        ([".", "num_image=5"], "num_image=5: no such key; did you mean num_images?"),
        ([".", "device=tpu"], "device=tpu: no such option; did you mean cpu?"),
        ([".", "-m", "seed=1,2"], "--multirun: `ganctl {command}` takes one run at a time"),
        ([".", "--resume", "x"], "--resume: no such option; "),
    ],
)
def test_a_mistake_in_the_other_commands_is_too(command: str, words: list[str], said: str, refused: Refusal) -> None:
    assert refused(command, *words).startswith(said.format(command=command))


def test_a_mistake_in_a_yaml_file_names_the_file_and_line(refused: Refusal, workplace: Path) -> None:
    (workplace / "mine" / "loss").mkdir(parents=True)
    (workplace / "mine" / "loss" / "torn.yaml").write_text("# Torn\n_target_: [oops\n")
    line = refused("train", "--config-dir", "mine", "loss=torn")
    assert "torn.yaml:" in line and "not valid YAML" in line


PRESET = "# @package _global_\n# Mine\ndefaults:\n{defaults}\n{rest}\n"


def preset(workplace: Path, rest: str, defaults: str = "  - override /loss: hinge") -> list[str]:
    """An experiment file of one's own, and how to choose it."""
    folder = workplace / "mine" / "experiment"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.yaml").write_text(PRESET.format(defaults=defaults, rest=rest))
    return ["train", "--config-dir", "mine", "experiment=mine"]


def test_a_preset_may_only_set_what_is_there(refused: Refusal, workplace: Path) -> None:
    line = refused(*preset(workplace, "training: {stepz: 5}"))
    assert line == "training.stepz=5: nothing reads this key; did you mean training.steps?"


def test_a_preset_keeps_to_the_ranges(refused: Refusal, workplace: Path) -> None:
    assert refused(*preset(workplace, "training: {batch_size: 1}")).startswith("training.batch_size=1: must be in [2, ")


def test_a_preset_cannot_trust_anything(refused: Refusal, workplace: Path) -> None:
    line = refused(*preset(workplace, "trust: [os]\ngenerator: {_target_: os.system}"))
    assert line.startswith("trust=[os]: only the command line may name packages to trust")


def test_a_preset_names_the_option_that_is_not_there(refused: Refusal, workplace: Path) -> None:
    line = refused(*preset(workplace, "", defaults="  - override /loss: hinges"))
    assert line == "loss=hinges: no such option (asked for by experiment=mine); did you mean hinge?"


def test_settings_of_a_regularizer_that_is_not_chosen_are_refused(refused: Refusal, workplace: Path) -> None:
    words = preset(workplace, "regularizer: {sharp: {weight: 5}}", defaults="  - override /regularizer: [sharp]")
    (workplace / "mine" / "regularizer").mkdir()
    for name in ("sharp", "smooth"):
        text = f"# {name}\n{name}:\n  _target_: ganctl.regularizer.R1\n  weight: 1\n"
        (workplace / "mine" / "regularizer" / f"{name}.yaml").write_text(text)
    line = refused(*words, "regularizer=[smooth]")
    assert line == (
        "regularizer.sharp={weight: 5}: is set, but sharp is not chosen; "
        "add it with regularizer=[smooth,sharp], or remove it with ~regularizer.sharp"
    )


def test_a_users_own_ranges_are_checked_as_well(refused: Refusal, workplace: Path) -> None:
    (workplace / "mine" / "loss").mkdir(parents=True)
    (workplace / "mine" / "loss" / "gentle.yaml").write_text(
        "# Gentle\n_target_: ganctl.loss.LeastSquares\nlabel_smoothing: 0.1  # how gentle; in [0, 0.2]\n"
    )
    line = refused("train", "--config-dir", "mine", "loss=gentle", "loss.label_smoothing=0.3")
    assert line == "loss.label_smoothing=0.3: must be in [0, 0.2]; the default is loss.label_smoothing=0.1"


def test_a_run_is_never_written_over(refused: Refusal, workplace: Path) -> None:
    (workplace / "old" / ".hydra").mkdir(parents=True)
    line = refused("train", "hydra.run.dir=old")
    assert line.startswith("hydra.run.dir=old: there is a run in it, which is not overwritten; ")
