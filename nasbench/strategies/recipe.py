"""The settings of a strategy's paper, which ``--preset paper`` uses.

A strategy declares them beside its ``Options``, as :attr:`recipes`: the name of a space to the
settings of the search on it. Numbers are those of the authors' code where there is code, since
papers round and leave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a paper searches, and how it trains what it found.

    Attributes:
        source: where the numbers come from.
        search: options of ``nasbench search``.
        options: the strategy's own options; those left out have their defaults.
        network: arguments of the space in the search.
        retrain: options of ``nasbench retrain``.
        retrain_network: arguments of the space in the retraining.
    """

    source: str
    search: Values = field(default_factory=dict)
    options: Values = field(default_factory=dict)
    network: Values = field(default_factory=dict)
    retrain: Values = field(default_factory=dict)
    retrain_network: Values = field(default_factory=dict)

    def but(self, source: str, **changed: Values) -> Recipe:
        """Return this recipe with other values.

        Args:
            source: where these come from.
            **changed: by attribute, the values that differ; the others stay.
        """
        merged = {name: {**getattr(self, name), **values} for name, values in changed.items()}
        return replace(self, source=source, **merged)


DARTS = Recipe(
    source="DARTS (arXiv:1806.09055), appendix A.1; cnn/train_search.py, cnn/train.py",
    search={
        "epochs": 50,
        "batch_size": 64,
        "optimizer": "sgd",
        "lr": 0.025,
        "final_lr": 0.001,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 3e-4,
        "schedule": "cosine",
        "warmup": 0.0,
        "grad_clip": 5.0,
        "label_smoothing": 0.0,
    },
    network={"channels": 16, "layers": 8},
    retrain={
        "epochs": 600,
        "batch_size": 96,
        "optimizer": "sgd",
        "lr": 0.025,
        "final_lr": 0.0,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 3e-4,
        "schedule": "cosine",
        "warmup": 0.0,
        "grad_clip": 5.0,
        "label_smoothing": 0.0,
        "cutout": 16,
        "drop_path": 0.2,
        "auxiliary_weight": 0.4,
    },
    retrain_network={"channels": 36, "layers": 20, "auxiliary": True},
)

# What the benchmark trained every architecture with, so that its accuracies can be compared.
NASBENCH201 = Recipe(
    source="NAS-Bench-201 (arXiv:2001.00326), table 1; configs/nas-benchmark/algos/DARTS.config",
    search={**DARTS.search, "nesterov": True, "weight_decay": 5e-4},
    network={"channels": 16, "cells": 5},
    retrain={
        **DARTS.retrain,
        "epochs": 200,
        "batch_size": 256,
        "lr": 0.1,
        "nesterov": True,
        "weight_decay": 5e-4,
        "grad_clip": 0.0,
        "cutout": 0,
        "drop_path": 0.0,
    },
    retrain_network={"channels": 16, "cells": 5},
)

# How ProxylessNAS trains what it found on ImageNet, in the space of the same name.
IMAGENET = Recipe(
    source="ProxylessNAS (arXiv:1812.00332), section 4; search/imagenet_run_exp.py",
    retrain={
        **DARTS.retrain,
        "epochs": 300,
        "batch_size": 256,
        "lr": 0.05,
        "nesterov": True,
        "weight_decay": 4e-5,
        "grad_clip": 0.0,
        "label_smoothing": 0.1,
        "cutout": 0,
        "drop_path": 0.0,
    },
)

# The default of a strategy without settings of its own.
RECIPES: Mapping[str, Recipe] = {"darts": DARTS, "nas-bench-201": NASBENCH201}


def recipe_for(recipes: Mapping[str, Recipe], space: str) -> Recipe:
    """Return the recipe for a space.

    Args:
        recipes: those of a strategy, by the name of the space.
        space: the name of a space. One without a recipe gets the first, without the arguments of
            the network, as the space has its own.
    """
    if space in recipes:
        return recipes[space]
    return replace(next(iter(recipes.values())), network={}, retrain_network={})
