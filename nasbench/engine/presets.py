"""The options that ``--preset`` sets in a search, a tuning and a retraining."""

from __future__ import annotations

from typing import Any

from nasbench.strategies.recipe import DARTS, RECIPES, Recipe, recipe_for

# Minutes on two CPU cores. The architecture's learning rate is higher than in the paper, as it
# has some hundred steps instead of some ten thousand. Sampled strategies train as many
# candidates, and each as long, as comes to about the same time.
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 32, "lr": 0.05, "final_lr": 0.001}
QUICK_TASKS: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 8, "batch_size": 64},
    "mnist": {"limit_train": 6_000},
    "fashion-mnist": {"limit_train": 6_000},
    "cifar10": {"limit_train": 6_000},
}
# With some ten trials a population must be small, or all of them are drawn at random.
TENFOLD = ("darts", "gdas", "snas", "fairdarts", "sdarts")
QUICK_OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"arch_lr": 3e-3} for name in TENFOLD},
    **{name: {"arch_lr": 6e-3} for name in ("pc-darts", "p-darts", "drnas")},
    "darts-pt": {"arch_lr": 3e-3, "tune_steps": 2, "samples": 256},
    "proxyless": {"arch_lr": 1e-2},
    "enas": {"arch_lr": 3.5e-3},
    "spos": {"candidates": 20, "population": 10, "parents": 5},
    "fairnas": {"candidates": 20, "population": 10, "parents": 5},
    "rspws": {"candidates": 40, "finalists": 5, "batches": 1},
    "evolution": {"population": 6, "sample": 3},
}

# A step that trains a single path costs little, and teaches each candidate little.
SINGLE_PATH = ("spos", "rspws", "enas")
SINGLE_PATH_EPOCHS = 6

# A trial of a sampled strategy, and how many; those that end trials early count epochs.
TRIAL_EPOCHS = {"digits": 16}
TRIAL_EPOCHS_ELSEWHERE = 6
BUDGET = "8"
BUDGETS = {"successive-halving": "8 trials", "hyperband": "24 trials", "nsga2": "24"}


# What the presets set in a search and in a retraining, for the help pages.
SEARCH_OPTIONS = frozenset({*DARTS.search, *QUICK, "limit_train", "budget"})
RETRAIN_OPTIONS = frozenset(DARTS.retrain)


def paper_recipe(strategy: type, space: str) -> Recipe:
    """Return the settings of a strategy's paper on a space.

    Args:
        strategy: its class; one without ``recipes`` counts as DARTS.
        space: the space's name.
    """
    return recipe_for(getattr(strategy, "recipes", RECIPES), space)


def search_defaults(
    preset: str, strategy: str, task: str, sampled: bool, recipe: Recipe = DARTS
) -> dict[str, Any]:
    """Return the options that the preset sets, ``strategy_options`` among them.

    Args:
        preset: ``quick`` or ``paper``.
        strategy: its name.
        task: its name.
        sampled: whether the strategy trains its candidates one by one.
        recipe: the settings of the strategy's paper.
    """
    budget = {"budget": BUDGETS.get(strategy, BUDGET)} if sampled else {}
    if preset == "paper":
        return {**budget, **recipe.search, "strategy_options": dict(recipe.options)}
    chosen = {**QUICK, **QUICK_TASKS.get(task, {}), **budget}
    if strategy in SINGLE_PATH:
        chosen["epochs"] *= SINGLE_PATH_EPOCHS
    if sampled:
        chosen["epochs"] = TRIAL_EPOCHS.get(task, TRIAL_EPOCHS_ELSEWHERE)
    return {**chosen, "strategy_options": dict(QUICK_OPTIONS.get(strategy, {}))}


# What is tuned where no search space is given.
DEFAULT_SPACE: dict[str, Any] = {
    "lr": {"_type": "loguniform", "_value": [1e-3, 1.0]},
    "weight_decay": {"_type": "loguniform", "_value": [1e-5, 1e-2]},
    "momentum": {"_type": "uniform", "_value": [0.5, 0.99]},
    "batch_size": {"_type": "choice", "_value": [32, 64, 128]},
}


def hpo_defaults(preset: str, task: str) -> dict[str, Any]:
    """Return the options that the preset sets beside the retraining's recipe."""
    if preset == "paper":
        return {"epochs": DARTS.search["epochs"], "budget": BUDGET}
    limit = QUICK_TASKS.get(task, {}).get("limit_train")
    epochs = TRIAL_EPOCHS.get(task, TRIAL_EPOCHS_ELSEWHERE)
    return {"epochs": epochs, "budget": BUDGET, "limit_train": limit}


def retrain_defaults(preset: str, task: str, recipe: Recipe = DARTS) -> dict[str, Any]:
    """Return the options that the preset sets in a retraining.

    ``quick`` takes minutes on two CPU cores: few epochs with a warm-up and a high rate.

    Args:
        preset: ``quick`` or ``paper``.
        task: its name.
        recipe: the settings of the paper behind the architecture.
    """
    if preset == "paper":
        return dict(recipe.retrain)
    epochs = {"digits": 30}.get(task, 4)
    return {
        "epochs": epochs,
        "batch_size": 64,
        "lr": 0.1,
        "weight_decay": 5e-4,
        "warmup": 0.1,
    }
