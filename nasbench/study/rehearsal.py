"""What a study made at one scale tells of its cost at another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nasbench.budget import Budget
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.engine.presets import RETRAIN_PRESETS
from nasbench.errors import UserError
from nasbench.store import studies
from nasbench.study.plan import Plan, Step
from nasbench.study.scale import Scale, rounds


def passes(config: TrainingConfig, images: int) -> float | None:
    """Return how often a run trains on an image, at most; ``None`` if its limit is seconds.

    Args:
        config: of the run.
        images: the task's training images.
    """
    assert isinstance(config, SearchConfig | HpoConfig | RetrainConfig)
    trained = min(config.limit_train or images, images) * (1 - config.val_fraction)
    if isinstance(config, RetrainConfig):
        # Each of K folds trains on the K - 1 others.
        return config.epochs * trained * (config.folds - 1 if config.folds else 1)
    if config.budget is None:
        return config.epochs * trained
    found = Budget.parse(config.budget)
    if found.unit == "seconds":
        return None
    epochs = config.epochs if found.unit == "trials" else 1
    return found.amount * epochs * rounds(config) * trained


def seconds_a_run(plan: Plan, out: Path) -> dict[str, float]:
    """Return what a run of each entry will take, as far as this study at another scale tells.

    Of several, the largest is asked. Time is taken to grow with the passes.

    Args:
        plan: the study.
        out: its folder; those of other scales lie beside it.
    """
    found: dict[str, float] = {}
    for scale, took in sorted(_made(out).items()):
        rehearsed = replace(plan, scale=Scale(scale))
        for step in (Step(entry, plan.study.seeds[0]) for entry in plan.study.entries.values()):
            if step.entry.name in took and (ratio := _ratio(plan, rehearsed, step)):
                found[step.entry.name] = ratio * took[step.entry.name]
    return found


def _made(out: Path) -> dict[float, Mapping[str, float]]:
    """Return the device-seconds of a run of each entry, by the scale of the study."""
    name = out.name.partition("@")[0]
    folders = [out.with_name(name), *out.parent.glob(f"{name}@*")]
    return dict(found for folder in folders if folder != out and (found := studies.cost(folder)))


def _ratio(plan: Plan, rehearsed: Plan, step: Step) -> float | None:
    images = len(plan.task.train)
    mine, theirs = (passes(_config(one, step), images) for one in (plan, rehearsed))
    return mine / theirs if mine and theirs else None


def _config(plan: Plan, step: Step) -> TrainingConfig:
    """Return a run's options; what another run will find does not matter to their size."""
    if plan.source(step) is None:
        try:
            return plan.ready(step, None).config
        except UserError:  # it is told where the run would begin
            pass
    return unfound(plan, step)


def unfound(plan: Plan, step: Step) -> TrainingConfig:
    """Return the options of a run whose source has found nothing yet, without what it will find.

    Raises:
        UserError: an option does not fit.
    """
    options, study = step.entry.over(plan.study.defaults), plan.study
    config: TrainingConfig
    if step.entry.verb == "hpo":
        config = HpoConfig.from_layers({"budget": study.budget or None, **options})
    else:
        asked = RetrainConfig.from_layers(options)
        recipe = RETRAIN_PRESETS[asked.preset](study.task)
        config = RetrainConfig.from_layers(recipe, options)
    return plan.scale.apply(config, len(plan.task.train))
