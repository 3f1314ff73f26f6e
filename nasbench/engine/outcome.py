"""What a search hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nasbench.space import Arch


@dataclass(frozen=True)
class Outcome:
    """An architecture and what finding it took.

    Attributes:
        arch: what was found.
        metrics: what the search measured of it, such as ``val_accuracy`` in [0, 1].
        seconds: device-seconds.
        evaluations: architectures that were trained and measured.
        curve: ``[device-seconds, best validation accuracy so far]`` wherever the best grew.
        watch: what a one-shot search saw of a collapse, ``verdict`` among it.
        front: the architectures of a Pareto front with their metrics; one or none elsewhere.
    """

    arch: Arch
    metrics: dict[str, float]
    seconds: float
    evaluations: int
    curve: list[list[float]] = field(default_factory=list)
    watch: Mapping[str, Any] = field(default_factory=dict)
    front: tuple[tuple[Arch, Mapping[str, float]], ...] = ()
