"""Random search on the real table against what probability theory says of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaln

from nasbench.budget import Budget
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.tabular.nasbench201 import Csv201
from nasbench.tabular.simulate import simulate

REFERENCE = {150: 93.83, 300: 93.94}  # means over 100 seeds of a plain implementation


@pytest.fixture(scope="module")
def real(data_root: Path) -> Csv201:
    path = data_root / "nas-bench-201" / "nasbench201.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return Csv201(path)


def expected(validation: np.ndarray, test: np.ndarray, draws: int) -> float:
    """The mean test accuracy of the best by validation of ``draws`` different architectures.

    The one of rank r (0 the best) is the best of the draws if it is drawn and none of the r
    better ones is: with probability C(n - r - 1, draws - 1) / C(n, draws).
    """
    n = len(test)

    def log_choose(of: np.ndarray, k: int) -> np.ndarray:
        return gammaln(of + 1.0) - gammaln(k + 1.0) - gammaln(of - k + 1.0)

    ranks = np.arange(n - draws + 1)
    log = log_choose(n - ranks - 1.0, draws - 1) - log_choose(np.array(float(n)), draws)
    order = np.argsort(-validation, kind="stable")[: len(ranks)]
    return float(np.exp(log) @ test[order])


@pytest.mark.data
@pytest.mark.slow
def test_the_reference_values_follow_from_the_table(real):
    archs = list(real.domains.enumerate())
    test = np.array([real.test(arch, "cifar10") for arch in archs])
    signals = {}  # one of three trainings with one of two, each from a seed that shows it
    for seed in range(40):
        first = tuple(real.validation(arch, "cifar10", 200, seed) for arch in archs[:50])
        if first not in signals:
            every = [real.validation(arch, "cifar10", 200, seed) for arch in archs]
            signals[first] = np.array(every)
    assert len(signals) == 6
    for draws, value in REFERENCE.items():
        means = [100 * expected(signal, test, draws) for signal in signals.values()]
        assert np.mean(means) == pytest.approx(value, abs=0.02)


@pytest.mark.data
@pytest.mark.slow
def test_simulated_random_search_has_the_reference_values(real):
    budget = Budget.parse("300")
    traces = [
        simulate(real, "cifar10", RandomStrategy, RandomOptions(), seed, budget)
        for seed in range(100)
    ]
    for draws, value in REFERENCE.items():
        tests = 100 * np.array([trace.test[draws - 1] for trace in traces])
        standard_error = tests.std(ddof=1) / 10
        assert abs(tests.mean() - value) < 3 * standard_error
