"""The grid: every combination of the parameters' values, in a fixed order."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.hpo.parameters import Choice, Parameter
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.hpo.tuners.base import Tuner
from nasbench.options import PluginOptions, option


@dataclass(frozen=True)
class GridOptions(PluginOptions):
    """Options of ``grid``."""

    points: int = option(5, "Levels of a continuous parameter, at even steps of its scale.", low=1)


class GridTuner(Tuner):
    """Suggests every point of the grid; the last parameter changes fastest."""

    Options = GridOptions

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        super().__init__(space, options, seed, maximize)
        self._rest = _points([*space.parameters.items()], options.points)

    def suggest(self, number: int) -> Params | None:
        """Return the next point; ``None`` after the last one."""
        params = next(self._rest, None)
        self.exhausted = params is None
        return copy.deepcopy(params)


def _points(parameters: Sequence[tuple[str, Parameter]], points: int) -> Iterator[Params]:
    """Yield every combination, one at a time, since a grid can be huge."""
    if not parameters:
        yield {}
        return
    (name, first), *rest = parameters
    for value in _levels(first, points):
        for others in _points(rest, points):
            yield {name: value, **others}


def _levels(parameter: Parameter, points: int) -> Iterator[Any]:
    if not isinstance(parameter, Choice):
        yield from parameter.levels(points)
    elif parameter.inner is None:
        yield from parameter.options
    else:
        for name, inner in zip(parameter.options, parameter.inner, strict=True):
            for chosen in _points([*inner.items()], points):
                yield {"_name": name, **chosen}
