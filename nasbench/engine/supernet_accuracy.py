"""How accurate architectures are with the weights of a searched run's supernet."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.engine.problem import halves
from nasbench.engine.searched import Searched
from nasbench.seeding import derive, generator
from nasbench.space import Arch
from nasbench.strategies.oneshot.inherited import inherited_accuracy

CALIBRATION = 4  # batches of the training half that BN's statistics are taken from
CALIBRATION_BATCH = 64  # images in each, or the whole half where that is smaller
BATCH = 250  # images that are counted at once: few enough for a CPU's cache


class SupernetAccuracy:
    """Measures architectures with a supernet's weights; BN's statistics are each one's own.

    Args:
        searched: the search; BN's statistics in its supernet are replaced.
        images: how many of the validation half are counted, at most; drawn once for all.
        seed: of that draw.
    """

    def __init__(self, searched: Searched, images: int, seed: int) -> None:
        self._searched = searched
        train, validation = halves(
            searched.problem.task, searched.config.seed, searched.config.val_fraction
        )
        stream = generator(seed, "trust images")
        order = torch.randperm(len(validation), generator=stream)[:images]
        counted = validation.subset(order).to(searched.device)
        augmentation = searched.problem.task.augmentation
        size = min(BATCH, len(counted))
        plain = Batches(counted, size, seed=seed, augmentation=augmentation, train=False)
        self.images = len(counted)
        self._counted = list(plain.epoch(0))
        self._calibration = self._calibrating(train, derive(seed, "trust calibration"))

    def _calibrating(self, train: ImageSet, seed: int) -> list[Tensor]:
        """Return augmented images of the training half, batches ``(B, C, H, W)``."""
        size = min(CALIBRATION_BATCH, len(train))
        augmentation, device = self._searched.problem.task.augmentation, self._searched.device
        found: list[Tensor] = []
        batches = Batches(train.to(device), size, seed=seed, augmentation=augmentation, train=True)
        for images, _ in batches.epoch(0):
            found.append(images)
            if len(found) == CALIBRATION:
                break
        return found

    def __call__(self, arch: Arch) -> float:
        """Return the accuracy of ``arch`` in [0, 1] on the images of the validation half."""
        strategy, device = self._searched.strategy, self._searched.device
        with torch.inference_mode():
            return inherited_accuracy(
                strategy.relaxed,
                arch,
                self._calibration,
                self._counted,
                strategy.objective,
                device,
            )
