"""One run of a study, in this process or in a worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nasbench.engine.callbacks import NullCallback
from nasbench.engine.hpo import run_hpo
from nasbench.engine.search import run_search
from nasbench.executors import Work
from nasbench.store.runs import RunFolder
from nasbench.study import keys
from nasbench.study.plan import Ready
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal
from retrain.folds import run_folds
from retrain.train import Retraining, run_retrain


def setup(context: Sequence[str]) -> Work:
    """Return what a worker process does with a run.

    Args:
        context: the study's command line, which its records name in place of the worker's.
    """
    sys.argv[:] = context
    return work(NullCallback(), StopSignal())


def work(callback: Callback, stop: StopSignal) -> Work:
    """Return what runs, or continues, what it is given, and returns its run folder.

    Args:
        callback: is told how it goes.
        stop: set by Ctrl-C and SIGTERM.
    """

    def run(ready: Ready, report: Callable[[float], bool]) -> Path:
        return perform(ready, callback, stop)

    return run


def perform(ready: Ready, callback: Callback, stop: StopSignal) -> Path:
    """Run, or continue where the same run was stopped; return the run folder.

    Raises:
        Stopped: a signal asked to stop.
        UserError: something that the user can mend.
    """
    config: Any = ready.config
    before = keys.known(config.out).get(ready.key)
    if before is not None and before.status == "done":
        return before.path
    resumed = before if before is not None and _can_continue(before) else None
    if ready.verb == "search":
        return run_search(config, callback, stop, resumed).folder.path
    if ready.verb == "hpo":
        return run_hpo(config, callback, stop, resumed).folder.path
    assert ready.checkpoint is not None
    job = Retraining.of(ready.checkpoint, config)
    if config.folds is not None:
        return run_folds(job, callback, stop, resumed).folder.path
    return run_retrain(job, callback, stop, resumed).folder.path


def _can_continue(folder: RunFolder) -> bool:
    return folder.status in ("stopped", "failed")
