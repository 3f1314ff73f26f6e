"""NNI's names of tuners and assessors, and the corresponding names of nasbench.

The names are those of NNI 3.0's ``builtin_algorithms.yml``. The reasons why some are not available
were found with Python 3.11, numpy 2.4 and scipy 1.17.
"""

from __future__ import annotations

from nasbench.errors import UserError

TUNERS = {
    "TPE": "nni-tpe",
    "Random": "nni-random",
    "GridSearch": "nni-grid",
    "Evolution": "evolution",
    "PBT": "pbt",
}
ASSESSORS = {"Medianstop": "medianstop", "Curvefitting": "curvefitting"}
# Name -> why it is not available, and an alternative.
UNAVAILABLE = {
    "GP": ("it fails on scipy 1.17 ('x0' must only have one dimension)", "gp"),
    "Metis": ("it fails on scipy 1.17 ('x0' must only have one dimension)", "gp"),
    "TPE_legacy": ("it needs hyperopt 0.1.2, which fails on numpy 2", "tpe"),
    "Anneal": ("it needs hyperopt 0.1.2, which fails on numpy 2", "cma-es"),
    "DNGO": ("it needs pybnn, which is no longer maintained", "gp"),
    "SMAC": ("it needs ConfigSpaceNNI, which cannot be built any more", "tpe"),
    "PPO": ("it needs gym and tensorflow's version 1 interface", "tpe"),
    "Batch": ("its search space is a list of complete parameter sets", "grid"),
    "NetworkMorphism": ("it changes networks, not parameters", "evolution"),
    "RegularizedEvolutionTuner": ("it takes architectures of NNI 1 and 2 only", "evolution"),
    "Hyperband": (
        "it is an advisor, which only NNI's own manager runs",
        "random with the assessor hyperband",
    ),
    "BOHB": (
        "it is an advisor, which only NNI's own manager runs, and it needs ConfigSpace",
        "tpe with the assessor hyperband",
    ),
}


def unavailable(name: str) -> UserError:
    """Return the error for a tuner of NNI that is not available here."""
    reason, instead = UNAVAILABLE[name]
    return UserError(f"NNI's tuner {name} is not available: {reason}; take {instead} instead")
