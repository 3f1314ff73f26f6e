from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.errors import UserError
from nasbench.store.runs import RunFolder, all_runs, every_run, find, located

INFO = {"task": "digits", "seed": 3}


def make(results, name: str) -> RunFolder:
    """Make a run whose folder's name is known."""
    folder = RunFolder.create(results, "search", "darts", INFO)
    return RunFolder(folder.path.rename(folder.path.with_name(name)))


def test_a_new_folder(tmp_path):
    folder = RunFolder.create(tmp_path, "search", "darts", INFO)
    assert folder.path.parent == tmp_path / "runs"
    assert re.fullmatch(r"\d{8}-\d{6}-search-darts-digits-s3-[0-9a-f]{4}", folder.name)
    info = json.loads((folder.path / "run.json").read_text())
    assert info == {
        "format": "nasbench-run/1",
        "verb": "search",
        "name": "darts",
        "status": "running",
        **INFO,
    }
    folder.update(status="done", cost={"device_seconds": 1.5})
    assert RunFolder(folder.path).info == {**info, "status": "done", "cost": folder.info["cost"]}


def test_runs_of_one_second_are_in_the_order_in_which_they_began(tmp_path):
    second = "20261001-100000"
    for name in ("search-random", "search-darts", "hpo-tpe"):
        run = make(tmp_path, f"{second}-{name}")
        with run.held():
            run.update(status="done")
        os.utime(run.path / ".lock", ns=(0, len(every_run(tmp_path))))
    make(tmp_path, f"{second}-not-begun")
    make(tmp_path, "20261001-095959-before")
    names = [path.name.removeprefix(f"{second}-") for path in every_run(tmp_path)]
    assert names == [
        "20261001-095959-before",
        "not-begun",
        "search-random",
        "search-darts",
        "hpo-tpe",
    ]
    assert find(tmp_path, "last", status=("done",)).name == f"{second}-hpo-tpe"
    with run.held():  # work that goes on changes nothing
        assert find(tmp_path, "last").name == f"{second}-hpo-tpe"


def test_names_are_fit_for_the_file_system(tmp_path):
    folder = RunFolder.create(tmp_path, "search", "my/strategy.py:Mine", {**INFO, "task": "../x"})
    assert folder.path.parent == tmp_path / "runs"
    assert "search-my_strategy.py_Mine-.._x-s3-" in folder.name


def test_find(tmp_path, monkeypatch):
    first, second = (make(tmp_path, f"20260101-00000{n}-search-s0-ab{n}") for n in (1, 2))
    assert find(tmp_path, first.name).path == first.path
    assert find(tmp_path, "ab2").path == second.path
    assert find(tmp_path, str(second.path)).path == second.path
    monkeypatch.chdir(second.path.parent)
    assert find(tmp_path / "elsewhere", second.name).path.resolve() == second.path
    assert find(tmp_path, "b1").path == first.path
    assert find(tmp_path, str(first.path / "checkpoint.json")).path == first.path
    with pytest.raises(UserError, match=r"--resume b3 is no run under .*ab1, .*ab2"):
        find(tmp_path, "b3")


def test_a_name_that_is_not_enough(tmp_path):
    for n in (1, 2):
        make(tmp_path, f"20260101-00000{n}-search-s0-abcd")
    with pytest.raises(UserError, match="names several runs") as error:
        find(tmp_path, "abcd")
    assert "20260101-000002-search-s0-abcd, 20260101-000001-search-s0-abcd" in str(error.value)


