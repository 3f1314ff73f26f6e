"""The code that runs in Ray's processes: the mailbox for reports, and a trial."""

from __future__ import annotations

import asyncio
import os
import pickle
from typing import Any, NamedTuple

from nasbench.executors.attempts import Attempt, attempt, prepare, sendable
from nasbench.executors.base import Reported, Work
from nasbench.faults import Fault
from nasbench.optional import require

Key = tuple[int, int]
"""A job's number and the number of the attempt."""


class Message(NamedTuple):
    """A message of a trial to the driver: a report, or ``None`` when the trial starts."""

    key: Key
    reported: Reported | None


class Mailbox:
    """An actor on the driver's node: trials post messages, the driver takes and answers them."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: dict[Key, asyncio.Future[bool]] = {}

    async def start(self, key: Key) -> None:
        """Notify the driver that a trial starts."""
        await self._messages.put(Message(key, None))

    async def report(self, key: Key, reported: Reported) -> bool:
        """Send a report to the driver and return its answer: whether to continue."""
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        await self._messages.put(Message(key, reported))
        go_on: bool = await answer
        return go_on

    async def take(self) -> list[Message]:
        """Wait for a message and return all that have arrived."""
        messages = [await self._messages.get()]
        while not self._messages.empty():
            messages.append(self._messages.get_nowait())
        return messages

    async def answer(self, key: Key, go_on: bool) -> None:
        """Answer a report."""
        self._answers.pop(key).set_result(go_on)


_prepared: dict[str, Attempt] = {}


def run_trial(
    setup: str, context: list[Any], mailbox: Any, key: Key, payload: bytes
) -> tuple[Attempt, str]:
    """Run one job in a Ray worker, which is set up by its first job.

    Args:
        setup: ``package.module:function``.
        context: a list with the reference to the context; a bare reference Ray would resolve for
            every trial.
        mailbox: the actor's handle.
        key: the key of this attempt.
        payload: of the job, pickled.

    Returns:
        the outcome, whose value is pickled, and the worker's name.
    """
    ray = require("ray", "--engine ray")
    worker = f"{ray.get_runtime_context().get_node_id()[:8]}/{os.getpid()}"
    prepared = _prepare(ray, setup, context[0])
    if prepared.error is not None:
        return prepared._replace(seconds=0.0, fault=Fault.MACHINE), worker
    work: Work = prepared.value
    mailbox.start.remote(key)

    def report(reported: Reported) -> bool:
        go_on: bool = ray.get(mailbox.report.remote(key, sendable(reported)))
        return go_on

    return attempt(lambda: pickle.dumps(work(pickle.loads(payload), report))), worker


def _prepare(ray: Any, setup: str, context: Any) -> Attempt:
    """Return the work of this context. A worker keeps the last one, but not a failure."""
    name = context.hex()
    if name not in _prepared:
        _prepared.clear()
        prepared = attempt(lambda: prepare(setup, ray.get(context)))
        if prepared.error is not None:
            return prepared
        _prepared[name] = prepared
    return _prepared[name]
