"""Runs that fail, are stopped, or are continued."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import nasbench.engine.search as search_module
from nasbench.store.journal import Journal
from nasbench.store.runs import RunFolder

NOW_AND_THEN = """\
        self.calls = getattr(self, "calls", 0) + 1
        {action}
        a = self.first("""
LONGER = ("--epochs", "3")


@pytest.fixture
def full_disk():
    """Return a context where files with ``word`` in their name find no space.

    With ``everything``, the first such file fills the disk for all others, too.
    """
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell the names of open files under /proc")

    @contextmanager
    def fill(word: str, everything: bool = False):
        fsync, full = os.fsync, []

        def refuse(descriptor: int) -> None:
            name = Path(f"/proc/self/fd/{descriptor}").readlink().name
            if word in name or (everything and full):
                full.append(name)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            fsync(descriptor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            yield
        assert full

    return fill


def error_lines(answer) -> list[str]:
    assert answer.status == 2, answer
    return [line for line in answer.err.splitlines() if line.startswith("error: ")]


def _full(path: Path):
    """Open a device without space in place of a temporary file."""
    return Path("/dev/full").open("wb")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_a_loss_that_is_not_finite(refused, run, runs, tiny, strategy):
    words = ("search", strategy, *tiny, "--lr", "1e9", "--grad-clip", "0")
    if strategy == "darts":
        line = refused(*words)
    else:  # tells which candidate it trains before it fails
        [line] = error_lines(run(*words))
    assert re.search(r"the loss is not finite at epoch 1, step [2-5]: ", line)
    [info] = runs()
    assert info["status"] == "failed"
    assert "not finite" in info["error"]
    assert not (info["folder"] / "checkpoint.json").exists()


def test_the_epochs_before_a_nan_are_kept(run, runs, space, small):
    # A step mixes two forward passes, on validation and on training images; five steps an epoch.
    action = "x = x * float('nan') if self.training and self.calls > 14 else x"
    name = space("        a = self.first(", NOW_AND_THEN.format(action=action))
    answer = run("search", "darts", "--space", name, *small, *LONGER)
    [line] = error_lines(answer)
    assert "not finite at epoch 2, step 3:" in line
    assert answer.err.splitlines()[-1] == line
    assert answer.out == ""
    [info] = runs()
    assert info["status"] == "failed"
    assert [e["epoch"] for e in Journal(info["folder"] / "journal.jsonl").epochs()] == [1]
    state = torch.load(info["folder"] / "state.pt", weights_only=True)
    assert state["progress"]["epoch"] == 1
    tensors = [v for v in state["unit"]["strategy"].values() if isinstance(v, torch.Tensor)]
    assert tensors
    assert all(bool(tensor.isfinite().all()) for tensor in tensors)


def test_a_nan_in_a_retraining_keeps_what_was_there(run, runs, checkpoint, small):
    answer = run("retrain", checkpoint, *small, "--lr", "1e9", "--grad-clip", "0")
    [line] = error_lines(answer)
    assert re.search(r"not finite at epoch 1, step \d+:", line)
    assert sorted(info["status"] for info in runs()) == ["done", "done", "failed"]
    assert len(list(Path("results/records").iterdir())) == 1


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("file", ["state.new.pt", "checkpoint.json"])
def test_no_space_and_then_some(run, runs, tiny, full_disk, file):
    with full_disk(file):
        [line] = error_lines(run("search", "darts", *tiny))
    end = f"/{file}: No space left on device; what was written before is kept"
    assert line.startswith("error: cannot write results/runs/")
    [info] = runs()
    folder = info["folder"]
    assert line.endswith(f"{end}; continue with: nasbench search --resume {folder}")
    assert (info["status"], info["error"].endswith(end)) == ("stopped", True)
    # The epoch was told before its state was to be saved.
    assert [e["epoch"] for e in Journal(folder / "journal.jsonl").epochs()] == [1]
    assert list(folder.glob(".*.tmp")) == []
    assert not (folder / "checkpoint.json").exists()
    answer = run("search", "--resume", folder.name, "--json")
    assert answer.status == 0, answer.err
    assert [info["status"] for info in runs()] == ["done"]
    assert (folder / "checkpoint.json").exists()
    assert [e["epoch"] for e in Journal(folder / "journal.jsonl").epochs()] == [1]


@pytest.mark.usefixtures("place")
def test_a_disk_without_space_for_anything(run, runs, tiny, full_disk):
    with full_disk("state.new.pt", everything=True):
        [line] = error_lines(run("search", "darts", *tiny))
    assert "state.new.pt: No space left on device" in line  # the first reason counts
    [info] = runs()
    assert info["status"] == "running"  # nobody could write otherwise
    assert len(Journal(info["folder"] / "journal.jsonl").epochs()) == 1


@pytest.mark.usefixtures("place")
def test_no_space_for_a_picture(run, runs, tiny, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "architecture.svg")

    monkeypatch.setattr(search_module, "draw", full)
    [line] = error_lines(run("search", "darts", *tiny))
    assert line.startswith("error: architecture.svg: No space left on device; continue with: ")
    assert [info["status"] for info in runs()] == ["stopped"]


def test_no_space_for_the_weights_and_then_some(run, runs, checkpoint, small, full_disk):
    with full_disk("model.safetensors"):
        [line] = error_lines(run("retrain", checkpoint, *small))
    assert "model.safetensors: No space left on device" in line
    [info] = [info for info in runs() if info["status"] == "stopped"]
    assert Journal(info["folder"] / "journal.jsonl").events("test opened") == []  # still sealed
    [first] = [json.loads(path.read_text()) for path in Path("results/records").iterdir()]
    checkpoint.unlink()  # the run folder holds a copy
    answer = run("retrain", "--resume", info["folder"].name, "--json")
    assert answer.status == 0, answer.err
    record = answer.json
    assert record["run"] == info["folder"].name != first["run"]
    assert record["test_accuracy"] == first["test_accuracy"]
    assert record["test_openings"] == 1


@pytest.mark.usefixtures("finished")
def test_resuming_what_cannot_be_resumed(refused, runs):
    search, retrain = sorted(runs(), key=lambda info: info["verb"], reverse=True)
    name = search["folder"].name
    line = refused("search", "--resume", "nothing")
    assert line.startswith("--resume nothing is no run under results/runs; the latest: ")
    assert name in line
    allowed = "allowed: stopped, failed"  # a one-shot search has no trials
    assert refused("search", "--resume", name) == f"--resume {name}: the run is done: {allowed}"
    line = refused("search", "--resume", name, "--budget", "3")
    assert line == "--budget 3: darts has no trials"
    assert refused("search", "--resume", retrain["folder"].name).endswith(
        "continue it with nasbench retrain"
    )
    assert refused("retrain", "--resume", name).endswith("continue it with nasbench search")
    RunFolder(search["folder"]).update(status="running")
    with RunFolder(search["folder"]).held():
        line = refused("search", "--resume", name)
    assert line == f"--resume {name}: the run is running: {allowed}"
    RunFolder(search["folder"]).update(status="stopped")
    RunFolder(retrain["folder"]).update(status="stopped")
    for words, culprit in [
        (("search", "darts"), "STRATEGY"),
        (("search", "--epochs", "9"), "--epochs"),
        (("search", "-o", "order=2"), "-o"),
        (("search", "--seeds", "2"), "--seeds"),
        (("search", "--config", "c.yaml"), "--config"),
        (("retrain", "checkpoint.json"), "CHECKPOINT"),
    ]:
        run = (search if words[0] == "search" else retrain)["folder"].name
        line = refused(*words, "--resume", run)
        assert line == f"--resume continues with the run's own options: leave out {culprit}"


@pytest.mark.usefixtures("finished")
def test_the_end_of_a_name_that_fits_two_runs(refused, runs):
    folders = [info["folder"] for info in runs()]
    for number, folder in enumerate(folders):
        folder.rename(folder.with_name(f"2026010{number}-abcd"))
    line = refused("show", "abcd")
    assert line == "RUN abcd names several runs: 20260101-abcd, 20260100-abcd"
    # One of them is a search.
    line = refused("search", "--resume", "abcd")
    assert line == "--resume abcd: the run is done: allowed: stopped, failed"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_a_signal_saves_and_says_how_to_go_on(run, runs, space, small, strategy, number, status):
    name = space("        a = self.first(", NOW_AND_THEN.format(action="self.asked()"))
    path = Path(name.partition(":")[0])
    path.write_text(
        path.read_text()
        + "\n    def asked(self):\n"
        + "        import os\n"
        + "        if self.training and self.calls == 13 and os.environ.pop('STOP_HERE', ''):\n"
        + f"            os.kill(os.getpid(), {int(number)})\n"
    )
    words = ["search", strategy, "--space", name, *small, "--epochs", "3"]
    if strategy == "random":
        words += ["--budget", "2"]
    whole = run(*words, "--json")
    assert whole.status == 0, whole.err
    os.environ["STOP_HERE"] = "yes"
    stopped = run(*words)
    assert "STOP_HERE" not in os.environ
    assert stopped.status == status
    assert stopped.out == ""
    [info] = [info for info in runs() if info["status"] == "stopped"]
    last = stopped.err.splitlines()[-1]
    resume = f"nasbench search --resume {info['folder']}"
    told = re.fullmatch(rf"stopped in epoch (\d) after step (\d); continue with: {resume}", last)
    [state] = info["folder"].glob("state.pt" if strategy == "darts" else "trial-????????.pt")
    saved = torch.load(state, weights_only=True)["progress"]
    assert (saved["epoch"] + 1, saved["step"]) == tuple(map(int, told.groups()))
    assert saved["step"] > 0
    board = run("leaderboard", "--format", "json").json
    assert board["rows"] == []
    assert [(u["run"], u["status"]) for u in board["unfinished"]] == [
        (info["folder"].name, "stopped")
    ]
    ended = run(*resume.split()[1:], "--json")
    assert ended.status == 0, ended.err
    assert [info["status"] for info in runs()] == ["done", "done"]
    ours, theirs = ended.json, whole.json
    assert ours["run"] == info["folder"].name
    assert (ours["arch"], ours["metrics"]) == (theirs["arch"], theirs["metrics"])


def test_weights_that_changed_on_the_disk_fail_loudly(run, checkpoint, small, runs, monkeypatch):
    from nasbench.store.weights import load_weights
    from retrain import final

    def broken(path):
        return {name: -value for name, value in load_weights(path).items()}

    monkeypatch.setattr(final, "load_weights", broken)
    [line] = error_lines(run("retrain", checkpoint, *small))
    assert "answers otherwise than the network it was written from" in line
    assert "do not use this result" in line
    [info] = [info for info in runs() if info["status"] == "failed"]
    assert info["verb"] == "retrain"
    assert not (Path("results/records") / f"{info['folder'].name}.json").exists()


def test_a_full_disk_in_the_middle_of_the_state_is_one_line(tmp_path, monkeypatch):
    import torch

    from nasbench.errors import UserError
    from nasbench.store import atomic
    from nasbench.store.state import StateFile

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr(atomic, "_fresh", _full)
    with pytest.raises(UserError, match="No space left on device"):
        StateFile(tmp_path / "state.pt").save({"x": torch.zeros(100_000)})
