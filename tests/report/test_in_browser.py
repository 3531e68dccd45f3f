"""A report's page in a real browser: no complaint, no request, drawn charts, a slider that moves the pictures."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ganctl.report.html import Sweep, page
from ganctl.report.recorded import read_runs
from tests.report.browser import Browser, find_chromium
from tests.report.records import run, scores, sweep_job, written

EVIL = "<img src=x onerror=alert(1)>"
WITHIN = (  # whether a text lies in its chart
    "(text) => { const [own, all] = [text, text.closest('.plot')].map((each) => each.getBoundingClientRect());"
    " return own.left >= all.left - 2 && own.right <= all.right + 2 && own.bottom <= all.bottom + 2; }"
)
CHROMIUM = find_chromium()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert CHROMIUM is not None
    with Browser(CHROMIUM, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep of two runs, one with a name that is made to do harm."""
    folder = tmp_path_factory.mktemp("sweep")
    harmful = run(config={"tag": EVIL, "dataset": {"name": EVIL}}, overrides=[EVIL], scores=scores(8.0, 5.0, 4.0))
    runs = read_runs([written(folder / "a", grids=3), written(folder / EVIL, harmful, grids=2)])
    jobs = [sweep_job(1, 4.0, 1, seed=EVIL, lr="1"), sweep_job(2, 5.0, 2, seed="1", lr="2")]
    (folder / "report.html").write_text(page(runs, Sweep(folder, jobs, {})), encoding="utf-8")
    return folder / "report.html"


@pytest.fixture
def opened(browser: Browser, report: Path) -> Browser:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(report)
    return browser


def moved(opened: Browser, place: int) -> dict[str, Any]:
    """What the page shows once the slider stands at `place`."""
    opened.value(
        f"(() => {{ const s = document.getElementById('step'); s.value = {place};"
        " s.dispatchEvent(new Event('input')); })()"
    )
    return json.loads(
        opened.value(
            "JSON.stringify({step: document.getElementById('step-shown').textContent,"
            " pictures: [...document.querySelectorAll('[data-timeline]')].map((each) => each.src),"
            " widths: [...document.querySelectorAll('[data-timeline]')].map((each) => each.naturalWidth),"
            " said: [...document.querySelectorAll('[data-step-of]')].map((each) => each.textContent)})"
        )
    )


def test_the_page_complains_of_nothing_and_asks_for_nothing(opened: Browser, report: Path):
    opened.value("new Promise((done) => setTimeout(done, 300))")
    assert opened.complaints == []
    assert opened.requests[0] == report.as_uri()
    assert [url for url in opened.requests[1:] if not url.startswith(("data:", "blob:"))] == []


def test_every_chart_is_drawn(opened: Browser):
    charts = opened.value("document.querySelectorAll('[data-chart]').length")
    drawn = opened.value("document.querySelectorAll('[data-chart] svg .trace').length")
    assert charts > 8 and drawn >= charts
    assert opened.value("[...document.querySelectorAll('.plot')].every((each) => each.offsetHeight >= 200)")


def test_a_harmful_name_is_text_in_page_and_charts(opened: Browser):
    assert opened.value("document.querySelectorAll('img[onerror], img[src=x], [onload]').length") == 0
    assert EVIL in opened.value("document.body.innerText")
    names = opened.value(
        "[...document.querySelectorAll('[data-chart] text')].map((each) => each.textContent).join('|')"
    )
    assert EVIL[:13] in names, "the beginning of the name, as ticks are short"


def test_the_slider_changes_the_pictures(opened: Browser):
    first, last = moved(opened, 0), moved(opened, 2)
    assert (first["step"], last["step"]) == ("step 100", "step 300")
    assert first["pictures"][0] != last["pictures"][0]
    assert first["said"] == ["step 100", "step 100"]
    assert last["said"] == ["step 300", "step 200"], "a run that has no grid there keeps its last"
    assert first["widths"] == [16, 16]


def test_the_keyboard_moves_the_slider(opened: Browser):
    moved(opened, 2)
    opened.value("document.getElementById('step').focus()")
    for kind in ("keyDown", "keyUp"):
        opened.call("Input.dispatchKeyEvent", type=kind, key="ArrowLeft", code="ArrowLeft", windowsVirtualKeyCode=37)
    assert opened.value("document.getElementById('step-shown').textContent") == "step 200"


