"""Which hyperparameter or decision matters: fANOVA over the trials of a run.

Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML
2014, as optuna implements it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.optional import available, require

FEWEST = 4
"""Finished trials below which nothing is computed."""

FEW = 30
"""Finished trials below which the result is said to be uncertain."""

MOST = 400  # trials that the forest is fitted to, evenly chosen
_TREES = 32


def of_trials(trials: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of the score's variance that each parameter explains, largest first.

    Args:
        trials: the columns of a run's trials, see :mod:`nasbench.board.detail`.

    Returns:
        ``parameters``, a list of ``[name, share]`` whose shares sum to 1, and ``note``, a line on
        what is missing or uncertain.
    """
    scores = trials["score"]
    finished = [place for place, score in enumerate(scores) if score is not None]
    columns = {c["name"]: c for c in trials["columns"]}
    values = {n: [c["values"][place] for place in finished] for n, c in columns.items()}
    constant = [name for name, found in values.items() if len(set(found)) < 2]
    some = [n for n, found in values.items() if None in found and n not in constant]
    varied = [name for name in values if name not in constant and name not in some]
    if len(finished) < FEWEST or len({scores[place] for place in finished}) < 2:
        return _nothing(f"{len(finished)} finished trials are too few to tell")
    if not varied:
        return _nothing("no parameter has several values in all trials")
    if not (available("optuna") and available("sklearn")):
        return _nothing("pip install optuna scikit-learn shows the importance of parameters")
    step = -(-len(finished) // MOST)
    chosen = list(range(0, len(finished), step))
    shares = _fanova(
        {name: (columns[name], [values[name][i] for i in chosen]) for name in varied},
        [scores[finished[i]] for i in chosen],
    )
    told = []
    if len(finished) < FEW:
        told.append(f"{len(finished)} trials are few: the shares are uncertain")
    if some:
        told.append(f"not in every trial, and left out: {', '.join(some)}")
    return {"parameters": shares, "note": "; ".join(told)}


def _nothing(note: str) -> dict[str, Any]:
    return {"parameters": [], "note": note}


def _fanova(
    columns: Mapping[str, tuple[Mapping[str, Any], Sequence[Any]]], scores: Sequence[float]
) -> list[list[Any]]:
    """Return ``[name, share]`` for each column, the largest share first."""
    optuna = require("optuna", "the importance of parameters")
    kinds = optuna.distributions
    spaces = {}
    for name, (column, values) in columns.items():
        if column["kind"] == "number":
            spaces[name] = kinds.FloatDistribution(min(values), max(values), log=column["log"])
        else:
            spaces[name] = kinds.CategoricalDistribution(list(dict.fromkeys(values)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize")
        for i, score in enumerate(scores):
            params = {name: values[i] for name, (_, values) in columns.items()}
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=spaces, value=score)
            )
        forest = optuna.importance.FanovaImportanceEvaluator(n_trees=_TREES, seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=forest)
    return [[name, float(share)] for name, share in found.items()]
