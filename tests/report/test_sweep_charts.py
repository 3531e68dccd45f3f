"""What a report makes of a sweep: which setting mattered, how much that is worth, and only among equals."""

from __future__ import annotations

from typing import Any

from ganctl.report.sweep_charts import comparable, importance, weigh
from tests.report.records import sweep_job


def grid_of_jobs(seeds: int = 3) -> list[dict[str, Any]]:
    """A sweep in which the learning rate decides, the loss hardly, and the seed not at all."""
    found = []
    for seed in range(seeds):
        for rate, much in (("0.0001", 4.0), ("0.001", 1.0), ("0.01", 9.0)):
            for loss, little in (("hinge", 0.2), ("non_saturating", 0.0)):
                found.append((much + little, {"seed": str(seed), "optimizer.lr": rate, "loss": loss}))
    found.sort(key=lambda item: item[0])
    return [sweep_job(place, value, place, **varied) for place, (value, varied) in enumerate(found, 1)]


def test_the_setting_that_decides_is_the_most_important():
    found = importance(grid_of_jobs())
    assert found is not None and found.keys[0] == "optimizer.lr"
    assert found.means[0] > 10 * max(found.means[1:]) and found.explained > 0.5
    charts, trust = weigh(grid_of_jobs())
    assert [chart.title for chart in charts] == [
        "Importance of each setting",
        *("fd_digits by seed", "fd_digits by optimizer.lr", "fd_digits by loss"),
        "Every job from its settings to its score",
    ]
    assert "18 comparable jobs over 3 settings" in trust and "a hint" in trust


def test_few_jobs_get_no_importances_and_chance_is_said():
    charts, trust = weigh(grid_of_jobs(seeds=1))
    assert charts[0].title == "fd_digits by optimizer.lr"
    assert "too few" in trust and "Only one seed" in trust
    noise = [
        sweep_job(k, float(value), k, seed=str(k), loss="ab"[k % 2])
        for k, value in enumerate((1, 9, 2, 8, 3, 7, 1, 9), 1)
    ]
    assert weigh(noise[:1])[0] == []


def test_importances_of_noise_are_not_to_be_read():
    values = (5.0, 1.0, 4.0, 2.0, 3.0, 1.5, 4.5, 2.5, 3.5, 1.2)
    noise = [sweep_job(k, value, k, seed=str(k % 3), loss="abba"[k % 4]) for k, value in enumerate(values, 1)]
    assert "read nothing into" in weigh(noise)[1]


def test_only_jobs_ranked_with_each_other_are_weighed():
    mixed = [sweep_job(1, 1.0, 1, seed="0"), *(sweep_job(rank, 2.0 + rank, rank, seed=str(rank)) for rank in (1, 2, 3))]
    assert [each["score"]["value"] for each in comparable([*mixed, sweep_job(None, None, 9, seed="9")])] == [
        3.0,
        4.0,
        5.0,
    ]


def test_numbers_are_short_on_an_axis_and_words_whole():
    rates = ("1000000.0", "0.00010", "0.5")
    jobs = [
        sweep_job(k, float(k), k, lr=rate, loss="a_very_long_name_of_a_loss"[k:]) for k, rate in enumerate(rates, 1)
    ]
    strips = {chart.title: chart.figure["layout"]["xaxis"]["ticktext"] for chart in weigh(jobs)[0][:2]}
    assert strips["fd_digits by lr"] == ["0.0001", "0.5", "1e+06"]
    assert max(map(len, strips["fd_digits by loss"])) == 25


def test_what_a_search_has_drawn_stands_on_an_axis_of_numbers():
    rates = [10.0 ** (-6 + place / 5) for place in range(20)]
    jobs = [
        sweep_job(place, float(place), place, **{"optimizer.lr": f"{rate:.17g}", "loss": "ab"[place % 2]})
        for place, rate in enumerate(rates, 1)
    ]
    by_rate, by_loss, lines = weigh(jobs)[0][1:]
    assert by_rate.figure["data"][0]["x"] == rates and by_rate.figure["layout"]["xaxis"]["type"] == "log"
    assert "tickvals" in by_loss.figure["layout"]["xaxis"] and "type" not in by_loss.figure["layout"]["xaxis"]
    labels = [note for note in lines.figure["layout"]["annotations"] if note["x"] == 0]
    assert [note["text"] for note in labels] == ["1e-06", "0.00630957"]
