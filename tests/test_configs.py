"""Every YAML file is built and played with, parametrized over the files on disk: a new option is tested unwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from PIL import Image

from ganctl import build
from ganctl.contract import AdversarialLoss, Batch, DataSpec
from ganctl.training.device import Device
from tests.settings import built, noise_options, options, settings

CPU = Device(torch.device("cpu"))
SPECS = {"grey": DataSpec("grey", (1, 28, 28), 10), "colour": DataSpec("colour", (3, 32, 32), 10)}
NOT_OF_ALL = ("all", "stacked_modes")
FEW = {"width": 8, "max_width": 16, "hidden": 16}


@pytest.fixture(autouse=True)
def one_thread(workplace: Path) -> None:
    torch.set_num_threads(1)


def narrow(*overrides: str) -> DictConfig:
    """The settings of `ganctl train OVERRIDES` with few channels in both networks, for the CPU."""
    config = settings(*overrides, "device.type=cpu")
    for network in (config.generator, config.discriminator):
        network.update({key: value for key, value in FEW.items() if key in network})
    return config


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> list[DataSpec]:
    """What is known of every data set, one of each shape; an image_folder gets a tiny folder."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    for number, name in enumerate(("cats", "dogs")):
        (folder / name).mkdir()
        Image.new("RGB", (20, 12), (number, 9, 200)).save(folder / name / "one.png")
    found = {}
    for name in options("dataset"):
        if name in ("paired_folder", "unpaired_folder"):
            continue
        needs = [f"dataset.path={folder}", "dataset.resolution=16"] if name == "image_folder" else []
        spec = build.dataset(settings(f"dataset={name}", *needs)).spec
        found[spec.image_shape, spec.num_classes] = spec
    return list(found.values())


def inputs(spec: DataSpec, count: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(spec.num_classes or 1, (count,), generator=generator)
    source = None if spec.source_shape is None else torch.rand(count, *spec.source_shape, generator=generator) * 2 - 1
    return Batch(torch.rand(count, *spec.image_shape, generator=generator) * 2 - 1, labels, source)


def play(config: DictConfig, spec: DataSpec, steps: int = 2) -> dict[str, float]:
    """Real steps on one small batch, whose logs are summed; both networks must move and stay finite."""
    device = build.device(config)
    state, game = built(config, spec, device)
    before = [next(network.parameters()).detach().clone() for network in state.networks.values()]
    log: dict[str, float] = {}
    for step in range(steps):
        torch.manual_seed(step)
        batches = [inputs(spec) for _ in range(game.batches_per_step)]
        for name, value in game.step(state, device, batches).items():
            log[name] = log.get(name, 0.0) + float(value)
        state.step += 1
    after = [next(network.parameters()) for network in state.networks.values()]
    assert state.is_finite()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(value == value and abs(value) < 1e6 for value in log.values()), log
    return log


# Building


@pytest.mark.parametrize("generator", noise_options("generator"))
def test_every_generator_draws_every_data_sets_images(generator: str, specs: list[DataSpec]) -> None:
    config = narrow(f"generator={generator}")
    for spec in specs:
        for config.conditional in (False, spec.num_classes is not None):
            network = build.network(config, "generator", build.task(config, spec)).eval()
            latents, labels = torch.randn(3, config.latent_size), torch.arange(3) % (spec.num_classes or 1)
            images = network(latents, labels)
            assert images.shape == (3, *spec.image_shape) and images.dtype == torch.float32
            assert images.abs().max() <= 1 and images.std() > 0


@pytest.mark.parametrize("discriminator", noise_options("discriminator"))
def test_every_discriminator_judges_every_data_sets_images(discriminator: str, specs: list[DataSpec]) -> None:
    config = narrow(f"discriminator={discriminator}")
    for spec in specs:
        batch = inputs(spec)
        for config.conditional in (False, spec.num_classes is not None):
            network = build.network(config, "discriminator", build.task(config, spec))
            logits = network(batch.images, batch.labels)
            assert logits.shape[:1] == (6,) and logits.isfinite().all()


@pytest.mark.parametrize("loss", options("loss"))
def test_every_loss_is_a_loss(loss: str) -> None:
    config = narrow(f"loss={loss}")
    part = build.game(config, build.task(config, SPECS["grey"])).loss
    assert isinstance(part, AdversarialLoss)
    real, fake = torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 0.5])
    assert part.discriminator(real, fake).shape == part.generator(fake, real).shape == (2,)


@pytest.mark.parametrize("scheduler", options("scheduler"))
def test_every_scheduler_gives_factors_from_the_first_step_to_the_last(scheduler: str) -> None:
    factor = build.scheduler(narrow(f"scheduler={scheduler}"))
    values = [factor(step, 10_000) for step in range(0, 10_000, 7)]
    assert all(0 < value <= 1 for value in values) and max(values) > 0.9


