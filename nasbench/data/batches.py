"""Batches of images that are already on the device: no workers, no queues."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.seeding import generator


class Batches:
    """The batches of an image set, each a pure function of seed, epoch and step.

    No state is kept between batches, so a run resumed at any step sees the same batches.
    With several processes, each takes the rows ``rank::world`` of every global batch and their
    random draws: together they see what a single process would see.

    Args:
        data: the examples; batches are on their device unless they are mapped from a file.
        batch_size: images of a global batch, over all processes.
        seed: of the order and the augmentation.
        augmentation: of training batches; others are only normalized.
        train: whether to shuffle, augment, and drop the last incomplete batch; otherwise the order
            and all images are kept.
        rank: of this process, 0 to ``world - 1``.
        world: number of processes. Without ``train``, a process may get fewer rows of the last
            batch than others, or none.
        device: of the batches; by default that of the data.

    Raises:
        UserError: the batch size exceeds the data, or is no multiple of the number of processes.
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
        device: torch.device | None = None,
    ) -> None:
        if not 0 <= rank < world:
            raise ValueError(f"rank={rank}: must be 0 to {world - 1}")
        if batch_size < 1:
            raise UserError(f"--batch-size {batch_size}: must be at least 1")
        if batch_size % world:
            raise UserError(
                f"--batch-size {batch_size} cannot be shared by {world} processes: "
                f"choose a multiple of {world}"
            )
        if train and len(data) == 0:
            raise UserError(
                "no images are left for the batches: choose a larger --limit-train or another "
                "--val-fraction"
            )
        if train and batch_size > len(data):
            raise UserError(
                f"--batch-size {batch_size} is larger than the {len(data)} training images: "
                f"choose at most {len(data)}"
            )
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self.augmentation = augmentation
        self.train = train
        self.device = device or data.device
        self._shard = slice(rank, None, world)

    def __len__(self) -> int:
        """Return the number of steps of an epoch."""
        whole, rest = divmod(len(self.data), self.batch_size)
        return whole if self.train or not rest else whole + 1

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's part of each batch, from step ``start``.

        Yields:
            float32 images ``(b, *shape)`` and int64 labels ``(b,)`` or float32 ones
            ``(b, outputs)``.

        Raises:
            ValueError: ``start`` is less than 0 or more than the number of steps.
        """
        if not 0 <= start <= len(self):
            raise ValueError(f"start={start}: must be 0 to {len(self)}")
        return self._train(epoch, start) if self.train else self._in_order(start)

    def _rows(self, step: int) -> slice:
        """Return the rows of a global batch as a slice of the epoch's order."""
        return slice(step * self.batch_size, (step + 1) * self.batch_size)

    def _train(self, epoch: int, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield shuffled, augmented batches."""
        data, labels = self.data, self.data.labels
        order = torch.randperm(len(labels), generator=generator(self.seed, "order", epoch))
        order = order.to(data.device)
        for step in range(start, len(self)):
            rows = order[self._rows(step)][self._shard]
            stream = generator(self.seed, "augment", epoch, step)
            draws = self.augmentation.draw(self.batch_size, data.shape, stream)
            images = data.take(rows).to(self.device)
            batch = self.augmentation.apply(images, None if draws is None else draws[self._shard])
            yield batch, labels.index_select(0, rows).to(self.device)

    def _in_order(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield normalized batches in the order of the data."""
        for step in range(start, len(self)):
            rows = self._rows(step)
            images = self.data.take(rows)[self._shard].to(self.device)
            labels = self.data.labels[rows][self._shard].to(self.device)
            yield self.augmentation.plain(images), labels
