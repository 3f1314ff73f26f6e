"""Runs the missing steps of a study, one after the other or several at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.config import TrialsConfig
from nasbench.engine import concurrency
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.hpo import Tuning, run_hpo
from nasbench.engine.scheduler import executor_options
from nasbench.engine.search import Search, run_search
from nasbench.errors import UserError
from nasbench.executors import (
    Executor,
    Finished,
    InlineExecutor,
    Job,
    Report,
    Reported,
    Work,
    open_executor,
)
from nasbench.faults import Fault, MachineError
from nasbench.store.runs import RunFolder
from nasbench.study.fingerprint import runs_by_fingerprint
from nasbench.study.plan import ConfiguredRun, Plan, Step, check_distinct
from nasbench.tasks.base import Task
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal
from retrain import folds
from retrain.train import Retraining


@dataclass
class Progress:
    """The state of a study.

    Attributes:
        done: the run folder of each step that succeeded.
        failed: the reason for each step that failed.
    """

    done: dict[Step, Path] = field(default_factory=dict)
    failed: dict[Step, str] = field(default_factory=dict)


def earlier_progress(plan: Plan, out: Path) -> Progress:
    """Return the steps of a study that earlier runs below ``out`` have completed.

    Raises:
        UserError: an entry is invalid, or two entries are the same run.
    """
    known: dict[str, dict[str, RunFolder]] = {}
    progress, runs = Progress(), list[tuple[Step, ConfiguredRun]]()
    for step in plan.steps:
        source = plan.source(step)
        if source is not None and source not in progress.done:
            continue  # its source has no result yet
        try:
            run = plan.configure(step, progress.done[source] if source else None)
        except UserError:
            if source is None:
                raise
            continue  # the source left a broken result: reported when the run would start
        runs.append((step, run))
        (data,) = run.data.values()
        if data not in known:
            known[data] = runs_by_fingerprint(out, run.data)
        before = known[data].get(run.fingerprint)
        if before is not None and before.status == "done":
            progress.done[step] = before.path
    check_distinct(runs)
    return progress


def run_study(
    plan: Plan,
    progress: Progress,
    where: TrialsConfig,
    callback: Callback,
    stop: StopSignal,
    say: Callable[[str], None],
) -> Progress:
    """Run every selected step that is not done; return the updated ``progress``.

    If a step fails, so do the steps that use its result; the others are unaffected.

    Args:
        plan: the study.
        progress: the steps that are done; updated in place.
        where: engine and concurrency.
        callback: receives the events of each run if they run one after the other.
        stop: set by Ctrl-C and SIGTERM.
        say: is called with a line for each step that starts or fails.

    Raises:
        Stopped: a signal asked to stop; the interrupted runs can be continued.
        MachineError: the disk is full or the like; the interrupted runs can be continued.
    """
    with stop.listening(), _executor(plan, where, callback, stop) as executor:
        runner = _Runner(plan, progress, executor, say)
        while runner.left:
            runner.begin()
            if not runner.running:
                continue
            finished = executor.next(lambda: stop.requested)
            if finished is None:
                ended = len(runner.steps) - runner.left
                raise Stopped(f"after {ended} of {len(runner.steps)} runs", stop.number)
            runner.end(finished)
    return progress


def _executor(plan: Plan, where: TrialsConfig, callback: Callback, stop: StopSignal) -> Executor:
    if where.engine is None and where.concurrency == 1:
        return InlineExecutor(_work(callback, stop, plan=plan), _always)
    name, options = f"{__name__}:{setup.__name__}", executor_options(where)
    return open_executor(where.engine or "local", name, list(sys.argv), _always, options)


def _always(number: int, reported: Reported) -> bool:
    return True


class _Runner:
    """Submits steps to an executor as soon as the results that they use are available."""

    def __init__(
        self, plan: Plan, progress: Progress, executor: Executor, say: Callable[[str], None]
    ) -> None:
        self.plan, self.progress, self.executor, self.say = plan, progress, executor, say
        self.steps = plan.selected
        self.running: dict[int, Step] = {}

    @property
    def left(self) -> int:
        """The number of steps that have not ended."""
        return sum(not self._ended(step) for step in self.steps)

    def begin(self) -> None:
        """Start the steps that can start, up to the executor's slots."""
        for number, step in enumerate(self.steps):
            if self._ended(step) or number in self.running:
                continue
            source = self.plan.source(step)
            if source in self.progress.failed:
                self._fail(step, f"{source} failed")
                continue
            if len(self.running) >= self.executor.slots:
                continue
            if source is not None and source not in self.progress.done:
                continue
            try:
                run = self.plan.configure(step, self.progress.done[source] if source else None)
            except UserError as error:
                self._fail(step, str(error))
                continue
            place = len(self.steps) - self.left + len(self.running) + 1
            self.say(f"[{place}/{len(self.steps)}] {step}: {step.entry.verb}")
            self.executor.submit(Job(number, run))
            self.running[number] = step

    def end(self, finished: Finished) -> None:
        """Record a run that ended.

        Raises:
            MachineError: the machine failed it.
        """
        step = self.running.pop(finished.number)
        if finished.fault is Fault.MACHINE:
            raise MachineError(f"{step} was interrupted: {finished.error}")
        if finished.error is not None:
            self._fail(step, finished.error.removeprefix("UserError: "))
            return
        self.progress.done[step] = finished.value

    def _fail(self, step: Step, reason: str) -> None:
        self.progress.failed[step] = reason
        self.say(f"{step} failed: {reason}")

    def _ended(self, step: Step) -> bool:
        return step in self.progress.done or step in self.progress.failed


def setup(context: Sequence[str]) -> Work:
    """Return the work of a worker process.

    Args:
        context: the study's command line, which the records name in place of the worker's.
    """
    return _work(NullCallback(), StopSignal(), context)


def _work(
    callback: Callback,
    stop: StopSignal,
    command: Sequence[str] | None = None,
    plan: Plan | None = None,
) -> Work:
    def work(run: ConfiguredRun, report: Report) -> Path:
        task = None if plan is None else plan.open(run.config, run.checkpoint)
        return perform(run, callback, stop, command, task)

    return work


def perform(
    run: ConfiguredRun,
    callback: Callback,
    stop: StopSignal,
    command: Sequence[str] | None = None,
    task: Task | None = None,
) -> Path:
    """Run, or continue the same run if it was interrupted; return the run folder.

    Args:
        run: what to run.
        callback: receives its events.
        stop: set by Ctrl-C and SIGTERM.
        command: the command line that the records name; ``sys.argv`` by default.
        task: the run's task if it is already here.

    Raises:
        Stopped: a signal asked to stop.
        UserError: an option is invalid, or the run failed.
    """
    config: Any = run.config
    before = runs_by_fingerprint(config.out, run.data).get(run.fingerprint)
    if before is not None and before.status == "done":
        return before.path
    interrupted = before is not None and before.status in ("stopped", "failed")
    resumed = before if interrupted else None
    if run.verb == "search":
        search = concurrency.of_trials(Search.of(config, task))
        return run_search(search, callback, stop, resumed, command).folder.path
    if run.verb == "hpo":
        tuning = concurrency.of_trials(Tuning.of(config, task))
        return run_hpo(tuning, callback, stop, resumed, command).folder.path
    assert run.checkpoint is not None
    job = Retraining.of(run.checkpoint, config, task)
    return folds.run(job, callback, stop, resumed, command).folder.path