@pytest.mark.parametrize("optimizer", options("optimizer"))
def test_every_optimizer_takes_steps_with_its_own_values_for_each_network(optimizer: str) -> None:
    config = narrow(f"optimizer={optimizer}", "optimizer.lr=0.001", "optimizer.discriminator.lr=0.004")
    state, _ = built(config, SPECS["grey"], CPU)
    groups = [state.optimizers[side].param_groups[0] for side in ("generator", "discriminator")]
    assert [group["base_lr"] for group in groups] == [0.001, 0.004]
    play(config, SPECS["grey"])


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_devices_that_are_everywhere_can_be_opened(device: str) -> None:
    opened = build.device(settings(f"device={device}", "device.threads=1"))
    assert torch.ones(2, device=opened.torch_device).sum() == 2


@pytest.mark.parametrize("metric", options("metric"))
def test_every_metric_scores_what_digits_sees(metric: str) -> None:
    from dataclasses import replace

    from ganctl.evaluation.evaluate import score
    from ganctl.evaluation.protocol import Protocol
    from ganctl.evaluation.statistics import extract

    config = narrow(f"metric=[{metric}]", "feature=digits")
    extractor = build.extractor(config, CPU)
    noise = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = extract(
        lambda start, count: noise[start : start + count],
        extractor,
        num_images=20,
        batch_size=10,
        what="",
        labels=extractor(noise)[1].argmax(dim=1),
        keep_images=True,
    )
    found = replace(found, pairs=True)
    metrics = build.metrics(config)
    assert sorted(metrics) == (
        [name for name in options("metric") if name not in NOT_OF_ALL] if metric == "all" else [metric]
    )
    scored = score(metrics, found, found, Protocol())
    scores, declared = scored.values, [known.name for m in metrics.values() for known in m.declare("digits", 10)]
    assert scored.left_out == {} and list(scores) == declared
    assert all(value == value for value in scores.values())
    own = (
        "pixels",
        "ssim",
        "efficientnet_lite2",
        "psnr",
        "l1",
    )  # what looks at the images themselves, or by a network of its own
    assert all("digits" in name for name in scores if not any(word in name for word in own)), (
        "the others say who judges"
    )


def test_all_metrics_can_be_chosen_with_some_left_out_in_both_commands() -> None:
    from ganctl.compose import Composer

    known = [name for name in options("metric") if name not in NOT_OF_ALL]
    for command in ("train", "evaluate"):
        for word in ("metric=[all]", "metric=all"):
            composed = Composer(command).compose(["feature=digits", word, "~metric.frechet"])
            assert sorted(composed.metric) == [name for name in known if name != "frechet"]


@pytest.mark.parametrize("feature", options("feature"))
def test_every_extractor_composes_for_training_and_for_evaluate(feature: str) -> None:
    from ganctl.compose import Composer

    assert (
        settings(f"feature={feature}").feature._target_
        == Composer("evaluate").compose([f"feature={feature}"]).feature._target_
    )


# Playing


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("model", noise_options("model"))
def test_every_model_survives_two_steps(model: str, spec: str) -> None:
    dataset = {"grey": "mnist5k", "colour": "cifar10"}[spec]
    config = narrow(f"model={model}", f"dataset={dataset}")
    for config.device.precision in ("fp32", "bf16"):
        play(config, SPECS[spec])


PAIRS = DataSpec("pairs", (3, 32, 32), None, source_shape=(3, 32, 32))


@pytest.fixture
def pairs(tmp_path: Path) -> list[str]:
    """The words that name a folder of pairs."""
    Image.new("RGB", (64, 32)).save(tmp_path / "one.png")
    return ["dataset=paired_folder", f"dataset.path='{tmp_path}'", "dataset.resolution=32"]


@pytest.mark.parametrize("model", [name for name in options("model") if name not in noise_options("model")])
def test_every_model_that_starts_from_pictures_survives_two_steps(model: str, pairs: list[str]) -> None:
    words = ["discriminator.halvings=2", *(["generator.blocks=2"] if model != "pix2pix" else [])]
    config = narrow(f"model={model}", *pairs, *words)
    for config.device.precision in ("fp32", "bf16"):
        play(config, PAIRS)


GAMES = {"cycle": ("cycle",), "feature_matching": ("adversarial", "cycle")}
"""The games that have what a term needs, where not all have."""


BY_CLASS = ("auxiliary_classifier",)
"""Terms of images that are asked for by class, which those of pictures from pictures are not."""


@pytest.mark.parametrize("term", BY_CLASS)
def test_every_term_of_classes_adds_something_to_both_networks_losses(term: str) -> None:
    config = narrow("discriminator=acgan", "conditional=true", f"term=[{term}]")
    for config.device.precision in ("fp32", "bf16"):
        log = play(config, SPECS["grey"])
        assert log["g_penalty"] > 0 and log["d_penalty"] > log["g_penalty"]


