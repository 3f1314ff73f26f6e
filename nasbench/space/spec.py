"""DataSpec: the shape of a task's data, from which search spaces are built."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class DataSpec:
    """Images of shape ``(channels, height, width)`` in ``classes`` classes.

    Args:
        channels: at least 1.
        height: at least 1.
        width: at least 1.
        classes: number of classes, at least 1.

    Raises:
        ValueError: one of the four is below 1.
    """

    channels: int
    height: int
    width: int
    classes: int

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"DataSpec {name}={value}: must be at least 1")

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(channels, height, width)``."""
        return (self.channels, self.height, self.width)
