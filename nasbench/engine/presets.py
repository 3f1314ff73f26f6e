"""What ``--preset`` stands for in a search, by strategy and task."""

from __future__ import annotations

from typing import Any

# The search of the paper (Liu et al., 2019, A.1.1); random trains each candidate as long.
PAPER: dict[str, Any] = {"epochs": 50, "batch_size": 64, "lr": 0.025, "final_lr": 0.001}
PAPER_OPTIONS: dict[str, dict[str, Any]] = {"random": {"trials": 8}}

# Minutes on two CPU cores. The architecture's learning rate is higher than in the paper, as it
# has some hundred steps instead of some ten thousand. Random search trains as many candidates,
# and each as long, as comes to about the same time.
QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 32, "lr": 0.05, "final_lr": 0.001}
QUICK_TASKS: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 8, "batch_size": 64},
    "mnist": {"limit_train": 6_000},
    "fashion-mnist": {"limit_train": 6_000},
    "cifar10": {"limit_train": 6_000},
}
QUICK_OPTIONS: dict[str, dict[str, Any]] = {
    "darts": {"arch_lr": 3e-3},
    "random": {"trials": 8},
}
QUICK_EPOCHS: dict[tuple[str, str], int] = {
    ("random", "digits"): 16,
    ("random", "mnist"): 6,
    ("random", "fashion-mnist"): 6,
    ("random", "cifar10"): 6,
}


def search_defaults(preset: str, strategy: str, task: str) -> dict[str, Any]:
    """Return the options that the preset sets, ``strategy_options`` among them."""
    if preset == "paper":
        return {**PAPER, "strategy_options": dict(PAPER_OPTIONS.get(strategy, {}))}
    chosen = {
        **QUICK,
        **QUICK_TASKS.get(task, {}),
        "strategy_options": dict(QUICK_OPTIONS.get(strategy, {})),
    }
    epochs = QUICK_EPOCHS.get((strategy, task))
    return chosen if epochs is None else {**chosen, "epochs": epochs}