def test_the_latest_run_of_a_verb(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, verb, status in (
        ("20261001-100000-search", "search", "done"),
        ("20261002-100000-retrain", "retrain", "done"),
        ("20261003-100000-search", "search", "stopped"),
    ):
        make(tmp_path, name).update(verb=verb, status=status)
    folder = tmp_path / "runs"
    assert located("last", tmp_path) == str(folder / "20261002-100000-retrain")
    assert located("last", tmp_path, ("search", "hpo")) == str(folder / "20261001-100000-search")
    stopped = located("last", tmp_path, ("search",), ("stopped", "failed"))
    assert stopped == str(folder / "20261003-100000-search")
    with pytest.raises(UserError, match=r"^last: .*runs holds no hpo that is done$"):
        located("last", tmp_path, ("hpo",))
    assert located("zoo:DARTS_V2", tmp_path) == "zoo:DARTS_V2"
    (tmp_path / "last").mkdir()  # a file of this name is meant itself
    assert located("last", tmp_path) == "last"


def test_an_end_comes_before_a_part_and_the_verb_decides(tmp_path):
    made = {
        name: make(tmp_path, f"20261001-10000{n}-{name}")
        for n, name in enumerate(("search-a1b2-s0", "search-s0-a1b2", "retrain-s0-ffff"))
    }
    made["retrain-s0-ffff"].update(verb="retrain")
    assert find(tmp_path, "a1b2").path == made["search-s0-a1b2"].path
    assert find(tmp_path, "s0-", verbs=("retrain",)).path == made["retrain-s0-ffff"].path
    with pytest.raises(UserError, match=r"RUN -s0 names several runs: .*ffff, .*a1b2, .*-s0$"):
        find(tmp_path, "-s0", "RUN")


def test_runs_of_studies_count_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = make(Path("results"), "20261001-100000-search-s0-aaaa")
    of_study = make(Path("results/studies/mine"), "20261002-100000-search-s0-bbbb")
    assert every_run(Path("results")) == [own.path, of_study.path]
    assert find(Path("results"), "bbbb").path == of_study.path
    of_study.update(status="done")
    assert located("last", Path("results")) == str(of_study.path)
    assert next(all_runs(Path("results"))).path == own.path


@pytest.mark.parametrize("given", ["checkpoint.json", "zoo:DARTS_V2", "|a~0|", "12", "x" * 5000])
def test_what_names_no_run_stays_as_it_is(tmp_path, given):
    make(tmp_path, "20261001-100000-search-s0-4711")
    assert located(given, tmp_path) == given


def test_a_number_may_be_a_run_and_an_architecture(tmp_path):
    make(tmp_path, "20261001-100000-search-s0-4711")
    with pytest.raises(UserError, match=r"^4711 is the end of the run .*s0-4711, .* --from$"):
        located("4711", tmp_path)


def test_no_runs_at_all(tmp_path):
    with pytest.raises(UserError, match=r"no run under .*: none$"):
        find(tmp_path, "x")


def test_status_of_a_killed_run(tmp_path):
    folder = RunFolder.create(tmp_path, "search", "darts", INFO)
    assert folder.status == "stopped"  # nobody works in it yet
    with folder.held():
        assert RunFolder(folder.path).status == "running"
        with pytest.raises(UserError, match="another process is working in"), folder.held():
            pass
    assert folder.status == "stopped"
    code = (
        "import sys, time, pathlib; from nasbench.store.runs import RunFolder\n"
        "with RunFolder(pathlib.Path(sys.argv[1])).held():\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(folder.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert folder.status == "running"
        other.kill()
    assert folder.status == "stopped"


@pytest.mark.parametrize("status", ["done", "failed", "stopped"])
def test_an_ended_run_keeps_its_status(tmp_path, status):
    folder = RunFolder.create(tmp_path, "search", "darts", INFO)
    folder.update(status=status)
    assert RunFolder(folder.path).status == status


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"format": "nasbench-run/9"}'])
def test_folders_that_are_no_runs(tmp_path, content):
    good = make(tmp_path, "20260101-000000-search-s0-good")
    bad = tmp_path / "runs" / "bad"
    bad.mkdir()
    (bad / "run.json").write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json"):
        RunFolder(bad)
    assert [run.name for run in all_runs(tmp_path)] == [good.name]


def test_a_folder_without_run_json(tmp_path):
    with pytest.raises(UserError, match="is not a run folder"):
        RunFolder(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*results"):
        RunFolder.create(tmp_path / "results", "search", "darts", INFO)


def test_a_full_disk_keeps_the_old_run_json(tmp_path, full_disk):
    folder = RunFolder.create(tmp_path, "search", "darts", INFO)
    full_disk()
    with pytest.raises(UserError, match="No space left on device"):
        folder.update(status="done")
    assert RunFolder(folder.path).info["status"] == "running"
