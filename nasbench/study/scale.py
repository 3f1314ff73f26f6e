"""``--scale``: the same study with a share of its computing, with which a training still learns.

A pass is one training image seen once, and device time is counted in passes. A run gets its share
of them by fewer images first, which leaves the epochs, and with them the schedules, as they are;
then by fewer epochs; then by smaller batches, so that the steps remain; then by fewer trials.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from nasbench.budget import Budget
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.engine.hyperparameters import largest
from nasbench.errors import UserError

LEAST_STEPS = 500  # MobileNet V1 begins to learn; twenty DARTS cells do not yet
ENOUGH_STEPS = 2_000  # batches are halved for about so many
LEAST_BATCH = 16  # BN is noisy below
LEAST_IMAGES = 1_000  # a hundred of each of ten classes, and a batch of a large network's recipe
ROUNDED = 1.05  # a share of each class, or of its groups, is not exactly that of the images
LEAST_TRIALS = 2  # of a round: a second round looks between the best two
LEAST_SECONDS = 0.001

Config = TypeVar("Config", bound=TrainingConfig)


@dataclass(frozen=True)
class Scale:
    """The share of a study's computing.

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
        """The suffix of the study's name in pictures and folders; ``""`` at 1.

        Folders that end in ``@0.05``, without an x, are of versions in which a scale multiplied
        epochs, images and trials alike.
        """
        return "" if self.factor == 1 else f"@x{self}"

    @property
    def words(self) -> str:
        """The note under every table made at this scale; ``""`` at 1."""
        if self.factor == 1:
            return ""
        return (
            f"Made at scale {self}: every run has this share of the study's training (at least "
            f"{LEAST_STEPS} steps, {LEAST_IMAGES:,} images, {2 * LEAST_TRIALS} trials where the "
            "study has them). Nothing here may be compared with figures of whole runs."
        )

    def apply(self, config: Config, images: int) -> Config:
        """Return the options of the smaller run.

        Args:
            config: of the full-scale run.
            images: the number of training images of the task.
        """
        if self.factor == 1:
            return config
        whole = _Training.of(config, images)
        wanted = self.factor * whole.passes
        budget = _budget(config)
        if budget is None:
            return whole.shortened(config, max(wanted, whole.least))
        passes = max(wanted, whole.least)
        share = wanted / passes  # what is left to save in trials
        if budget.unit == "trials":
            trials, times = int(budget.amount), rounds(config)
            few = _fewer(trials, times, share)
            passes = min(max(wanted * trials / few, whole.least), whole.passes)
            return replace(whole.shortened(config, passes), budget=f"{few} trials")  # type: ignore[call-arg]
        smaller = whole.shortened(config, passes)
        if budget.unit == "seconds":
            seconds = max(LEAST_SECONDS, budget.amount * self.factor)
            left = f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
        else:
            epochs = budget.amount * share * smaller.epochs / config.epochs
            left = f"{max(smaller.epochs, math.ceil(epochs))} epochs"
        return replace(smaller, budget=left)  # type: ignore[call-arg]

    def check(self, runs: Iterable[tuple[TrainingConfig, int]]) -> None:
        """Raise if every run is as short as it can be at a larger scale already.

        Args:
            runs: the options of every run at full scale, and its number of training images.

        Raises:
            UserError: it names the smallest scale that works, at which the run that can be
                shortened most has its least.
        """
        if self.factor == 1:
            return
        shares = [
            _least(config, images) / whole
            for config, images in runs
            if (whole := passes(config, images)) is not None
        ]
        if self.factor < (smallest := _rounded_up(min(shares, default=0.0))):
            raise UserError(
                f"--scale {self}: too little for a training to learn anything: the smallest "
                f"that works for this study is {smallest:.15g}"
            )


