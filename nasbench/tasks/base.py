"""What a task is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.space.spec import DataSpec


@dataclass(frozen=True, eq=False)
class Task:
    """Images to classify, and a sealed test set.

    Attributes:
        name: as the user writes it.
        spec: the shape of the data.
        train: every training image, on the CPU.
        augmentation: what training applies to them.
        note: where the data comes from, for a listing.
    """

    name: str
    spec: DataSpec
    train: ImageSet = field(repr=False)
    augmentation: Augmentation
    _load_test: Callable[[], ImageSet] = field(repr=False)
    note: str = ""

    def __post_init__(self) -> None:
        channels, height, width = self.spec.shape
        if self.train.images.shape[1:] != (channels, height, width):
            raise ValueError(
                f"task {self.name}: images are {tuple(self.train.images.shape[1:])}, "
                f"but its spec says {self.spec.shape}"
            )

    def search_split(self, seed: int, val_fraction: float) -> tuple[ImageSet, ImageSet]:
        """Split the training images into those that a search trains on and validates on.

        Args:
            seed: of the split.
            val_fraction: the share of every class to validate on, between 0 and 1; where images
                belong together in groups, the share of its groups.

        Raises:
            UserError: ``val_fraction`` is out of range.
        """
        return self.train.split(val_fraction, seed)

    def open_test(self, on_open: Callable[[], None]) -> ImageSet:
        """Break the seal: only the final evaluation of a retrained network may do it.

        A choice that has seen the test set makes its accuracy worthless, so every opening is
        counted, and this is the only door.

        Args:
            on_open: records the opening; called before anything is read or returned.
        """
        on_open()
        return self._load_test()
