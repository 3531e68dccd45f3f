"""A report's page: whole for every kind of run, harmless whatever a run's files say, ranked only among equals."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ganctl.evaluation.scores import ScoreSet
from ganctl.report.charts import class_share_chart, score_curves, training_curves
from ganctl.report.explanations import NO_PROBABILITIES
from ganctl.report.html import Sweep, as_script_data, page
from ganctl.report.recorded import Evaluation, read_run, read_runs
from tests.report.records import ABOUT, EVEN, judged, losses, run, scores, sweep_job, written

EVIL = "<img src=x onerror=alert(1)>"
BREAKOUT = "</script><script>alert(1)</script><!--"


class Page(HTMLParser):
    """What a browser would make of a page: its elements with attributes, its text, its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open = ""
        self.feed(text)
        self.data = json.loads(self.scripts[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_page_shows_its_run_and_asks_for_nothing(tmp_path: Path):
    text = page([read_run(written(tmp_path / "run"))])
    shown = Page(text)
    for word in ("dcgan on mnist5k", "fd_digits", "finished", "0:01:00", "1,000 steps", "non saturating"):
        assert word in shown.text, word
    for tag, attributes in shown.elements:
        for name in ("src", "href", "action", "data"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
    assert any((each.get("content") or "").startswith("default-src 'none'") for each in shown.all("meta"))
    assert not re.search(r"@import|url\(", text[: text.index("</style>")])


def test_the_policy_allows_the_pages_own_script_alone(tmp_path: Path):
    shown = Page(page([read_run(written(tmp_path / "run"))]))
    policy = next(each["content"] for each in shown.all("meta") if each.get("http-equiv")) or ""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in shown.scripts[1:]]
    assert len(hashes) == 1 and all(f"'sha256-{each}'" in policy for each in hashes)
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_a_page_is_small_and_draws_charts_only_where_there_are_some(tmp_path: Path):
    with_charts = page([read_run(written(tmp_path / "run")), read_run(written(tmp_path / "other"), "other")])
    assert with_charts.count("const drawChart") == 1 and len(with_charts) < 120_000
    without = page([replace(run(), losses=[], scores=[], final=[])])
    assert "const drawChart" not in without and len(without) < 50_000


def with_text_everywhere(text: str, place: Path) -> Page:
    """The page of a sweep whose files have `text` in every place where a run's files may have text."""
    shares = {name: {"kind": "share", "of": text} for name in (f"share_{text}_x",)}
    record = {"scores": {text: 1.0}, "protocol": {text: text}, "left_out": {text: text}}
    told = run(
        label=text,
        folder=place / "evil",
        overrides=[f"tag={text}"],
        environment={"cpu": text, "argv": [text], text: text},
        summary={"status": text, "reason": text, "fid": {"skipped": text, "command": text}},
        config={"tag": text, text: {text: text}, "dataset": {"name": text}, "generator": {"_target_": text}},
        scores=[
            line | {"about": ABOUT | shares | {f"is_{text}": {"direction": "higher"}}}
            for line in scores(3.0, 2.0, **{f"is_{text}": [1.0, 2.0], f"share_{text}_x": [0.5, 0.5]})
        ],
        losses=losses(**{text: [1.0] * 20}),
        final=[Evaluation(ScoreSet.from_plain(record), 1000, text)],
    )
    jobs = [
        sweep_job(1, 1.0, 1, **{text: text}),
        sweep_job(2, 2.0, 2, **{text: "b"}),
        sweep_job(None, None, 3, **{text: text}),
    ]
    jobs[2]["error"] = text
    written = {"status": text, "not_ranked_together": [text]}
    return Page(page([told, run(label="other")], Sweep(Path(text.replace("/", "-")), jobs, written)))


@pytest.mark.parametrize("text", [EVIL, BREAKOUT, "{{ 7 * 7 }}", "&amp;'\"", '" onload="alert(1)'])
def test_whatever_a_runs_files_say_is_text(text: str, tmp_path: Path):
    shown, harmless = with_text_everywhere(text, tmp_path), with_text_everywhere("word", tmp_path)
    assert text in shown.text and "word" in harmless.text
    assert [tag for tag, _ in shown.elements] == [tag for tag, _ in harmless.elements]
    assert [sorted(each) for _, each in shown.elements] == [sorted(each) for _, each in harmless.elements]
    assert text in [name for chart in shown.data["charts"] for trace in chart["data"] for name in [trace.get("name")]]


def test_json_in_a_script_element_ends_nothing_and_stays_the_same():
    data = {"a": BREAKOUT, "b": "&lt; ]]> é \u2028"}
    text = as_script_data(data)
    assert not set("<>&") & set(text)
    assert json.loads(text) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": {}, "final": []},
        {"summary": {}, "final": [], "scores": []},
        {"summary": {}, "final": [], "scores": [], "losses": []},
        {"summary": {}, "final": [], "scores": [], "losses": [], "environment": {}, "overrides": []},
        {"losses": losses(d_loss=[math.nan] * 3, g_loss=[math.inf, -math.inf])},
        {"scores": scores(math.nan, math.nan)},
        {"final": judged({"fd_digits": math.nan})},
        {"final": judged({"fd_digits": 2.0})},
        {"config": {"regularizer": None, "training": {"steps": None, "epochs": 2.5}, "dataset": None, "loss": None}},
    ],
)
@pytest.mark.parametrize("others", [0, 1])
def test_every_kind_of_run_has_a_page(changes: dict[str, Any], others: int):
    shown = Page(page([run(**changes), *(run(label=f"other {k}") for k in range(others))]))
    assert "dcgan" in shown.text
    assert all(value is None or math.isfinite(value) for chart in shown.data["charts"] for value in numbers_in(chart))


