"""The objectives of a search: metrics, of which more is better, and costs, of which less is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nasbench.errors import UserError, unknown
from nasbench.strategies.sampled.base import Result
from nasbench.strategies.sampled.dominance import Points, crowding, ranks

COSTS = {"params": "params", "macs": "macs", "latency": "latency_ms", "latency_ms": "latency_ms"}
"""What a user may call a cost, and its name in a result."""


@dataclass(frozen=True)
class Objectives:
    """What a search improves, in the order given.

    Attributes:
        leading: the task's leading metric, which is a result's ``score``.
        names: of metrics and costs; costs as in a result.
    """

    leading: str
    names: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, metrics: Sequence[str], spelled: str = "--objectives") -> Objectives:
        """Return the objectives that a text names, such as ``accuracy,params,latency``.

        Args:
            text: names, separated by commas.
            metrics: those that a result has, the leading one first.
            spelled: where the user gives them, for the message of an error.

        Raises:
            UserError: a name is unknown or repeated, or none is a metric.
        """
        names: list[str] = []
        for name in (part.strip() for part in text.split(",")):
            if name not in COSTS and name not in metrics:
                raise unknown(spelled, name, [*metrics, "params", "macs", "latency"])
            if (found := COSTS.get(name, name)) in names:
                raise UserError(f"{spelled} {text}: names {name} twice")
            names.append(found)
        if not any(name in metrics for name in names):
            raise UserError(f"{spelled} {text}: names no metric: add one of {', '.join(metrics)}")
        return cls(metrics[0], tuple(names))

    @property
    def costs(self) -> tuple[str, ...]:
        """The costs among them."""
        return tuple(name for name in self.names if name in COSTS.values())

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics among them."""
        return tuple(name for name in self.names if name not in COSTS.values())

    def point(self, result: Result) -> tuple[float, ...]:
        """Return what a search minimizes: costs, and scores with their sign changed."""
        return tuple(self._value(result, name) for name in self.names)

    def points(self, results: Iterable[Result]) -> Points:
        """Return the points of results, shape ``(results, objectives)``."""
        found = [self.point(result) for result in results]
        return np.array(found, dtype=np.float64).reshape(len(found), len(self.names))

    def _value(self, result: Result, name: str) -> float:
        if name in COSTS.values():
            return result.costs[name]
        return -(result.score if name == self.leading else result.metrics[name])

    def front(self, results: Sequence[Result]) -> list[Result]:
        """Return the results that no other one dominates, by ascending costs.

        Of several that are equal in all objectives, the first one is returned.
        """
        points = self.points(results)
        first: dict[tuple[float, ...], Result] = {}
        for result, point, rank in zip(results, points.tolist(), ranks(points), strict=True):
            if rank == 0:
                first.setdefault(tuple(point), result)
        by_cost = [*map(self.names.index, (*self.costs, *self.metrics))]
        return [first[p] for p in sorted(first, key=lambda p: [p[place] for place in by_cost])]

    def spread(self, front: Sequence[Result], count: int) -> list[Result]:
        """Return at most ``count`` members of a front that cover it well, in its order.

        The most crowded member is left out, again and again; the ends, which are best in one
        objective, go last. The one of the highest score always stays.

        Args:
            front: as :meth:`front` returns it.
            count: at least 1.
        """
        kept = list(front)
        while len(kept) > count:
            room = crowding(self.points(kept))
            best = max(range(len(kept)), key=lambda i: (kept[i].score, -i))
            others = [i for i in range(len(kept)) if i != best]
            del kept[min(others, key=lambda i: (room[i], kept[i].score))]
        return kept
