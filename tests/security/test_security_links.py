"""Run folders from elsewhere with links that lead out of them: nothing is written there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from security_foreign import FLAGS, Foreign, files

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.store.atomic import write_text
from nasbench.store.journal import Journal
from nasbench.store.runs import hold

SEARCH = ("search", "random", "--space", "mobilenet-skip", "--budget", "1", *FLAGS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a run and every file that a run writes."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        assert main([*SEARCH, "--out", str(folder / "results"), "--json"]) == 0
    return folder / "results"


@pytest.fixture
def stopped(foreign: Foreign, finished: Path) -> Path:
    """The run folder, as if the run had been stopped."""
    shutil.copytree(finished, "results")
    (place,) = Path("results/runs").iterdir()
    info = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps({**info, "status": "stopped"}))
    return place


USUAL = (".lock", "journal.jsonl", ".run.json.tmp", "tb")
LATER = (
    *("state.pt", "state.prev.pt", "state.new.pt", ".state.new.pt.tmp", "trials", "trial-0.pt"),
    *("model.safetensors", ".checkpoint.json.tmp", "architecture.svg"),
)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_link_in_a_run_folder_is_written_through(foreign: Foreign, stopped, every):
    """What the run made, its temporary name, and what a later run would make."""
    made = [str(path.relative_to(stopped)) for path in stopped.rglob("*")]
    victim = foreign.home / "mine.txt"
    for name in {*made, *LATER, *USUAL} - {"run.json"} if every else USUAL:
        path, kept = stopped / name, stopped / "kept"
        if path.exists():
            path.rename(kept)
        path.symlink_to(foreign.home if kept.is_dir() or name in ("tb", "trials") else victim)
        line = foreign.refused("search", "--resume", stopped.name)
        assert f"{name} is a symbolic link" in line
        path.unlink()
        if kept.exists():
            kept.rename(path)
    assert foreign.run("search", "--resume", stopped.name)[0] == 0


def test_a_pipe_in_a_run_folder_does_not_hang_a_run(foreign: Foreign, stopped):
    for name in (".lock", "journal.jsonl"):
        (stopped / name).unlink(missing_ok=True)
        os.mkfifo(stopped / name)
        line = foreign.refused("search", "--resume", stopped.name)
        assert f"{name} is neither a file nor a folder" in line
        (stopped / name).unlink()


def test_a_link_that_a_trial_left_in_its_own_folder_does_no_harm(foreign: Foreign, stopped):
    (stopped / "trials/0").mkdir(parents=True)
    (stopped / "trials/0/latest").symlink_to(foreign.home)
    assert foreign.run("search", "--resume", stopped.name)[0] == 0


@pytest.mark.parametrize("name", ["architecture.svg", "architecture.dot", ".architecture.dot.tmp"])
def test_a_drawing_replaces_a_link(foreign: Foreign, stopped, name):
    (stopped / name).unlink(missing_ok=True)
    (stopped / name).symlink_to(foreign.home / "mine.txt")
    words = ("--format", "dot", "--format", "svg")
    assert foreign.run("show", stopped, *words)[0] == 0
    assert not (stopped / name).is_symlink()


def test_the_files_themselves(foreign: Foreign, tmp_path):
    """Under the check of the whole folder, which a link could pass that is made just after it."""
    place, victim = tmp_path / "run", foreign.home / "mine.txt"
    place.mkdir()
    for name in (".lock", "journal.jsonl", ".run.json.tmp"):
        (place / name).symlink_to(victim)
    before = files(foreign.home)
    with pytest.raises(UserError, match="symbolic links"), hold(place):
        pass
    with pytest.raises(UserError, match="symbolic links"):
        Journal(place / "journal.jsonl").append("epoch")
    write_text(place / "run.json", "new")
    assert files(foreign.home) == before
    assert (place / "run.json").read_text() == "new"
    assert sorted(path.name for path in place.iterdir()) == [".lock", "journal.jsonl", "run.json"]


def test_a_lock_keeps_what_is_in_it(tmp_path):
    (tmp_path / ".lock").write_text("text")
    with hold(tmp_path):
        pass
    assert (tmp_path / ".lock").read_text() == "text"
