"""What a study will cost, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import fmean

from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.report.quantities import count, duration
from nasbench.store.runs import RunFolder
from nasbench.study.drive import Progress
from nasbench.study.plan import Plan, Ready, Step
from nasbench.study.rehearsal import passes, seconds_a_run
from nasbench.study.scale import rounds


def lines(plan: Plan, progress: Progress, out: Path) -> Iterator[str]:
    """Yield what is done, what is missing and how much training that is, entry by entry.

    A pass is one training image seen once. Seconds are told where runs of the same entry that
    are done, or the same study at another scale, show how long one takes.

    Args:
        plan: the study.
        progress: what is done.
        out: the study's folder.
    """
    if plan.scale.words:
        yield plan.scale.words
    yield f"{plan.study.name}: {len(plan.steps)} runs, {len(progress.done)} of them done"
    rehearsed, asked, known = seconds_a_run(plan, out), plan.asked, list[float | None]()
    for entry in plan.study.entries.values():
        own = [step for step in plan.steps if step.entry is entry]
        missing = [step for step in asked if step in own and step not in progress.done]
        words = f"{sum(step in progress.done for step in own)} of {len(own)} done"
        if missing:
            one = _seconds_of_done(progress, own) or rehearsed.get(entry.name)
            words += f"; to do: {len(missing)} x {_size(plan, progress, missing[0])}"
            words += "" if one is None else f", about {duration(len(missing) * one)}"
            known.append(None if one is None else len(missing) * one)
        yield f"  {entry.name}: {entry.verb} {entry.target}: {words}"
    times = [time for time in known if time is not None]
    if times and len(times) == len(known):
        yield f"  in all about {duration(sum(times))} of computing"


def _size(plan: Plan, progress: Progress, step: Step) -> str:
    """Return the size of one run."""
    source = plan.source(step)
    if source is not None and source not in progress.done:
        return f"training of what {source.entry.name} finds"
    try:
        ready = plan.ready(step, progress.done[source] if source else None)
    except UserError as error:
        return str(error)
    return _words(ready, len(plan.task.train))


def _words(ready: Ready, images: int) -> str:
    config, trained = ready.config, passes(ready.config, images)
    budget = getattr(config, "budget", None)
    if budget is None:
        return f"{count(trained or 0)} passes"
    found = Budget.parse(budget)
    if trained is None:
        return f"{rounds(config) * found.amount:g} device-seconds"
    return f"{found}, up to {count(trained)} passes"


def _seconds_of_done(progress: Progress, own: list[Step]) -> float | None:
    """Return what the runs that are done took in the mean."""
    spent = [_seconds(progress.done[step]) for step in own if step in progress.done]
    return fmean(spent) if spent else None


def _seconds(run: Path) -> float:
    """Return the wall time that a run's journal tells, from its first to its last event."""
    events = RunFolder(run).journal.events()
    times = [datetime.fromisoformat(event["time"]) for event in events if "time" in event]
    return (max(times) - min(times)).total_seconds() if times else 0.0
