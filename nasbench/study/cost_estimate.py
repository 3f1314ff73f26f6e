"""Estimates the cost of a study before it starts, from its budgets and from earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nasbench.budget import Budget
from nasbench.config import RetrainConfig, TrainingConfig
from nasbench.errors import UserError
from nasbench.report.quantities import count, duration
from nasbench.store import studies
from nasbench.study.measured_step import MeasuredSteps
from nasbench.study.plan import Plan, Step
from nasbench.study.results import entry_results
from nasbench.study.runner import Progress
from nasbench.study.scale import Scale, passes, rounds, validated
from nasbench.tasks import sources
from nasbench.tasks.outlines import test_examples
from retrain.final import MOST_CHECKED, MOST_TRAIN

FORWARD = 1 / 3
"""The cost of an image without a gradient, in passes; backward, a layer computes two products."""


def estimate(plan: Plan, progress: Progress, out: Path, measuring: bool = False) -> Iterator[str]:
    """Yield lines that say what is done, what is missing, and its cost, entry by entry.

    A pass is one training image seen once. Time is estimated from runs of the same entry, or
    else from the same study at another scale, or else from a measured step, validation and the
    final evaluation included.

    Args:
        plan: the study.
        progress: the steps that are done.
        out: the study's folder.
        measuring: whether steps are measured.
    """
    if plan.scale.words:
        yield plan.scale.words
        if (older := out.with_name(out.name.replace("@x", "@"))).is_dir():
            yield f"{older} was made with the earlier meaning of --scale and stays as it is"
    yield f"{plan.study.name}: {len(plan.steps)} runs, {len(progress.done)} of them done"
    scaled, selected = seconds_per_run(plan, out), plan.selected
    steps = MeasuredSteps(plan, progress.done) if measuring else None
    times: list[float | None] = []
    measured = False
    for result in entry_results(plan, progress, out):
        entry = result.entry
        own = [step for step in plan.steps if step.entry is entry]
        missing = [step for step in selected if step in own and step not in progress.done]
        words = f"{sum(step in progress.done for step in own)} of {len(own)} done"
        if missing:
            of_done = result.seconds / len(result.values) if result.values else None
            one = of_done or scaled.get(entry.name)
            if one is None and steps is not None:
                one = _seconds(plan, missing[0], steps)
                measured |= one is not None
            words += f"; to do: {len(missing)} x {_size(plan, progress, missing[0])}"
            words += "" if one is None else f", about {duration(len(missing) * one)}"
            times.append(None if one is None else len(missing) * one)
        yield f"  {entry.name}: {entry.verb} {entry.target}: {words}"
    known = [time for time in times if time is not None]
    if known and len(known) == len(times):
        yield f"  total: about {duration(sum(known))} of computing"
    if measured and steps is not None:
        yield (
            "  times without an earlier run: from a step of training on made-up images "
            f"({steps.watch.device}); validation and test count a third of a pass for each image"
        )


def _seconds(plan: Plan, step: Step, steps: MeasuredSteps) -> float | None:
    """Return the seconds of a run by a measured step, or by its budget."""
    with suppress(UserError):  # reported when the run would start
        config = plan.options(step)
        if (seen := passes(config, len(plan.task.train))) is None:
            return rounds(config) * Budget.parse(str(getattr(config, "budget", ""))).amount
        each = steps.seconds_per_pass(step)
        return None if each is None else (seen + FORWARD * _evaluated(plan, config)) * each
    return None


def _evaluated(plan: Plan, config: TrainingConfig) -> float:
    """Return how many images a run computes without a gradient."""
    train = len(plan.task.train)
    found = validated(config, train)
    if isinstance(config, RetrainConfig) and config.folds is None:
        whole = test_examples(sources.short(plan.study.task), train)
        found += whole + 2 * min(whole, MOST_CHECKED)
        found += min(config.limit_train or train, train, MOST_TRAIN)
    return found


def _size(plan: Plan, progress: Progress, step: Step) -> str:
    """Return the size of one run, in words."""
    source = plan.source(step)
    try:
        if source is not None and source not in progress.done:
            words = _words(plan.options(step), len(plan.task.train))
            return f"{words} with the result of {source.entry.name}"
        run = plan.configure(step, progress.done[source] if source else None)
    except UserError as error:
        return str(error)
    return _words(run.config, len(plan.task.train))


def _words(config: TrainingConfig, images: int) -> str:
    trained = passes(config, images)
    budget = getattr(config, "budget", None)
    if budget is None:
        return f"{count(trained or 0)} passes"
    found = Budget.parse(budget)
    if trained is None:
        return f"{rounds(config) * found.amount:g} device-seconds"
    return f"{found}, up to {count(trained)} passes"


def seconds_per_run(plan: Plan, out: Path) -> dict[str, float]:
    """Return the expected seconds of a run by entry, from this study at another scale.

    Of several scales, the largest is used. Time is assumed to be proportional to the passes.

    Args:
        plan: the study.
        out: its folder, next to those of other scales.
    """
    name, images = out.name.partition("@")[0], len(plan.task.train)
    whole = replace(plan, scale=Scale())
    folders = [out.with_name(name), *out.parent.glob(f"{name}@*")]
    measured = [cost for folder in folders if folder != out and (cost := studies.cost(folder))]
    found: dict[str, float] = {}
    for cost in sorted(measured, key=lambda cost: cost.scale):
        for entry in plan.study.entries.values():
            step, theirs = Step(entry, plan.study.seeds[0]), cost.passes.get(entry.name)
            if entry.name not in cost.seconds:
                continue
            with suppress(UserError):  # reported when the run would start
                if theirs is None and cost.scale == 1:  # of an earlier version
                    theirs = passes(whole.options(step), images)
                mine = passes(plan.options(step), images)
                if mine and theirs:
                    found[entry.name] = mine / theirs * cost.seconds[entry.name]
    return found
