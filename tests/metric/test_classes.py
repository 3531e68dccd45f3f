from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganctl.metric.classes import ClassAccuracy, EvenModes, Modes, class_accuracy, reverse_kl
from tests.metric.feature_sets import normal, side


def saying(*classes: int, number: int = 4) -> Tensor:
    """Logits (N, number) of a classifier that says these classes."""
    return 5 * torch.nn.functional.one_hot(torch.tensor(classes), number).float() + 0.1 * normal(
        len(classes), number, seed=0
    )


def test_accuracy_is_the_share_that_shows_the_class_asked_for():
    assert class_accuracy(saying(0, 1, 2, 3), torch.tensor([0, 1, 2, 0])) == 0.75
    generated = side(logits=saying(0, 1, 2, 3), labels=torch.tensor([0, 1, 2, 0]))
    real = side(logits=saying(0, 1, 3, 3, 2), labels=torch.tensor([0, 1, 3, 3, 1]))
    assert ClassAccuracy()(generated, real) == {"real_class_accuracy_digits": 0.8, "class_accuracy_digits": 0.75}


def test_a_classifier_that_does_not_know_the_real_images_classes_does_not_judge():
    """Ten kinds of clothes are as many as ten digits, and no digits."""
    generated = side(logits=saying(0, 1, 2, 3), labels=torch.tensor([0, 1, 2, 3]))
    real = side(logits=saying(0, 1, 2, 3), labels=torch.tensor([3, 2, 2, 0]))
    assert ClassAccuracy()(generated, real) == {"real_class_accuracy_digits": 0.25}
    assert ClassAccuracy(min_real_accuracy=0.25)(generated, real)["class_accuracy_digits"] == 1


def test_labels_beyond_the_classifiers_classes_are_not_judged():
    generated = side(logits=saying(0, 1, 2, 3), labels=torch.tensor([0, 1, 2, 3]))
    real = side(logits=saying(0, 1, 2, 3), labels=torch.tensor([0, 1, 2, 4]))
    assert ClassAccuracy()(generated, real) == {"real_class_accuracy_digits": 0.75}


def test_modes_are_the_classes_drawn_more_often_than_the_least_part_of_their_real_share():
    generated, real = side(logits=saying(0, 0, 0, 1)), side(logits=saying(0, 1, 2, 3))
    assert Modes()(generated, real)["modes_digits"] == 2
    assert Modes(min_ratio=1)(generated, real)["modes_digits"] == 1, "just the real share is not more than it"
    rare = side(logits=saying(*[0] * 19, *[1] * 21, 2))
    even = side(logits=saying(0, 1, 2))
    assert Modes()(rare, even)["modes_digits"] == 2, "one image in 41 is less than a tenth of a third"
    assert Modes(min_ratio=0)(rare, even)["modes_digits"] == 3


def test_the_divergence_is_the_formula_by_hand():
    generated, real = side(logits=saying(0, 0, 0, 1)), side(logits=saying(0, 1, 2, 3))
    assert Modes()(generated, real)["reverse_kl_digits"] == pytest.approx(0.75 * math.log(3))
    assert Modes()(real, generated)["reverse_kl_digits"] == pytest.approx(0.25 * (math.log(1 / 3) + 2 * math.log(2)))


def test_the_divergence_of_equal_shares_is_zero_whatever_the_numbers():
    assert reverse_kl(torch.tensor([1, 2, 0, 5]), torch.tensor([10, 20, 0, 50])) == pytest.approx(0, abs=1e-12)


def test_a_class_without_a_real_image_counts_as_half_of_one():
    """p = (1/2, 1/2), q = (1, 1/200)."""
    expected = 0.5 * math.log(0.5) + 0.5 * math.log(0.5 / 0.005)
    assert reverse_kl(torch.tensor([3, 3]), torch.tensor([100, 0])) == pytest.approx(expected)
    assert reverse_kl(torch.tensor([3, 3]), torch.tensor([10000, 0])) > expected, "more images prove more"


def test_the_divergence_is_never_below_zero():
    assert reverse_kl(torch.tensor([4, 1]), torch.tensor([2, 0])) == 0.0


def test_all_of_one_class_against_even_classes_is_the_logarithm_of_their_number():
    assert reverse_kl(torch.tensor([0, 7, 0, 0]), torch.tensor([3, 3, 3, 3])) == pytest.approx(math.log(4))


def test_nothing_depends_on_the_order_of_the_images():
    logits, others, labels = normal(50, 4, seed=1), normal(60, 4, seed=2), torch.arange(50) % 4
    there = side(logits=logits, labels=labels), side(logits=others, labels=others.argmax(dim=1))
    back = side(logits=logits.flip(0), labels=labels.flip(0)), side(logits=others, labels=others.argmax(dim=1))
    for metric in (ClassAccuracy(), Modes()):
        assert metric(*there) == metric(*back)


def test_even_modes_count_single_images_and_diverge_from_even_shares_whatever_the_real_ones():
    generated, real = side(logits=saying(*[0] * 19, *[1] * 20, 2)), side(logits=saying(0, 0, 0, 3))
    found = EvenModes()(generated, real)
    shares = (19 / 40, 20 / 40, 1 / 40)
    assert found["modes_digits"] == 3
    assert found["reverse_kl_digits"] == pytest.approx(sum(p * math.log(4 * p) for p in shares))
    assert EvenModes(min_ratio=0.2)(generated, real)["modes_digits"] == 2


def test_beside_even_modes_stands_what_as_many_real_images_get():
    real = side(logits=saying(*[0, 1, 2, 3] * 100))
    found = EvenModes()(side(logits=saying(0, 1)), real)
    assert found["real_modes_digits"] <= 2 and found["real_reverse_kl_digits"] >= math.log(2)
    found = EvenModes()(side(logits=saying(*[0] * 400)), real)
    assert found["real_modes_digits"] == 4 and found["real_reverse_kl_digits"] == 0
    assert found["reverse_kl_digits"] == pytest.approx(math.log(4)), "all of one class"


def test_even_draws_of_a_thousand_classes_diverge_by_half_their_number_over_the_images():
    """(K - 1) / 2N: 0.0192 of 26,000 images, what a perfect generator gets."""
    draws = torch.randint(1000, (26_000,), generator=torch.Generator().manual_seed(0))
    counts = draws.bincount(minlength=1000)
    assert reverse_kl(counts, torch.ones(1000)) == pytest.approx(999 / 52_000, rel=0.1)


def test_what_has_no_class_and_unequal_numbers_of_classes_are_refused():
    good, bad = side(logits=saying(0, 1)), side(logits=torch.tensor([[0.0, torch.nan, 1, 2]]))
    with pytest.raises(ValueError, match="NaN or infinite logits have no class"):
        Modes()(good, bad)
    with pytest.raises(ValueError, match="4 classes cannot be compared with 3"):
        Modes()(good, side(logits=saying(0, 1, number=3)))