def test_a_run_can_be_hidden_everywhere(opened: Browser):
    opened.value("document.querySelector('[data-toggle=\"0\"]').click()")
    assert opened.value("document.querySelectorAll('.timeline[hidden]').length") == 1
    assert opened.value("document.querySelectorAll('.trace[data-run=\"0\"]').length") == 0
    assert opened.value("document.querySelectorAll('.trace[data-run=\"1\"]').length") > 5


def mouse(opened: Browser, kind: str, x: float, y: float, clicks: int = 0) -> None:
    opened.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=clicks and 1, clickCount=clicks)


def test_a_chart_is_read_by_pointing_and_zoomed_by_dragging(opened: Browser):
    chart = "document.querySelector('#training .plot')"
    opened.value(f"{chart}.scrollIntoView({{block: 'center'}})")
    left, top, width = json.loads(
        opened.value(
            f"(() => {{ const r = {chart}.getBoundingClientRect(); return JSON.stringify([r.x, r.y, r.width]); }})()"
        )
    )
    ticks = f"[...{chart}.querySelectorAll('.xtick')].map((each) => each.querySelector('title').textContent).join()"
    whole = opened.value(ticks)
    mouse(opened, "mouseMoved", left + width / 2, top + 100)
    tip = opened.value("document.querySelector('#training .tip:not([hidden])').innerText")
    assert tip.startswith("step 5") and ": 1.2" in tip
    mouse(opened, "mousePressed", left + width / 2, top + 100, 1)
    mouse(opened, "mouseMoved", left + 0.75 * width, top + 100, 1)
    assert opened.value(f"{chart}.querySelectorAll('.selected').length") == 1
    mouse(opened, "mouseReleased", left + 0.75 * width, top + 100, 1)
    zoomed = opened.value(ticks).replace(",", " ").split()
    assert float(zoomed[0]) > 450 and float(zoomed[-1]) < 850
    for count in (1, 2):
        mouse(opened, "mousePressed", left + width / 2, top + 100, count)
        mouse(opened, "mouseReleased", left + width / 2, top + 100, count)
    assert opened.value(ticks) == whole


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(opened: Browser, width: int, scheme: str):
    opened.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    opened.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    opened.value("new Promise((done) => setTimeout(done, 500))")
    assert opened.value("document.documentElement.scrollWidth") <= width
    ink = opened.value("getComputedStyle(document.body).color")
    assert (sum(int(part) for part in ink[4:-1].split(",")) > 384) == (scheme == "dark")
    axis = opened.value("getComputedStyle(document.querySelector('.xtick text')).fill")
    assert (sum(int(part) for part in axis[4:-1].split(",")) > 384) == (scheme == "dark")
    assert opened.value(f"[...document.querySelectorAll('.plot text')].every({WITHIN})")
    score = opened.value("document.querySelector('#sweep td:nth-child(3)').getBoundingClientRect().right")
    assert score < width, "a job's score is seen without scrolling"
    headings = "[...document.querySelectorAll('thead th')].map((each) => each.getBoundingClientRect().width)"
    assert opened.value(f"Math.max(...{headings})") < 0.6 * width, "one heading leaves room for others"
    opened.call("Emulation.setEmulatedMedia", features=[])
    opened.call("Emulation.clearDeviceMetricsOverride")


def test_it_prints_with_everything_open(opened: Browser):
    opened.value(
        "addEventListener('beforeprint', () => { window.asPrinted = {"
        " closed: document.querySelectorAll('details:not([open])').length,"
        " widest: Math.max(...[...document.querySelectorAll('.plot svg')].map((each) => each.clientWidth)) }; })"
    )
    pdf = base64.b64decode(opened.call("Page.printToPDF", printBackground=True)["data"])
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
    assert opened.value("window.asPrinted.closed") == 0
    assert 0 < opened.value("window.asPrinted.widest") <= 340
    assert opened.value("document.querySelectorAll('details[open]').length") == 0, "closed again afterwards"
