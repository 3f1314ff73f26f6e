"""What both engines with worker processes promise."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from clusters import ray_cluster
from executor_works import wait_for

from nasbench.executors import Job
from nasbench.faults import Fault


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def ray_here():
    """A Ray cluster of this process for the whole module; each executor joins it."""
    with ray_cluster(Path(__file__).parent):  # for executor_works
        yield


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.slow)])
def engine(request):
    if request.param == "ray":
        request.getfixturevalue("ray_here")
    return request.param


def test_every_job_comes_back_once_with_its_value(engine, opened, do):
    finished = do(opened(engine, concurrency=2), [("add", n) for n in range(20)])
    assert {n: one.value for n, one in finished.items()} == {n: 100 + n for n in range(20)}
    assert {one.error for one in finished.values()} == {None}
    assert {one.attempts for one in finished.values()} == {1}
    assert all(one.seconds > 0 for one in finished.values())


def test_the_job_that_ends_first_comes_first(engine, opened, tmp_path):
    executor = opened(engine, concurrency=2)
    executor.submit(Job(0, ("wait_on", str(tmp_path / "door"))))
    executor.submit(Job(1, ("add", 1)))
    assert executor.next(never).number == 1
    (tmp_path / "door").touch()
    assert executor.next(never).value == "opened"


def test_two_jobs_run_at_once(engine, opened, do, tmp_path):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    finished = do(opened(engine, concurrency=2), [("meet", one, other), ("meet", other, one)])
    assert [finished[n].value for n in (0, 1)] == ["met", "met"]


def test_a_third_job_finds_no_slot_of_two(engine, opened, tmp_path):
    executor = opened(engine, concurrency=2)
    for number in range(2):
        executor.submit(Job(number, ("wait_on", str(tmp_path / "door"))))
    with pytest.raises(ValueError, match="all 2 slots are taken"):
        executor.submit(Job(2, ("add", 1)))


def test_there_must_be_a_job_to_wait_for(engine, opened):
    with pytest.raises(ValueError, match="no job is running"):
        opened(engine).next(never)


@pytest.mark.parametrize(
    ("kind", "text", "line"),
    [
        (ValueError, "wrong\nand more", "ValueError: wrong"),
        (RuntimeError, "", "RuntimeError: no reason given"),
        (SystemExit, "3", "SystemExit: 3"),
    ],
)
def test_what_the_work_raises_is_one_line_and_harms_nobody(engine, opened, do, kind, text, line):
    payloads = [("add", 0), ("fail", kind, text), ("add", 2)]
    finished = do(opened(engine, concurrency=2), payloads)
    assert (finished[1].error, finished[1].value, finished[1].attempts) == (line, None, 1)
    assert [finished[n].value for n in (0, 2)] == [100, 102]


def test_a_value_that_cannot_be_sent_is_an_error_of_its_job(engine, opened, do):
    finished = do(opened(engine), [("lambda_value",), ("add", 1)])
    assert "pickle" in finished[0].error
    assert finished[0].attempts == 1
    assert finished[1].value == 101


def test_a_worker_that_dies_costs_one_new_beginning(engine, opened, do, tmp_path):
    payloads = [("count_then_die", str(tmp_path / "deaths"), 1), *[("add", n) for n in range(4)]]
    finished = do(opened(engine, concurrency=2), payloads)
    assert (finished[0].value, finished[0].error, finished[0].attempts) == (2, None, 2)
    assert [finished[n].value for n in range(1, 5)] == [100, 101, 102, 103]
    assert {finished[n].attempts for n in range(1, 5)} == {1}


def test_a_worker_that_dies_twice_is_an_error(engine, opened, do, tmp_path):
    path = tmp_path / "deaths"
    finished = do(opened(engine), [("count_then_die", str(path), 9), ("add", 1)])
    assert finished[0].fault is Fault.EITHER  # a trial does not kill itself; the system may have
    died = {
        "local": "the worker was killed by signal 9",
        "ray": "the worker or its node was lost (WorkerCrashedError)",
    }
    assert (finished[0].error, finished[0].attempts) == (died[engine], 2)
    assert path.read_text() == "xx"
    assert finished[1].value == 101


def test_a_job_over_the_timeout_ends_alone(engine, opened, do, gone, tmp_path):
    path = tmp_path / "pids"
    executor = opened(engine, concurrency=2, timeout=2)
    finished = do(executor, [("hang", str(path)), *[("add", n) for n in range(3)]])
    assert finished[0].error == "no result within 2 s"
    assert finished[0].attempts == 1
    assert [finished[n].value for n in (1, 2, 3)] == [100, 101, 102]
    for pid in path.read_text().split():  # the worker and the process that its trial started
        wait_for(lambda pid=pid: gone(int(pid)))


def test_a_job_that_reports_for_ever_is_over_the_timeout_too(engine, opened, do):
    finished = do(opened(engine, timeout=1), [("report_for_ever",), ("add", 1)])
    assert finished[0].error == "no result within 1 s"
    assert finished[1].value == 101


def test_reports_reach_the_judge_and_its_answers_the_work(engine, opened, do):
    seen = []

    def judge(number, value):
        seen.append((number, value))
        return not (number == 0 and value >= 0.5)

    executor = opened(engine, judge=judge, concurrency=2)
    values = [0.25, 0.5, 0.75]
    finished = do(executor, [("report_all", values), ("report_all", values)])
    assert [finished[n].value for n in (0, 1)] == [2, 3]
    assert [value for number, value in seen if number == 0] == [0.25, 0.5]
    assert [value for number, value in seen if number == 1] == values


def test_a_report_that_is_not_a_number_is_passed_on(engine, opened, do):
    seen = []
    executor = opened(engine, judge=lambda number, value: seen.append(value) or True)
    assert do(executor, [("report_all", [math.nan, math.inf])])[0].value == 2
    assert math.isnan(seen[0])
    assert seen[1] == math.inf


def test_a_stop_is_heard_at_once_and_closing_ends_the_workers(engine, opened, gone, tmp_path):
    path = tmp_path / "pids"
    executor = opened(engine)
    executor.submit(Job(0, ("hang", str(path))))
    assert executor.next(path.exists) is None  # stopped as soon as the job runs
    executor.close()
    for pid in path.read_text().split():
        wait_for(lambda pid=pid: gone(int(pid)))


def test_a_worker_is_set_up_once(engine, opened, do, tmp_path):
    path = tmp_path / "setups"
    executor = opened(engine, context={"offset": 1, "setups": str(path)})
    finished = do(executor, [("add", n) for n in range(6)])
    assert [finished[n].value for n in range(6)] == [1, 2, 3, 4, 5, 6]
    pids = path.read_text().split()
    assert len(pids) == len(set(pids)) <= {"local": 1, "ray": 2}[engine]


def test_a_setup_that_raises_fails_its_jobs_with_its_line(engine, opened, do):
    finished = do(opened(engine, setup="broken_setup"), [("add", 1), ("add", 2)])
    errors = [(finished[n].error, finished[n].attempts) for n in (0, 1)]
    assert errors == [("RuntimeError: no data here", 1)] * 2
    assert [finished[n].fault for n in (0, 1)] == [Fault.MACHINE] * 2  # not the trials'


def test_a_setup_that_dies_fails_its_job_after_two_attempts(engine, opened, do):
    finished = do(opened(engine, setup="dying_setup"), [("add", 1)])
    assert finished[0].attempts == 2
    assert "killed" in finished[0].error or "lost" in finished[0].error
    assert finished[0].fault is not None


@pytest.mark.parametrize(
    "engine_name", ["inline", "local", pytest.param("ray", marks=pytest.mark.slow)]
)
def test_an_error_of_the_machine_is_told_from_the_jobs_own(engine_name, request, opened, do):
    if engine_name == "ray":
        request.getfixturevalue("ray_here")
    payloads = [
        ("no_space", "/somewhere/state.pt"),
        ("fail", MemoryError, ""),
        ("fail", RuntimeError, "CUDA out of memory. Tried to allocate 2.00 GiB"),
        ("fail", ValueError, "wrong"),
        ("fail", FileNotFoundError, "weights.bin"),
    ]
    finished = do(opened(engine_name), payloads)
    faults = [finished[n].fault for n in range(len(payloads))]
    assert faults == [Fault.MACHINE, Fault.EITHER, Fault.EITHER, None, None]
    assert finished[0].error.endswith("No space left on device: '/somewhere/state.pt'")
