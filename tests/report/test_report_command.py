"""``nasbench leaderboard`` on records with curves, as a user runs it."""

import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from nasbench.cli import main
from nasbench.store.records import write_record

CURVE = [[10.0, 0.5], [40.0, 0.875]]


@pytest.fixture
def results(seeds, tmp_path):
    """A results folder with both kinds on one task, and another task with an odd name."""
    hpo = {"kind": "hpo", "space": "small-cnn", "curve": CURVE}
    records = [
        *seeds("evolution", {0: 0.9, 1: 0.92}, curve=CURVE),
        *seeds("tpe", {0: 0.8, 1: 0.81}, **hpo),
        *seeds("tpe", {0: 0.8}, task="my.py:odd <task>", **hpo),
        *seeds("darts", {0: 0.8}, task="mnist"),
    ]
    for number, record in enumerate(records):
        object.__setattr__(record, "run", f"r{number}")
        write_record(tmp_path / "results", record)
    return tmp_path / "results"


@pytest.fixture
def leaderboard(results, capsys):
    """Return a function that runs the command and returns status, output and errors."""

    def run(*words):
        status = main(["leaderboard", "--results", str(results), *map(str, words)])
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("format", ["table", "md", "html"])
def test_kinds_and_standings_and_words_are_shown(leaderboard, format):
    status, out, _ = leaderboard("--format", format, "--anytime", "--notes")
    text = " ".join(out.split())
    assert status == 0
    for fact in ("HPO tpe", "Best validation accuracy", "100 % (40", "87.50", "NAS against HPO"):
        assert fact in text


def test_page_draws_the_curves_of_each_task_that_has_some(leaderboard):
    _, page, _ = leaderboard("--format", "html")
    figures = re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL)
    assert len(figures) == 2
    ids = [one for figure in figures for one in re.findall(r' id="([^"]+)"', figure)]
    assert len(ids) == len(set(ids))
    used = {one for figure in figures for one in re.findall(r'(?:url\(|href=")#([^")]+)', figure)}
    assert used <= set(ids)
    assert "http" not in page
    for figure in figures:
        root = ElementTree.fromstring(figure.replace("xlink:href", "href"))
        assert "HPO tpe" in {"".join(e.itertext()) for e in root.iter() if e.tag == "text"}
    assert 'aria-label="my.py:odd &lt;task&gt;:' in page


def test_page_says_what_is_missing_for_the_curves(leaderboard, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, page, _ = leaderboard("--format", "html")
    assert status == 0
    assert "<figure>" not in page
    assert page.count("matplotlib is missing") == 2


def test_curves_are_written_for_any_format(leaderboard, tmp_path):
    folder = tmp_path / "pictures"
    status, out, err = leaderboard("--format", "json", "--curves", folder)
    assert status == 0
    assert out.startswith("{")
    names = ["anytime-digits.svg", "anytime-my.py_odd_task_.svg"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert err.splitlines() == [f"curves: {folder / name}" for name in names]


def test_no_curves_to_write_is_said(leaderboard, tmp_path):
    status, _, err = leaderboard("--task", "mnist", "--curves", tmp_path / "pictures")
    assert status == 0
    assert err == "no curves: none of these records has one\n"
    assert not (tmp_path / "pictures").exists()


def test_missing_matplotlib_is_one_line(leaderboard, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, _, err = leaderboard("--curves", tmp_path / "pictures")
    assert status == 2
    assert err.startswith("error: drawing curves needs the package matplotlib")
    assert err.count("\n") == 1


def test_folder_that_is_a_file_is_one_line(leaderboard, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = leaderboard("--curves", tmp_path / "file")
    assert status == 2
    assert err.startswith(f"error: cannot write {tmp_path / 'file' / 'anytime-digits.svg'}")


def test_unknown_kind_is_left_out_with_a_line(leaderboard, results, record):
    write_record(results, record("strange", kind="magic", task="mnist"))
    status, out, err = leaderboard("--task", "mnist", "--format", "csv")
    assert status == 0
    assert "unknown kind 'magic': allowed: nas, hpo" in err
    assert [line.split(",")[:3] for line in out.splitlines()[1:]] == [["mnist", "nas", "darts"]]
