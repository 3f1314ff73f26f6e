"""The page as files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nasbench.board import page
from nasbench.board.library import Library
from nasbench.errors import UserError
from tests.board.conftest import epoch, trial


def data(path: Path) -> tuple[str, Any]:
    """Return what the script hands over, read as JSON and not as code."""
    match = re.fullmatch(r"nasbench\.put\((\".*?\"), (.*)\);\n", path.read_text(), re.DOTALL)
    assert match is not None
    return json.loads(match[1]), json.loads(match[2])


def export(results: Path) -> tuple[Path, list[str]]:
    said: list[str] = []
    target = results.parent / "out"
    page.export(results, target, said.append)
    return target, said


def test_the_same_data_as_live(results, make_run):
    make_run("one", [epoch(1), epoch(2)])
    make_run("two", [trial(0, 0.5)], verb="hpo", config={"budget": "3 trials"})
    target, said = export(results)
    assert said == []
    library = Library(results)
    keys = set(library.known())
    assert {path.stem for path in (target / "data").iterdir()} == keys
    for key in keys - {"places"}:
        assert data(target / "data" / f"{key}.js") == (
            key,
            json.loads(json.dumps(library.data(key))),
        )


def test_every_part_that_the_page_names_is_there(results, make_run):
    make_run("one")
    target, _ = export(results)
    text = (target / "index.html").read_text()
    named = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
    assert len(named) > 5
    assert all((target / name).is_file() for name in named)
    assert 'data-live="no"' in text


def test_names_cannot_become_code(results, make_run):
    name = "</script><script>alert(1)//\u2028\u2029"
    make_run("one", [epoch(1)], task=name, error=name)
    target, _ = export(results)
    for path in (target / "data").iterdir():
        path.read_bytes().decode("ascii")
        json.dumps(data(path))
    assert "alert" not in (target / "index.html").read_text()


def test_a_cell_that_grows(results, make_run):
    """A drawing per epoch; of the supernet a dozen, the first and the last among them."""
    arch = {"first": "conv", "second": "skip"}
    weights = {"first": [0.5, 0.5], "second": [0.1, 0.9]}
    told = [epoch(n, weights=weights, arch=arch) for n in range(1, 41)]
    names = {"first": ["conv", "skip"], "second": ["conv", "skip"]}
    make_run(
        "one", [{"event": "decisions", "candidates": names}, *told], config={"space": "darts"}
    )
    target, _ = export(results)
    (path,) = (target / "data").glob("run-*.js")
    frames = data(path)[1]["drawings"]
    assert [frame["epoch"] for frame in frames] == list(range(1, 41))
    for frame in frames:
        assert "<svg" in (target / frame["cell"]).read_text()[:300]
    mixed = [frame["epoch"] for frame in frames if frame["supernet"]]
    assert mixed[0] == 1
    assert mixed[-1] == 40
    assert len(mixed) <= page.MOST_FRAMES + 1


def test_a_space_of_somebody_is_never_run(results, make_run, tmp_path):
    trap = tmp_path / "trap.py"
    trap.write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Space: ...\n")
    space = f"{trap}:Space"
    path = make_run("one", [epoch(1, arch={"a": "b"})], config={"space": space})
    (path / "checkpoint.json").write_text(
        json.dumps({"space": {"name": space}, "arch": {"a": "b"}})
    )
    target, _ = export(results)
    assert len(list((target / "drawings").iterdir())) == 1  # a chain of its choices
    assert not (tmp_path / "sprung").exists()


def test_a_folder_whose_name_is_no_text(tmp_path):
    results = tmp_path / "x\udcff"
    try:
        results.mkdir()
    except OSError:
        pytest.skip("the system's file names are text")
    page.export(results, tmp_path / "out", print)
    assert "x?" in (tmp_path / "out" / "index.html").read_text()


def test_an_epoch_of_seven_digits_is_drawn(results, make_run):
    make_run("one", [epoch(1234567, arch={"a": "b"})])
    target, said = export(results)
    assert said == []
    assert len(list((target / "drawings").iterdir())) == 1


def test_a_folder_with_files_is_left_alone(results, tmp_path):
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine").write_text("keep")
    with pytest.raises(UserError, match="is not an empty folder"):
        page.export(results, target, print)
    assert [path.name for path in target.iterdir()] == ["mine"]
