"""The engine of this process, the engines' names, and what their options allow."""

from __future__ import annotations

import math

import pytest

from nasbench.errors import UserError
from nasbench.executors import ExecutorOptions, Job
from nasbench.executors.attempts import one_line
from nasbench.executors.inline import InlineExecutor


def never() -> bool:
    return False


def test_a_job_runs_here(opened, do):
    finished = do(opened("inline"), [("add", 1), ("fail", ValueError, "wrong"), ("add", 2)])
    assert [finished[n].value for n in range(3)] == [101, None, 102]
    assert finished[1].error == "ValueError: wrong"
    assert (finished[0].attempts, finished[0].worker) == (1, "inline")


def test_reports_are_judged(opened, do):
    seen = []
    executor = opened("inline", judge=lambda number, value: seen.append(value) or len(seen) < 2)
    assert do(executor, [("report_all", [0.1, math.nan, 0.3])])[0].value == 2
    assert seen[0] == 0.1
    assert math.isnan(seen[1])
    assert len(seen) == 2


def test_a_stop_ends_the_work_at_its_next_report_and_drops_its_value(opened):
    asked = iter([False, False, True])
    executor = opened("inline")
    executor.submit(Job(0, ("report_all", [0.1, 0.2, 0.3])))
    assert executor.next(lambda: next(asked)) is None
    assert next(asked, "all were asked") == "all were asked"


def test_a_stop_before_the_job_begins_none(opened):
    executor = opened("inline")
    executor.submit(Job(0, ("add", 1)))
    assert executor.next(lambda: True) is None
    assert executor.next(never).value == 101


def test_one_slot():
    with InlineExecutor(lambda payload, report: payload, lambda number, value: True) as executor:
        with pytest.raises(ValueError, match="no job is running"):
            executor.next(never)
        executor.submit(Job(0, 1))
        with pytest.raises(ValueError, match="all 1 slots are taken"):
            executor.submit(Job(1, 1))


def test_ctrl_c_passes_through():
    def work(payload, report):
        raise KeyboardInterrupt

    executor = InlineExecutor(work, lambda number, value: True)
    executor.submit(Job(0, None))
    with pytest.raises(KeyboardInterrupt):
        executor.next(never)


def test_a_users_mistake_is_told_by_its_own_line():
    assert one_line(UserError("--lr -1: must be above 0")) == "--lr -1: must be above 0"
    assert one_line(ValueError("\n one\n two")) == "ValueError: one"


@pytest.mark.parametrize(
    ("engine", "options", "line"),
    [
        ("locl", {}, "unknown --engine 'locl': did you mean local? allowed: inline, local, ray"),
        (
            "local",
            {"address": "auto"},
            "--address auto: only for --engine ray, not for local",
        ),
        ("inline", {"concurrency": 2}, "--concurrency 2: --engine inline runs one trial at a"),
        ("inline", {"timeout": 60}, "--trial-timeout 60: --engine inline runs one trial at a"),
        ("inline", {"gpus_per_trial": 0.5}, "--gpus-per-trial 0.5: --engine inline runs one"),
        ("inline", {"cpus_per_trial": 1}, "--cpus-per-trial 1: --engine inline runs one trial"),
        ("local", {"concurrency": 0}, "--concurrency 0: must be at least 1"),
        ("local", {"cpus_per_trial": 0}, "--cpus-per-trial 0: must be at least 1"),
        ("local", {"timeout": 0}, "--trial-timeout 0: must be above 0"),
        ("local", {"timeout": math.nan}, "--trial-timeout nan: must be above 0"),
        ("local", {"gpus_per_trial": -1}, "--gpus-per-trial -1: must be a whole number, or"),
        ("local", {"gpus_per_trial": 1.5}, "--gpus-per-trial 1.5: must be a whole number, or"),
        ("local", {"gpus_per_trial": math.inf}, "--gpus-per-trial inf: must be a whole number"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(opened, engine, options, line):
    with pytest.raises(UserError) as told:
        opened(engine, **options)
    assert str(told.value).startswith(line)
    assert "\n" not in str(told.value)


def test_options_are_frozen():
    with pytest.raises(AttributeError):
        ExecutorOptions().concurrency = 2
