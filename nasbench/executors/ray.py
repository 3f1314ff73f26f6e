"""The engine ``ray``: trials as tasks on a Ray cluster, joined or started here."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nasbench.errors import UserError
from nasbench.executors.attempts import Running, one_line
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
from nasbench.executors.local import assign_gpus, visible_gpus
from nasbench.executors.ray_worker import Mailbox, Message, run_trial
from nasbench.faults import Fault
from nasbench.optional import require

_QUIET = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}


class RayExecutor(Executor):
    """Runs every trial as a Ray task; the context is put into the object store once.

    Ray reuses the processes of trials without GPUs, which are then set up already. A trial with
    GPUs gets a fresh process, since a process cannot change the GPUs that it has started to use.
    The nodes must be able to import nasbench and the setup's module.
    """

    def __init__(self, setup: str, context: Any, judge: Judge, options: ExecutorOptions) -> None:
        """Join the cluster, or start one.

        Args:
            setup: ``package.module:function``, called once in each worker.
            context: the argument of ``setup``; its NumPy arrays are read-only in the workers.
            judge: answers the reports, inside :meth:`next`.
            options: the number of tasks at once, and the resources that Ray reserves for each.

        Raises:
            UserError: Ray is not installed, or the cluster is unreachable or too small.
        """
        self._ray = ray = require("ray", "--engine ray", '"nasbench-workbench[ray]"')
        self.slots = options.concurrency
        self._judge = judge
        self._timeout = options.timeout
        self._joined = join_cluster(ray, options)
        self._closed = False
        strategies = require("ray.util.scheduling_strategies", "--engine ray")
        node = ray.get_runtime_context().get_node_id()
        here = strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        mailbox = ray.remote(Mailbox).options(num_cpus=0, scheduling_strategy=here)
        self._mailbox = mailbox.remote()
        self._messages = self._mailbox.take.remote()
        # Ray itself must not retry a lost task: attempts are counted here.
        self._trial = ray.remote(run_trial).options(max_retries=0, **resources(options))
        self._arguments = (setup, [ray.put(context)], self._mailbox)
        self._running: dict[Any, Running] = {}  # by the task's reference, the first in front

    def submit(self, job: Job) -> None:
        """Submit the job to Ray as a task."""
        check_free(len(self._running), self.slots)
        self._begin(Running.of(job, self._timeout))

    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait for messages and results; the job started first is checked first."""
        check_running(len(self._running))
        while not stopped():
            heard = self._wait()
            if self._messages in heard:
                self._read()
            for task in list(self._running):
                finished = self._result(task) if task in heard else self._check(task)
                if finished is not None:
                    del self._running[task]
                    return finished
        return None

    def close(self) -> None:
        """Cancel the tasks and leave the cluster; a cluster started here is shut down."""
        if self._closed or not self._ray.is_initialized():  # Ray would start another one
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
        """Return the messages and tasks that are ready, after waiting a little for the first."""
        awaited = [self._messages, *self._running]
        ready, _ = self._ray.wait(awaited, num_returns=1, timeout=POLL)
        if ready:
            ready, _ = self._ray.wait(awaited, num_returns=len(awaited), timeout=0)
        return set(ready)

    def _read(self) -> None:
        """Handle the messages: start the clock of trials that start, answer the reports."""
        messages: list[Message] = self._ray.get(self._messages)
        self._messages = self._mailbox.take.remote()
        present = {(one.number, one.attempts): one for one in self._running.values()}
        for key, reported in messages:
            if reported is not None:
                go_on = key in present and self._judge(key[0], reported)
                self._mailbox.answer.remote(key, go_on)
            elif key in present:
                present[key].start()

    def _result(self, task: Any) -> Finished | None:
        """Return the outcome of a task that has ended, or retry it."""
        running, errors = self._running[task], self._ray.exceptions
        try:
            done, worker = self._ray.get(task)
        except errors.RayTaskError as error:  # outside the work: the node lacks nasbench
            return running.failed(one_line(error.cause or error), fault=Fault.MACHINE)
        except errors.RayError as error:
            if running.exhausted:
                # Ray tells the end of a worker by the system from a lost node and its own errors.
                perhaps = isinstance(error, errors.OutOfMemoryError | errors.WorkerCrashedError)
                return running.failed(
                    f"the worker or its node was lost ({type(error).__name__})",
                    fault=Fault.EITHER if perhaps else Fault.MACHINE,
                )
            self._begin(self._running.pop(task))
            return None
        return running.ended(done, worker)

    def _check(self, task: Any) -> Finished | None:
        """Check the deadline of a task that has not ended."""
        running = self._running[task]
        if not running.overdue:
            return None
        self._ray.cancel(task, force=True)
        return running.timed_out()


def join_cluster(ray: Any, options: ExecutorOptions) -> bool:
    """Connect this process to a cluster unless it is connected; return whether it was not.

    Without an address, a private cluster with room for all slots starts on the loopback address.
    ``ray.shutdown()`` ends a private cluster, and only disconnects from any other.

    Raises:
        UserError: there is no cluster at the address, no node has the resources of one trial, or
            this machine has too few GPUs for all slots.
    """
    fresh = not ray.is_initialized()
    if fresh:
        with _sigterm_handler_kept():
            _connect(ray, options)
    wanted = resources(options)
    cpus, cards = wanted["num_cpus"], wanted["num_gpus"]
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= cards for node in nodes):
        # Ray would wait for such a node silently.
        if fresh:
            ray.shutdown()
        raise UserError(
            f"--gpus-per-trial {cards:g}, --cpus-per-trial {cpus}: no node of the Ray cluster "
            "has these resources"
        )
    return fresh


def resources(options: ExecutorOptions) -> dict[str, float]:
    """Return the resources that Ray reserves for one trial."""
    return {"num_cpus": options.cpus_per_trial or 1, "num_gpus": options.gpus_per_trial}


def _connect(ray: Any, options: ExecutorOptions) -> None:
    if options.address is None:
        each, cards = options.gpus_per_trial, []
        if each:
            cards = visible_gpus()
            assign_gpus(cards, options.concurrency, each)  # or Ray would keep trials waiting
        with _on_loopback():
            ray.init(
                address="local",  # rather than another cluster that happens to run here
                num_cpus=options.concurrency * resources(options)["num_cpus"],
                num_gpus=len(cards),
                _node_ip_address="127.0.0.1",
                **_QUIET,
            )
        return
    try:
        ray.init(address=_found(options.address), **_QUIET)
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(
            f"--address {options.address}: no Ray cluster: {one_line(error)}"
        ) from error


def _found(address: str) -> str:
    """Return ``address`` as ``host:port``, if a server listens there.

    Ray itself would keep trying for minutes.

    Raises:
        OSError, ValueError: it is not an address, or nothing listens there.
    """
    services = require("ray._private.services", "--engine ray")
    found: str | None = services.canonicalize_bootstrap_address(address)
    if found is None or "://" in found:
        raise ValueError("allowed: auto or host:port")
    host, _, port = found.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    return found


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Make Ray's services listen on 127.0.0.1 alone, as they do on macOS and Windows.

    On Linux, Ray replaces this address by the machine's own and listens to its network.
    """
    constants: Any = require("ray._private.ray_constants", "--engine ray")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _sigterm_handler_kept() -> Iterator[None]:
    """Restore this process's handler of SIGTERM, which Ray replaces."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
