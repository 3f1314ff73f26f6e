from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.events import text
from nasbench.events.compiled import read, read_plain
from nasbench.events.events import RecordingError, join


def _table(seed=0, rows=3000, first=10):
    draw = np.random.default_rng(seed)
    t = np.sort(draw.integers(0, 10**first, rows))
    return np.column_stack([t, draw.integers(0, 1000, (rows, 2)), draw.integers(0, 2, rows)])


def _lines(table, blank=" ", end="\n"):
    return "".join(blank.join(map(str, row)) + end for row in table.tolist())


def _read(tmp_path, content, columns="txyp"):
    path = tmp_path / "one.txt"
    path.write_bytes(content.encode())
    return join(text.parts(path, columns))


def _is(events, table):
    columns = (events.t, events.x, events.y, events.p)
    return np.array_equal(np.column_stack(columns), table)


def _quickly(content):
    table = np.empty((4, content.count("\n")), np.int64)
    rows = read(np.frombuffer(content.encode(), np.uint8), table)
    return None if rows < 0 else table.T


@pytest.mark.parametrize("first", [1, 3, 4, 7, 8, 9, 13, 16, 18])
def test_the_quick_way_reads_what_was_written(first):
    table = _table(first=first)
    assert np.array_equal(_quickly(_lines(table)), table)
    assert np.array_equal(_quickly(_lines(-table, "  ", " \n")), -table)


