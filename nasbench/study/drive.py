"""Runs what is missing of a study, several runs at once where that is wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nasbench.config import TrialsConfig
from nasbench.engine.scheduler import executor_options
from nasbench.errors import UserError
from nasbench.executors import Executor, Finished, InlineExecutor, Job, open_executor
from nasbench.study import keys, work
from nasbench.study.plan import Plan, Step, same_twice
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal


@dataclass
class Progress:
    """How far a study has come.

    Attributes:
        done: the run folder of each step that ended well.
        failed: why each other step that ended did not.
    """

    done: dict[Step, Path] = field(default_factory=dict)
    failed: dict[Step, str] = field(default_factory=dict)


def found_before(plan: Plan, out: Path) -> Progress:
    """Return what earlier runs below ``out`` have done of a study.

    Raises:
        UserError: an entry does not fit, or two are the same.
    """
    progress, known, ready = Progress(), keys.known(out), []
    for step in plan.steps:
        source = plan.source(step)
        if source is not None and source not in progress.done:
            continue  # what it starts from is not known yet
        try:
            one = plan.ready(step, progress.done[source] if source else None)
        except UserError:
            if source is None:
                raise
            continue  # what its source left is broken: told where the run would begin
        ready.append((step, one))
        before = known.get(one.key)
        if before is not None and before.status == "done":
            progress.done[step] = before.path
    same_twice(ready)
    return progress


def run(
    plan: Plan,
    progress: Progress,
    where: TrialsConfig,
    callback: Callback,
    stop: StopSignal,
    say: Callable[[str], None],
) -> Progress:
    """Run every step that is asked for and not done; return ``progress``, which has grown.

    A step that fails harms none but those that use what it finds.

    Args:
        plan: the study.
        progress: what is done already.
        where: engine and concurrency.
        callback: is told of each run, where they run one after the other.
        stop: set by Ctrl-C and SIGTERM.
        say: is called with a line for each step that begins or ends.

    Raises:
        Stopped: a signal asked to stop; what was running can be continued.
    """
    with stop.listening(), _executor(where, callback, stop) as executor:
        driving = _Driving(plan, progress, executor, say)
        while driving.left:
            driving.begin()
            if not driving.running:
                continue
            finished = executor.next(lambda: stop.requested)
            if finished is None:
                ended = len(driving.steps) - driving.left
                raise Stopped(f"after {ended} of {len(driving.steps)} runs", stop.number)
            driving.end(finished)
    return progress


def _executor(where: TrialsConfig, callback: Callback, stop: StopSignal) -> Executor:
    if where.engine is None and where.concurrency == 1:
        return InlineExecutor(work.work(callback, stop), lambda number, value: True)
    return open_executor(
        where.engine or "local",
        f"{work.__name__}:{work.setup.__name__}",
        list(sys.argv),
        lambda number, value: True,
        executor_options(where),
    )


class _Driving:
    """Hands steps to an executor as soon as what they use is there."""

    def __init__(
        self, plan: Plan, progress: Progress, executor: Executor, say: Callable[[str], None]
    ) -> None:
        self.plan, self.progress, self.executor, self.say = plan, progress, executor, say
        self.steps = plan.asked
        self.running: dict[int, Step] = {}

    @property
    def left(self) -> int:
        """How many steps have not ended."""
        return sum(not self._ended(step) for step in self.steps)

    def begin(self) -> None:
        """Begin what can be begun, up to the executor's slots."""
        for number, step in enumerate(self.steps):
            if self._ended(step) or number in self.running:
                continue
            source = self.plan.source(step)
            if source in self.progress.failed:
                self._fail(step, f"{source} failed")
            elif len(self.running) < self.executor.slots and self._there(source):
                self._submit(number, step, source)

    def _submit(self, number: int, step: Step, source: Step | None) -> None:
        try:
            ready = self.plan.ready(step, self.progress.done[source] if source else None)
        except UserError as error:
            self._fail(step, str(error))
            return
        place = len(self.steps) - self.left + len(self.running) + 1
        self.say(f"[{place}/{len(self.steps)}] {step}: {step.entry.verb}")
        self.executor.submit(Job(number, ready))
        self.running[number] = step

    def end(self, finished: Finished) -> None:
        """Take note of a run that ended."""
        step = self.running.pop(finished.number)
        if finished.error is not None:
            self._fail(step, finished.error.removeprefix("UserError: "))
            return
        self.progress.done[step] = finished.value

    def _fail(self, step: Step, reason: str) -> None:
        self.progress.failed[step] = reason
        self.say(f"{step} failed: {reason}")

    def _ended(self, step: Step) -> bool:
        return step in self.progress.done or step in self.progress.failed

    def _there(self, source: Step | None) -> bool:
        return source is None or source in self.progress.done
