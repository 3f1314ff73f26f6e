"""Engines by their names."""

from __future__ import annotations

from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.executors.base import Executor, ExecutorOptions, Judge
from nasbench.executors.inline import InlineExecutor
from nasbench.executors.local import LocalExecutor
from nasbench.executors.work import prepare

ENGINES = ("inline", "local", "ray")


def open_executor(
    engine: str, setup: str, context: Any, judge: Judge, options: ExecutorOptions
) -> Executor:
    """Return an executor, to be used in a ``with`` statement.

    Args:
        engine: ``inline``, ``local`` or ``ray``.
        setup: ``package.module:function``; ``setup(context)`` is called once in each worker and
            returns the work.
        context: what all jobs share: a plain picklable value. Its NumPy arrays are shared between
            workers and must not be written to.
        judge: answers the reports of the jobs.
        options: how many jobs at once, and on what.

    Raises:
        UserError: the engine is unknown, cannot do what the options ask for, or is not installed.
    """
    if engine not in ENGINES:
        raise unknown("--engine", engine, ENGINES)
    if options.address is not None and engine != "ray":
        raise UserError(f"--address {options.address}: only --engine ray has one, not {engine}")
    if engine == "inline":
        _check_inline(options)
        return InlineExecutor(prepare(setup, context), judge)
    if engine == "local":
        return LocalExecutor(setup, context, judge, options)
    from nasbench.executors.ray import RayExecutor

    return RayExecutor(setup, context, judge, options)


def _check_inline(options: ExecutorOptions) -> None:
    """Refuse what only a worker process can be given."""
    given = {
        "--concurrency": options.concurrency if options.concurrency > 1 else None,
        "--gpus-per-trial": options.gpus_per_trial or None,
        "--cpus-per-trial": options.cpus_per_trial,
        "--trial-timeout": options.timeout,
    }
    for flag, value in given.items():
        if value is not None:
            raise UserError(
                f"{flag} {value:g}: --engine inline runs one trial at a time in this process, "
                "and cannot end it; allowed: local, ray"
            )