@pytest.mark.parametrize("term", [term for term in options("term") if term not in BY_CLASS])
def test_every_term_adds_something_in_every_game_that_has_what_it_needs(term: str, pairs: list[str]) -> None:
    words = ["generator=resnet_translator", "generator.projection=8", "generator.blocks=2", "discriminator.halvings=2"]
    for game in GAMES.get(term, ("adversarial", "content", "cycle")):
        config = narrow("model=pix2pix", *pairs, *words, "task.show_source=false", f"term=[{term}]", f"game={game}")
        assert play(config, PAIRS)["g_penalty"] > 0


@pytest.mark.parametrize("discriminator", ["cnn", "dcgan", "patchgan", "resnet", "strided_cnn"])
def test_features_of_a_discriminator_are_matched(discriminator: str, pairs: list[str]) -> None:
    paired = ["model=pix2pix", *pairs, "generator.halvings=2", "discriminator.halvings=2", "task.show_source=true"]
    words = paired if discriminator == "patchgan" else [f"discriminator={discriminator}"]
    config = narrow(*words, "term=[feature_matching]")
    spec = PAIRS if discriminator == "patchgan" else SPECS["grey"]
    for config.device.precision in ("fp32", "bf16"):
        assert play(config, spec)["g_penalty"] > 0
    game = build.game(config, build.task(config, spec))
    assert game.regularizers["feature_matching"].has_truth == (discriminator == "patchgan")


@pytest.mark.parametrize("loss", options("loss"))
def test_every_loss_survives_two_steps(loss: str) -> None:
    config = narrow(f"loss={loss}")
    for config.device.precision in ("fp32", "bf16"):
        log = play(config, SPECS["grey"])
        assert log["d_loss"] != 0 and log["g_loss"] != 0


@pytest.mark.parametrize("loss", options("loss"))
def test_packs_of_images_go_with_every_loss_and_every_penalty_on_gradients(loss: str) -> None:
    words = (
        "discriminator.pack=3",
        "training.batch_size=6",
        "discriminator.minibatch_kernels=4",
        "augment=diffaugment",
    )
    config = narrow("model=pacgan", f"loss={loss}", "regularizer=[r1,r2,gradient_penalty,lecam]", *words)
    for config.device.precision in ("fp32", "bf16"):
        assert play(config, SPECS["colour"])["d_penalty"]


ASKING = {"reconstruction": ("discriminator=fastgan",), "mutual_information": ("model=infogan",)}
"""What a regularizer needs that asks something of the discriminator."""


@pytest.mark.parametrize("regularizer", options("regularizer"))
def test_every_regularizer_survives_two_steps(regularizer: str) -> None:
    config = narrow(f"regularizer=[{regularizer}]", *ASKING.get(regularizer, ()))
    for config.device.precision in ("fp32", "bf16"):
        log = play(config, SPECS["grey"])
        if regularizer not in ("instance_noise", "top_k", "weight_clipping"):
            assert log["d_penalty"] or log["g_penalty"], "it adds something"


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("augment", options("augment"))
def test_every_augmentation_survives_steps_with_penalties_on_the_gradient(augment: str, spec: str) -> None:
    dataset = {"grey": "mnist5k", "colour": "cifar10"}[spec]
    words = (f"augment.{augment}.policy=[colour,flip,rotation,translation,scale,cutout]", "conditional=true")
    config = narrow(
        "model=dcgan", f"augment={augment}", *words, f"dataset={dataset}", "regularizer=[r1,gradient_penalty]"
    )
    for config.device.precision in ("fp32", "bf16"):
        assert play(config, SPECS[spec], steps=5)["d_penalty"]


@pytest.mark.parametrize("discriminator", noise_options("discriminator"))
def test_every_discriminator_survives_two_steps_with_penalties_on_its_gradient(discriminator: str) -> None:
    config = narrow("regularizer=[r1,gradient_penalty]", f"discriminator={discriminator}")
    for config.device.precision in ("fp32", "bf16"):
        assert play(config, SPECS["grey"])["d_penalty"]


@pytest.mark.parametrize("generator", noise_options("generator"))
def test_every_generator_survives_two_steps(generator: str) -> None:
    config = narrow(f"generator={generator}", "regularizer=[mode_seeking]")
    for config.device.precision in ("fp32", "bf16"):
        assert play(config, SPECS["grey"])["g_penalty"]


def test_all_regularizers_go_together_with_spectral_norm_and_minibatch_discrimination() -> None:
    every = ",".join(name for name in options("regularizer") if name not in ASKING)
    words = ("discriminator.spectral_norm=true", "discriminator.minibatch_kernels=4", "discriminator.dropout=0.1")
    play(
        narrow(f"regularizer=[{every}]", *words, "loss=relativistic", "training.clip_norm=1", "conditional=true"),
        SPECS["grey"],
    )


@pytest.mark.parametrize("experiment", options("experiment"))
def test_every_experiment_survives_two_steps(experiment: str, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "one.png")
    keys = {"art": ("path",), "enlarge": ("path",), "pairs": ("path", "sources"), "restyle": ("path", "sources")}
    words = [f"dataset.{key}='{tmp_path}'" for key in keys.get(experiment, ())]
    config = narrow(f"experiment={experiment}", *words)
    play(config, build.dataset(config).spec)
