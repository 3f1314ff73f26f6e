"""The options that ``--preset`` sets in a search, a tuning and a retraining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nasbench.errors import UserError
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
    **{
        name: {"candidates": 20, "population": 10, "parents": 5}
        for name in ("bignas", "ofa", "autoformer")
    },
    "rspws": {"candidates": 40, "finalists": 5, "batches": 1},
    "evolution": {"population": 6, "sample": 3},
}

# A step that trains a single path costs little, and teaches each candidate little.
SINGLE_PATH = ("spos", "rspws", "enas", "autoformer")
SINGLE_PATH_EPOCHS = 6

# With fewer steps a supernet of single paths ranks networks no better than their number of
# parameters (benchmarks/supernet_ranking.py).
RANKING: dict[str, Any] = {**QUICK, "batch_size": 64, "lr": 0.1, "val_fraction": 0.1}
RANKING_STEPS = 71_000
RANKING_STRATEGIES = ("spos", "rspws")  # both train one uniform path a step; spos was measured

# A trial of a sampled strategy, and how many; those that end trials early count epochs.
TRIAL_EPOCHS = {"digits": 16}
TRIAL_EPOCHS_ELSEWHERE = 6
BUDGET = "8"
BUDGETS = {
    "successive-halving": "8 trials",
    "hyperband": "24 trials",
    "asha": "24 trials",
    "bohb": "24 trials",
    "nsga2": "24",
}


# The least number of steps of ``quick`` on a user's own data: what it takes on the built-in tasks.
# A small set is passed through more often, up to the bound; a large one is cut, or passed through
# less often than a built-in one.
SEARCH_STEPS, TRIAL_STEPS, TUNING_STEPS, RETRAIN_STEPS = 270, 550, 270, 640
MOST_EPOCHS = 200
MOST_STEPS = 4_000  # of a retraining
OWN_LIMIT = 6_000  # images of a search and a tuning
STEPS_PER_EPOCH = 4  # that a batch leaves, so that an epoch sees most of a small set


@dataclass(frozen=True)
class Amount:
    """How much data a run trains on, from which ``quick`` counts its steps.

    Attributes:
        images: training images of the task, those of ``--limit-train`` if it is given.
        share: of them that the run trains on, in (0, 1]; it validates on the others.
        own: whether the data are the user's own. Built-in tasks have numbers of epochs.
    """

    images: int
    share: float
    own: bool = True

    @property
    def trained(self) -> int:
        """The number of images that the run trains on."""
        return max(1, int(self.images * self.share + 1e-6))

    def batch(self, wanted: int, per_epoch: int = 1, halves: bool = False) -> int:
        """Return ``wanted``, or the largest power of two that is small enough for the images.

        Args:
            wanted: the preset's batch size.
            per_epoch: steps that an epoch has at least; a built-in task needs a single one.
            halves: whether batches are also taken from the validation images.
        """
        fits = self.trained // (per_epoch if self.own else 1)
        if halves:
            fits = min(fits, max(1, self.images - self.trained))
        return wanted if wanted <= fits else 1 << (max(1, fits).bit_length() - 1)

    def steps(self, batch_size: int) -> int:
        """Return the steps of an epoch."""
        return max(1, self.trained // batch_size)

    def fitted(
        self,
        chosen: dict[str, Any],
        least: int,
        given: Mapping[str, Any],
        most: int | None = None,
        halves: bool = False,
    ) -> dict[str, Any]:
        """Return a preset's options with a batch that fits and epochs for enough steps.

        Args:
            chosen: the preset's options.
            least: the number of steps that a run takes at least, within :data:`MOST_EPOCHS`.
            given: the options that win over the preset's, ``batch_size`` perhaps among them.
            most: the number of steps that more than one epoch may take; ``None`` for any.
            halves: as for :meth:`batch`.
        """
        size, epochs = self.batch(chosen["batch_size"], STEPS_PER_EPOCH, halves), chosen["epochs"]
        if self.own:
            each = self.steps(given.get("batch_size") or size)
            epochs = max(epochs, min(-(-least // each), MOST_EPOCHS))
            if most is not None:
                epochs = min(epochs, max(1, most // each))
        return {**chosen, "batch_size": size, "epochs": epochs}

    def limited(self, given: Mapping[str, Any]) -> tuple[Amount, dict[str, Any]]:
        """Return the amount and the options of a search, which sees a part of many images.

        Args:
            given: the options that win over the preset's.
        """
        if not self.own or self.images <= OWN_LIMIT or given.get("limit_train"):
            return self, {}
        return replace(self, images=OWN_LIMIT), {"limit_train": OWN_LIMIT}


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
    preset: str,
    strategy: str,
    task: str,
    sampled: bool,
    recipe: Recipe = DARTS,
    amount: Amount | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the options that the preset sets, ``strategy_options`` among them.

    Args:
        preset: ``quick``, ``paper`` or ``ranking``.
        strategy: its name.
        task: its name.
        sampled: whether the strategy trains its candidates one by one.
        recipe: the settings of the strategy's paper.
        amount: how much data the search trains on; ``None`` for all of a built-in task.
        given: the options that win over these.

    Raises:
        UserError: ``ranking`` is not for the strategy.
    """
    by_strategy = {"strategy_options": strategy_defaults(preset, strategy, recipe)}
    if preset == "ranking":
        return {**_ranking(strategy, amount, given), **by_strategy}
    budget = {"budget": BUDGETS.get(strategy, BUDGET)} if sampled else {}
    if preset == "paper":
        paper = {**budget, **recipe.search, **by_strategy}
        return paper if amount is None else _fitting(paper, amount, halves=not sampled)
    chosen = {**QUICK, **QUICK_TASKS.get(task, {}), **budget}
    least = TRIAL_STEPS if sampled else SEARCH_STEPS
    if strategy in SINGLE_PATH:
        chosen["epochs"] *= SINGLE_PATH_EPOCHS
        least *= SINGLE_PATH_EPOCHS
    if sampled:
        chosen["epochs"] = TRIAL_EPOCHS.get(task, TRIAL_EPOCHS_ELSEWHERE)
    if amount is not None:
        amount, limit = amount.limited(given)
        chosen = {**amount.fitted(chosen, least, given, halves=not sampled), **limit}
    return {**chosen, **by_strategy}


