"""The path encoding of a cell whose edges hold operations (White et al., AAAI 2021)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError
from nasbench.space import Arch, Domains

_EDGE = re.compile(r"edge_(\d+)_(\d+)")  # to, from
NOTHING = "none"  # an edge that is not there


class PathEncoding:
    """One feature for each sequence of operations along a path from the first node to the last.

    Args:
        domains: decisions with labels ``edge_TO_FROM``, nodes counted from 0.

    Raises:
        UserError: a label looks otherwise.
    """

    def __init__(self, domains: Domains) -> None:
        edges = {label: _EDGE.fullmatch(label) for label in domains}
        other = next((label for label, match in edges.items() if match is None), None)
        if other is not None:
            raise UserError(
                f"-o encoding=path: the label {other!r} is no edge of a cell: allowed: one-hot"
            )
        self._labels = {
            (int(match[2]), int(match[1])): label for label, match in edges.items() if match
        }
        last = max(to for _, to in self._labels)
        self._paths = list(self._walk(0, last, (0,)))
        sequences = (
            (path, operations)
            for path in self._paths
            for operations in product(*(self._operations(domains, edge) for edge in path))
        )
        self._index = {key: number for number, key in enumerate(sequences)}

    def __call__(self, arch: Arch) -> npt.NDArray[np.float32]:
        """Return ``arch`` as a vector of 0 and 1, shape ``(sequences,)``."""
        encoded = np.zeros(len(self._index), dtype=np.float32)
        for path in self._paths:
            number = self._index.get((path, tuple(arch[label] for label in path)))
            if number is not None:
                encoded[number] = 1
        return encoded

    def _walk(self, node: int, last: int, nodes: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
        """Yield the labels along every path from ``node`` to ``last``."""
        if node == last:
            yield tuple(self._labels[edge] for edge in pairwise(nodes))
            return
        for source, to in self._labels:
            if source == node:
                yield from self._walk(to, last, (*nodes, to))

    @staticmethod
    def _operations(domains: Domains, label: str) -> list[object]:
        return [option for option in domains[label].options if option != NOTHING]
