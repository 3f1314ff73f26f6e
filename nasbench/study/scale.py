"""``--scale``: a smaller version of a study, for a machine without a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

from nasbench.budget import Budget
from nasbench.config import HpoConfig, SearchConfig, TrainingConfig
from nasbench.errors import UserError

LEAST_IMAGES = 1_000  # with fewer, a batch of a large network's recipe may not be filled
LEAST_SECONDS = 0.001
LEAST_TRIALS = 2  # of a round: a second round looks between the best two

Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class Scale:
    """The factor by which epochs, training images and trials are multiplied.

    Attributes:
        factor: in (0, 1].

    Raises:
        UserError: it is out of range.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 1:
            raise UserError(f"--scale {self}: must be above 0 and up to 1")

    def __str__(self) -> str:
        return f"{self.factor:.15g}"

    @property
    def suffix(self) -> str:
        """The suffix of the study's name in pictures and folders; ``""`` at 1."""
        return "" if self.factor == 1 else f"@{self}"

    @property
    def words(self) -> str:
        """The note under every table made at this scale; ``""`` at 1."""
        if self.factor == 1:
            return ""
        return (
            f"Made at scale {self}: epochs, training images and trials are this share "
            f"of the study's (at least 1 epoch, {LEAST_IMAGES:,} images, {2 * LEAST_TRIALS} "
            "trials). Nothing here may be compared with figures of whole runs."
        )

    def apply(self, config: Config, images: int) -> Config:
        """Return the options of the smaller run.

        Args:
            config: of the full-scale run.
            images: the number of training images of the task.
        """
        if self.factor == 1:
            return config
        whole = config.limit_train or images
        smaller = replace(
            config,
            epochs=math.ceil(config.epochs * self.factor),
            limit_train=min(whole, max(LEAST_IMAGES, round(whole * self.factor))),
        )
        if isinstance(smaller, SearchConfig | HpoConfig) and smaller.budget is not None:
            whole_budget = Budget.parse(smaller.budget)
            return replace(smaller, budget=self._budget(whole_budget, rounds(smaller)))
        return smaller

    def _budget(self, whole: Budget, times: int) -> str:
        """Return the smaller budget of one round.

        Trials are counted in pairs, so that two rounds of 20 remain equal to one of 40.

        Args:
            whole: the budget of one round at full scale.
            times: the number of rounds.
        """
        if whole.unit == "seconds":
            seconds = max(LEAST_SECONDS, whole.amount * self.factor)
            return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
        if whole.unit != "trials":
            return f"{max(1, math.ceil(whole.amount * self.factor))} {whole.unit}"
        trials = int(whole.amount)
        half = max(LEAST_TRIALS, math.ceil(trials * times / 2 * self.factor))
        return f"{min(trials, 2 * half // times)} trials"


def rounds(config: TrainingConfig) -> int:
    """Return how often a run spends its budget: twice if a tuning is refined."""
    return 2 if isinstance(config, HpoConfig) and config.refine else 1