def strategy_defaults(preset: str, strategy: str, recipe: Recipe) -> dict[str, Any]:
    """Return the strategy's own options that a preset sets in a search.

    Args:
        preset: ``quick``, ``paper`` or ``ranking``.
        strategy: its name.
        recipe: the settings of the strategy's paper.
    """
    return dict(recipe.options if preset == "paper" else QUICK_OPTIONS.get(strategy, {}))


def _ranking(strategy: str, amount: Amount | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for a supernet whose weights rank; arguments of search_defaults."""
    if strategy not in RANKING_STRATEGIES:
        allowed = " and ".join(RANKING_STRATEGIES)
        raise UserError(
            f"--preset ranking: trains single paths, for the strategies {allowed}, not {strategy}"
        )
    if amount is None:
        return dict(RANKING)
    size = amount.batch(RANKING["batch_size"], STEPS_PER_EPOCH, halves=True)
    each = amount.steps(given.get("batch_size") or size)
    return {**RANKING, "batch_size": size, "epochs": -(-RANKING_STEPS // each)}


def network_arguments(
    by_preset: Mapping[str, Mapping[str, Any]], preset: str
) -> Mapping[str, Any]:
    """Return the arguments of a network that a preset sets in a search.

    Args:
        by_preset: of a space; without any for ``ranking`` those for ``quick``.
        preset: its name.
    """
    own = by_preset.get(preset, {})
    return by_preset.get("quick", {}) if preset == "ranking" and not own else own


def _fitting(paper: dict[str, Any], amount: Amount, halves: bool = False) -> dict[str, Any]:
    """Return a paper's options with a batch that is not larger than the data."""
    if "batch_size" not in paper:
        return paper
    return {**paper, "batch_size": amount.batch(paper["batch_size"], halves=halves)}


# What is tuned where no search space is given.
DEFAULT_SPACE: dict[str, Any] = {
    "lr": {"_type": "loguniform", "_value": [1e-3, 1.0]},
    "weight_decay": {"_type": "loguniform", "_value": [1e-5, 1e-2]},
    "momentum": {"_type": "uniform", "_value": [0.5, 0.99]},
    "batch_size": {"_type": "choice", "_value": [32, 64, 128]},
}


def default_space(amount: Amount | None) -> dict[str, Any]:
    """Return what is tuned where no search space is given, with batches that fit the data."""
    sizes = DEFAULT_SPACE["batch_size"]["_value"]
    largest = sizes[-1] if amount is None else amount.batch(sizes[-1], STEPS_PER_EPOCH)
    if largest < sizes[-1]:
        sizes = sorted({max(1, largest // part) for part in (4, 2, 1)})
    return {**DEFAULT_SPACE, "batch_size": {"_type": "choice", "_value": sizes}}


def hpo_defaults(
    preset: str,
    task: str,
    amount: Amount | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the options that the preset sets in a tuning, the recipe of a training among them.

    Args:
        preset: ``quick`` or ``paper``.
        task: its name.
        amount: how much data a trial trains on; ``None`` for all of a built-in task.
        given: the options that win over these.
    """
    recipe = retrain_defaults(preset, task)
    if preset == "paper":
        paper = {**recipe, "epochs": DARTS.search["epochs"], "budget": BUDGET}
        return paper if amount is None else _fitting(paper, amount)
    limit = QUICK_TASKS.get(task, {}).get("limit_train")
    epochs = TRIAL_EPOCHS.get(task, TRIAL_EPOCHS_ELSEWHERE)
    chosen = {**recipe, "epochs": epochs, "budget": BUDGET, "limit_train": limit}
    if amount is None:
        return chosen
    amount, own_limit = amount.limited(given)
    return {**amount.fitted(chosen, TUNING_STEPS, given), **own_limit}


def retrain_defaults(
    preset: str,
    task: str,
    recipe: Recipe = DARTS,
    amount: Amount | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the options that the preset sets in a retraining.

    ``quick`` takes minutes on two CPU cores: few epochs with a warm-up and a high rate.

    Args:
        preset: ``quick`` or ``paper``.
        task: its name.
        recipe: the settings of the paper behind the architecture.
        amount: how much data the retraining trains on; ``None`` for all of a built-in task.
        given: the options that win over these.
    """
    if preset == "paper":
        paper = dict(recipe.retrain)
        return paper if amount is None else _fitting(paper, amount)
    epochs = {"digits": 30}.get(task, 4)
    chosen = {
        "epochs": epochs,
        "batch_size": 64,
        "lr": 0.1,
        "weight_decay": 5e-4,
        "warmup": 0.1,
    }
    return (
        chosen if amount is None else amount.fitted(chosen, RETRAIN_STEPS, given, most=MOST_STEPS)
    )