@dataclass(frozen=True)
class _Training:
    """One training of a run.

    Attributes:
        images: of the task or of ``--limit-train``.
        share: of them that it trains on.
        epochs: of the training.
        batch: the batch size.
        searched: the largest batch size that a run searches, which therefore stays; 0: none.
    """

    images: int
    share: float
    epochs: int
    batch: int
    searched: int

    @classmethod
    def of(cls, config: TrainingConfig, images: int) -> _Training:
        whole = min(config.limit_train or images, images)
        return cls(whole, _share(config), config.epochs, config.batch_size, _searched(config))

    @property
    def passes(self) -> float:
        return self.epochs * self.images * self.share

    @property
    def least(self) -> float:
        """The passes of the shortest training that learns; a tuner finds small batches itself."""
        return min(self.passes, LEAST_STEPS * self._halved(0))

    def _halved(self, passes: float) -> int:
        """Return the batch, halved from the full one, whose steps are nearest to enough."""
        batch, steps = self.batch, min(ENOUGH_STEPS, self.passes / self.batch)
        while batch // 2 >= LEAST_BATCH and passes * math.sqrt(2) < steps * batch:
            batch //= 2
        return batch

    def shortened(self, config: Config, passes: float) -> Config:
        """Return the options of a training of so many passes."""
        largest_batch = max(self.batch, self.searched)
        held = math.ceil(ROUNDED * largest_batch / self.share)
        least = min(self.images, max(LEAST_IMAGES, held))
        epochs, images = self.epochs, passes / self.epochs / self.share
        if images < least:
            exact = passes / (least * self.share)
            epochs = max(1, int(exact) if least < self.images else math.ceil(exact - 1e-9))
            images = passes / epochs / self.share
        batch = self.batch if self.searched else self._halved(passes)
        # A smaller batch takes the smaller rate of the square-root rule (Krizhevsky, 2014). The
        # linear one keeps the progress of an epoch, but here it is the steps that remain: with it
        # MobileNet V1 learns nothing. Adam and its kin scale their steps themselves.
        by = math.sqrt(batch / self.batch) if config.optimizer == "sgd" else 1.0
        return replace(
            config,
            epochs=epochs,
            limit_train=min(self.images, math.ceil(images - 1e-9)),
            batch_size=batch,
            lr=config.lr * by,
            final_lr=config.final_lr * by,
        )


def passes(config: TrainingConfig, images: int) -> float | None:
    """Return the passes of a run, at most; ``None`` if its budget is in seconds.

    Args:
        config: the options of the run.
        images: the number of training images of the task.
    """
    whole, budget = _Training.of(config, images), _budget(config)
    if budget is None:
        return whole.passes * (getattr(config, "folds", None) or 1)
    if budget.unit == "seconds":
        return None
    each = whole.passes if budget.unit == "trials" else whole.passes / config.epochs
    return budget.amount * rounds(config) * each


def validated(config: TrainingConfig, images: int) -> float:
    """Return how many images a run of trials or a retraining validates on, counted by epochs.

    A one-shot search is measured with its validation, and counts none here.

    Args:
        config: the options of the run.
        images: the number of training images of the task.
    """
    budget = _budget(config)
    if isinstance(config, SearchConfig) and (budget is None or budget.unit != "trials"):
        return 0.0
    share = _share(config)
    return (passes(config, images) or 0.0) * (1 - share) / share


def rounds(config: TrainingConfig) -> int:
    """Return how often a run spends its budget: twice if a tuning is refined."""
    return 2 if isinstance(config, HpoConfig) and config.refine else 1


def _budget(config: TrainingConfig) -> Budget | None:
    found = config.budget if isinstance(config, SearchConfig | HpoConfig) else None
    return None if found is None else Budget.parse(found)


def _fewer(trials: int, times: int, share: float) -> int:
    """Return the trials of a round, counted in pairs: two rounds of 20 stay equal to one of 40.

    Args:
        trials: of one round at full scale.
        times: the number of rounds.
        share: of the trials.
    """
    half = max(LEAST_TRIALS, int(trials * times / 2 * share + 1e-9))
    return min(trials, 2 * half // times)


def _least(config: TrainingConfig, images: int) -> float:
    """Return the passes of the smallest run that learns."""
    whole, budget = _Training.of(config, images), _budget(config)
    if budget is None:
        return whole.least * (getattr(config, "folds", None) or 1)
    times = rounds(config)
    if budget.unit == "trials":
        return _fewer(int(budget.amount), times, 0.0) * times * whole.least
    return min(budget.amount / config.epochs, 1) * times * whole.least


def _share(config: TrainingConfig) -> float:
    """Return the share of the images that a run trains on; one of K folds is left out."""
    if isinstance(config, RetrainConfig) and config.folds is not None:
        return 1 - 1 / config.folds
    return 1 - float(getattr(config, "val_fraction", 0.0))


def _searched(config: TrainingConfig) -> int:
    """Return the largest batch size that a run searches; 0: it searches none."""
    if isinstance(config, SearchConfig):
        return int(largest(config.tuned, "batch_size") or 0) if config.tuned else 0
    if not isinstance(config, HpoConfig):
        return 0
    if not config.space_content:  # a file that is read later, or the default space
        return config.batch_size
    return int(largest(config.space_content, "batch_size") or 0)


def _rounded_up(share: float) -> float:
    """Return a share with two digits that is at least ``share``."""
    if not share:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(share)) - 1)
    return min(1.0, float(f"{math.ceil(share / unit - 1e-9) * unit:.2g}"))
