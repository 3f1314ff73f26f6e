"""The page in a browser: what a person would click, on runs that were really made.

``NASBENCH_SCREENSHOTS=docs/images pytest tests/board/test_board_browser.py`` makes longer runs and
the pictures of docs/board.md from them; ``NASBENCH_BOARD_RUNS`` names a folder for these runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from nasbench.board import page as board_page
from nasbench.board.server import application
from nasbench.cli import main
from nasbench.cli.board import LOOPBACK, _listening
from tests.board.conftest import epoch, write_lines
from tests.conftest import REPOSITORY

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="the system has no Chromium"),
]
PICTURES = os.environ.get("NASBENCH_SCREENSHOTS")
EPOCHS, TRIALS, MORE = (15, 20, 3) if PICTURES else (2, 4, 1)
LIMIT = [] if PICTURES else ["--limit-train", "200"]
CELL = ["-o", "channels=4", "-o", "layers=3"]
HOSTILE = "<img src=x onerror=alert(1)>\u202e'\"</script>"


def real_runs(out: Path) -> None:
    """DARTS, random search and tuning on the digits, retrained; and one run that fails."""
    shared = ["--task", "digits", "--device", "cpu", "--out", str(out), *LIMIT]
    assert main(["search", "darts", "--epochs", str(EPOCHS), *CELL, *shared]) == 0
    small = ["--epochs", str(MORE), *CELL]
    assert main(["search", "random", "--budget", str(TRIALS // 4), *small, *shared]) == 0
    tuned = ["hpo", "small-cnn", "--tuner", "tpe", "--trials", str(TRIALS)]
    assert main([*tuned, "--epochs", str(MORE), *shared]) == 0
    for path in sorted(out.glob("runs/*/checkpoint.json")):
        assert main(["retrain", str(path), "--epochs", str(MORE), *shared[2:]]) == 0
    fails = ["--epochs", "1", "--lr", "1e9", "--batch-size", "20"]
    assert main(["search", "darts", *fails, *CELL, *shared]) == 2


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("NASBENCH_BOARD_RUNS")
    out = Path(kept) if kept else tmp_path_factory.mktemp("board") / "results"
    if not (out / "records").is_dir():
        real_runs(out)
    return out


@contextmanager
def serving(results: Path) -> Iterator[str]:
    """Serve a results folder; yield the address."""
    with _listening("127.0.0.1", 0) as line:
        app = application(results, LOOPBACK)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [line]})
        thread.start()
        yield f"http://127.0.0.1:{line.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def address(real: Path) -> Iterator[str]:
    with serving(real) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that fails its test if a script fails, or a request leaves the machine."""
    yield from watched(browser, address)


def watched(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    opened, wrong = context.new_page(), list[str]()
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda m: wrong.append(m.text) if _is_wrong(m) else None)
    opened.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    opened.on(
        "request",
        lambda r: None if r.url.startswith((address, "data:", "file:")) else wrong.append(r.url),
    )
    opened.set_default_timeout(15_000)
    yield opened
    context.close()
    assert wrong == []


def _is_wrong(message: ConsoleMessage) -> bool:
    """Whether a script or a policy failed; that there is no such thing, the page says itself."""
    return message.type == "error" and "404" not in message.text


def drawn(page: Page) -> None:
    """Wait for a drawing. (The page's policy forbids what ``wait_for_function`` does.)"""
    image = page.locator(".paper img").first
    for _ in range(150):
        if image.evaluate("image => image.naturalWidth") > 100:
            return
        page.wait_for_timeout(100)
    raise AssertionError("no drawing")


def picture(page: Page, name: str) -> None:
    """Keep a screenshot, where they are asked for."""
    if PICTURES:
        page.wait_for_timeout(400)  # drawings and fonts settle
        path = Path(PICTURES) / f"board-{name}.png"
        page.screenshot(path=path)
        few = Image.open(path).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        few.save(path, optimize=True)  # a third of the size


def run_rows(page: Page, address: str) -> list[dict[str, Any]]:
    content: dict[str, Any] = page.request.get(f"{address}data/place-0.json").json()
    rows: list[dict[str, Any]] = content["runs"]
    return rows


def key_of(page: Page, address: str, verb: str, method: str, status: str = "done") -> str:
    """Return the key of the latest run of this kind."""
    rows = run_rows(page, address)
    wanted = (verb, method, status)
    return next(r["key"] for r in rows if (r["verb"], r["method"], r["status"]) == wanted)


