"""The examples run: the notebook with a Jupyter kernel, and the script that makes pictures."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import pytest
from PIL import Image

from nasbench.cli import main
from nasbench.store.records import read_records

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NOTEBOOK = EXAMPLES / "own_images.ipynb"
SHORT = "epochs=1, layers=3"
SHORTER = {"--each 30": "--each 10", "epochs=4": SHORT, "epochs=10": SHORT}
"""What the notebook says, and what of it is executed here."""


def source() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def outputs(cells) -> list[dict]:
    found = [output for cell in cells for output in cell.get("outputs", [])]
    return [output for output in found if "data" in output]


def test_the_notebook_takes_one_import_and_three_lines():
    (job,) = [text for text in source() if "import nasbench" in text]
    lines = [line for line in job.splitlines() if line]
    assert (lines[0], len(lines)) == ("import nasbench as nb", 4)
    assert not any("import" in text for text in source() if text != job)


def test_the_notebook_is_committed_with_its_pictures():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    pages = "".join("".join(one["data"].get("text/html", "")) for one in outputs(cells))
    assert "<svg" in pages or "data:image/" in pages
    assert "<table" in pages
    assert NOTEBOOK.stat().st_size < 2**20


@pytest.mark.parametrize("strategy", ["spos -o candidates=3", "darts"])
def test_the_elastic_space_is_searched_as_the_page_shows_it(strategy, tmp_path, capsys):
    path = EXAMPLES / "elastic_space.py"
    page = (EXAMPLES.parent / "docs" / "spaces.md").read_text(encoding="utf-8")
    assert f"```python\n{path.read_text(encoding='utf-8')}```" in page
    words = f"search {strategy} --space {path}:ElasticSpace --task digits --epochs 1 --device cpu"
    size = ["--limit-train", "100", "--batch-size", "20"]
    assert main([*words.split(), *size, "--out", str(tmp_path), "--json"]) == 0
    arch = json.loads(capsys.readouterr().out)["arch"]
    assert arch["width"] in (8, 12, 16)
    assert f"kernel{arch['depth']}" not in arch


@pytest.mark.slow
@pytest.mark.long
def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    shutil.copy(EXAMPLES / "make_pictures.py", tmp_path)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for long, short in SHORTER.items():
        (cell,) = (cell for cell in notebook.cells if long in cell.source)
        cell.source = cell.source.replace(long, short)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    committed = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    results = [
        [
            len([o for o in outputs([cell]) if o["output_type"] == "execute_result"])
            for cell in cells
        ]
        for cells in (notebook.cells, committed)
    ]
    assert results[0] == results[1]
    assert sum(results[0]) > 0
    assert len(list(tmp_path.glob("results/records/*.json"))) == 2


def test_pictures_of_unequal_sizes(tmp_path):
    write = runpy.run_path(str(EXAMPLES / "make_pictures.py"))["write"]
    assert write(tmp_path / "pictures", 5) == 50
    sizes = set()
    for path in tmp_path.glob("pictures/*/*.png"):
        with Image.open(path) as picture:
            sizes.add(picture.size)
    assert len(sizes) > 10
    assert len(list(tmp_path.glob("pictures/three/*.png"))) == 5


def test_a_folder_is_searched_retrained_and_compared_in_one_line_each(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runpy.run_path(str(EXAMPLES / "make_pictures.py"))["write"](Path("images"), 4)
    small = ["-o", "layers=3", "-o", "channels=4", "-o", "nodes=2"]
    small += ["--epochs", "1", "--device", "cpu"]
    assert main(["search", "darts", "--task", "images/", *small]) == 0
    assert main(["retrain", "last", *small]) == 0
    (record,), problems = read_records(tmp_path / "results")
    assert (record.task, record.search_config["task"], problems) == ("images", "images", [])
    capsys.readouterr()
    assert main(["leaderboard", "--task", "images", "--format", "md"]) == 0
    assert "| darts on darts |" in capsys.readouterr().out
    assert main(["predict", "last", "images/three/001.png"]) == 0
    assert capsys.readouterr().out.startswith("images/three/001.png: ")
