"""What the tests of the executors share."""

from __future__ import annotations

import psutil
import pytest

from nasbench.executors import ExecutorOptions, Job, open_executor


def go_on(number: int, value: float) -> bool:
    return True


@pytest.fixture
def opened():
    """Open executors that are closed at the end of the test."""
    executors = []

    def open_one(engine="local", context=None, judge=go_on, setup="setup", **options):
        made = open_executor(
            engine,
            f"executor_works:{setup}",
            {"offset": 100} if context is None else context,
            judge,
            ExecutorOptions(**options),
        )
        executors.append(made)
        return made

    yield open_one
    for one in executors:
        one.close()


@pytest.fixture
def do():
    """Run jobs to their ends, as many at once as there are slots, and return them by number."""

    def do_all(executor, payloads):
        waiting = [Job(number, payload) for number, payload in enumerate(payloads)]
        finished, running = {}, 0
        while waiting or running:
            while waiting and running < executor.slots:
                executor.submit(waiting.pop(0))
                running += 1
            one = executor.next(lambda: False)
            finished[one.number] = one
            running -= 1
        return finished

    return do_all


@pytest.fixture
def gone():
    """Whether a process has ended; one that nobody has waited for counts."""

    def is_gone(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    return is_gone
