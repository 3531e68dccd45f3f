"""The courses of the learning rate, at their ends and midpoints."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import math

import pytest

from ganctl import scheduler
from ganctl.contract import ArgumentError

SCHEDULERS = [
    each for _, each in inspect.getmembers(scheduler, inspect.isclass) if each.__module__ == scheduler.__name__
]
FALLING = [scheduler.Linear, scheduler.Cosine, scheduler.Exponential]
TOTAL = 1000


@pytest.mark.parametrize("kind", SCHEDULERS)
@pytest.mark.parametrize("warmup_steps", [0, 1, 100, 5000])
def test_every_factor_is_above_zero_and_at_most_one(kind, warmup_steps):
    course = kind(warmup_steps=warmup_steps)
    assert all(0 < course(step, TOTAL) <= 1 for step in range(TOTAL + 1))


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_scheduler_has_no_state(kind):
    course = kind(warmup_steps=10)
    before = dataclasses.asdict(course)
    forwards = [course(step, TOTAL) for step in range(TOTAL)]
    backwards = [course(step, TOTAL) for step in reversed(range(TOTAL))]
    assert forwards == backwards[::-1]
    assert dataclasses.asdict(course) == before and vars(course) == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        course.warmup_steps = 3


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_budget_of_one_step_is_enough(kind):
    assert 0 < kind()(0, 1) <= 1


@pytest.mark.parametrize("kind", [scheduler.Constant, *FALLING])
def test_warm_up_rises_in_equal_parts_to_the_full_rate(kind):
    course = kind(warmup_steps=4)
    assert [course(step, TOTAL) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_the_burn_in_takes_the_rate_and_the_second_beta_to_their_last_values_in_its_own_time():
    course = scheduler.BurnIn(final=0.25, final_beta2=0.99, burn_in_steps=200.0)
    assert [course(step, TOTAL) for step in (0, 100, 200, 999)] == pytest.approx([1, 0.625, 0.25, 0.25])
    assert [course.beta2(0.9, step) for step in (0, 100, 200, 999)] == pytest.approx([0.9, 0.945, 0.99, 0.99])
    assert scheduler.BurnIn(final_beta2=None, burn_in_steps=200.0).beta2(0.9, 150) == 0.9


def test_constant_is_one():
    assert {scheduler.Constant()(step, TOTAL) for step in range(TOTAL)} == {1.0}


@pytest.mark.parametrize("kind", FALLING)
@pytest.mark.parametrize("warmup_steps", [0, 200])
def test_falling_courses_go_from_one_to_final_and_stay_there(kind, warmup_steps):
    course = kind(final=0.25, warmup_steps=warmup_steps)
    factors = [course(step, TOTAL) for step in range(warmup_steps, TOTAL + 1)]
    assert factors[0] == 1
    assert factors[-1] == pytest.approx(0.25)
    assert all(later < earlier for earlier, later in itertools.pairwise(factors))
    assert course(2 * TOTAL, TOTAL) == pytest.approx(0.25)


@pytest.mark.parametrize("kind", FALLING)
def test_falling_to_one_is_constant(kind):
    assert {kind(final=1.0)(step, TOTAL) for step in range(TOTAL)} == {1.0}


def test_half_way_linear_is_the_mean_of_its_ends_and_exponential_their_geometric_mean():
    assert scheduler.Linear(final=0.25)(500, TOTAL) == pytest.approx(0.625)
    assert scheduler.Exponential(final=0.25)(500, TOTAL) == pytest.approx(0.5)


def test_cosine_follows_its_formula():
    course = scheduler.Cosine(final=0.2)
    assert course(500, TOTAL) == pytest.approx(0.6)
    assert course(250, TOTAL) == pytest.approx(0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)


def test_exponential_divides_by_the_same_number_at_every_step():
    course = scheduler.Exponential(final=0.01)
    ratios = [course(step + 1, TOTAL) / course(step, TOTAL) for step in range(TOTAL)]
    assert ratios == pytest.approx([0.01 ** (1 / TOTAL)] * TOTAL)


def test_the_middle_of_what_follows_the_warm_up_is_the_middle_of_the_course():
    assert scheduler.Linear(final=0.2, warmup_steps=200)(600, TOTAL) == pytest.approx(0.6)


def test_cyclic_is_a_triangle_that_repeats_whatever_the_budget():
    course = scheduler.Cyclic(period=8, low=0.2)
    cycle = [0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4]
    assert [course(step, TOTAL) for step in range(16)] == pytest.approx(cycle * 2)
    assert [course(step, 16) for step in range(16)] == pytest.approx(cycle * 2)


def test_cyclic_warms_up_to_the_foot_of_its_first_triangle():
    course = scheduler.Cyclic(period=4, low=0.2, warmup_steps=1)
    assert [course(step, TOTAL) for step in range(4)] == pytest.approx([0.1, 0.2, 0.6, 1.0])


def test_a_longer_budget_stretches_the_course():
    course = scheduler.Cosine(final=0.1)
    assert course(500, TOTAL) == pytest.approx(course(1000, 2 * TOTAL))
    assert course(999, 2 * TOTAL) > course(999, TOTAL)


@pytest.mark.parametrize(
    ("kind", "argument", "value", "interval"),
    [
        *((kind, "warmup_steps", -1, r"\[0, inf\)") for kind in SCHEDULERS),
        *((kind, "final", value, r"\(0, 1\]") for kind in FALLING for value in (0.0, 1.5, math.nan)),
        (scheduler.Cyclic, "low", 0.0, r"\(0, 1\]"),
        (scheduler.Cyclic, "period", 1, r"\[2, inf\)"),
    ],
)
def test_values_out_of_range_are_refused_in_one_line(kind, argument, value, interval):
    with pytest.raises(ArgumentError, match=rf"^{argument}={value}: must be in {interval}; try {argument}=\S+$"):
        kind(**{argument: value})