def column(page: Page, heading: str) -> list[str]:
    """Return a column of the first table."""
    table = page.locator("table").first
    names = [name.strip() for name in table.locator("thead th").all_inner_texts()]
    place = next(n for n, name in enumerate(names) if name.startswith(heading))
    return table.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()


def accuracies(page: Page) -> list[float]:
    """Return the test accuracies as shown, without remarks."""
    return [float(text.split(",")[0].strip(" %")) for text in column(page, "accuracy")]


def test_the_leaderboard_sorts_by_click_and_by_key(page, address):
    page.goto(address)
    expect(page.get_by_role("heading", name="digits")).to_be_visible()
    shown = accuracies(page)
    assert len(shown) == 3  # darts, random, and tuning
    heading = page.locator("th", has=page.get_by_role("button", name="accuracy"))
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert accuracies(page) == sorted(shown, reverse=True)
    heading.get_by_role("button").press("Enter")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert accuracies(page) == sorted(shown)


def test_from_a_row_to_its_record_to_its_run_to_its_search_and_back(page, address, real):
    page.goto(address)
    page.get_by_role("link", name="darts on darts").first.click()
    expect(
        page.get_by_role("region", name="Records of this row").locator("tbody tr")
    ).to_have_count(1)
    expect(page.get_by_role("region", name="Confusion matrix").locator("tbody tr")).to_have_count(
        10
    )
    page.get_by_role("heading", name="Classes of the test set").scroll_into_view_if_needed()
    drawn(page)
    picture(page, "record")
    page.get_by_role("link", name="Open the run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("-retrain-darts-")
    (searched,) = real.glob("runs/*-search-darts-*/checkpoint.json")
    warned = json.loads(searched.read_text())["watch"]["verdict"]
    for line in warned:
        expect(page.get_by_role("note").first).to_contain_text(f"Warning: of the search: {line}")
    page.get_by_role("link", name=re.compile("-search-darts-")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("-search-darts-")
    for line in warned:
        expect(page.get_by_role("note").first).to_contain_text(f"Warning: {line}")
    page.get_by_role("link", name=re.compile("-retrain-darts-")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("-retrain-darts-")
    page.get_by_text("Log", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("test opened")


def test_a_row_is_found_without_its_runs(browser, real, tmp_path):
    """Records that were copied from elsewhere."""
    shutil.copytree(real / "records", tmp_path / "records")
    with serving(tmp_path) as address:
        for page in watched(browser, address):
            page.goto(address)
            page.get_by_role("link", name="darts on darts").first.click()
            expect(page.get_by_role("region", name="Records of this row")).to_contain_text(
                "not here"
            )
            expect(page.get_by_text("its folder is not here")).to_be_visible()


def test_a_run_that_is_deleted_while_it_is_looked_at_stays_readable(browser, real, tmp_path):
    shutil.copytree(real, tmp_path / "results")
    with serving(tmp_path / "results") as address:
        for page in watched(browser, address):
            key = key_of(page, address, "search", "darts")
            page.goto(f"{address}#/0/run/{key}")
            expect(page.get_by_role("heading", name="Curves")).to_be_visible()
            name = next(r["name"] for r in run_rows(page, address) if r["key"] == key)
            shutil.rmtree(tmp_path / "results" / "runs" / name)
            expect(page.get_by_text("no longer in the results folder")).to_be_visible()
            expect(page.get_by_role("heading", name="Curves")).to_be_visible()


def test_a_one_shot_run_has_curves_weights_and_a_cell_that_grows(page, address):
    page.goto(f"{address}#/0/run/{key_of(page, address, 'search', 'darts')}")
    expect(page.get_by_role("heading", name="Architecture weights over time")).to_be_visible()
    assert page.locator("canvas").count() >= 28
    slider = page.get_by_role("slider", name="Epoch")
    expect(slider).to_have_value(str(EPOCHS - 1))
    image = page.locator("img[alt*='epoch']").first
    image.scroll_into_view_if_needed()
    drawn(page)
    last = image.get_attribute("src")
    picture(page, "oneshot")
    page.get_by_role("heading", name="Architecture weights over time").evaluate(
        "heading => heading.scrollIntoView()"
    )
    picture(page, "weights")
    slider.press("Home")
    expect(image).to_have_attribute("alt", re.compile("epoch 1$"))
    assert image.get_attribute("src") != last
    page.get_by_role("button", name="supernet").click()
    expect(image).to_have_attribute("src", re.compile("supernet"))
    drawn(page)


def test_the_trials_of_a_tuning(page, address):
    page.goto(f"{address}#/0/run/{key_of(page, address, 'hpo', 'tpe')}")
    expect(page.get_by_role("heading", name="Trials")).to_be_visible()
    picture(page, "hpo")
    table = page.get_by_role("region", name="Trials")
    expect(table.locator("tbody tr")).to_have_count(TRIALS)
    texts = table.locator("tbody td:nth-child(2)").all_inner_texts()
    scores = [float(text.strip(" %")) for text in texts if "failed" not in text]
    assert scores == sorted(scores, reverse=True)
    page.get_by_role("button", name="Trial 1: details").click()
    expect(page.get_by_role("heading", name="Trial 1", exact=True)).to_be_visible()
    expect(page.get_by_role("log", name="Log of trial 1")).to_contain_text("trial 1, epoch 1")
    assert page.locator("svg[aria-label^='Parallel coordinates'] path").count() > 3


def test_notes_and_tags_are_kept_and_stay_text(page, address, real):
    key = key_of(page, address, "search", "random")
    page.goto(f"{address}#/0/run/{key}")
    page.get_by_role("button", name="Add tags or a note").click()
    page.get_by_role("textbox", name="Tags").fill(f"keep, {HOSTILE}")
    page.get_by_role("textbox", name="Note").fill("look at this")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".tag").first).to_have_text("keep")
    assert page.locator("img[src='x']").count() == 0
    page.goto(f"{address}#/0/runs")
    page.get_by_role("searchbox").fill("tag:keep")
    expect(page.get_by_role("region", name="Runs").locator("tbody tr")).to_have_count(1)
    (path,) = real.glob("runs/*/notes.json")
    path.unlink()


def test_a_chart_is_zoomed_and_saved(page, address, tmp_path):
    page.goto(f"{address}#/0/run/{key_of(page, address, 'search', 'darts')}")
    chart = page.locator("figure.chart").first
    ticks = chart.locator("[aria-label='x-axis tick label'] text")
    expect(ticks.first).to_be_visible()
    whole = ticks.all_text_contents()
    assert all(text.isdigit() for text in whole)  # epochs
    plot = chart.locator(".plot")
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 70, steps=4)
    page.mouse.up()
    expect(chart.get_by_role("button", name="Show all")).to_be_visible()
    plot.press("Escape")
    expect(chart.get_by_role("button", name="Show all")).to_be_hidden()
    assert ticks.all_text_contents() == whole
    plot.press("+")
    expect(chart.get_by_role("button", name="Show all")).to_be_visible()
    plot.press("Escape")
    plot.press("End")
    expect(chart.locator(".readout")).to_contain_text(f"epoch {EPOCHS}")
    for kind, head in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as started:
            chart.get_by_role("button", name=f"as {kind}").click()
        saved = tmp_path / kind
        started.value.save_as(saved)
        assert saved.read_bytes().startswith(head)
        assert started.value.suggested_filename == f"accuracy.{kind.lower()}"
    text = (tmp_path / "SVG").read_text()
    assert ">val_accuracy<" in text
    assert "var(" not in text


def test_a_point_of_the_pareto_front_leads_to_its_architecture(page, address):
    page.goto(f"{address}#/0/cost")
    page.get_by_role("button", name="MACs").click()
    front = page.locator(".front")
    expect(front).to_contain_text("On the front")
    front.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Records of this row")).to_be_visible()
    page.goto(f"{address}#/0/run/{key_of(page, address, 'search', 'random')}")
    page.get_by_text("Pareto front").scroll_into_view_if_needed()
    picture(page, "pareto")
    page.locator(".front").get_by_role("button", name=re.compile("^trial ")).first.click()
    expect(page.get_by_role("heading", name=re.compile(r"^Trial \d+$"))).to_be_visible()
    drawn(page)


def test_the_importance_of_parameters_is_computed_when_it_is_looked_at(page, address):
    page.goto(f"{address}#/0/run/{key_of(page, address, 'hpo', 'tpe')}")
    page.get_by_text("Importance of parameters").click()
    expect(page.locator(".barline").first).to_be_visible(timeout=60_000)
    assert page.locator(".barline").count() == 4


def test_who_only_tunes_lands_on_the_tuning(browser, real, tmp_path):
    (run,) = real.glob("runs/*-hpo-*")
    shutil.copytree(run, tmp_path / "runs" / run.name)
    with serving(tmp_path) as address:
        for page in watched(browser, address):
            page.goto(address)
            expect(page.get_by_role("heading", name="Trials")).to_be_visible()


def test_any_number_of_runs_side_by_side(page, address):
    page.goto(f"{address}#/0/runs")
    page.get_by_role("searchbox").fill("status:done verb:retrain")
    page.get_by_role("button", name="Tick all 3").click()
    page.get_by_role("link", name="Compare the 3 ticked").click()
    legend = page.locator(".legend").first
    expect(legend.get_by_role("button")).to_have_count(3)
    charts = page.locator("figure.chart:visible")
    assert charts.count() >= 2
    strokes = page.locator("[data-key='0']")
    before = strokes.count()
    legend.get_by_role("button").first.click()  # one legend for all charts
    assert before > 0
    expect(strokes).to_have_count(0)
    page.get_by_role("link", name="Remove A").click()
    expect(legend.get_by_role("button")).to_have_count(2)


def test_two_runs_side_by_side(page, address):
    darts = key_of(page, address, "search", "darts")
    other = key_of(page, address, "search", "random")
    page.goto(f"{address}#/0/compare/{darts}/{other}")
    configuration = page.get_by_role("region", name="Configuration")
    expect(configuration.get_by_role("rowheader").first).to_be_visible()
    differing = configuration.locator("tbody tr").all_inner_texts()
    assert any("strategy" in line and "random" in line for line in differing)
    assert not any(line.split("\t")[1:2] == ["task"] for line in differing)
    picture(page, "compare")
    page.get_by_label("differences only").uncheck()
    assert configuration.locator("tbody tr").count() > len(differing)


def test_a_failed_run_shows_its_error(page, address):
    page.goto(f"{address}#/0/run/{key_of(page, address, 'search', 'darts', 'failed')}")
    expect(page.get_by_role("alert")).to_contain_text("loss")


def test_cost_draws_what_searched(page, address):
    page.goto(f"{address}#/0/cost")
    expect(page.locator("svg[role='img']").first).to_be_visible()


def test_new_values_appear_without_reloading_and_leave_the_reader_alone(page, address, real):
    path = real / "runs" / "20990101-000000-search-live"
    path.mkdir()
    try:
        info = {"format": "nasbench-run/1", "verb": "search", "name": "live", "task": "digits"}
        told = {**info, "status": "done", "seed": 0, "config": {"epochs": 9}}
        (path / "run.json").write_text(json.dumps(told))
        write_lines(path / "journal.jsonl", [epoch(1)])
        page.goto(f"{address}#/0/runs")
        search = page.get_by_role("searchbox")
        search.fill("method:live")
        page.get_by_role("link", name="20990101-000000-search-live").click()
        expect(page.get_by_text("epoch 1 of 9").first).to_be_visible()
        page.evaluate("window.mark = 'the same page'")
        page.get_by_text("How it was made").click()  # closes it
        with (path / "journal.jsonl").open("a") as file:
            file.write(json.dumps(epoch(2)) + "\n")
        expect(page.get_by_text("epoch 2 of 9").first).to_be_visible(timeout=5_000)
        assert page.evaluate("window.mark") == "the same page"
        assert page.locator("details", has_text="How it was made").get_attribute("open") is None
        page.go_back()
        expect(search).to_have_value("method:live")
    finally:
        shutil.rmtree(path)


def test_names_of_others_stay_text(page, address, real):
    path = real / "runs" / "20990101-000001-hostile"
    path.mkdir()
    try:
        told = {"format": "nasbench-run/1", "verb": HOSTILE, "name": HOSTILE, "task": HOSTILE}
        odd = {"status": "failed", "error": HOSTILE, "config": {HOSTILE: HOSTILE}, "seed": 0}
        (path / "run.json").write_text(json.dumps({**told, **odd}))
        arch = {HOSTILE: HOSTILE}
        events = [epoch(n, arch=arch, weights={HOSTILE: [0.5, 0.5]}) for n in (1, 2)]
        write_lines(path / "journal.jsonl", [*events])
        key = next(r["key"] for r in run_rows(page, address) if r["method"] == HOSTILE)
        for view in ("runs", f"run/{key}", f"compare/{key}/{key}", "leaderboard"):
            page.goto(f"{address}#/0/{view}")
            expect(page.get_by_role("link", name="Runs")).to_be_visible()
            page.wait_for_timeout(300)
            assert page.locator("img[src='x']").count() == 0
        page.goto(f"{address}#/0/run/{key}")
        expect(page.get_by_role("alert")).to_contain_text("<img src=x")
    finally:
        shutil.rmtree(path)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark"), (390, "dark")])
def test_narrow_and_dark(browser, address, width, scheme):
    viewport = {"width": width, "height": 844}
    pages = watched(browser, address, viewport=viewport, color_scheme=scheme)
    page = next(pages)
    darts, tuned = (key_of(page, address, *of) for of in (("search", "darts"), ("hpo", "tpe")))
    views = (
        "leaderboard",
        "cost",
        "runs",
        f"run/{darts}",
        f"run/{tuned}",
        f"compare/{darts}/{tuned}",
    )
    for view in views:
        page.goto(f"{address}#/0/{view}")
        page.wait_for_timeout(500)
        scrolled = page.evaluate("document.documentElement.scrollWidth")
        assert scrolled <= width, f"{view} is {scrolled} pixels wide"
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, light[4:-1].split(","))) < 200) == (scheme == "dark")
        if view == f"run/{darts}":
            picture(page, f"run-{width}-{scheme}")
    assert list(pages) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_records_of_this_repository(browser, width):
    with serving(REPOSITORY / "results" / "published") as address:
        pages = watched(browser, address, viewport={"width": width, "height": 900})
        page = next(pages)
        for view, title in {"leaderboard": "Leaderboard", "cost": "Results by cost"}.items():
            page.goto(f"{address}#/0/{view}")
            expect(page.get_by_role("heading", name=title)).to_be_visible()
            heading = page.get_by_role("heading", name="digits")
            expect(heading).to_be_visible()
            if view == "cost":
                heading.evaluate("heading => heading.scrollIntoView()")
            picture(page, f"{view}-{width}")
        place = page.get_by_label("Results folder or study")
        studies = place.locator("option").all_inner_texts()
        assert any("studies/mnist-optim@x0.0026" in name for name in studies)
        place.select_option(index=len(studies) - 1)
        expect(page.get_by_role("note")).to_contain_text("scale")  # a study made in the small
        assert list(pages) == []


