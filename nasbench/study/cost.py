"""What a study will cost, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nasbench.budget import Budget
from nasbench.config import TrainingConfig
from nasbench.errors import UserError
from nasbench.report.quantities import count, duration
from nasbench.study.drive import Progress
from nasbench.study.figures import figures
from nasbench.study.plan import Plan, Step
from nasbench.study.rehearsal import passes, seconds_a_run, unfound
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
    for found in figures(plan, progress, out):
        entry = found.entry
        own = [step for step in plan.steps if step.entry is entry]
        missing = [step for step in asked if step in own and step not in progress.done]
        words = f"{sum(step in progress.done for step in own)} of {len(own)} done"
        if missing:
            of_done = found.seconds / len(found.values) if found.values else None
            one = of_done or rehearsed.get(entry.name)
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
    try:
        if source is not None and source not in progress.done:
            words = _words(unfound(plan, step), len(plan.task.train))
            return f"{words}, of what {source.entry.name} finds"
        ready = plan.ready(step, progress.done[source] if source else None)
    except UserError as error:
        return str(error)
    return _words(ready.config, len(plan.task.train))


def _words(config: TrainingConfig, images: int) -> str:
    trained = passes(config, images)
    budget = getattr(config, "budget", None)
    if budget is None:
        return f"{count(trained or 0)} passes"
    found = Budget.parse(budget)
    if trained is None:
        return f"{rounds(config) * found.amount:g} device-seconds"
    return f"{found}, up to {count(trained)} passes"
