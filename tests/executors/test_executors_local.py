"""Local worker processes: what they share, what they see, and when they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import psutil
import pytest
from executor_works import wait_for

from nasbench.errors import UserError
from nasbench.executors import ExecutorOptions, Job, local


def never() -> bool:
    return False


def test_workers_find_arrays_without_a_copy_of_their_own_in_the_way(opened, do):
    arrays = [
        np.arange(7, dtype=np.uint8),
        np.linspace(0, 1, 1000).reshape(10, 100),
        np.zeros((0, 3), np.float32),
        np.arange(12).reshape(3, 4)[:, ::2],  # not contiguous
    ]
    expected = [(a.shape, str(a.dtype), float(a.sum()), True) for a in arrays]
    finished = do(opened(context={"arrays": arrays}, concurrency=2), [("array_facts",)] * 2)
    assert finished[0].value == expected
    assert finished[0].worker != finished[1].worker
    assert finished[1].value == expected  # what the other wrote stays with the other
    assert arrays[0].sum() == 21


def test_an_array_is_written_once_for_all_workers(opened):
    executor = opened(context={"array": np.zeros(1_000_000, np.uint8)}, concurrency=2)
    assert executor._context.sizes[1] == 1_000_000
    assert executor._context.sizes[0] < 1000


def test_a_worker_that_died_without_a_job_costs_none(opened, do):
    executor = opened()
    assert do(executor, [("add", 1)])[0].value == 101
    worker = executor._workers[0]
    os.kill(worker._process.pid, signal.SIGKILL)
    wait_for(worker.dead)  # its first thread may be a zombie while others still end
    again = do(executor, [("add", 2)])[0]
    assert (again.value, again.attempts) == (102, 1)


def test_a_worker_that_leaves_is_told_by_its_status(opened, do):
    assert do(opened(), [("leave",)])[0].error == "the worker exited with status 3"


def test_a_death_is_seen_though_a_child_holds_the_line(opened, do, gone, tmp_path):
    finished = do(opened(), [("fork_and_die", str(tmp_path / "child"))])
    assert finished[0].error == "the worker was killed by signal 9"
    wait_for(lambda: gone(int((tmp_path / "child").read_text())))


def test_ctrl_c_is_the_parents_alone(opened, do):
    assert do(opened(), [("interrupt",)])[0].value == "here"
    executor = opened()
    do(executor, [("add", 1)])
    pid = executor._workers[0]._process.pid
    assert os.getpgid(pid) == pid != os.getpgid(0)


def test_what_a_trial_prints_goes_to_the_standard_error(opened, do, capfd):
    do(opened(), [("shout", "hello from a trial")])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "hello from a trial")


def test_no_process_is_left_after_closing(opened, do):
    before = psutil.Process().children()
    executor = opened(concurrency=2)
    do(executor, [("add", n) for n in range(4)])
    assert len(psutil.Process().children()) > len(before)
    executor.close()
    executor.close()  # once more is no harm
    assert psutil.Process().children() == before


def test_a_killed_parent_leaves_no_worker(gone, tmp_path):
    pids = [tmp_path / "one", tmp_path / "other"]
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from nasbench.executors import ExecutorOptions, Job, open_executor
        options = ExecutorOptions(concurrency=3)
        executor = open_executor("local", "executor_works:setup", {{}}, lambda n, v: True, options)
        executor.submit(Job(0, ("hang", {str(pids[0])!r})))
        executor.submit(Job(1, ("hang", {str(pids[1])!r})))
        executor.submit(Job(2, ("report_for_ever",)))
        executor.next(lambda: False)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    wait_for(lambda: all(path.exists() for path in pids))
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) == 5  # three workers, and what two of the trials started
    parent.kill()
    parent.wait()
    for process in family:
        wait_for(lambda pid=process.pid: gone(pid))


def test_an_unguarded_main_is_not_run_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        print("main")
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from nasbench.executors import ExecutorOptions, Job, open_executor
        context, options = {{"offset": 1}}, ExecutorOptions()
        with open_executor("local", "executor_works:setup", context, None, options) as executor:
            executor.submit(Job(0, ("add", 2)))
            print(executor.next(lambda: False).value)
        """)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("main\n3\n", "")


def test_jobs_see_their_gpus_alone(opened, do, monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,GPU-6, 7")
    executor = opened(concurrency=2, gpus_per_trial=2)
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    do(executor, [("meet", one, other), ("meet", other, one)])  # both workers are there
    seen = {}
    for number in range(2):
        executor.submit(Job(number, ("environment", "CUDA_VISIBLE_DEVICES")))
    for _ in range(2):
        finished = executor.next(never)
        seen[finished.worker] = finished.value
    assert seen == {"0": ["4,5"], "1": ["GPU-6,7"]}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,GPU-6, 7"


@pytest.mark.parametrize(
    ("cards", "workers", "each", "shares"),
    [
        ("012", 3, 1, ["0", "1", "2"]),
        ("0123", 2, 2, ["0,1", "2,3"]),
        ("01", 4, 0.5, ["0", "0", "1", "1"]),
        ("01", 4, 0.3, ["0", "0", "0", "1"]),
        ("0", 10, 0.1, ["0"] * 10),
    ],
)
def test_gpus_are_shared_out(cards, workers, each, shares):
    assert local.assign_gpus(cards, workers, each) == shares


@pytest.mark.parametrize(
    ("cards", "workers", "each", "room"),
    [("0", 2, 1, 1), ("012", 2, 2, 1), ("", 1, 1, 0), ("0", 3, 0.5, 2)],
)
def test_too_few_gpus_are_told(cards, workers, each, room):
    line = (
        f"--concurrency {workers}: {len(cards)} GPUs are available, which is enough for {room} "
        f"trials with --gpus-per-trial {each:g}"
    )
    with pytest.raises(UserError) as told:
        local.assign_gpus(cards, workers, each)
    assert str(told.value) == line


@pytest.mark.parametrize(("named", "cards"), [("", []), ("-1", []), ("2,GPU-a", ["2", "GPU-a"])])
def test_visible_gpus_are_those_of_the_environment(monkeypatch, named, cards):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert local.visible_gpus() == cards


def test_torch_counts_where_the_environment_is_silent(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert local.visible_gpus() == ["0", "1"]


def test_cores_are_shared_out(opened, do, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(local, "cores", lambda: 8)
    shares = [
        local.environments(ExecutorOptions(concurrency=workers, cpus_per_trial=cpus))[-1]
        for workers, cpus in ((1, None), (3, None), (20, None), (2, 3))
    ]
    assert [int(share["OMP_NUM_THREADS"]) for share in shares] == [8, 2, 1, 3]
    assert do(opened(concurrency=3), [("environment", "OMP_NUM_THREADS")])[0].value == ["2"]
    assert "OMP_NUM_THREADS" not in os.environ


def test_the_users_number_of_threads_is_kept(opened, do, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert do(opened(), [("environment", "OMP_NUM_THREADS")])[0].value == ["5"]


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    assert local.cores() == len(psutil.Process().cpu_affinity())
    monkeypatch.delattr(os, "sched_getaffinity")
    assert local.cores() == os.cpu_count()
