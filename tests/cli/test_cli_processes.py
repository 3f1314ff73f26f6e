"""Searches and retrainings in several processes that the command starts itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file

from nasbench.store.journal import Journal

pytestmark = pytest.mark.usefixtures("place")

# Goes in front of a line of the tiny space's forward pass. In the second epoch of three, the
# process whose rank "armed" names gets the signal named there.
FATAL = """\
        import os
        from pathlib import Path
        from nasbench.nn.processes import place
        self.passes = getattr(self, "passes", 0) + 1
        if place().rank == 1:
            Path("other").write_text(str(os.getpid()))
        if self.passes == 30 and Path("armed").exists():
            rank, number = map(int, Path("armed").read_text().split())
            if place().rank == rank:
                os.kill(os.getpid(), number)
        a = self.first("""
TWO = ("--processes", 2, "--batch-size", 10)
ONE = ("--processes", 1, "--batch-size", 10)


def losses(folder: Path) -> list[float]:
    return [epoch["loss"] for epoch in Journal(folder / "journal.jsonl").epochs()]


def without_workers() -> bool:
    """Return whether this process has no workers left."""
    children = psutil.Process().children(recursive=True)
    return not [child for child in children if "executors.worker" in _line(child)]


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_two_processes_find_what_one_finds(run, runs, tiny):
    for how in (TWO, ONE):
        answer = run("search", "darts", *tiny, *how, "--seeds", 2, "--json")
        assert answer.status == 0, answer.err
        assert answer.out.count('"arch"') == 2  # nobody else prints
    assert without_workers()
    infos = {(i["config"]["processes"], i["seed"]): i["folder"] for i in runs()}
    assert sorted(infos) == [("1", 0), ("1", 1), ("2", 0), ("2", 1)]
    for seed in (0, 1):
        theirs, ours = losses(infos["2", seed]), losses(infos["1", seed])
        assert theirs == pytest.approx(ours, rel=1e-4)
    assert losses(infos["2", 0]) != losses(infos["2", 1])


def test_what_cannot_be_shared(refused, run, tiny, small):
    assert "--processes 0: must be auto or" in refused("search", "darts", *tiny, "--processes", 0)
    told = refused("search", "random", *tiny, "--processes", 2)
    assert told == (
        "--processes 2: is for one training, and random trains its candidates one by one: "
        "give --concurrency"
    )
    assert run("search", "darts", *tiny, "--json").status == 0
    told = refused("retrain", "last", *small, "--processes", 2, "--concurrency", 2)
    assert told.startswith("--processes 2: is for one retraining at a time")
    told = refused("search", "--resume", "last", "--processes", 2)
    assert told == "--resume continues with the run's own options: leave out --processes"


@pytest.mark.slow
def test_a_retraining_and_its_folds_in_two_processes(run, runs, tiny, small):
    assert run("search", "darts", *tiny, "--json").status == 0
    for how in (TWO, ONE):
        for folds in ((), ("--folds", 2)):
            answer = run("retrain", "last", *small, *how, *folds, "--json")
            assert answer.status == 0, answer.err
    weights, metrics = {}, {}
    for info in runs():
        if info["verb"] == "retrain":
            count, folds = info["config"]["processes"], info["config"]["folds"]
            metrics[count, folds] = losses(info["folder"])
            if folds is None:
                weights[count] = load_file(info["folder"] / "model.safetensors")
    for folds in (None, 2):
        assert metrics["2", folds] == pytest.approx(metrics["1", folds], rel=1e-4)
    assert weights["1"].keys() == weights["2"].keys()


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_with_as_many(run, runs, space, small):
    """A kill of either process, or Ctrl-C, leaves none behind, and the same bits in the end."""
    search = ("search", "darts", "--space", space("        a = self.first(", FATAL), *small, *TWO)
    search += ("--epochs", 3, "--json")
    assert run(*search, "--out", "whole").status == 0
    [whole] = Path("whole/runs").iterdir()
    for rank, number in ((1, signal.SIGKILL), (0, signal.SIGKILL), (0, signal.SIGINT)):
        Path("armed").write_text(f"{rank} {int(number)}")
        if (rank, number) == (0, signal.SIGKILL):
            command = [sys.executable, "-m", "nasbench", *map(str, search)]
            ended = subprocess.run(command, capture_output=True, timeout=300, check=False)
            status, told = ended.returncode, ""
        else:
            answer = run(*search)
            status, told = answer.status, answer.err
        Path("armed").unlink()
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(Path("other").read_text())).wait(timeout=60)
        info = runs()[-1]
        if rank == 1:
            assert status == 2
            assert "process 2 of 2: the worker was killed by signal 9" in told
            assert "continue with: nasbench search --resume" in told
            assert info["status"] == "stopped"
            assert "killed by signal 9" in info["error"]
        else:
            assert status == (-number if number == signal.SIGKILL else 128 + number)
        answer = run("search", "--resume", info["folder"], "--json")
        assert answer.status == 0, answer.err
        assert losses(info["folder"]) == losses(whole)
        assert without_workers()
