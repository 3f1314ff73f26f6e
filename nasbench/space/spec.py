"""DataSpec: the shape of a task's data, from which search spaces are built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SIDES = ("channels", "height", "width")


@dataclass(frozen=True, init=False)
class DataSpec:
    """The shape of one example, and the number of outputs of a network.

    A space reads what it needs: one for images asks for :attr:`channels`, :attr:`height` and
    :attr:`width`, and thereby refuses examples of another shape in one line.

    Args:
        *sizes: the sides of an example and, last, the number of outputs: ``DataSpec(3, 32, 32,
            10)`` are color images in ten classes, ``DataSpec(9, 128, 6)`` signals of nine
            channels, ``DataSpec(20, 1)`` vectors of 20 features with one number to predict.
        vocabulary: number of different tokens if examples are token numbers, 0 for real numbers.
        shape, outputs: the same by name.
        channels, height, width, classes: the same by name, for images.

    Attributes:
        shape: of one example; ``(channels, height, width)`` of an image.
        outputs: of the network: classes, labels or numbers to predict.

    Raises:
        ValueError: a size is below 1.

    Example:
        >>> DataSpec(3, 32, 32, 10).shape
        (3, 32, 32)
    """

    shape: tuple[int, ...]
    outputs: int
    vocabulary: int = 0

    def __init__(
        self,
        *sizes: int,
        vocabulary: int = 0,
        shape: Sequence[int] = (),
        outputs: int | None = None,
        channels: int | None = None,
        height: int | None = None,
        width: int | None = None,
        classes: int | None = None,
    ) -> None:
        named = [side for side in (channels, height, width) if side is not None]
        last = [size for size in (classes, outputs) if size is not None][:1]
        every = (*sizes, *(named or shape), *last)
        if len(every) < 2:
            raise ValueError(f"DataSpec{every}: give the sides of an example, then the outputs")
        *shape, outputs = every
        names = SIDES if len(shape) == 3 else tuple(f"side {n}" for n in range(1, len(every)))
        for name, size in zip((*names, "classes"), every, strict=True):
            if size < 1:
                raise ValueError(f"DataSpec {name}={size}: must be at least 1")
        if vocabulary < 0:
            raise ValueError(f"DataSpec vocabulary={vocabulary}: must be at least 0")
        object.__setattr__(self, "shape", tuple(shape))
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "vocabulary", vocabulary)

    def __repr__(self) -> str:
        tokens = f", vocabulary={self.vocabulary}" if self.vocabulary else ""
        return f"DataSpec({', '.join(map(str, (*self.shape, self.outputs)))}{tokens})"

    @property
    def is_image(self) -> bool:
        """Whether an example has channels, height and width, and no tokens."""
        return len(self.shape) == 3 and not self.vocabulary

    @property
    def channels(self) -> int:
        """Channels of an image, or of a signal ``(channels, length)``.

        Raises:
            ValueError: an example has one side alone.
        """
        if len(self.shape) < 2:
            raise ValueError(f"needs channels, but an example has the shape {self.shape}")
        return self.shape[0]

    @property
    def height(self) -> int:
        """Height of an image in pixels.

        Raises:
            ValueError: an example is no image.
        """
        return self.image[1]

    @property
    def width(self) -> int:
        """Width of an image in pixels.

        Raises:
            ValueError: an example is no image.
        """
        return self.image[2]

    @property
    def classes(self) -> int:
        """The number of outputs, by its name in classification."""
        return self.outputs

    @property
    def image(self) -> tuple[int, ...]:
        """Channels, height and width of an image.

        Raises:
            ValueError: an example is no image.
        """
        if not self.is_image:
            kind = "tokens of the shape" if self.vocabulary else "the shape"
            raise ValueError(
                f"needs images (channels, height, width), but an example has {kind} {self.shape}"
            )
        return self.shape

    def to_json(self) -> dict[str, Any]:
        """Return the spec as in ``checkpoint.json``."""
        if self.is_image:
            return {**dict(zip(SIDES, self.shape, strict=True)), "classes": self.outputs}
        more = {"vocabulary": self.vocabulary} if self.vocabulary else {}
        return {"shape": list(self.shape), "outputs": self.outputs, **more}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> DataSpec:
        """Return the spec of :meth:`to_json`."""
        if "shape" in content:
            sizes = (*content["shape"], content["outputs"])
            return cls(*sizes, vocabulary=content.get("vocabulary", 0))
        return cls(*(content[name] for name in (*SIDES, "classes")))
