"""A report's warnings: each is given for a run with the trouble, not for one without, and its cure can be typed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ganctl.configuration.rules import read_rules
from ganctl.report.explanations import FINDINGS
from ganctl.report.health import LIVE, health, troubles
from ganctl.report.recorded import Recorded
from tests.report.records import CONFIG, EVEN, LINES, PROTOCOL, judged, losses, run, scores
from tests.settings import CONFIGS

FIFTH = LINES // 5
RISING = [1.0] * (LINES - 2 * FIFTH) + [2.0] * FIFTH + [4.0] * FIFTH
KILLED: dict[str, Any] = {"summary": {}, "final": []}
INTERRUPTED: dict[str, Any] = {"summary": {"status": "interrupted", "step": 500, "best_step": 400}, "final": []}


def sure(real: float = 0.99, fake: float = 0.01) -> dict[str, list[float]]:
    return {"d_real": [real] * LINES, "d_fake": [fake] * LINES}


def shared(*shares: float, **protocol: Any) -> Recorded:
    return run(final=judged({f"share_{k}_digits": share for k, share in enumerate(shares)}, **protocol))


ONE_CLASS = (0.91, *([0.01] * 9))
UNEVEN = (0.19, 0.06, 0.09, 0.06, *([0.1] * 6))

TROUBLES: dict[str, tuple[Recorded, Recorded]] = {
    "A loss or a weight became not-a-number": (
        run(losses=losses(g_loss=[1.0] * 12 + [math.nan])),
        run(losses=losses(g_loss=[1.0] * 12 + [1e6])),
    ),
    "The run is not finished": (run(**KILLED), run()),
    "The discriminator wins": (
        run(losses=losses(**sure(), g_loss=RISING)),
        run(losses=losses(d_real=[0.99] * 5 + [0.7] * 15, d_fake=[0.01] * 5 + [0.3] * 15)),
    ),
    "The discriminator tells nothing apart": (
        run(losses=losses(**sure(0.51, 0.49))),
        run(losses=losses(**sure(0.6, 0.4))),
    ),
    "The learning rate is nought": (
        run(losses=losses(learning_rate=[2e-4] * (LINES - 1) + [0.0])),
        run(losses=losses(learning_rate=[2e-4] * (LINES - 1) + [2e-6])),
    ),
    "It became slower": (
        run(losses=losses(images_per_second=[900.0] * 15 + [500.0] * 5)),
        run(losses=losses(images_per_second=[900.0] * 15 + [700.0] * 5)),
    ),
    "A gradient explodes (generator)": (
        run(losses=losses(gradient_generator=[1.0] * 16 + [101.0] * 4)),
        run(losses=losses(gradient_generator=[1.0] * 15 + [90.0] * 4 + [101.0])),
    ),
    "A gradient vanishes (generator)": (
        run(losses=losses(gradient_generator=[1.0] * 16 + [0.009] * 4)),
        run(losses=losses(gradient_generator=[1.0] * 16 + [0.009] * 3 + [0.1])),
    ),
    "The pictures are black and white only": (
        run(losses=losses(saturation=[0.1] * 13 + [0.8] * 7)),
        run(losses=losses(saturation=[0.8] * 13 + [0.1] * 7)),
    ),
    "Pixels out of range": (
        run(losses=losses(out_of_range=[0.0] * 13 + [0.06] * 7)),
        run(losses=losses(out_of_range=[0.0] * 14 + [0.06] * 6)),
    ),
    "Mode collapse: a batch of pictures is alike": (
        run(losses=losses(variety=[0.1] * 5 + [0.6] * 8 + [0.2] * 7)),
        run(losses=losses(variety=[0.1] * 13 + [0.4] + [0.2] * 6)),
    ),
    "Mode collapse: the pictures lack variety": (shared(*ONE_CLASS), shared(*UNEVEN)),
    "It may have learned images by heart": (
        run(final=judged({"copies_pixels": 0.2})),
        run(final=judged({"copies_pixels": 0.012})),
    ),
    "The score was better before": (run(scores=scores(9.0, 4.0, 5.0, 5.1)), run(scores=scores(9.0, 4.0, 4.5, 4.4))),
    "Variety is traded for looks (coverage)": (
        run(scores=scores(9, 8, 7, coverage_digits=[0.5, 0.6, 0.4], precision_digits=[0.5, 0.6, 0.8])),
        run(scores=scores(9, 8, 7, coverage_digits=[0.5, 0.6, 0.4], precision_digits=[0.5, 0.6, 0.5])),
    ),
    "The score was still improving": (run(scores=scores(9.0, 8.0, 7.0, 6.0)), run(scores=scores(9.0, 6.0, 5.0, 4.99))),
    "Too few images for a Frechet distance": (
        run(final=judged({"fd_digits": 4.0}, num_generated=100)),
        run(final=judged({"fd_digits": 4.0}, num_generated=128)),
    ),
    "Evaluated too seldom": (run(scores=scores(9.0, 8.9)), run(scores=scores(9.0, 8.9, 8.85, 8.8))),
}


def titles(of: Recorded) -> list[str]:
    return [finding.title for finding in health(of)]


@pytest.mark.parametrize("title", TROUBLES)
def test_a_run_with_the_trouble_is_warned_of(title: str):
    assert title in titles(TROUBLES[title][0])


@pytest.mark.parametrize("title", TROUBLES)
def test_a_run_without_it_is_not(title: str):
    assert title not in titles(TROUBLES[title][1])


def test_a_good_run_has_no_warning():
    assert health(run()) == []


def test_a_run_that_has_recorded_nothing_is_only_unfinished():
    assert titles(run(losses=[], scores=[], summary={}, final=[])) == ["The run is not finished"]


@pytest.mark.parametrize("title", TROUBLES)
def test_a_warning_shows_its_numbers_and_says_what_good_looks_like(title: str):
    found = next(finding for finding in health(TROUBLES[title][0]) if finding.title == title)
    assert any(character.isdigit() for character in found.evidence)
    assert found.advice == FINDINGS[title.partition(" (")[0]] and found.advice.endswith(".")


def test_every_explanation_belongs_to_a_warning():
    assert {title.partition(" (")[0] for title in TROUBLES} == set(FINDINGS)


@pytest.mark.parametrize("generator_loss", [[1.0] * LINES, RISING])
def test_a_discriminator_that_wins_early_is_noticed_whatever_the_generators_loss(generator_loss: list[float]):
    early = {"d_real": [0.98] * 8 + [0.7] * 12, "d_fake": [0.02] * 8 + [0.3] * 12}  # 400 steps
    (found,) = health(run(losses=losses(**early, g_loss=generator_loss)))
    assert found.title == "The discriminator wins (for a time)" and found.level == "note"
    assert "from step 50 to 400 D(real) is 0.980 and D(fake) 0.020" in found.evidence
    late = {name: curve[::-1] for name, curve in early.items()}
    (found,) = health(run(losses=losses(**late, g_loss=generator_loss)))
    assert found.title == "The discriminator wins" and found.level == "warning"


def test_a_discriminator_that_wins_for_eight_lines_of_a_run_of_eight_is_noticed():
    eight = [line | {"d_real": 0.98, "d_fake": 0.02} for line in losses()[:8]]
    assert "The discriminator wins" in titles(run(losses=eight))


@pytest.mark.parametrize(("rate", "lower"), [(2e-3, "0.0005"), (1e6, "0.0002")])
def test_a_run_that_diverged_is_to_learn_more_slowly(rate: float, lower: str):
    diverged = run(losses=[], scores=[], summary={"status": "diverged"}, final=[], config={"optimizer": {"lr": rate}})
    (found,) = health(diverged)
    assert found.level == "error" and f"optimizer.lr={lower}" in found.cure


def test_the_grave_findings_come_first():
    found = health(run(losses=losses(g_loss=[math.nan]), scores=scores(9.0, 8.9), **INTERRUPTED))
    assert [finding.level for finding in found] == sorted(
        (finding.level for finding in found), key=("error", "warning", "note").index
    )
    assert found[0].level == "error"


def test_a_resumed_run_that_was_killed_later_is_not_taken_for_finished():
    later = [*losses(), {"step": 5000, "kind": "losses", "d_loss": 1.0}]
    assert "The run is not finished" in titles(run(losses=later))


def test_probabilities_mean_nothing_with_other_losses():
    hinge = {"loss": {"_target_": "ganctl.loss.Hinge"}}
    assert titles(run(losses=losses(**sure(), g_loss=RISING), config=hinge)) == []
    assert titles(run(losses=losses(**sure(0.5, 0.5)), config=hinge)) == []


def test_shares_of_few_images_are_left_to_chance():
    assert titles(shared(*ONE_CLASS, num_generated=199)) == []
    assert titles(shared(*ONE_CLASS, num_generated=200)) != []


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        ("recall_digits", 0.05, 0.5),
        ("reverse_kl_digits", 0.9, 0.1),
        ("modes_digits", 7.0, 10.0),
        ("duplicates_digits", 0.3, 0.02),
    ],
)
def test_scores_of_variety_tell_of_collapse(name: str, bad: float, good: float):
    (found,) = health(run(final=judged({**EVEN, name: bad})))
    assert found.title.startswith("Mode collapse") and name in found.evidence
    assert health(run(final=judged({**EVEN, name: good}))) == []


def test_a_score_to_be_raised_worsens_by_falling():
    judge = {"stop": {"score": "is_digits"}}
    falling = scores(4.0, 9.0, 8.0, 7.0, name="is_digits")
    rising = scores(9.0, 8.0, 7.0, 9.5, name="is_digits")
    summary: dict[str, Any] = {"status": "finished", "step": 1000}
    assert "The score was better before" in titles(run(scores=falling, config=judge, summary=summary))
    assert "The score was better before" not in titles(run(scores=rising, config=judge, summary=summary))


def test_scores_of_nought_can_be_compared():
    assert titles(run(scores=scores(0.0, 0.0, 0.0, 0.0))) == []
    assert titles(run(scores=scores(2.0, 0.0, 1.0, 1.0))) == ["The score was better before"]


def test_fid_needs_as_many_images_as_inception_has_features():
    old = {key: value for key, value in PROTOCOL.items() if key != "dimensions"}
    few, enough = ({**old, "num_generated": count, "num_real": 60000, "dimensions": None} for count in (2047, 2048))
    title = "Too few images for a Frechet distance"
    assert title in titles(run(final=judged({"fid": 9.0}, **few)))
    assert title not in titles(run(final=judged({"fid": 9.0}, **enough)))


def test_what_chance_copies_is_read_from_the_protocol():
    title = "It may have learned images by heart"
    for quantile, warned in ((0.01, True), (0.1, False)):
        made = run(final=judged({"copies_pixels": 0.2}, **{"memorisation.quantile": quantile}))
        assert (title in titles(made)) == warned


def test_a_penalty_that_is_there_is_made_stronger():
    config = {"regularizer": {"lazy_r1": {"weight": 0.5}}}
    (found,) = health(run(losses=losses(**sure(), g_loss=RISING), config=config))
    assert found.cure.startswith("regularizer.lazy_r1.weight=2 ")
    assert CONFIG["regularizer"] == {}


# While it trains


@pytest.mark.parametrize(
    ("title", "sound_until"),
    [
        ("A loss or a weight became not-a-number", 600),
        ("The discriminator wins", 0),
        ("A gradient explodes (generator)", 800),
        ("The pictures are black and white only", 650),
        ("The score was better before", 500),
        ("Variety is traded for looks (coverage)", 666),
    ],
)
def test_a_trouble_says_until_when_all_was_well(title: str, sound_until: float):
    (found,) = (finding for finding in health(TROUBLES[title][0]) if finding.title == title)
    assert found.sound_until == sound_until


def test_what_is_finite_and_a_thousand_times_as_large_is_not_sound_before_a_value_that_is_no_number():
    exploding = losses(g_loss=[1.0] * 9 + [1.1e3] * 3 + [math.nan])
    (found,) = (finding for finding in health(run(losses=exploding)) if finding.level == "error")
    assert found.sound_until == 450


def live(of: Recorded) -> list[str]:
    return [finding.title for _, finding in troubles(of)]


def training(**changes: Any) -> Recorded:
    return run(summary={}, final=[], **changes)


def test_a_run_that_goes_well_has_no_trouble_while_it_trains():
    assert live(training()) == live(training(losses=[], scores=[])) == []


def test_what_only_the_end_tells_is_not_said_before():
    assert live(training(scores=scores(9.0, 8.0, 7.0, 6.0))) == []
    assert live(training(losses=losses(d_real=[0.98] * 8 + [0.7] * 12, d_fake=[0.02] * 8 + [0.3] * 12))) == []


def test_a_young_generator_is_not_said_to_have_lost_its_classes():
    shares = {f"share_{place}_digits": [share] * 2 for place, share in enumerate(ONE_CLASS)}
    both = scores(9.0, 8.9, **shares)
    assert live(training(scores=both[:1])) == []
    assert live(training(scores=both)) == ["Mode collapse: the pictures lack variety"]
    early = [line | {"step": step} for line, step in zip(both, (100, 200), strict=True)]
    assert live(training(scores=early, losses=losses()[:5])) == []


def test_a_long_run_is_given_time_to_begin():
    early = [line | {"d_real": 0.98, "d_fake": 0.02} for line in losses()]
    long = {"training": {"steps": 100_000}}
    assert live(training(losses=early[:6], config=long)) == []
    assert live(training(losses=early[:7], config=long)) == ["The discriminator wins"]


def test_every_trouble_that_is_said_has_a_name_to_act_on():
    rule = next(
        rule for rule in read_rules((CONFIGS / "train.yaml").read_text(), "", "train") if rule.key == "health.act_on"
    )
    assert list(rule.choices) == list(LIVE) and set(rule.default) < set(LIVE)
