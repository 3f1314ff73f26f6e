"""What a search hands back."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.space import Arch


@dataclass(frozen=True)
class Outcome:
    """An architecture and what finding it took.

    Attributes:
        arch: what was found.
        metrics: what the search measured of it, such as ``val_accuracy`` in [0, 1].
        seconds: device-seconds.
        evaluations: architectures that were trained and measured.
    """

    arch: Arch
    metrics: dict[str, float]
    seconds: float
    evaluations: int
