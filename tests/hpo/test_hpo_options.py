"""Options of tuners."""

from __future__ import annotations

import pytest

from nasbench.catalog import resolve
from nasbench.errors import UserError


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("grid", {"points": 0}, "-o points=0: must be at least 1"),
        ("nni-tpe", {"n_startup_jobs": 0}, "-o n_startup_jobs=0: must be at least 1"),
        ("nni-tpe", {"gamma": 0.0}, "-o gamma=0.0: must be at least 0.001"),
        (
            "nni-tpe",
            {"constant_liar_type": "bset"},
            "liar_type 'bset': did you mean best",
        ),
        ("evolution", {"population_size": 1}, "-o population_size=1: must be in \\[2, 99999"),
        ("pbt", {"population_size": 1}, "-o population_size=1: must be in \\[2, 99999"),
        ("pbt", {"fraction": 0.6}, "-o fraction=0.6: must be in \\[0, 0.5"),
        ("pbt", {"factor": -0.1}, "-o factor=-0.1: must be in \\[0, 1"),
        ("tpe", {"n_startup_trials": 0}, "-o n_startup_trials=0: must be at least 1"),
        ("cma-es", {"popsize": -1}, "-o popsize=-1: must be at least 0"),
        ("qmc", {"sequence": "sobl"}, "sequence 'sobl': did you mean sobol"),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(UserError, match=line):
        resolve("tuner", name).Options(**options)
