"""The engine ``ray``: trials as tasks on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nasbench.executors.base import (
    POLL,
    Executor,
    ExecutorOptions,
    Finished,
    Job,
    Judge,
    check_free,
    check_running,
)
from nasbench.executors.ray_cluster import join, resources
from nasbench.executors.ray_worker import Letter, Mailbox, run_trial
from nasbench.executors.running import Running
from nasbench.executors.work import one_line
from nasbench.optional import require


class RayExecutor(Executor):
    """Every trial is a Ray task with its resources; the context is put into the object store once.

    Ray keeps the processes of trials without GPUs, which find themselves set up; a trial with GPUs
    gets a fresh process, since a process cannot change the GPUs that it has begun to use. The
    nodes must be able to import nasbench and the setup's module.
    """

    def __init__(self, setup: str, context: Any, judge: Judge, options: ExecutorOptions) -> None:
        """Join the cluster, or start one.

        Args:
            setup: ``package.module:function``, called once in each worker.
            context: what it is called with; its NumPy arrays are read-only there.
            judge: answers the reports, inside :meth:`next`.
            options: how many tasks at once, and what Ray reserves for each.

        Raises:
            UserError: Ray is not installed, or the cluster is not there or too small.
        """
        self._ray = ray = require("ray", "--engine ray", '"nasbench-workbench[ray]"')
        self.slots = options.concurrency
        self._judge = judge
        self._timeout = options.timeout
        self._joined = join(ray, options)
        self._closed = False
        self._mailbox = ray.remote(Mailbox).options(num_cpus=0, **_here(ray)).remote()
        self._letters = self._mailbox.take.remote()
        # Ray itself begins no lost task again: attempts are counted here.
        self._trial = ray.remote(run_trial).options(max_retries=0, **resources(options))
        self._arguments = (setup, [ray.put(context)], self._mailbox)
        self._running: dict[Any, Running] = {}  # by the task's reference, the first in front

    def submit(self, job: Job) -> None:
        """Hand the job to Ray as a task."""
        check_free(len(self._running), self.slots)
        self._begin(Running.of(job, self._timeout))

    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait for letters and results; the job begun first is looked at first."""
        check_running(len(self._running))
        while not stopped():
            heard = self._wait()
            if self._letters in heard:
                self._read()
            for task in list(self._running):
                finished = self._result(task) if task in heard else self._check(task)
                if finished is not None:
                    del self._running[task]
                    return finished
        return None

    def close(self) -> None:
        """Cancel the tasks and leave the cluster; one that was started here ends."""
        if self._closed or not self._ray.is_initialized():  # or Ray would start another one
            return
        self._closed = True
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()
        self._ray.kill(self._mailbox)
        if self._joined:
            self._ray.shutdown()

    def _begin(self, running: Running) -> None:
        running.begin()
        key = (running.number, running.attempts)
        self._running[self._trial.remote(*self._arguments, key, running.payload)] = running

    def _wait(self) -> set[Any]:
        """Return the letters and tasks that are there, waiting a little for the first."""
        awaited = [self._letters, *self._running]
        ready, _ = self._ray.wait(awaited, num_returns=1, timeout=POLL)
        if ready:
            ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        return set(ready)

    def _read(self) -> None:
        """Take the letters: set the clock of trials that start, answer the reports."""
        letters: list[Letter] = self._ray.get(self._letters)
        self._letters = self._mailbox.take.remote()
        present = {(one.number, one.attempts): one for one in self._running.values()}
        for key, value in letters:
            if value is not None:
                go_on = key in present and self._judge(key[0], value)
                self._mailbox.answer.remote(key, go_on)
            elif key in present:
                present[key].start()

    def _result(self, task: Any) -> Finished | None:
        """Look at a task that has ended."""
        running, errors = self._running[task], self._ray.exceptions
        try:
            done, worker = self._ray.get(task)
        except errors.RayTaskError as error:  # raised beside the work: the node lacks nasbench
            return running.failed(one_line(error.cause or error))
        except errors.RayError as error:
            if running.hopeless:
                return running.failed(f"the worker or its node was lost ({type(error).__name__})")
            self._begin(self._running.pop(task))
            return None
        return running.ended(done, worker)

    def _check(self, task: Any) -> Finished | None:
        """Look at a task that has not ended."""
        running = self._running[task]
        if not running.overdue:
            return None
        self._ray.cancel(task, force=True)
        return running.late()


def _here(ray: Any) -> dict[str, Any]:
    """Return the option that keeps an actor on this process's node."""
    strategies = require("ray.util.scheduling_strategies", "--engine ray")
    node = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": strategies.NodeAffinitySchedulingStrategy(node, soft=False)}