def test_values_that_are_equal_but_for_rounding(page, address, real):
    """An axis a last bit wide once had ticks without end."""
    path = real / "runs" / "20990101-000002-equal"
    path.mkdir()
    try:
        told = {"format": "nasbench-run/1", "verb": "search", "name": "equal", "task": "digits"}
        more = {"status": "done", "seed": 0, "config": {"epochs": 2}}
        (path / "run.json").write_text(json.dumps({**told, **more}))
        values = [0.3, 0.30000000000000004]
        write_lines(
            path / "journal.jsonl",
            [epoch(n + 1, loss=v, val_accuracy=v) for n, v in enumerate(values)],
        )
        key = next(r["key"] for r in run_rows(page, address) if r["method"] == "equal")
        page.goto(f"{address}#/0/run/{key}")
        expect(page.get_by_role("heading", name="Curves")).to_be_visible()
        assert page.locator("svg text").count() < 100
    finally:
        shutil.rmtree(path)


def test_an_unknown_address_says_so(page, address):
    for view in ("#/7/leaderboard", "#/0/nothing", "#/0/run/0123456789ab"):
        page.goto(f"{address}{view}")
        expect(page.get_by_text("There is no such")).to_be_visible()


def test_the_static_page_opens_from_the_disk(browser, real, tmp_path):
    target = tmp_path / "page"
    board_page.export(real, target, print)
    pages = watched(browser, "file:")
    page = next(pages)
    page.goto(f"file://{target}/index.html")
    expect(page.get_by_role("heading", name="digits")).to_be_visible()
    assert len(column(page, "accuracy")) == 3
    page.get_by_role("link", name="Runs").click()
    page.get_by_role("link", name="search-darts").last.click()
    drawn(page)
    assert list(pages) == []
