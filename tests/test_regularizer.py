"""The regularizers against their formulas, with critics and networks whose gradients can be written down."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganctl.contract import (
    ArgumentError,
    Batch,
    Critic,
    DiscriminatorPenalty,
    GeneratorPenalty,
    Memory,
    Observer,
    Perturbation,
    Sample,
    Selection,
    Verdict,
    WeightConstraint,
    WeightPenalty,
)
from ganctl.loss import Wasserstein
from ganctl.regularizer import (
    R1,
    R2,
    Consistency,
    Dragan,
    EnergyDistance,
    GradientPenalty,
    InstanceNoise,
    LeCam,
    ModeSeeking,
    MutualInformation,
    Orthogonal,
    Reconstruction,
    TopK,
    WeightClipping,
)
from ganctl.training.game import Selective

SHAPE = (2, 3, 4)
LABELS = torch.tensor([0, 1, 2, 1, 0])
REAL = Batch(torch.zeros(5, *SHAPE), LABELS)
LENGTHS = [GradientPenalty, Dragan]
PENALTIES = [R1, R2, *LENGTHS]


def linear(weight: Tensor) -> Critic:
    """D(x) = w.x, whose gradient is w everywhere."""
    return lambda images, **shown: (images * weight).sum((1, 2, 3))


def quadratic(images: Tensor, labels: Tensor) -> Tensor:
    """D(x) = label |x|^2 / 2, whose gradient is label x."""
    return labels * images.square().sum((1, 2, 3)) / 2


def verdict(critic: Critic, images: Tensor) -> Verdict:
    images = images.detach().clone().requires_grad_()
    return Verdict(images, {"labels": LABELS}, critic(images, labels=LABELS))


def images(seed: int) -> Tensor:
    return torch.randn(len(LABELS), *SHAPE, generator=torch.Generator().manual_seed(seed))


def penalty(kind, critic: Critic, real: Tensor | None = None, fake: Tensor | None = None) -> Tensor:
    real, fake = images(1) if real is None else real, images(2) if fake is None else fake
    return kind.discriminator_penalty(verdict(critic, real), verdict(critic, fake), critic)


def test_each_regularizer_is_what_its_protocol_says():
    protocols = (DiscriminatorPenalty, GeneratorPenalty, WeightPenalty, Perturbation, WeightConstraint, Selection)
    kinds = {
        R1: 0,
        R2: 0,
        GradientPenalty: 0,
        Dragan: 0,
        LeCam: 0,
        Consistency: 0,
        MutualInformation: 0,
        Reconstruction: 0,
        ModeSeeking: 1,
        EnergyDistance: 1,
        Orthogonal: 2,
        InstanceNoise: 3,
        WeightClipping: 4,
        TopK: 5,
    }
    for kind, place in kinds.items():
        assert [isinstance(kind(), protocol) for protocol in protocols] == [place == other for other in range(6)]
        assert kind().every == 1


def test_every_regularizer_has_a_file_under_its_own_name():
    files = (Path(__file__).parents[1] / "configs" / "regularizer").glob("*.yaml")
    names = {
        "r1",
        "lazy_r1",
        "light_r1",
        "fading_r1",
        "fading_r2",
        "r1_finite",
        "r2",
        "r2_finite",
        "gradient_penalty",
        "dragan",
        "orthogonal",
        "weight_clipping",
        "mode_seeking",
        "light_mode_seeking",
        "energy_distance",
        "reconstruction",
        "top_k",
        "instance_noise",
        "lecam",
        "consistency",
        "mutual_information",
    }
    assert {file.stem for file in files} == names


@pytest.mark.parametrize("kind", [R1, R2])
def test_r1_and_r2_of_a_linear_critic_are_half_gamma_times_the_squared_length_of_its_weight(kind):
    weight = torch.randn(SHAPE)
    expected = (3.0 / 2 * weight.square().sum()).expand(len(LABELS))
    torch.testing.assert_close(penalty(kind(weight=3.0), linear(weight)), expected)


def test_r1_looks_at_real_images_and_r2_at_generated_ones():
    real, fake = images(1), images(2)
    squares = LABELS.square() / 2
    torch.testing.assert_close(penalty(R1(weight=1.0), quadratic), squares * real.square().sum((1, 2, 3)))
    torch.testing.assert_close(penalty(R2(weight=1.0), quadratic), squares * fake.square().sum((1, 2, 3)))


@pytest.mark.parametrize("kind", [R1, R2])
def test_r1_and_r2_can_be_minimised_by_the_weight(kind):
    weight = torch.randn(SHAPE, requires_grad=True)
    (slope,) = torch.autograd.grad(penalty(kind(weight=3.0), linear(weight)).mean(), weight)
    torch.testing.assert_close(slope, 3.0 * weight)


@pytest.mark.parametrize("kind", [R1, R2])
def test_over_the_burn_in_gamma_goes_to_a_share_of_itself_along_half_a_cosine(kind):
    part = kind(weight=0.05, final=0.1, finite_step=0.01, every=2)
    assert [part.at(share).weight for share in (0.0, 0.25, 0.5, 1.0)] == pytest.approx(
        [0.05, 0.05 - 0.045 * (1 - math.sqrt(0.5)) / 2, 0.0275, 0.005]
    )
    assert (part.at(0.5).finite_step, part.at(0.5).every) == (0.01, 2)
    assert kind(weight=0.05).at(0.5) == kind(weight=0.05)


def test_r1_reuses_the_logits_of_the_loss_in_float32():
    def untouchable(images: Tensor, labels: Tensor) -> Tensor:
        raise AssertionError("the images have been judged already")

    weight = torch.randn(SHAPE)
    real = verdict(linear(weight), images(1))
    assert R1().discriminator_penalty(real, real, untouchable).shape == LABELS.shape


@pytest.mark.parametrize("kind", LENGTHS)
@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_penalties_on_length_of_a_linear_critic_are_its_weights_distance_from_length_one(kind, length):
    weight = torch.randn(SHAPE)
    weight *= length / weight.norm()
    two_sided, one_sided = kind(weight=10.0), kind(weight=10.0, one_sided=True)
    assert penalty(two_sided, linear(weight)).tolist() == pytest.approx([10 * (length - 1) ** 2] * 5, abs=1e-5)
    assert penalty(one_sided, linear(weight)).tolist() == pytest.approx([10 * max(0, length - 1) ** 2] * 5, abs=1e-5)


@pytest.mark.parametrize("kind", LENGTHS)
def test_penalties_on_length_keep_the_length_that_they_are_told(kind):
    weight = torch.full(SHAPE, 2.0 / math.sqrt(math.prod(SHAPE)))
    assert penalty(kind(target=2.0), linear(weight)).tolist() == pytest.approx([0] * 5, abs=1e-10)
    assert penalty(kind(weight=1.0, target=0.0), linear(weight)).tolist() == pytest.approx([4] * 5)


def test_dragan_judges_points_around_real_images_as_its_authors_code_does():
    seen = []

    def watching(images: Tensor, labels: Tensor) -> Tensor:
        seen.append((images.detach(), labels))
        return quadratic(images, labels)

    many = torch.randn(400, *SHAPE, generator=torch.Generator().manual_seed(3)) * 3
    real = Verdict(many, {"labels": torch.ones(400)}, torch.zeros(400))
    Dragan(spread=0.5).discriminator_penalty(real, real, watching)
    Dragan(spread=0.0).discriminator_penalty(real, real, watching)
    ((around, labels), (there, _)) = seen
    away = (around - many) / (0.5 * many.std(correction=0))  # e u: e one an image, u one a number, both uniform
    assert labels is real.shown["labels"] and torch.equal(there, many)
    assert away.min() > -1e-5 and away.max() < 1
    assert away.mean().item() == pytest.approx(0.25, abs=0.02)
    largest = away.flatten(1).amax(1)  # of 24 numbers: about e
    assert largest.min() < 0.02 and largest.mean().item() == pytest.approx(0.5 * 24 / 25, abs=0.03)


def test_gradient_penalty_judges_points_between_each_pair_under_the_real_label():
    seen = []

    def watching(images: Tensor, labels: Tensor) -> Tensor:
        seen.append((images.detach(), labels))
        return quadratic(images, labels)

    real, fake = images(1), images(2)
    on_real, on_fake = verdict(quadratic, real), verdict(quadratic, fake)
    GradientPenalty().discriminator_penalty(on_real, on_fake, watching)
    ((between, labels),) = seen
    shares = (between - fake) / (real - fake)
    first = shares[:, :1, :1, :1].clone()
    torch.testing.assert_close(shares, first.expand_as(shares), rtol=1e-3, atol=1e-3)
    assert ((first > -1e-3) & (first < 1 + 1e-3)).all() and len(set(first.flatten().tolist())) == len(LABELS)
    assert labels is LABELS


def packed(weight: Tensor) -> Critic:
    """D of two neighbours = w.(x1, x2), whose gradient by the pack is w (2, C, H, W) everywhere."""
    return lambda images, **shown: (images.unflatten(0, (-1, 2)) * weight).sum((1, 2, 3, 4))


def test_penalties_on_packs_are_on_the_gradient_by_the_whole_pack():
    weight = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(4)) / 4
    square, pairs = weight.square().sum().item(), images(1)[:4]
    for kind in (R1(weight=3.0), R2(weight=3.0)):
        assert penalty(kind, packed(weight), pairs, pairs).tolist() == pytest.approx([1.5 * square] * 2)
    expected = [10 * (square**0.5 - 1) ** 2] * 2
    for kind in LENGTHS:
        assert penalty(kind(weight=10.0), packed(weight), pairs, pairs).tolist() == pytest.approx(expected)


def test_gradient_penalty_judges_packs_between_two_packs():
    seen, critic, real, fake = [], packed(torch.ones(2, *SHAPE)), images(1)[:4], images(2)[:4]

    def watching(images: Tensor, labels: Tensor) -> Tensor:
        seen.append(images.detach())
        return critic(images)

    GradientPenalty().discriminator_penalty(verdict(critic, real), verdict(critic, fake), watching)
    shares = ((seen[0] - fake) / (real - fake))[:, 0, 0, 0].tolist()
    assert shares[0] == pytest.approx(shares[1], abs=1e-3) and shares[2] == pytest.approx(shares[3], abs=1e-3)
    assert shares[0] != pytest.approx(shares[2], abs=1e-2)


@pytest.mark.parametrize("kind", LENGTHS)
def test_penalties_on_length_can_be_minimised_by_the_weight(kind):
    weight = torch.randn(SHAPE, requires_grad=True)
    (slope,) = torch.autograd.grad(penalty(kind(weight=10.0), linear(weight)).mean(), weight)
    expected = 20 * (weight.norm() - 1) * weight / weight.norm()
    torch.testing.assert_close(slope, expected)


def test_gradient_penalty_of_a_constant_critic_has_a_finite_slope():
    weight = torch.zeros(SHAPE, requires_grad=True)
    term = penalty(GradientPenalty(weight=10.0), linear(weight))
    (slope,) = torch.autograd.grad(term.mean(), weight)
    assert term.tolist() == [10.0] * 5 and slope.isfinite().all()


@pytest.mark.parametrize("kind", PENALTIES)
def test_under_autocast_the_gradient_is_still_that_of_float32(kind):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(96, 1))

    def critic(images: Tensor, labels: Tensor) -> Tensor:
        return network(images).squeeze(1).float()

    torch.manual_seed(1)
    exact = penalty(kind(), critic)
    exact_slopes = torch.autograd.grad(exact.mean(), list(network.parameters()), allow_unused=True)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        fake = images(2)
        found = penalty(kind(), critic, fake=fake)
    slopes = torch.autograd.grad(found.mean(), list(network.parameters()), allow_unused=True)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact)
    for one, other in zip(slopes, exact_slopes, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", PENALTIES)
def test_fakes_in_bfloat16_are_taken(kind):
    with torch.autocast("cpu", torch.bfloat16):
        term = penalty(kind(), linear(torch.ones(SHAPE)), fake=images(2).bfloat16())
    assert term.dtype == torch.float32 and term.isfinite().all()


def test_of_the_top_k_the_loss_is_the_mean_and_the_others_have_no_gradient():
    part = TopK(share=0.5, decay=0.5, epoch_kimg=0.008)
    part.images = 8
    judged = torch.tensor([0.5, -2.0, 3.0, 1.0, -0.1, 0.0], requires_grad=True)
    loss = Selective(Wasserstein(), [part]).generator(judged, None).mean()
    assert loss.item() == pytest.approx(-(3.0 + 1.0 + 0.5) / 3)
    (slope,) = torch.autograd.grad(loss, judged)
    torch.testing.assert_close(slope, -torch.tensor([1.0, 0, 1, 1, 0, 0]) / 3)


def test_the_share_that_counts_shrinks_each_epoch_until_it_stays():
    part, batch = TopK(share=0.75, decay=0.9, epoch_kimg=0.01), logits(*[0.0] * 5)
    shares = []
    for _ in range(8):
        shares.append(part.readings()["share"].item())
        part.observe(batch, batch)
    assert shares == pytest.approx([1, 1, 0.9, 0.9, 0.81, 0.81, 0.75, 0.75])
    resumed = TopK(share=0.75, decay=0.9, epoch_kimg=0.01)
    resumed.load_state_dict(part.state_dict())
    assert resumed.kept == part.kept and isinstance(part, Memory) and isinstance(part, Observer)


def test_at_first_every_image_counts_and_at_last_one_does_however_small_the_share():
    part, judged = TopK(share=0.01, decay=0.01, epoch_kimg=0.001), torch.tensor([1.0, 2.0, 0.0])
    assert part.shares(judged).tolist() == [1, 1, 1]
    part.images = 10
    assert part.shares(judged).tolist() == [0, 3, 0]


def test_an_image_of_many_logits_is_ranked_by_their_mean():
    part = TopK(share=0.5, decay=0.5, epoch_kimg=0.001)
    part.images = 1
    patches = torch.tensor([[5.0, -5.0], [1.0, 1.0]]).view(2, 1, 2, 1)
    assert torch.equal(part.shares(patches), torch.tensor([[0.0, 0.0], [2.0, 2.0]]).view(2, 1, 2, 1))


def test_the_loss_of_the_discriminator_does_not_know_of_a_selection():
    part, real, fake = TopK(share=0.5, decay=0.5, epoch_kimg=0.001), torch.ones(4), torch.arange(4.0)
    part.images = 1
    assert torch.equal(Selective(Wasserstein(), [part]).discriminator(real, fake), fake - real)


def consistency_by_hand(part: Consistency, real: Tensor, fake: Tensor, weight: Tensor) -> Tensor:
    """10 (w.x - w.T(x))^2 + 4 (w.g - w.T(g))^2, T by the draws that follow the seed 7."""
    torch.manual_seed(7)
    changes = [linear(weight)(each) - linear(weight)(part.transforms.transformed(each, 1.0)) for each in (real, fake)]
    return 10 * changes[0].square() + 4 * changes[1].square()


def test_consistency_is_the_squared_change_of_both_kinds_of_logits():
    real, fake, weight = images(1), images(2), images(3)[0]
    part = Consistency(weight=10.0, fake_weight=4.0, translation=0.5)
    torch.manual_seed(7)
    found = penalty(part, linear(weight), real, fake)
    torch.testing.assert_close(found, consistency_by_hand(part, real, fake, weight))
    assert (found > 0).sum() >= 4
    only_real = Consistency(weight=10.0, fake_weight=0.0, translation=0.5)
    torch.manual_seed(7)
    alone = penalty(only_real, linear(weight), real, real)
    torch.manual_seed(7)
    moved = part.transforms.transformed(real, 1.0)
    torch.testing.assert_close(alone, 10 * (linear(weight)(real) - linear(weight)(moved)).square())


def test_a_critic_that_does_not_mind_the_transform_pays_nothing():
    def total(images: Tensor, labels: Tensor) -> Tensor:
        return images.sum((1, 2, 3))

    assert penalty(Consistency(policy=["flip"]), total).tolist() == pytest.approx([0] * 5, abs=1e-8)


def test_consistency_teaches_through_both_judgements_and_judges_under_the_same_labels():
    seen, weight = [], images(3)[0].requires_grad_()

    def watching(images: Tensor, labels: Tensor) -> Tensor:
        seen.append((images, labels))
        return linear(weight)(images)

    part = Consistency(policy=["flip"], fake_weight=0.0)
    real = verdict(linear(weight), images(1))
    term = part.discriminator_penalty(real, real, watching)
    ((moved, labels),) = seen
    (slope,) = torch.autograd.grad(term.sum(), weight)
    apart = real.images.detach() - moved
    expected = (2 * 10 * linear(weight)(apart).view(-1, 1, 1, 1) * apart).sum(0)
    torch.testing.assert_close(slope, expected)
    assert labels is LABELS and not moved.requires_grad and apart.any()


def test_mutual_information_asks_after_what_was_shown_in_both_losses():
    asked = []

    def recovering(images: Tensor, latents: Tensor, recover: bool = False) -> Tensor:
        asked.append((images, latents, recover))
        return images.flatten(1).sum(1) + latents.sum(1)

    latents, made = torch.randn(5, 3), images(2).requires_grad_()
    fake = Verdict(made, {"latents": latents}, torch.zeros(5))
    part = MutualInformation(weight=2.0)
    for_d = part.discriminator_penalty(fake, fake, recovering)
    for_g = part.critic_penalty(Sample({}, made), REAL, partial(recovering, latents=latents))
    expected = 2 * (made.detach().flatten(1).sum(1) + latents.sum(1))
    torch.testing.assert_close(for_d, expected)
    torch.testing.assert_close(for_g.detach(), expected)
    assert for_g.requires_grad and not for_d.requires_grad
    assert all(seen is latents and recover for _, seen, recover in asked)


def logits(*values: float) -> Verdict:
    return Verdict(torch.zeros(len(values), *SHAPE), {}, torch.tensor(values, requires_grad=True))


def lecam_term(part: LeCam, real: Verdict, fake: Verdict) -> Tensor:
    return part.discriminator_penalty(real, fake, linear(torch.zeros(SHAPE)))


def test_lecam_draws_logits_to_the_averages_of_the_other_kind():
    part = LeCam(weight=0.5, decay=0.75)
    part.observe(logits(2.0, 4.0), logits(-1.0, -3.0))  # anchors 3 and -2
    part.observe(logits(7.0, 7.0), logits(2.0, 2.0))  # 0.75 * 3 + 0.25 * 7 = 4 and 0.75 * -2 + 0.25 * 2 = -1
    real, fake = logits(1.0, -4.0), logits(0.0, 6.0)
    term = lecam_term(part, real, fake)
    assert term.tolist() == [0.5 * (2.0**2 + 4.0**2), 0.5 * (3.0**2 + 2.0**2)]
    slopes = torch.autograd.grad(term.sum(), [real.logits, fake.logits])
    assert [slope.tolist() for slope in slopes] == [[2.0, -3.0], [-4.0, 2.0]]


def test_lecam_begins_with_the_means_of_the_first_batch_and_lets_no_gradient_through_them():
    part, real, fake = LeCam(weight=1.0), logits(1.0, 3.0), logits(-1.0, 1.0)
    term = lecam_term(part, real, fake)
    assert term.tolist() == [1.0 + 9.0, 9.0 + 1.0]
    (slope,) = torch.autograd.grad(term.sum(), real.logits)
    assert slope.tolist() == [2.0, 6.0]


def test_lecam_takes_patches_and_keeps_float32_numbers_as_they_are():
    real, fake = (Verdict(images(seed), {}, images(seed)) for seed in (1, 2))
    part, other = LeCam(), LeCam()
    assert isinstance(part, Memory) and isinstance(part, Observer)
    other.load_state_dict(part.state_dict())
    for _ in range(3):
        part.observe(real, fake)
        part.observe(fake, real)
        other.load_state_dict(part.state_dict())
    assert lecam_term(part, real, fake).shape == real.logits.shape
    assert torch.equal(lecam_term(part, real, fake), lecam_term(other, real, fake))


def test_reconstruction_asks_the_critic_about_real_images_and_weighs_what_it_says():
    def critic(images: Tensor, labels: Tensor, *, reconstruct: bool = False) -> Tensor:
        return images.mean((1, 2, 3)) if reconstruct else torch.zeros(len(images))

    real = images(1)
    torch.testing.assert_close(penalty(Reconstruction(weight=3.0), critic, real), 3 * real.mean((1, 2, 3)))


def energy(x: Tensor, g: Tensor, **settings: float) -> Tensor:
    part = EnergyDistance(**settings)
    return part.generator_penalty(Sample({}, g), Batch(x, LABELS[: len(x)]), nn.Identity())


def test_the_energy_distance_matches_its_formula():
    pairs = [(i, j) for i in range(5) for j in range(5)]

    def mean_distance(a: Tensor, b: Tensor, chosen: list[tuple[int, int]]) -> Tensor:
        return torch.stack([(a[i] - b[j]).square().mean().sqrt() for i, j in chosen]).mean()

    different = [(i, j) for i, j in pairs if i != j]
    square = images(1)[..., :3], images(2)[..., :3]
    means = [mean_distance(*square, pairs), *(mean_distance(part, part, different) for part in square)]
    torch.testing.assert_close(energy(*square, weight=2.0, size=3), 2 * (2 * means[0] - means[1] - means[2]))


def test_the_energy_distance_pulls_images_to_the_colours_of_the_real_ones():
    torch.manual_seed(0)
    x, g = torch.randn(200, 3, 4, 4) * 0.1 + 0.5, (torch.randn(200, 3, 4, 4) * 0.1).requires_grad_()
    apart = EnergyDistance(size=2).generator_penalty(Sample({}, g), Batch(x, torch.zeros(200).long()), nn.Identity())
    (slope,) = torch.autograd.grad(apart, g)
    assert apart > 0.3 and (slope.mean((0, 2, 3)) < 0).all()
    same = EnergyDistance(size=2).generator_penalty(Sample({}, x), Batch(x, torch.zeros(200).long()), nn.Identity())
    assert same.abs() < 0.01


def test_the_energy_distance_has_a_finite_slope_where_images_are_equal():
    g = torch.zeros(3, 2, 4, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(energy(torch.zeros(3, 2, 4, 4), g), g)
    assert slope.isfinite().all()


def test_orthogonal_matches_its_formula_for_a_linear_layer():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.data = torch.tensor([[1.0, 2.0], [3.0, -1.0]])  # filters (1, 2) and (3, -1), of inner product 1
    assert Orthogonal(weight=0.5).weight_penalty(layer).item() == pytest.approx(0.5 * 2 * 1.0**2)


@pytest.mark.parametrize(("outputs", "inputs"), [(5, 7), (7, 5), (1, 4), (6, 6)])
def test_orthogonal_matches_its_formula_whichever_side_is_longer(outputs, inputs):
    layer = nn.Linear(inputs, outputs)
    W = layer.weight.detach().T
    expected = ((W.T @ W) * (1 - torch.eye(outputs))).square().sum()
    torch.testing.assert_close(Orthogonal(weight=1.0).weight_penalty(layer).detach(), expected)


def test_orthogonal_leaves_orthogonal_filters_of_any_length_alone():
    layer = nn.Conv2d(3, 8, 3)
    nn.init.orthogonal_(layer.weight)
    layer.weight.data *= torch.arange(1.0, 9.0).view(8, 1, 1, 1)
    assert Orthogonal(weight=1.0).weight_penalty(layer).item() == pytest.approx(0, abs=1e-8)


def test_orthogonal_takes_each_output_of_a_transposed_convolution_for_a_filter():
    layer = nn.ConvTranspose2d(5, 3, 2, bias=False)
    rows = layer.weight.detach().transpose(0, 1).flatten(1)
    expected = sum((rows[i] @ rows[j]) ** 2 for i in range(3) for j in range(3) if i != j)
    torch.testing.assert_close(Orthogonal(weight=1.0).weight_penalty(layer).detach(), expected)


def test_orthogonal_sums_over_layers_and_leaves_embeddings_and_norms_out():
    layers = [nn.Conv2d(1, 4, 3), nn.Linear(9, 5)]
    alone = sum(Orthogonal().weight_penalty(layer) for layer in layers)
    network = nn.Sequential(layers[0], nn.BatchNorm2d(4), nn.Embedding(10, 6), nn.Sequential(layers[1]))
    torch.testing.assert_close(Orthogonal().weight_penalty(network), alone)
    assert Orthogonal().weight_penalty(nn.Embedding(10, 6)).item() == 0


def test_orthogonal_sees_the_weight_before_spectral_norm_and_does_not_disturb_it():
    layer = nn.Linear(6, 4)
    expected = Orthogonal().weight_penalty(layer).detach()
    parametrizations.spectral_norm(layer)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    torch.testing.assert_close(Orthogonal().weight_penalty(layer).detach(), expected)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_orthogonal_is_computed_in_float32_under_autocast():
    layer = nn.Linear(64, 32)
    expected = Orthogonal().weight_penalty(layer)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(Orthogonal().weight_penalty(layer), expected, rtol=0, atol=0)


def test_orthogonal_descends_to_right_angles():
    torch.manual_seed(0)
    layer = nn.Linear(8, 4)
    term = Orthogonal(weight=1.0)
    before = term.weight_penalty(layer).item()
    optimizer = torch.optim.SGD([layer.weight], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        term.weight_penalty(layer).backward()
        optimizer.step()
    assert term.weight_penalty(layer).item() < 1e-3 * before


@pytest.mark.parametrize("networks", [[], ["critic"], ["generator", "both"], "generator"])
def test_orthogonal_refuses_networks_that_there_are_not(networks):
    with pytest.raises(ArgumentError, match=r"^networks=.*: must be a list of .*; try networks=\[generator\]$"):
        Orthogonal(networks=networks)


def test_orthogonal_takes_the_list_of_a_yaml_file():
    assert Orthogonal(networks=["generator", "discriminator"]).networks == ("generator", "discriminator")


def test_clipping_brings_every_number_of_a_network_into_the_cube_and_leaves_the_others():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(4, 3))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    WeightClipping(limit=0.25).constrain(network)
    assert any((parameter.abs() > 0.25).any() for parameter in before)
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(new, old.clamp(-0.25, 0.25))


def sample(latents: list[list[float]], labels: list[int], pixels: list[float]) -> Sample:
    pixel = torch.tensor(pixels).view(-1, 1, 1, 1).expand(-1, *SHAPE).clone().requires_grad_()
    return Sample({"latents": torch.tensor(latents), "labels": torch.tensor(labels)}, pixel)


def test_mode_seeking_is_the_inverse_of_the_ratio_of_distances():
    fake = sample([[0.0, 0.0], [1.0, 3.0]], [0, 0], [0.0, 0.5])  # latents 2 apart, images 0.5
    term = ModeSeeking(weight=3.0, eps=0.1).generator_penalty(fake, REAL, nn.Identity())
    assert term.item() == pytest.approx(3.0 / (0.25 + 0.1))


def test_mode_seeking_pairs_only_equal_labels():
    fake = sample([[0.0], [10.0], [2.0], [13.0], [5.0]], [0, 7, 0, 7, 3], [0.0, -1.0, 0.5, 0.5, 0.9])
    term = ModeSeeking(eps=1e-6).generator_penalty(fake, REAL, nn.Identity())
    assert term.item() == pytest.approx((1 / (0.5 / 2) + 1 / (1.5 / 3)) / 2, rel=1e-4)


def test_mode_seeking_without_a_pair_is_zero_with_a_zero_slope():
    fake = sample([[0.0], [1.0], [2.0]], [0, 1, 2], [0.1, 0.1, 0.1])
    term = ModeSeeking().generator_penalty(fake, REAL, nn.Identity())
    (slope,) = torch.autograd.grad(term, fake.images)
    assert term.item() == 0 and not slope.any()


def test_mode_seeking_drives_images_of_different_latents_apart():
    fake = sample([[0.0], [1.0]], [0, 0], [0.1, 0.2])
    (slope,) = torch.autograd.grad(ModeSeeking().generator_penalty(fake, REAL, nn.Identity()), fake.images)
    assert (slope[0] > 0).all() and (slope[1] < 0).all()


def test_mode_seeking_is_finite_for_a_generator_that_has_collapsed():
    for latents in ([[0.0], [1.0]], [[1.0], [1.0]]):
        fake = sample(latents, [0, 0], [0.3, 0.3])
        term = ModeSeeking().generator_penalty(fake, REAL, nn.Identity())
        (slope,) = torch.autograd.grad(term, fake.images)
        assert term.item() == pytest.approx(1e5, rel=1e-3) and slope.isfinite().all()


def test_mode_seeking_is_computed_in_float32_under_autocast():
    latents, pixels = torch.randn(6, 4), torch.randn(6, *SHAPE).bfloat16()
    exact = ModeSeeking().generator_penalty(
        Sample({"latents": latents, "labels": torch.zeros(6)}, pixels.float()), REAL, nn.Identity()
    )
    with torch.autocast("cpu", torch.bfloat16):
        found = ModeSeeking().generator_penalty(
            Sample({"latents": latents, "labels": torch.zeros(6)}, pixels), REAL, nn.Identity()
        )
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact)


@pytest.mark.parametrize(("step", "deviation"), [(0, 0.4), (25, 0.3), (50, 0.2)])
def test_instance_noise_has_the_deviation_of_its_step(step, deviation):
    noise = InstanceNoise(strength=0.4, decay_steps=100).perturb(torch.zeros(8, 3, 64, 64), step)
    assert noise.std().item() == pytest.approx(deviation, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("step", [100, 101, 10**6])
def test_instance_noise_ends(step):
    pixels = images(1)
    assert torch.equal(InstanceNoise(strength=0.4, decay_steps=100).perturb(pixels, step), pixels)


def test_instance_noise_stays_without_decay():
    noise = InstanceNoise(strength=0.4, decay_steps=None).perturb(torch.zeros(8, 3, 64, 64), 10**6)
    assert noise.std().item() == pytest.approx(0.4, rel=0.02)


def test_instance_noise_lets_the_gradient_through_and_follows_the_global_seed():
    pixels = images(1).requires_grad_()
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(InstanceNoise().perturb(pixels, 0))
    assert torch.equal(*results)
    assert not torch.equal(results[0], InstanceNoise().perturb(pixels, 0))
    (slope,) = torch.autograd.grad(results[0].sum(), pixels)
    assert torch.equal(slope, torch.ones_like(pixels))


@pytest.mark.parametrize(
    ("kind", "argument", "value"),
    [
        *((kind, "weight", -1.0) for kind in (R1, R2, LeCam, Orthogonal, Reconstruction, EnergyDistance)),
        *((kind, "every", 0) for kind in (R1, ModeSeeking)),
        (GradientPenalty, "weight", math.nan),
        (GradientPenalty, "target", -0.5),
        (Dragan, "spread", -0.5),
        (Consistency, "fake_weight", -1.0),
        (Consistency, "every", 0),
        (TopK, "epoch_kimg", 0.0),
        (WeightClipping, "limit", 0.0),
        (ModeSeeking, "eps", 0.0),
        (InstanceNoise, "strength", -0.1),
        (InstanceNoise, "decay_steps", 0),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(kind, argument, value):
    with pytest.raises(ArgumentError, match=rf"^{argument}={value}: must be in [\[(]\d, inf\); try {argument}=\S+$"):
        kind(**{argument: value})
