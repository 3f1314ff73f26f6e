"""What a study will cost, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from nasbench.budget import Budget
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.errors import UserError
from nasbench.report.quantities import count, duration
from nasbench.store.runs import RunFolder
from nasbench.study.drive import Progress
from nasbench.study.plan import Plan, Ready, Step


def lines(plan: Plan, progress: Progress) -> Iterator[str]:
    """Yield what is done, what is missing and how much training that is, entry by entry.

    A pass is one training image seen once. Seconds are told where runs of the same entry that
    are done already show how long one takes.
    """
    if plan.scale.words:
        yield plan.scale.words
    yield f"{plan.study.name}: {len(plan.steps)} runs, {len(progress.done)} of them done"
    for entry in plan.study.entries.values():
        own = [step for step in plan.steps if step.entry is entry]
        missing = [step for step in plan.asked if step in own and step not in progress.done]
        words = f"{sum(step in progress.done for step in own)} of {len(own)} done"
        if missing:
            words += f"; to do: {len(missing)} x {_size(plan, progress, missing[0])}"
        words += _time(progress, own, missing)
        yield f"  {entry.name}: {entry.verb} {entry.target}: {words}"


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
    config = ready.config
    images = config.limit_train or images
    budget = getattr(config, "budget", None)
    if budget is None:
        return f"{count(config.epochs * _trained(config, images))} passes"
    found = Budget.parse(budget)
    rounds = 2 if isinstance(config, HpoConfig) and config.refine else 1
    if found.unit == "seconds":
        return f"{rounds * found.amount:g} device-seconds"
    epochs = found.amount * (config.epochs if found.unit == "trials" else 1) * rounds
    return f"{found}, up to {count(epochs * _trained(config, images))} passes"


def _trained(config: TrainingConfig, images: int) -> float:
    """Return how many of the images train; the rest is looked at."""
    assert isinstance(config, SearchConfig | HpoConfig | RetrainConfig)
    return images * (1 - config.val_fraction)


def _time(progress: Progress, own: list[Step], missing: list[Step]) -> str:
    spent = [_seconds(progress.done[step]) for step in own if step in progress.done]
    if not spent or not missing:
        return ""
    return f", about {duration(len(missing) * sum(spent) / len(spent))}"


def _seconds(run: Path) -> float:
    """Return the wall time that a run's journal tells, from its first to its last event."""
    events = RunFolder(run).journal.events()
    times = [datetime.fromisoformat(event["time"]) for event in events if "time" in event]
    return (max(times) - min(times)).total_seconds() if times else 0.0
