"""NNI's names of tuners and assessors, and the corresponding names of nasbench.

The names are those of NNI 3.0's ``builtin_algorithms.yml``. The reasons why some are not available
were found with Python 3.11, numpy 2.4 and scipy 1.17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasbench.errors import UserError, unknown

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


@dataclass(frozen=True)
class Named:
    """The meaning of NNI's name and ``classArgs``, without ``optimize_mode``.

    Attributes:
        name: the name in nasbench.
        options: the options in ``classArgs``, by their names in nasbench.
        seed: ``seed``; ``None`` if it is missing.
        epochs: an assessor's ``epoch_num``; ``None`` if it is missing.
        checkpoint_dir: PBT's ``all_checkpoint_dir``; ``None`` if it is missing.
    """

    name: str
    options: dict[str, Any]
    seed: int | None = None
    epochs: int | None = None
    checkpoint_dir: str | None = None


def tuner(name: str, class_args: Mapping[str, Any]) -> Named:
    """Return the tuner that NNI calls ``name``.

    Raises:
        UserError: NNI has no tuner of that name, or it is not available here.
    """
    if name in UNAVAILABLE:
        reason, instead = UNAVAILABLE[name]
        raise UserError(f"NNI's tuner {name} is not available: {reason}; take {instead} instead")
    return _named("tuner", name, TUNERS, class_args)


def assessor(name: str, class_args: Mapping[str, Any]) -> Named:
    """Return the assessor that NNI calls ``name``.

    Raises:
        UserError: NNI has no assessor of that name.
    """
    return _named("assessor", name, ASSESSORS, class_args)


def _named(kind: str, name: str, table: Mapping[str, str], given: Mapping[str, Any]) -> Named:
    if name not in table:
        raise unknown(f"{kind} of NNI", name, table)
    options = {key: value for key, value in given.items() if key != "optimize_mode"}
    seed, epochs = options.pop("seed", None), options.pop("epoch_num", None)
    checkpoint_dir = options.pop("all_checkpoint_dir", None)
    options |= options.pop("tpe_args", {})
    if "constant_liar_type" in options:  # null in YAML
        options["constant_liar_type"] = options["constant_liar_type"] or "none"
    return Named(table[name], options, seed, epochs, checkpoint_dir)
