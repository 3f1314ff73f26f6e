"""Batches from images that already lie on the device: no workers, no queues."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.seeding import generator


class Batches:
    """The batches of every epoch, each a pure function of (seed, epoch, step).

    No state is kept between batches, so a run resumed at any step sees what it would have seen.
    With several processes, ``rank`` takes the rows ``rank::world`` of every global batch and the
    draws that belong to them: together they see what one process alone would see.

    Args:
        data: the images; batches come on its device.
        batch_size: of the global batch, over all processes.
        seed: of the order and of the augmentation.
        augmentation: how a batch is made of bytes.
        train: True shuffles, augments and drops the last incomplete batch; False keeps the
            order and every image, and only normalises.
        rank: this process, 0 to ``world - 1``.
        world: the number of processes. In the last batch without ``train`` a process may get
            fewer rows than another, or none.

    Raises:
        UserError: the batch size does not fit the data or the number of processes.
        ValueError: ``rank`` is out of range.
    """

    def __init__(
        self,
        data: ImageSet,
        batch_size: int,
        *,
        seed: int,
        augmentation: Augmentation,
        train: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank={rank}: must be 0 to {world - 1}")
        _check_batch_size(batch_size, len(data), train, world)
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.train = train
        self._shard = slice(rank, None, world)

    def __len__(self) -> int:
        """Return the steps of an epoch."""
        whole, rest = divmod(len(self.data), self.batch_size)
        return whole if self.train or not rest else whole + 1

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's part of every batch from step ``start`` on.

        Yields:
            float32 images ``(b, channels, height, width)`` and int64 labels ``(b,)``.

        Raises:
            ValueError: ``start`` is not a step of the epoch, nor its end.
        """
        if not 0 <= start <= len(self):
            raise ValueError(f"start={start}: must be 0 to {len(self)}")
        return self._train(epoch, start) if self.train else self._in_order(start)

    def _rows(self, step: int) -> slice:
        """Return the global batch of ``step`` as a slice of the epoch's order."""
        return slice(step * self.batch_size, (step + 1) * self.batch_size)

    def _train(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield shuffled, augmented batches."""
        images, labels = self.data.images, self.data.labels
        order = torch.randperm(len(labels), generator=generator(self.seed, "order", epoch))
        order = order.to(images.device)
        height, width = images.shape[2:]
        for step in range(start, len(self)):
            rows = order[self._rows(step)][self._shard]
            stream = generator(self.seed, "augment", epoch, step)
            draws = self.augmentation.draw(self.batch_size, height, width, stream)[self._shard]
            batch = self.augmentation.apply(images.index_select(0, rows), draws)
            yield batch, labels.index_select(0, rows)

    def _in_order(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield normalised batches in the data's order."""
        for step in range(start, len(self)):
            rows = self._rows(step)
            images = self.data.images[rows][self._shard]
            yield self.augmentation.plain(images), self.data.labels[rows][self._shard]


def _check_batch_size(batch_size: int, images: int, train: bool, world: int) -> None:
    """Raise the user's mistake, if there is one."""
    if batch_size < 1:
        raise UserError(f"--batch-size {batch_size}: must be at least 1")
    if batch_size % world:
        raise UserError(
            f"--batch-size {batch_size} cannot be shared by {world} processes: "
            f"choose a multiple of {world}"
        )
    if train and images == 0:
        raise UserError(
            "no images are left for the batches: choose a larger --limit-train or another "
            "--val-fraction"
        )
    if train and batch_size > images:
        raise UserError(
            f"--batch-size {batch_size} is larger than the {images} training images: "
            f"choose at most {images}"
        )
