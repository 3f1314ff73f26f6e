"""BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models.

Yu, Jin, Liu, Bender, Kindermans, Tan, Huang, Song, Pang, Le; ECCV 2020. The sandwich rule (section
3.1, after Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", ICCV
2019): each step trains the largest sub-network, the smallest and some random ones, and the weights
move once along the summed gradients. In-place distillation: the largest learns from the labels,
all others from its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from nasbench.options import option
from nasbench.space import Arch
from nasbench.strategies.oneshot.base import Batch
from nasbench.strategies.oneshot.elastic import ElasticStrategy, drawn
from nasbench.strategies.oneshot.single_path import SharedSearchOptions
from nasbench.strategies.recipe import DARTS, IMAGENET, Recipe


@dataclass(frozen=True)
class BigNasOptions(SharedSearchOptions):
    """Options of ``bignas``."""

    random: int = option(
        2, "Random sub-networks of a step, beside the largest and the smallest.", low=0
    )
    distill: bool = option(
        True, "Train all but the largest on its outputs (in-place distillation), not on labels."
    )


class BigNasStrategy(ElasticStrategy):
    """The sandwich rule with in-place distillation; a step costs ``2 + random`` passes.

    What a step reports are means over its sub-networks.

    Attributes:
        lesson: outputs of the largest sub-network for the images of this step.

    Raises:
        UserError: the space has no sizes to choose.
    """

    Options = BigNasOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "mobilenet-v3": Recipe(
            source="BigNAS (arXiv:2003.11142), section 4; its code is not published",
            search={
                **DARTS.search,
                "epochs": 360,
                "batch_size": 4096,
                "optimizer": "rmsprop",
                "lr": 0.256,
                "final_lr": 0.0128,  # the decay ends at 5 %
                "weight_decay": 1e-5,
                "grad_clip": 0.0,
                "label_smoothing": 0.1,
            },
            retrain=IMAGENET.retrain,
        ),
    }
    options: BigNasOptions
    lesson: Tensor

    def next_paths(self) -> Sequence[Arch]:
        """Return the largest, the smallest and random sub-networks, by the seed and the step.

        The first two may exceed the limits: they train the weights that all others share.
        """
        ends = [self.extreme(place, "sandwich", place, self.number) for place in (-1, 0)]
        count = self.options.random
        return [*ends, *(self.draw(drawn, "path", self.number, i) for i in range(count))]

    def path_loss(self, place: int, train: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the labels for the largest sub-network, that of distillation else."""
        if place and self.options.distill:
            return self.objective.taught(self.paths, train[0], self.lesson)
        loss, outputs = super().path_loss(place, train)
        if place == 0:
            self.lesson = outputs
        return loss, outputs