ODD = ["1 2 3", "1 2 3 4 5", "", "1 2 a 1", "1.0 2 3 1", "x 2 3 1", "# 1 2 3 1", "1 - 2 3 1"]
ODD += ["1 --2 3 1", "1 2 3-1", "1 2 3 1-", "1234567890123456789 2 3 1", "1\t2\t3\t1"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_quick_way_declines_other_lines(odd, place):
    lines = ["12 3 4 1", "123456789 123 1 0"]
    lines.insert(place, odd)
    assert _quickly("".join(f"{line}\n" for line in lines)) is None


def _plainly(content):
    most = content.count("\n")
    t, p = np.empty(most, np.int64), np.empty(most, np.bool_)
    x, y = np.empty(most, np.uint16), np.empty(most, np.uint16)
    rows = read_plain(np.frombuffer(content.encode(), np.uint8), t, x, y, p)
    return None if rows < 0 else np.column_stack([t, x, y, p])[:rows]


@pytest.mark.parametrize("first", [1, 3, 4, 8, 13, 18])
@pytest.mark.parametrize("largest", [10, 100, 1000])
def test_plain_lines_are_read_without_branches(first, largest):
    table = _table(first=first)
    table[:, 1:3] %= largest
    assert np.array_equal(_plainly(_lines(table)), table)


ENDS = ["1", "1 2", "1 2 ", "1 2 3", "1 2 3 ", "1 22 333", "1 2 3 1 ", " 1 2 3 1"]


@pytest.mark.parametrize("odd", [*ODD, *ENDS, "1 2 1000 1", "-1 2 3 1", "1 2 3 10", "1  2 3 1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_plain_way_declines_other_lines(odd, place):
    lines = ["12 3 4 1", "123456789 123 1 0"]
    lines.insert(place, odd)
    assert _plainly("".join(f"{line}\n" for line in lines)) is None


@pytest.mark.parametrize("forms", [("1 2 3\n", "1 2 3 4 5\n"), ("1 2 3 4 ", "5\n1 2 3\n")])
def test_two_wrongs_make_no_right(forms):
    assert _quickly("".join(forms)) is None


@pytest.mark.parametrize("block", [8, 64, 1000])
def test_blocks_change_nothing(tmp_path, monkeypatch, block):
    monkeypatch.setattr(text, "BLOCK", block)
    table = _table(rows=300)
    assert _is(_read(tmp_path, _lines(table)), table)


@pytest.mark.parametrize("form", [("\t", "\n"), (" ", "\r\n"), ("   ", " \n"), (" ", "\n\n")])
def test_other_blanks_and_line_ends(tmp_path, form):
    table = _table(rows=200)
    assert _is(_read(tmp_path, _lines(table, *form)), table)
    assert _is(_read(tmp_path, _lines(table, *form).rstrip()), table)


@pytest.mark.parametrize("columns", ["xypt", "ptyx", "tyxp"])
def test_other_orders_of_columns(tmp_path, columns):
    table = _table(rows=200)
    order = ["txyp".index(name) for name in columns]
    assert _is(_read(tmp_path, _lines(table[:, order]), columns), table)


def test_an_order_that_is_none(tmp_path):
    with pytest.raises(UserError, match="columns 'txy': must be a permutation of txyp"):
        _read(tmp_path, "1 2 3 1\n", "txy")


def test_comments_decimals_and_negative_polarities(tmp_path):
    events = _read(tmp_path, "# t x y p\n\n1.0 2 3 -1\n2e1 4.00 5 1\n9007199254740993 0 0 2\n")
    assert _is(events, [[1, 2, 3, 0], [20, 4, 5, 1], [9007199254740993, 0, 0, 0]])
    assert [events.where(i) for i in range(3)] == ["line 3", "line 4", "line 5"]


def test_lines_are_counted_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 50)
    lines = ["1 2 3 1"] * 20 + ["", "# comment"] + ["1 2 3 1"] * 20 + ["1 2 3"] + ["1 2 3 1"] * 9
    with pytest.raises(
        RecordingError, match=r"one\.txt: line 43: '1 2 3'; expected four integers"
    ):
        _read(tmp_path, "\n".join(lines))


BAD = [
    "1 2 3",
    "1 2 3 1 1",
    "a b c d",
    "1.5 2 3 1",
    "1 2 inf 1",
    "1 2 nan 1",
    "1 2 - 1",
    "1 2 3-1",
]
BAD += [
    "1 -2 3 1",
    "1 2 65536 1",
    "1 2 3 99999999999999999999",
    "1 2 1e300 1",
    "1,2,3,1",
    "é 1 1 1",
]


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_line_is_named(tmp_path, bad):
    with pytest.raises(
        RecordingError,
        match=r"one\.txt: line 3: .*(expected four integers|must be 0 to 65535|must be -.*)$",
    ):
        _read(tmp_path, f"1 2 3 1\n1 2 3 1\n{bad}\n1 2 3 1\n")


@pytest.mark.parametrize("bad", ["1_000 4 5 1", "1 2 3 1_0", "9007199254740993.5 1 2 1"])
def test_what_only_looks_like_a_whole_number(tmp_path, bad):
    with pytest.raises(RecordingError, match=f"line 1: '{bad}'; expected four integers"):
        _read(tmp_path, f"{bad}\n")


@pytest.mark.parametrize("time", [2**63, -(2**63) - 1, 10**30])
def test_a_time_that_no_int64_holds(tmp_path, time):
    told = f"line 2: {time} is out of range; must be -9223372036854775808 to 9223372036854775807"
    with pytest.raises(RecordingError, match=told):
        _read(tmp_path, f"1 2 3 1\n{time} 2 3 1\n")


def test_large_times_keep_their_last_digits(tmp_path):
    times = [-(2**63), -(2**53) - 1, 2**53 + 1, 2**63 - 1]
    for form in ("{}", "{}.0", "{}."):
        events = _read(tmp_path, "".join(form.format(time) + " 2 3 1\n" for time in times))
        assert events.t.tolist() == times


def test_a_file_without_line_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_LINE", 100)
    monkeypatch.setattr(text, "BLOCK", 100)
    with pytest.raises(RecordingError, match=r"one\.txt: line 1: is longer than 100 bytes"):
        _read(tmp_path, "1" * 1000)
    with pytest.raises(RecordingError, match=r"one\.txt: line 42: is longer than 100 bytes"):
        _read(tmp_path, "1 2 3 1\n" * 41 + "1" * 1000)


def test_an_empty_file(tmp_path):
    assert len(_read(tmp_path, "")) == 0
    assert len(_read(tmp_path, "\n\n# nothing\n")) == 0
