"""AutoFormer: Searching Transformers for Visual Recognition (Chen, Peng, Fu, Ling; ICCV 2021).

Weight entanglement (section 3.2): all sizes of a layer share the first part of its largest weight.
Each step trains one sub-network, each decision of which is drawn uniformly (section 3.3); then an
evolution looks for the best with the shared weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from nasbench.space import Arch
from nasbench.strategies.oneshot.elastic import ElasticStrategy, drawn
from nasbench.strategies.oneshot.single_path import SharedSearchOptions
from nasbench.strategies.recipe import DARTS, IMAGENET, Recipe


class AutoFormerOptions(SharedSearchOptions):
    """Options of ``autoformer``; see :class:`SharedSearchOptions`."""


class AutoFormerStrategy(ElasticStrategy):
    """Single sub-networks, drawn decision by decision.

    ``spos`` draws uniformly over the space instead, and so nearly always a deep sub-network.

    Raises:
        UserError: the space has no sizes to choose.
    """

    Options = AutoFormerOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "vit-small": Recipe(
            source="AutoFormer (arXiv:2107.00651), section 4.1; supernet_train.py, evolution.py",
            search={
                **DARTS.search,
                "epochs": 500,
                "batch_size": 1024,
                "optimizer": "adamw",
                "lr": 5e-4,
                "final_lr": 1e-5,
                "weight_decay": 0.05,
                "warmup": 20 / 500,
                "grad_clip": 0.0,
                "label_smoothing": 0.1,
            },
            options={"candidates": 1000, "population": 50, "mutation": 0.2},
            retrain=IMAGENET.retrain,
        ),
    }

    def next_paths(self) -> Sequence[Arch]:
        """Return one sub-network, a function of the seed and the step."""
        return [self.draw(drawn, "path", self.number)]
