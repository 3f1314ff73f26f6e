"""A Gaussian process with the Weisfeiler-Lehman kernel on cells, as in NAS-BOWL.

Ru et al., "Interpretable Neural Architecture Search via Bayesian Optimization with
Weisfeiler-Lehman Kernels", ICLR 2021; the kernel is that of Shervashidze et al., JMLR 2011.

An operation is a node, labelled by its name, and follows those whose output it reads. In each
round a node's label is joined by those of the nodes before it. Two cells are compared by how often
each label of all rounds occurs in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.graph import Graph
from nasbench.space import Arch
from nasbench.strategies.predictors.base import Encoding, Floats, Graphs
from nasbench.strategies.predictors.features import live_edges
from nasbench.strategies.predictors.gp import GaussianProcess

ROUNDS = 3  # a label then describes ways of up to four operations


class WeisfeilerLehmanProcess(GaussianProcess):
    """The Gaussian process whose kernel counts common subtrees; the likelihood chooses the rounds.

    Raises:
        UserError: the space has no cells, or is searched together with options of training.
    """

    parameters = tuple(range(ROUNDS + 1))

    def __init__(self, encoding: Encoding, seed: int) -> None:
        super().__init__(encoding, seed)
        if encoding.graphs is None:
            raise UserError(
                "-o predictor=gp-wl: this space has no cells, whose graphs it compares, or is "
                "searched with --tune: allowed: gp, trees, small, paper"
            )

    def inputs(self, archs: Sequence[Arch]) -> list[tuple[Counter[object], ...]]:
        """Return how often each label occurs, in each round."""
        assert self.encoding.graphs is not None
        return [_labels(self.encoding.graphs, arch) for arch in archs]

    def pairs(self, some: Any, others: Any) -> list[Floats]:
        """Return the inner products of the counts, summed up to each round, normalized."""
        both = [*some, *others]
        found, total = [], np.zeros((len(some), len(others)))
        mine, theirs = np.zeros(len(some)), np.zeros(len(others))
        for number in range(ROUNDS + 1):
            index: dict[object, int] = {}
            for one in both:
                for label in one[number]:
                    index.setdefault(label, len(index))
            counts = np.zeros((len(both), len(index)))
            for row, one in enumerate(both):
                for label, count in one[number].items():
                    counts[row, index[label]] = count
            x, y = counts[: len(some)], counts[len(some) :]
            total = total + x @ y.T
            mine, theirs = mine + (x * x).sum(axis=1), theirs + (y * y).sum(axis=1)
            found.append(total / np.sqrt(mine[:, None] * theirs))
        return found

    def kernel(self, pairs: Any, parameter: Any) -> Floats:
        """Return the normalized kernel of that many rounds."""
        return np.asarray(pairs[parameter])


@lru_cache(maxsize=2**15)
def _labels(graphs: Graphs, arch: Arch) -> tuple[Counter[object], ...]:
    """Return the counts of all cells, in each round."""
    cells = [labels(graph) for graph in graphs(arch)]
    return tuple(
        Counter(
            {(number, label): count for number, cell in enumerate(cells)
             for label, count in cell[at].items()}
        )
        for at in range(ROUNDS + 1)
    )  # fmt: skip


def labels(graph: Graph) -> list[Counter[object]]:
    """Return how often each label occurs in a cell, for each round; the first holds operations.

    Input and output are nodes as well.
    """
    edges = live_edges(graph)
    now: list[object] = [edge.label for edge in edges]
    before = [[i for i, one in enumerate(edges) if one.target == edge.source] for edge in edges]
    ends = [i for i, edge in enumerate(edges) if edge.target == graph.output]
    now.append("output")
    before.append(ends)
    starts = [edge.source in graph.inputs for edge in edges] + [False]
    rounds = [Counter([*now, "input"])]
    for _ in range(ROUNDS):
        now = [
            (own, tuple(sorted(map(repr, [now[i] for i in b] + ["input"] * start))))
            for own, b, start in zip(now, before, starts, strict=True)
        ]
        rounds.append(Counter(now))
    return rounds
