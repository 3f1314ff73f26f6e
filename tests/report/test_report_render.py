import csv
import io
import json
from html.parser import HTMLParser

import pytest
from rich.console import Console

from nasbench.errors import UserError
from nasbench.report.formats import FORMATS, print_table, render
from nasbench.report.leaderboard import Unfinished, build
from nasbench.report.quantities import count, duration, signed


@pytest.fixture
def board(record, grid):
    records = [
        *grid("darts", 0.901),
        *grid("random", 0.9),
        record("x", method="a|b <i>&", test_openings=2),
    ]
    failed = Unfinished("run-1", "search", "enas", "digits", "failed", "bad\n[bold]x[/bold] | y")
    return build(records, [failed], None)


@pytest.mark.parametrize("name", ["md", "html", "table"])
def test_formats_for_people_show_every_fact(board, name):
    text = render(board, name)
    for fact in (
        *("darts", "random", "91.20", "single run", "no difference shown", "3.35 M", "528 M"),
        *("12.00 ms", "40 s", "evaluations", "5 min", "2 !", "3\N{MULTIPLICATION SIGN}2"),
        *("run-1", "failed", "ot finished", "more than once"),
    ):
        assert fact in text


def test_markdown_cells_cannot_break_their_table(board):
    lines = [line for line in render(board, "md").splitlines() if line.startswith("|")]
    pipes = [line.replace("\\|", "").count("|") for line in lines]
    assert set(pipes) == {14, 7}
    assert any("a\\|b &lt;i>&" in line for line in lines)
    assert any("bad [bold]x[/bold] \\| y" in line for line in lines)


def test_csv_holds_raw_numbers_and_unfinished_runs_without_any(board):
    rows = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    darts = next(row for row in rows if row["method"] == "darts")
    assert float(darts["mean"]) == pytest.approx(91.2)
    assert float(darts["interval_low"]) < 91.2 < float(darts["interval_high"])
    assert darts["params"] == "3349342"
    failed = rows[-1]
    assert (failed["status"], failed["mean"]) == ("failed", "")
    assert failed["error"] == "bad [bold]x[/bold] | y"


def test_json_holds_everything(board):
    content = json.loads(render(board, "json"))
    darts = next(row for row in content["rows"] if row["method"] == "darts")
    assert darts["results"][0] == pytest.approx([90.1, 90.3])
    assert darts["versus_random"]["points"] == pytest.approx(0.1)
    assert darts["retrain_config"] == {"epochs": 20}
    assert content["unfinished"][0]["run"] == "run-1"
    assert content["notes"] == list(board.notes)


def test_json_has_no_numbers_that_json_lacks(record):
    text = render(build([record("a", latency_ms=float("nan"))], [], None), "json")
    assert json.loads(text, parse_constant=pytest.fail)["rows"][0]["latency_ms"] is None


def test_raw_formats_say_how_random_was_compared(board):
    content = json.loads(render(board, "json"))
    versus = {row["method"]: row["versus_random"] for row in content["rows"]}
    assert versus["random"] is None
    assert versus["darts"]["low"] < 0.1 < versus["darts"]["high"]
    assert (versus["darts"]["paired"], versus["darts"]["seeds"]) == (True, 3)
    assert (versus["a|b <i>&"]["low"], versus["a|b <i>&"]["paired"]) == (None, False)
    rows = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    lines = {row["method"]: row for row in rows if row["status"] == "finished"}
    assert {row["kind"] for row in lines.values()} == {"nas"}
    assert lines["random"]["versus_random"] == lines["random"]["versus_random_paired"] == ""
    assert lines["darts"]["versus_random_paired"] == "True"
    assert lines["a|b <i>&"]["versus_random_low"] == ""
    assert float(lines["a|b <i>&"]["versus_random"]) == pytest.approx(-1.1)


def test_single_run_against_random_has_points_without_an_interval(board):
    assert "\N{MINUS SIGN}1.10, no interval" in render(board, "md")


def test_standings_say_where_a_search_had_no_result_yet(seeds):
    curve = [[30.0, 0.5], [40.0, 0.75]]
    text = render(build(seeds("tpe", {0: 0.9, 1: 0.9}, curve=curve), [], None), "md")
    assert "| tpe | cnn | no result yet | no result yet | 75.00 [75.00, 75.00] |" in text
    assert "| method | space | 25 % (10 s) | 50 % (20 s) | 100 % (40 s) |" in text
    alone = render(build(seeds("tpe", {0: 0.9}, curve=curve), [], None), "md")
    assert "75.00, single run" in alone


class Page(HTMLParser):
    """Collects a page's tags, their attributes and its text; checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], {}, ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= dict(attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_html_is_one_escaped_page_that_asks_the_network_for_nothing(board):
    text = render(board, "html")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert "a|b <i>&" in page.text
    assert "i" not in page.tags
    assert not {"script", "link", "img"} & set(page.tags)
    assert not {"src", "href"} & set(page.attributes)
    assert "http" not in text
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text


@pytest.mark.parametrize("width", [80, 100, 300])
def test_console_table_fits_and_keeps_what_matters(board, width):
    console = Console(file=io.StringIO(), width=width)
    print_table(board, console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for fact in ("91.20", "single run", "2 !", "3\N{MULTIPLICATION SIGN}2", "openings", "40 s"):
        assert fact in text
    assert ("too narrow for: retrain cost" in text) == (width < 200)


def test_console_shows_markup_as_it_is_written(board):
    assert "[bold]x[/bold]" in render(board, "table")


def test_console_narrower_than_a_name_still_prints(board):
    console = Console(file=io.StringIO(), width=30)
    print_table(board, console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 30
    assert "opened the test set more" in text


@pytest.mark.parametrize("name", FORMATS)
def test_empty_board_renders(name):
    assert render(build([], [], None), name).endswith("\n")


def test_unknown_format_is_named_with_what_is_allowed(board):
    with pytest.raises(UserError, match=r"unknown format 'jsn': did you mean json\?.*table, md"):
        render(board, "jsn")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((12, "12"), (650_000, "650 k"), (3_349_342, "3.35 M"), (1_814_073_344, "1.81 G")),
        *((999_600, "1.00 M"), (999.4, "999.4"), (0, "0"), (12_345, "12.3 k"), (2.5, "2.5")),
    ],
)
def test_counts_read_well(number, text):
    assert count(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (3.21, "3.2 s"), (40, "40 s"), (300, "5 min"), (19_440, "5.4 h")],
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_differences_carry_their_sign():
    assert (signed(0.5), signed(-1.234)) == ("+0.50", "\N{MINUS SIGN}1.23")
