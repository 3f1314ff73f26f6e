"""Estimates the cost of a study before it starts, from its budgets and from earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nasbench.budget import Budget
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.engine.presets import hpo_defaults, paper_recipe, retrain_defaults
from nasbench.engine.problem import Data
from nasbench.engine.search import load_strategy
from nasbench.errors import UserError
from nasbench.report.quantities import count, duration
from nasbench.store import studies
from nasbench.strategies.recipe import DARTS, Recipe
from nasbench.study.plan import Plan, Step
from nasbench.study.results import entry_results
from nasbench.study.runner import Progress
from nasbench.study.scale import Scale, rounds


def estimate(plan: Plan, progress: Progress, out: Path) -> Iterator[str]:
    """Yield lines that say what is done, what is missing, and its cost, entry by entry.

    A pass is one training image seen once. Time is estimated from runs of the same entry, or
    else from the same study at another scale.

    Args:
        plan: the study.
        progress: the steps that are done.
        out: the study's folder.
    """
    if plan.scale.words:
        yield plan.scale.words
    yield f"{plan.study.name}: {len(plan.steps)} runs, {len(progress.done)} of them done"
    scaled, selected = seconds_per_run(plan, out), plan.selected
    times: list[float | None] = []
    for result in entry_results(plan, progress, out):
        entry = result.entry
        own = [step for step in plan.steps if step.entry is entry]
        missing = [step for step in selected if step in own and step not in progress.done]
        words = f"{sum(step in progress.done for step in own)} of {len(own)} done"
        if missing:
            of_done = result.seconds / len(result.values) if result.values else None
            one = of_done or scaled.get(entry.name)
            words += f"; to do: {len(missing)} x {_size(plan, progress, missing[0])}"
            words += "" if one is None else f", about {duration(len(missing) * one)}"
            times.append(None if one is None else len(missing) * one)
        yield f"  {entry.name}: {entry.verb} {entry.target}: {words}"
    known = [time for time in times if time is not None]
    if known and len(known) == len(times):
        yield f"  total: about {duration(sum(known))} of computing"


def _size(plan: Plan, progress: Progress, step: Step) -> str:
    """Return the size of one run, in words."""
    source = plan.source(step)
    try:
        if source is not None and source not in progress.done:
            words = _words(config_without_source(plan, step), len(plan.task.train))
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


def passes(config: TrainingConfig, images: int) -> float | None:
    """Return the passes of a run, at most; ``None`` if its budget is in seconds.

    Args:
        config: the options of the run.
        images: the number of training images of the task.
    """
    assert isinstance(config, SearchConfig | HpoConfig | RetrainConfig)
    trained = min(config.limit_train or images, images) * (1 - config.val_fraction)
    if isinstance(config, RetrainConfig):
        # Each of K trainings uses K - 1 folds.
        return config.epochs * trained * (config.folds - 1 if config.folds else 1)
    if config.budget is None:
        return config.epochs * trained
    found = Budget.parse(config.budget)
    if found.unit == "seconds":
        return None
    epochs = config.epochs if found.unit == "trials" else 1
    return found.amount * epochs * rounds(config) * trained


def seconds_per_run(plan: Plan, out: Path) -> dict[str, float]:
    """Return the expected seconds of a run by entry, from this study at another scale.

    Of several scales, the largest is used. Time is assumed to be proportional to the passes.

    Args:
        plan: the study.
        out: its folder, next to those of other scales.
    """
    name, images = out.name.partition("@")[0], len(plan.task.train)
    folders = [out.with_name(name), *out.parent.glob(f"{name}@*")]
    measured = dict(cost for folder in folders if folder != out and (cost := studies.cost(folder)))
    found: dict[str, float] = {}
    for scale, took in sorted(measured.items()):
        other = replace(plan, scale=Scale(scale))
        for entry in plan.study.entries.values():
            if entry.name not in took:
                continue
            step = Step(entry, plan.study.seeds[0])
            mine, theirs = (passes(_config(one, step), images) for one in (plan, other))
            if mine and theirs:
                found[entry.name] = mine / theirs * took[entry.name]
    return found


def _config(plan: Plan, step: Step) -> TrainingConfig:
    """Return a run's options; its size does not depend on the result of another run."""
    if plan.source(step) is None:
        try:
            return plan.configure(step, None).config
        except UserError:  # reported when the run would start
            pass
    return config_without_source(plan, step)


def config_without_source(plan: Plan, step: Step) -> TrainingConfig:
    """Return the options of a run whose source has no result yet.

    Raises:
        UserError: an option is invalid.
    """
    options, study = step.entry.over(plan.study.defaults), plan.study
    config: TrainingConfig
    if step.entry.verb == "hpo":
        tuned = HpoConfig.from_layers({"budget": study.budget or None, **options})
        amount = Data(study.task, tuned, plan.task).amount(tuned)
        preset = hpo_defaults(tuned.preset, study.task, amount, options)
        config = HpoConfig.from_layers(preset, {"budget": study.budget or None, **options})
    else:
        asked = RetrainConfig.from_layers(options)
        amount = Data(study.task, asked, plan.task).amount(asked)
        recipe = _recipe(plan, step)
        preset = retrain_defaults(asked.preset, study.task, recipe, amount, options)
        config = RetrainConfig.from_layers(preset, options)
    return plan.scale.apply(config, len(plan.task.train))


def _recipe(plan: Plan, step: Step) -> Recipe:
    """Return the settings of the paper behind the search whose result the step retrains."""
    source = plan.source(step)
    try:
        config = None if source is None else plan.configure(source, None).config
    except UserError:  # reported when the run would start
        config = None
    if not isinstance(config, SearchConfig):
        return DARTS
    return paper_recipe(load_strategy(config.strategy), config.space)