def numbers_in(chart: dict[str, Any]) -> list[float | None]:
    return [value for trace in chart["data"] for value in trace["y"] if not isinstance(value, str)]


def test_a_run_without_config_or_folder_has_a_page(tmp_path: Path):
    (tmp_path / "metrics.jsonl").write_text("")
    assert "unfinished" in Page(page([read_run(tmp_path)])).text


def test_gaps_are_left_where_a_value_is_no_number():
    chart = training_curves([run(losses=losses(d_loss=[1.0, math.nan, 2.0, math.inf]))])[0]
    assert chart.title == "Losses" and chart.figure["data"][0]["y"] == [1.0, None, 2.0, None]


def test_the_best_of_a_score_is_marked_by_its_own_direction():
    charts = score_curves([run(scores=scores(5.0, 3.0, 4.0, is_digits=[1.0, 2.0, 3.0]))])
    best = {chart.title: chart.figure["data"][-1] for chart in charts}
    assert (best["fd_digits ↓"]["x"], best["fd_digits ↓"]["y"]) == ([666], [3.0])
    assert best["is_digits ↑"]["y"] == [3.0]


def test_long_curves_are_thinned_and_keep_their_ends():
    line = training_curves([run(losses=losses(d_loss=[float(k) for k in range(5000)]))])[0].figure["data"][0]
    assert len(line["x"]) == 800 and (line["y"][0], line["y"][-1]) == (0.0, 4999.0)


def test_a_score_that_never_changes_is_told_and_not_drawn():
    runs = [run(scores=scores(3.0, 2.0, is_digits=[9.0, 9.0])), run(scores=scores(3.0, 2.0, is_digits=[9.0, 9.0]))]
    assert [chart.title for chart in score_curves(runs)] == ["fd_digits ↓"]
    assert "so not drawn: is_digits 9" in Page(page(runs)).text


