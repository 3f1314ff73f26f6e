"""What happens in a worker: the work is prepared once, and then tried on one job after another."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from nasbench.errors import UserError
from nasbench.executors.base import Work


class Attempt(NamedTuple):
    """What came of a call: its value or its error in one line, and its wall time in seconds."""

    value: Any
    error: str | None
    seconds: float


def prepare(setup: str, context: Any) -> Work:
    """Call ``setup``, which is written ``package.module:function``, and return the work."""
    module, _, function = setup.partition(":")
    work: Work = getattr(importlib.import_module(module), function)(context)
    return work


def attempt(call: Callable[[], Any]) -> Attempt:
    """Call and return what came of it: whatever a trial raises is its result, and no bug of ours.

    ``sys.exit()`` in a trial ends the trial alone; Ctrl-C passes through.
    """
    start = time.perf_counter()
    value, error = None, None
    try:
        value = call()
    except (Exception, SystemExit) as raised:  # noqa: BLE001
        error = one_line(raised)
    return Attempt(value, error, time.perf_counter() - start)


def one_line(error: BaseException) -> str:
    """Return kind and first line of an error; a user's mistake is told by its own line alone."""
    lines = str(error).strip().splitlines()
    if isinstance(error, UserError) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"
