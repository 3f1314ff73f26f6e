"""What runs in Ray's processes: the mailbox for reports, and a trial."""

from __future__ import annotations

import asyncio
import os
import pickle
from typing import Any, NamedTuple

from nasbench.executors.base import Work
from nasbench.executors.work import Attempt, attempt, prepare
from nasbench.optional import require

Key = tuple[int, int]
"""A job's number and which attempt this is."""


class Letter(NamedTuple):
    """What a trial tells the driver: that it starts (no value), or an intermediate value."""

    key: Key
    value: float | None


class Mailbox:
    """An actor beside the driver: trials post letters, the driver takes them and answers."""

    def __init__(self) -> None:
        self._letters: asyncio.Queue[Letter] = asyncio.Queue()
        self._answers: dict[Key, asyncio.Future[bool]] = {}

    async def start(self, key: Key) -> None:
        """Tell the driver that a trial starts."""
        await self._letters.put(Letter(key, None))

    async def report(self, key: Key, value: float) -> bool:
        """Tell the driver a value and wait for its answer: whether to go on."""
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        await self._letters.put(Letter(key, value))
        go_on: bool = await answer
        return go_on

    async def take(self) -> list[Letter]:
        """Wait until there are letters, and return them all."""
        letters = [await self._letters.get()]
        while not self._letters.empty():
            letters.append(self._letters.get_nowait())
        return letters

    async def answer(self, key: Key, go_on: bool) -> None:
        """Answer a report."""
        self._answers.pop(key).set_result(go_on)


_prepared: dict[str, Attempt] = {}


def run_trial(
    setup: str, context: list[Any], mailbox: Any, key: Key, payload: bytes
) -> tuple[Attempt, str]:
    """Do one job in a Ray worker, which is set up by the first one it gets.

    Args:
        setup: ``package.module:function``.
        context: the reference to the context, in a list, or Ray would fetch it for every trial.
        mailbox: the actor's handle.
        key: of this attempt.
        payload: the job's, pickled.

    Returns:
        what came of it, with the value pickled, and the worker's name.
    """
    ray = require("ray", "--engine ray")
    worker = f"{ray.get_runtime_context().get_node_id()[:8]}/{os.getpid()}"
    prepared = _prepare(ray, setup, context[0])
    if prepared.error is not None:
        return prepared._replace(seconds=0.0), worker
    work: Work = prepared.value
    mailbox.start.remote(key)

    def report(value: float) -> bool:
        go_on: bool = ray.get(mailbox.report.remote(key, float(value)))
        return go_on

    return attempt(lambda: pickle.dumps(work(pickle.loads(payload), report))), worker


def _prepare(ray: Any, setup: str, context: Any) -> Attempt:
    """Return the work of this context; a worker keeps the last one, and no failure."""
    name = context.hex()
    if name not in _prepared:
        _prepared.clear()
        prepared = attempt(lambda: prepare(setup, ray.get(context)))
        if prepared.error is not None:
            return prepared
        _prepared[name] = prepared
    return _prepared[name]