def test_scores_of_several_orders_of_magnitude_have_a_logarithmic_axis():
    (chart,) = score_curves([run(scores=scores(400.0, 4.0))])
    axis = chart.figure["layout"]["yaxis"]
    assert axis["type"] == "log" and axis["ticktext"][:4] == ["1", "2", "5", "10"]
    (chart,) = score_curves([run(scores=scores(40.0, 4.0))])
    assert "type" not in chart.figure["layout"]["yaxis"]


def test_curves_of_many_runs_are_thinner_still():
    many = [run(label=str(k), losses=losses(d_loss=[1.0] * 1000)) for k in range(64)]
    assert {len(line["x"]) for line in training_curves(many)[0].figure["data"]} == {250}


def test_intervals_are_bands_and_no_curves_of_their_own():
    ends = {"kd_digits_low": [1.0, 1.0], "kd_digits_high": [3.0, 3.0]}
    (chart,) = score_curves([run(scores=scores(2.0, 2.5, name="kd_digits", **ends))])
    assert [trace.get("fill") for trace in chart.figure["data"]] == [None, "tonexty", None, None]


def test_class_shares_are_bars_beside_the_even_share():
    chart = class_share_chart([run(final=judged({"share_0_digits": 0.9, "share_1_digits": 0.1})), run(final=[])])
    assert chart is not None
    assert chart.figure["data"][0]["x"] == ["0", "1"] and chart.figure["data"][0]["y"] == [0.9, 0.1]
    assert chart.figure["layout"]["shapes"][0]["y0"] == 0.5
    assert class_share_chart([run(final=[], scores=scores(1.0))]) is None


def unequal() -> list[Any]:
    few = [record | {"protocol": record["protocol"] | {"num_generated": 500}} for record in scores(3.0, 2.0)]
    other = judged({"fd_digits": 2.0, **EVEN}, num_generated=500)
    return [run(label="many", scores=scores(5.0, 4.0)), run(label="few", scores=few, final=other)]


def test_scores_made_unalike_are_not_ranked_and_the_sentence_says_why():
    shown = Page(page(unequal()))
    assert "unequal number of generated images (num_generated 5000 and 500)" in shown.text
    assert "not ranked" in shown.text
    assert [chart.title for chart in score_curves(unequal())] == [
        "fd_digits ↓ (protocol 1)",
        "fd_digits ↓ (protocol 2)",
    ]
    assert "rank" not in headings(page(unequal()))


def test_force_shows_them_side_by_side_marked():
    text = page(unequal(), force=True)
    assert Page(text).text.count("side by side only, not comparable") == 1
    assert headings(text)[headings(text).index("rank") :][:4] == ["rank", "run", "step", "≠ fd_digits ↓"]
    (chart,) = score_curves(unequal(), force=True)
    assert chart.title.startswith("≠ fd_digits") and len(chart.figure["data"]) == 4


def test_equals_are_ranked_best_first():
    pair = [run(label="worse"), run(label="better", final=judged({"fd_digits": 2.0}))]
    text = page(pair)
    rows = re.findall(r'<td class="number">(\d)</td><th scope="row">(\w+)</th>', text)
    assert rows == [("1", "better"), ("2", "worse")]


def headings(text: str) -> list[str]:
    return re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', text)


def test_what_differs_is_said_once_and_folders_do_not_count(tmp_path: Path):
    rates = {"optimizer": {"lr": 1e-3, "generator": {"lr": 1e-3}, "discriminator": {"lr": 1e-3}}}
    runs = [run(label="a"), run(label="b", config={"output": {"root": "elsewhere"}, **rates})]
    section = page(runs).partition("What differs")[2].partition("</table>")[0]
    assert "optimizer.lr (and so optimizer.generator.lr, optimizer.discriminator.lr)" in section
    assert section.count("<tr>") == 2 and "elsewhere" not in section


def test_of_many_runs_what_differs_has_a_row_a_run():
    runs = [run(label=f"run {k}", config={"seed": k}) for k in range(7)]
    section = page(runs).partition("What differs")[2].partition("</table>")[0]
    assert section.count("<tr>") == 8 and headings(section) == ["run", "seed"]


