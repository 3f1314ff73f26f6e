"""A notebook in a real kernel: three lines and one import, and a class in a cell."""

from __future__ import annotations

import pytest
from api_parts import CELL

TINY = 'tiny = dict(limit_train=200, epochs=2, batch_size=20, device="cpu")'
CELLS = {
    "class": CELL,
    "options": TINY,
    "import": "import nasbench as nb",
    "task": 'task = nb.task("digits", metric="balanced_accuracy")',
    "search": 'found = nb.search("darts", space=MySpace, task=task, seeds=2, **tiny)',
    "board": "board = nb.leaderboard([f.retrain(**tiny) for f in found])",
    "show task": "task",
    "show found": "found",
    "show board": "board",
    "curve": "found[0].curve",
    "draw": "found[0].draw()",
    "mistake": 'nb.search("darts", epochs=0)',
    "stop": """\
import os, signal
from pathlib import Path

def once(outputs, targets):
    if not Path("stopped").exists():
        Path("stopped").touch()
        os.kill(os.getpid(), signal.SIGINT)
    return (outputs.argmax(1) == targets).float().mean()

try:
    found[0].retrain(metric=once, val_fraction=0.2, **tiny)
except nb.Interrupted as stopped:
    again = nb.retrain(resume=stopped.run)
""",
    "again": "print(again.status, again.record.metric)",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_notebook_from_a_task_to_the_leaderboard(tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    cells = [nbformat.v4.new_code_cell(text) for text in CELLS.values()]
    for cell in cells:
        cell.metadata["tags"] = ["raises-exception"] if "epochs=0" in cell.source else []
    book = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    outputs = {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}

    def html(name: str) -> str:
        return "".join(one.data.get("text/html", "") for one in outputs[name] if "data" in one)

    # One line that was replaced for each run, none left by torch or warnings.
    assert all(one.output_type == "display_data" for one in outputs["search"])
    assert "<progress" in html("search")
    assert "epoch 2/2: " in html("search")
    assert "balanced_accuracy" in html("show task")
    assert html("show found").count('src="data:image/svg+xml;base64,') == 2
    assert html("show found").count("<polyline") >= 2
    assert "darts" in html("show board")
    assert "<table" in html("curve")
    assert "data:image/svg+xml" in html("draw")
    (mistake,) = outputs["mistake"]
    assert mistake.traceback == ["UserError: epochs=0: must be at least 1"]
    (line,) = outputs["again"]
    assert line.text.split() == ["done", "once"]
    (kept,) = {path.read_text() for path in tmp_path.glob("results/code/*/MySpace.py")}
    assert "class MySpace(SearchSpace)" in kept


@pytest.mark.slow
def test_a_script_keeps_its_own_classes(tmp_path):
    """Classes of ``__main__`` reach worker processes, which never run the script again."""
    import subprocess
    import sys

    script = tmp_path / "script.py"
    script.write_text(
        f"{CELL}\nimport nasbench as nb\n"
        "open('starts.txt', 'a').write('x')\n"
        "found = nb.search('random', space=MySpace, task='digits', limit_train=200, epochs=1,\n"
        "                  batch_size=20, device='cpu', budget=2, concurrency=2, quiet=True)\n"
        "print(len(found.trials), found.info['config']['space'])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    count, name = done.stdout.split()
    assert count == "2"
    assert name.endswith("MySpace.py:MySpace")
    assert name.startswith(str(tmp_path / "results" / "code"))
    assert (tmp_path / "starts.txt").read_text() == "x"
