import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from nasbench.errors import UserError
from nasbench.report.formats import FORMATS, View, print_table, render
from nasbench.report.formats.cells import EVERYTHING, WIDE, chosen
from nasbench.report.formats.latex import escape
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
    text = render(board, name, replace(EVERYTHING, columns=WIDE))
    for fact in (
        *("darts", "random", "91.20", "single run", "no difference shown", "3.35 M", "528 M"),
        *("12.00 ms", "40 s", "evaluations", "5 min", "2 !", "3\N{MULTIPLICATION SIGN}2"),
        *("run-1", "failed", "ot finished", "more than once", "91.20 \N{PLUS-MINUS SIGN} 0.97"),
    ):
        assert fact in text


def test_markdown_cells_cannot_break_their_table(board):
    lines = [line for line in render(board, "md", EVERYTHING).splitlines() if line.startswith("|")]
    pipes = [line.replace("\\|", "").count("|") for line in lines]
    assert set(pipes) == {8, 7}
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
    assert "| 90.00 ! | \N{MINUS SIGN}1.10 |" in render(board, "md")


def test_standings_say_where_a_search_had_no_result_yet(seeds):
    curve = [[30.0, 0.5], [40.0, 0.75]]
    text = render(build(seeds("tpe", {0: 0.9, 1: 0.9}, curve=curve), [], None), "md", DURING)
    assert (
        "| tpe on cnn | no result yet | no result yet | 75.00 \N{PLUS-MINUS SIGN} 0.00 |" in text
    )
    assert "| method | 25 % (10 s) | 50 % (20 s) | 100 % (40 s) |" in text
    alone = render(build(seeds("tpe", {0: 0.9}, curve=curve), [], None), "md", DURING)
    assert "| no result yet | 75.00 |" in alone
    assert "25 %" not in render(build(seeds("tpe", {0: 0.9}, curve=curve), [], None), "md")


DURING = View(anytime=True)


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


def printed(board, width, view=View()):  # noqa: B008
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_table(board, console, view)
    return console.file.getvalue()


def words(text):
    return " ".join(text.split())


@pytest.mark.parametrize("width", [32, 40, 60, 80, 120, 300])
def test_a_terminal_of_any_width_gets_whole_words_and_numbers(board, width):
    text = printed(board, width, EVERYTHING)
    assert max(map(len, text.splitlines())) <= width
    assert "91.20 \N{PLUS-MINUS SIGN} 0.97" in text
    assert ("+0.10 \N{PLUS-MINUS SIGN} 0.10" in text) == (width >= 60)
    assert ("40 s" in text) == (width >= 60)
    assert ("3.35 M" in text) == (width >= 80)
    assert ("12.00 ms" in text) == (width >= 120)
    assert ("90.23 \N{EN DASH} 92.17" in text) == (width == 300)
    assert words("opened the test set more than once in one run (marked !)") in words(text)
    whole = set(render(board, "table", replace(EVERYTHING, columns=WIDE)).split())
    assert set(text.partition("Not shown: ")[0].split()) <= whole


def test_eighty_columns_hold_what_matters_and_say_what_is_left_out(board):
    lines = printed(board, 80).splitlines()
    assert lines[0] == "digits, test accuracy"
    assert lines[1].split() == ["#", "method", "accuracy,", "%", "Δ", "random", "search", "params"]
    assert lines[2].split("  ")[0] == "1"
    assert "Not shown: 6 notes (--notes), 1 unfinished run (--unfinished), col" in lines[-2]
    assert "(--columns)" in lines[-1]
    assert not set("│┃─━┏") & set("".join(lines))


def test_numbers_stand_below_each_other(seeds):
    records = [
        *seeds("darts", {0: 0.9}, params=12, search_seconds=3.0),
        *seeds("random", {0: 0.0812, 1: 0.0912}, search_seconds=900.0),
    ]
    lines = render(build(records, [], None), "table").splitlines()
    first, second = lines[2:4]
    assert first.index(".") == second.index(".")
    assert first.index("3.0 s") + 5 == second.index("15 min") + 6


def test_a_pipe_gets_every_name_whole_and_one_line_a_row(record):
    name = "/home/somebody/a/long/way/to/the/file_of_a_space.py:MySpaceWithALongName"
    text = render(build([record("a", space=name)], [], None), "table")
    assert [line for line in text.splitlines() if f"1  darts on {name}  " in line]


def test_columns_are_chosen_by_name(board):
    assert chosen("rank, method,accuracy") == ("rank", "method", "result")
    assert chosen("all") == WIDE
    assert chosen(["method", "error_rate"], ["error_rate"]) == ("method", "result")
    with pytest.raises(UserError, match=r"unknown column 'parms': did you mean params.*rank"):
        chosen("method,parms")
    view = View(columns=chosen("params,method"))
    assert render(board, "table", view).splitlines()[1].split() == ["params", "method"]
    assert "| params | method |" in render(board, "md", view)
    rows = list(csv.DictReader(io.StringIO(render(board, "csv", view))))
    assert list(rows[0]) == ["task", "params", "kind", "method", "variant", "space", "published"]
    assert len(rows) == len(board.rows)


def test_every_part_of_a_board_is_shown_when_asked_for_and_counted_otherwise(board):
    plain = render(board, "table")
    for view, words in (
        (View(notes=True), "- task digits: "),
        (View(unfinished=True), "Not finished (no results)"),
    ):
        assert words not in plain
        assert words in render(board, "table", view)
    assert "Not shown: 6 notes (--notes), 1 unfinished run (--unfinished)" in plain
    assert "Not shown: " not in render(board, "table", replace(EVERYTHING, columns=WIDE))
    for note in board.notes:
        assert render(board, "table", View(notes=True)).count(note) == 1


def test_latex_has_booktabs_and_escapes_what_tex_reads(record, grid):
    odd = record("x", method=r"a_b & 5% of $x^2 {~} #1 \input|<>", test_openings=2)
    text = render(build([odd, *grid("random", 0.9)], [], None), "latex")
    assert r"\begin{tabular}{rlrrrrr}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    name = (
        r"a\_b \& 5\% of \$x\textasciicircum{}2 \{\textasciitilde{}\} \#1 "
        r"\textbackslash{}input\textbar{}\textless{}\textgreater{}"
    )
    row = next(line for line in text.splitlines() if name in line and line.endswith(r" \\"))
    assert row.count(" & ") == 6
    assert r"91.10 $\pm$ 0.97" in text
    assert "3.35~M" in text
    assert r"$-$1.10" in row
    assert not [line for line in text.splitlines() if line.strip().endswith("%")]


def test_latex_leaves_no_special_sign_bare():
    signs = "&%$#_{}~^\\<>|\"'`"
    bare = escape(signs)
    for sign in "&%$#_":
        assert bare.count(sign) == bare.count("\\" + sign)
    assert escape("±−×Δ≥–") == r"$\pm$$-$$\times$$\Delta$$\geq$--"  # noqa: RUF001


def test_console_shows_markup_as_it_is_written(board):
    assert "[bold]x[/bold]" in render(board, "table", View(unfinished=True))


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