def test_the_timeline_has_every_grid_and_the_best(tmp_path: Path):
    runs = read_runs([written(tmp_path / "a", grids=3), written(tmp_path / "b", grids=2)])
    shown = Page(page(runs))
    assert shown.data["steps"] == [100, 200, 300]
    assert [line["steps"] for line in shown.data["timelines"]] == [[100, 200, 300], [100, 200]]
    assert len(shown.all("img")) == 4 and all(each["alt"] for each in shown.all("img"))
    assert [each["max"] for each in shown.all("input") if each.get("type") == "range"] == ["2"]
    assert len({uri for line in shown.data["timelines"] for uri in line["uris"]}) == 3


def test_a_run_without_pictures_has_no_timeline(tmp_path: Path):
    shown = Page(page([read_run(written(tmp_path / "run", grids=0))]))
    assert shown.all("img") == [] and "Pictures over" not in shown.text


def test_a_sweeps_page_has_its_jobs_errors_and_means(tmp_path: Path):
    jobs = [sweep_job(1, 1.5, 1, seed="0"), sweep_job(2, 2.5, 2, seed="1"), sweep_job(None, None, 3, seed="2")]
    mean = {"varied": {}, "score": {"name": "fd_digits"}, "mean": 2.0, "deviation": 0.7, "seeds": 2}
    said = "fd_digits of job 1 and job 2: unequal"
    shown = Page(page([run()], Sweep(tmp_path, jobs, {"over_seeds": [mean], "not_ranked_together": [said]})))
    for word in ("it broke", "0.7", "1.5", said, "1 of them failed"):
        assert word in shown.text, word


def test_a_sweep_of_which_every_job_failed_has_a_page(tmp_path: Path):
    assert "it broke" in Page(page([], Sweep(tmp_path, [sweep_job(None, None, 1, seed="0")], {}))).text


def test_a_run_of_a_preset_has_its_name_and_what_it_is():
    made = run(overrides=["model=cdcgan"], choices={"model": "cdcgan", "dataset": "mnist5k", "experiment": None})
    shown = Page(page([made]))
    assert "cdcgan on mnist5k" in shown.text and "DCGAN that draws the class it is asked for" in shown.text


def test_every_chart_of_ganctls_own_says_how_to_read_it():
    values: dict[str, Any] = {
        name: [1.0, 2.0] for name in ("kid", "is_digits", "recall_digits", "copies_pixels", "modes_digits")
    }
    made = run(scores=scores(3.0, 2.0, **values), losses=losses(d_penalty=[0.1] * 20, g_penalty=[0.1] * 20))
    charts = [
        *training_curves([made]),
        *training_curves([made, made]),
        *score_curves([made]),
        class_share_chart([made]),
    ]
    assert len(charts) > 15 and [chart.title for chart in charts if chart and not chart.meaning.endswith(".")] == []
    meanings = {chart.meaning for chart in charts if chart}
    assert all("good" in meaning or "better" in meaning or "should" in meaning for meaning in meanings)
    assert charts[0] and charts[0].meaning in Page(page([made])).text


def test_what_is_no_probability_by_its_loss_is_not_called_one():
    hinge = run(config={"loss": {"_target_": "ganctl.loss.Hinge"}})
    meanings = {chart.title: chart.meaning for chart in training_curves([hinge])}
    assert meanings["D(real) and D(fake)"] == NO_PROBABILITIES != meanings["Losses"]


def test_a_checkpoint_that_nobody_judged_is_not_best(tmp_path: Path):
    early = {"status": "interrupted", "step": 30, "best_step": None, "score": {"name": "fd_digits", "value": None}}
    text = Page(page([read_run(written(tmp_path / "run", run(summary=early, scores=[], final=[])))])).text
    assert "no checkpoint was judged, so none is best" in text and "best checkpoint" not in text


