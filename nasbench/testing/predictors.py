"""The conformance suite of performance predictors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.graph import Edge, Graph
from nasbench.space import Arch, Domain, Domains
from nasbench.strategies.predictors.base import Encoding, Predictor
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.problems import nested

Floats = npt.NDArray[np.float64]

OPERATIONS = ("none", "skip", "conv", "pool")
VALUES = {"none": -1.0, "skip": 0.0, "conv": 1.0, "pool": 0.3}
EDGES = [(to, source) for to in range(1, 4) for source in range(to)]


def cells() -> Domains:
    """Return the decisions of a cell of four nodes: 4,096 architectures."""
    return Domains(Domain(f"edge_{to}_{source}", "layer", OPERATIONS) for to, source in EDGES)


def graphs(arch: Arch) -> tuple[Graph, ...]:
    """Return the cell of an architecture of :func:`cells`."""
    edges = [Edge(str(i), str(to), str(arch[f"edge_{to}_{i}"])) for to, i in EDGES]
    return (Graph("cell", ("0",), "3", tuple(edges)),)


def additive(archs: list[Arch]) -> Floats:
    """Return scores that are sums over the decisions of a cell, between 0 and 1."""
    sums = [sum(VALUES[str(value)] for value in arch.values()) for arch in archs]
    return 0.5 + np.array(sums) / 12


class PredictorSuite:
    """Inherit from it to test a predictor.

    Example:
        >>> class TestMine(PredictorSuite):
        ...     predictor = "mine.py:Mine"

    Attributes:
        predictor: its name in the catalog, ``file.py:Class`` or ``package.module:Class``.
        needs_cells: whether it refuses a space without cells.
        recovers: the share of the variance of a sum over decisions that it explains at least,
            after 200 architectures.
        seeded: whether its predictions depend on the seed.
    """

    predictor: ClassVar[str]
    needs_cells: ClassVar[bool] = False
    recovers: ClassVar[float] = 0.9
    seeded: ClassVar[bool] = True

    def make(self, seed: int = 0, cell: bool = True) -> Predictor:
        """Return a new predictor for :func:`cells`, or for a conditional space without cells."""
        encoding = Encoding(cells(), graphs) if cell else Encoding(nested())
        kind: type[Predictor] = catalog.resolve("predictor", self.predictor)
        return kind(encoding, seed)

    def fitted(self, n: int = 60, seed: int = 0) -> tuple[Predictor, list[Arch]]:
        """Return a predictor that has seen ``n`` architectures, and these."""
        made, archs = self.make(seed), drawn(n)
        made.fit(archs, additive(archs))
        return made, archs

    def test_predictions_are_numbers(self) -> None:
        """A mean and a deviation of at least 0 for each architecture, in float64."""
        made, archs = self.fitted()
        for some in (archs[:1], drawn(30, 1)):
            mean, deviation = made.predict(some)
            assert mean.shape == deviation.shape == (len(some),)
            assert np.isfinite(mean).all()
            assert np.isfinite(deviation).all()
            assert (deviation >= 0).all()

    def test_it_recovers_a_sum_over_decisions(self) -> None:
        """R² on architectures that it has not seen, whose edges are all live."""
        made, (seen, others) = self.make(), live(200, 150)
        made.fit(seen, additive(seen))
        truth = additive(others)
        left = np.square(made.predict(others)[0] - truth).sum()
        assert 1 - left / np.square(truth - truth.mean()).sum() >= self.recovers

    def test_the_deviation_grows_away_from_the_data(self) -> None:
        """It is larger where a different operation is everywhere."""
        domains, made = cells(), self.make()
        near = [arch for arch in domains.enumerate() if set(arch.values()) <= {"skip", "conv"}]
        made.fit(near[::2], additive(near[::2]))
        far = [arch for arch in domains.enumerate() if set(arch.values()) <= {"pool", "none"}]
        assert made.predict(far)[1].mean() > made.predict(near[::2])[1].mean()

    def test_predictions_follow_from_the_seed(self) -> None:
        """In this process and in a fresh one; global streams do not matter."""
        np.random.seed(1)  # noqa: NPY002
        one = _course(self, 3)
        np.random.seed(2)  # noqa: NPY002
        assert _course(self, 3) == one
        assert in_fresh_process(_course, self, 3) == one
        assert (_course(self, 4) != one) == self.seeded

    def test_a_fit_replaces_the_one_before(self) -> None:
        """Nothing of an earlier fit remains, and the order of calls to predict does not matter."""
        used, _ = self.fitted(30)
        archs = drawn(40, 2)
        used.predict(archs)
        used.fit(archs, additive(archs))
        new = self.make()
        new.fit(archs, additive(archs))
        np.testing.assert_array_equal(used.predict(archs)[0], new.predict(archs)[0])

    def test_what_it_observes_later_does_not_depend_on_the_steps(self) -> None:
        """One result after the other leads where all of them at once do."""
        steps, archs = self.fitted(30)
        at_once, _ = self.fitted(30)
        every = [*archs, *drawn(20, 5)]
        for count in range(31, len(every) + 1):
            steps.observe(every[:count], additive(every[:count]))
        at_once.observe(every, additive(every))
        for one, other in zip(steps.predict(every), at_once.predict(every), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_equal_scores(self) -> None:
        """Where all scores are equal, so are the means."""
        made, archs = self.make(), drawn(20)
        made.fit(archs, np.full(20, 0.7))
        np.testing.assert_allclose(made.predict(drawn(10, 3))[0], 0.7, atol=1e-3)

    def test_too_few_architectures(self) -> None:
        """One line says how many it needs."""
        made = self.make()
        archs = drawn(made.fewest - 1)
        with pytest.raises(UserError, match=f"at least {made.fewest}"):
            made.fit(archs, np.zeros(len(archs)))
        archs = drawn(made.fewest)
        made.fit(archs, additive(archs))
        assert np.isfinite(made.predict(drawn(5, 4))[0]).all()

    def test_a_conditional_space_without_cells(self) -> None:
        """Decisions that are not active are no obstacle; a predictor of graphs refuses."""
        if self.needs_cells:
            with pytest.raises(UserError, match="no cells"):
                self.make(cell=False)
            return
        made = self.make(cell=False)
        archs = nested().sample_distinct(80, np.random.default_rng(0))
        scores = np.array([len(arch) + (arch["node"] == (0, 1)) for arch in archs], dtype=float)
        made.fit(archs[:60], scores[:60])
        mean, _ = made.predict(archs[60:])
        assert np.corrcoef(mean, scores[60:])[0, 1] > 0.5


def drawn(n: int, seed: int = 0) -> list[Arch]:
    """Return ``n`` different architectures of :func:`cells`."""
    return cells().sample_distinct(n, np.random.default_rng([7, seed]))


def live(*sizes: int) -> list[list[Arch]]:
    """Return parts of the architectures of :func:`cells` without an absent edge."""
    archs = [arch for arch in cells().enumerate() if "none" not in arch.values()]
    order = np.random.default_rng(1).permutation(len(archs))
    ends = np.cumsum(sizes)
    return [[archs[i] for i in part] for part in np.split(order, ends)[: len(sizes)]]


def _course(suite: PredictorSuite, seed: int) -> Any:
    made, _ = suite.fitted(40, seed)
    return [one.tolist() for one in made.predict(drawn(10, 1))]
