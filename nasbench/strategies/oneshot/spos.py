"""SPOS: Single Path One-Shot Neural Architecture Search with Uniform Sampling.

Guo, Zhang, Mu, Heng, Liu, Wei, Sun; ECCV 2020. Every step trains one path, drawn uniformly
(section 3.2); then an evolution looks for the best with the shared weights (section 3.4, in
:mod:`path_evolution`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nasbench.space import Arch
from nasbench.strategies.oneshot.single_path import SharedSearchOptions, SharedSearchStrategy
from nasbench.strategies.recipe import DARTS, IMAGENET, NASBENCH201, Recipe


class SposOptions(SharedSearchOptions):
    """Options of ``spos``; see :class:`SharedSearchOptions`."""


class SposStrategy(SharedSearchStrategy):
    """Uniform single paths; the steps train only what keeps the limits, where that is found.

    Raises:
        UserError: the space has a ``ValueChoice``.
    """

    Options = SposOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "proxyless": Recipe(
            source="SPOS (arXiv:1904.00420), section 4; src/Supernet/train.py, "
            "src/Search/search.py, src/Evaluation/template/train.py",
            search={
                **DARTS.search,
                "epochs": 120,  # 150,000 steps on ImageNet
                "batch_size": 1024,
                "lr": 0.5,
                "final_lr": 0.0,
                "weight_decay": 4e-5,
                "schedule": "linear",
                "grad_clip": 0.0,
                "label_smoothing": 0.1,
            },
            options={"candidates": 1000, "population": 50},  # 20 generations
            retrain={
                **IMAGENET.retrain,
                "epochs": 240,  # 300,000 steps
                "batch_size": 1024,
                "lr": 0.5,
                "nesterov": False,
                "schedule": "linear",
            },
        ),
        "nas-bench-201": NASBENCH201,
    }

    def next_paths(self) -> Sequence[Arch]:
        """Return one uniform path, a function of the seed and the step."""
        return [self.uniform("path", self.number)]