def test_real_images_stand_beside_the_samples_and_their_scores_beside_the_scores(tmp_path: Path):
    held_out = {"what": "mnist:test", "scores": {"fd_digits": 0.123}, "protocol": {}, "about": ABOUT}
    folder = written(tmp_path / "run", run(summary={**run().summary, "held_out": held_out}))
    shutil.copy(folder / "samples" / "best.png", folder / "samples" / "real.png")
    shutil.copy(folder / "samples" / "best.png", folder / "samples" / "step-00000000.png")
    shown = Page(page([read_run(folder)]))
    assert "real images: what the samples should look like" in shown.text
    assert "held-out real images: mnist:test" in headings(page([read_run(folder)])) and "0.123" in shown.text
    assert "checkpoint of step 1,000; held-out real images get 0.123" in shown.text
    assert "held-out real images get 0.123" in shown.text
    assert shown.data["steps"] == [0, 100, 200, 300]


def test_the_score_of_a_job_comes_before_its_settings(tmp_path: Path):
    jobs = [sweep_job(k, float(k), k, **{"discriminator.minibatch_kernels": str(k)}) for k in (1, 2)]
    names = headings(page([run()], Sweep(tmp_path, jobs, {})))
    assert names[names.index("rank") :][:4] == ["rank", "job", "score", "discriminator.minibatch_kernels"]


def test_settings_that_differ_come_after_the_score_that_ranks():
    final = judged({"fd_digits": 4.0, "is_digits": 8.0})
    names = headings(page([run(label=str(k), config={"seed": k}, final=final) for k in (0, 1)]))
    start = names.index("rank")
    assert names[start : start + 6] == ["rank", "run", "step", "fd_digits ↓", "seed", "is_digits ↑"]


def test_a_curve_of_one_point_has_an_axis_from_nought():
    (chart,) = training_curves([run(losses=[{"step": 300, "kind": "losses", "d_loss": 0.5}])])
    assert chart.figure["layout"]["xaxis"]["rangemode"] == "tozero" and chart.figure["data"][0]["x"] == [300]


def test_what_held_out_real_images_get_stands_beside_the_scores():
    held_out = {"what": EVIL, "scores": {"fd_digits": 0.0921}, "protocol": {"num_generated": 5000}}
    summary = run().summary | {"held_out": held_out}
    shown = Page(page([run(summary=summary)]))
    assert f"held-out real images: {EVIL}" in shown.text and "0.0921" in shown.text
    assert "held-out" not in Page(page([run(summary=run().summary | {"held_out": {}})])).text


def test_what_was_said_while_a_run_trained_stands_in_its_page_and_at_its_steps(tmp_path: Path):
    folder = written(tmp_path / "run")
    said = {"title": f"A trouble {EVIL}", "evidence": "it was 3", "cure": "optimizer.lr=1e-4"}
    trouble = {"step": 300, "kind": "trouble", "level": "warning", **said, "over": False}
    back = {"step": 250, "kind": "rollback", **said, "from": 800, "attempt": 1, "abandoned": "abandoned-1"}
    gone = trouble | {"step": 400, "over": True}
    with (folder / "metrics.jsonl").open("a") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in (trouble, gone, back))
    shown = Page(page([read_run(folder)]))
    assert "attempt 2, gone back to here from step 800 (abandoned-1): A trouble" in shown.text
    assert "no longer: A trouble" in shown.text and "it was 3" in shown.text
    assert not any("onerror" in attributes for attributes in shown.all("img"))
    shapes = [figure["layout"].get("shapes", []) for figure in shown.data["charts"]]
    assert sum([rule["x0"] for rule in rules if "x0" in rule][-2:] == [250, 300] for rules in shapes) > 3
    assert "step 300, A trouble" in shown.text and "Said while it trained" not in page([run()])
