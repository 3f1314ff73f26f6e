"""What ``--preset`` stands for in a search, by strategy and task."""

from __future__ import annotations

from typing import Any

# The search of the paper (Liu et al., 2019, A.1.1); random trains each candidate as long.
PAPER: dict[str, Any] = {"epochs": 50, "batch_size": 64, "lr": 0.025, "final_lr": 0.001}

# Minutes on two CPU cores. The architecture's learning rate is higher than in the paper, as it
# has some hundred steps instead of some ten thousand.
QUICK: dict[str, Any] = {"epochs": 8, "batch_size": 64, "lr": 0.05, "final_lr": 0.001}
QUICK_TASKS: dict[str, dict[str, Any]] = {
    "digits": {},
    "mnist": {"limit_train": 12_000, "epochs": 4},
    "fashion-mnist": {"limit_train": 12_000, "epochs": 4},
    "cifar10": {"limit_train": 12_000, "epochs": 4},
}
QUICK_OPTIONS: dict[str, dict[str, Any]] = {
    "darts": {"arch_lr": 3e-3},
    "random": {"trials": 4},
}
PAPER_OPTIONS: dict[str, dict[str, Any]] = {"random": {"trials": 8}}


def search_defaults(preset: str, strategy: str, task: str) -> dict[str, Any]:
    """Return the options that the preset sets, ``strategy_options`` among them."""
    if preset == "paper":
        return {**PAPER, "strategy_options": dict(PAPER_OPTIONS.get(strategy, {}))}
    options = dict(QUICK_OPTIONS.get(strategy, {}))
    return {**QUICK, **QUICK_TASKS.get(task, {}), "strategy_options": options}
