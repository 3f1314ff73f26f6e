"""Runs many trials at once: in this process, in local worker processes, or on a Ray cluster.

The *work* is the function that runs one trial. A *setup*, given by name, is called once in every
worker with the *context* that all trials share, and returns the work. Up to ``slots`` jobs are
submitted to an executor, which returns them in the order in which they end.
"""

from __future__ import annotations

from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.executors.attempts import prepare
from nasbench.executors.base import (
    Executor,
    ExecutorOptions,
    Finished,
    Job,
    Judge,
    Report,
    Reported,
    Restarted,
    Work,
)
from nasbench.executors.inline import InlineExecutor
from nasbench.executors.local import LocalExecutor

__all__ = [
    "ENGINES",
    "Executor",
    "ExecutorOptions",
    "Finished",
    "InlineExecutor",
    "Job",
    "Judge",
    "Report",
    "Reported",
    "Restarted",
    "Work",
    "open_executor",
]

ENGINES = ("inline", "local", "ray")


def open_executor(
    engine: str, setup: str, context: Any, judge: Judge, options: ExecutorOptions
) -> Executor:
    """Return an executor, to be used in a ``with`` statement.

    Args:
        engine: ``inline``, ``local`` or ``ray``.
        setup: ``package.module:function``; ``setup(context)`` is called once in each worker and
            returns the work.
        context: what all jobs share: a picklable value. Its NumPy arrays are shared between
            workers and must not be written to.
        judge: answers the reports of the jobs.
        options: how many jobs run at once, and with which resources.

    Raises:
        UserError: the engine is unknown, does not support the options, or is not installed.
    """
    if engine not in ENGINES:
        raise unknown("--engine", engine, ENGINES)
    if options.address is not None and engine != "ray":
        raise UserError(f"--address {options.address}: only for --engine ray, not for {engine}")
    if engine == "inline":
        _check_inline(options)
        return InlineExecutor(prepare(setup, context), judge)
    if engine == "local":
        return LocalExecutor(setup, context, judge, options)
    from nasbench.executors.ray import RayExecutor

    return RayExecutor(setup, context, judge, options)


def _check_inline(options: ExecutorOptions) -> None:
    """Raise if an option needs worker processes."""
    given = {
        "--concurrency": options.concurrency if options.concurrency > 1 else None,
        "--gpus-per-trial": options.gpus_per_trial or None,
        "--cpus-per-trial": options.cpus_per_trial,
        "--trial-timeout": options.timeout,
    }
    for flag, value in given.items():
        if value is not None:
            raise UserError(
                f"{flag} {value:g}: --engine inline runs one trial at a time in this process "
                "and cannot interrupt it; allowed: local, ray"
            )
