"""Training recipes: each returns all that ``--preset`` stands for in a retraining."""

from __future__ import annotations

from typing import Any


def paper(task: str) -> dict[str, Any]:
    """Return the evaluation of the DARTS paper (Liu et al., 2019, A.1.2)."""
    return {
        "epochs": 600,
        "batch_size": 96,
        "optimizer": "sgd",
        "lr": 0.025,
        "final_lr": 0.0,
        "momentum": 0.9,
        "weight_decay": 3e-4,
        "schedule": "cosine",
        "grad_clip": 5.0,
        "cutout": 16,
        "drop_path": 0.2,
        "auxiliary_weight": 0.4,
    }


def quick(task: str) -> dict[str, Any]:
    """Return a recipe of minutes on two CPU cores: few epochs with a warm-up and a high rate."""
    epochs = {"digits": 30}.get(task, 4)
    return {
        "epochs": epochs,
        "batch_size": 64,
        "lr": 0.1,
        "weight_decay": 5e-4,
        "warmup": 0.1,
    }


RECIPES = {"paper": paper, "quick": quick}
