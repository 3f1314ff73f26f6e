"""The examples run: the notebook with a Jupyter kernel, and the script that makes pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NOTEBOOK = EXAMPLES / "own_images.ipynb"


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


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    shutil.copy(EXAMPLES / "make_pictures.py", tmp_path)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    committed = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert len(outputs(notebook.cells)) == len(outputs(committed)) > 0
    assert len(list(tmp_path.glob("results/records/*.json"))) == 2


def test_pictures_of_unequal_sizes(tmp_path):
    script = [sys.executable, str(EXAMPLES / "make_pictures.py")]
    made = subprocess.run(
        [*script, "pictures", "--each", "5"], cwd=tmp_path, capture_output=True, text=True
    )
    assert made.stdout == "50 pictures in pictures\n"
    from PIL import Image

    sizes = {Image.open(path).size for path in tmp_path.glob("pictures/*/*.png")}
    assert len(sizes) > 10
    assert len(list(tmp_path.glob("pictures/three/*.png"))) == 5
