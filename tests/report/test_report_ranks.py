"""Mean ranks and critical differences, against Demšar (2006) and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from nasbench.report.ranks import critical_difference, draw_ranks, friedman, ranking

# Demšar 2006, table 5 (a): critical values of the two-tailed Nemenyi test for 2 to 10 classifiers.
Q_05 = (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)
Q_10 = (1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920)

# Demšar 2006, table 6: AUC of C4.5 with four settings on 14 data sets.
C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972]
C45 += [0.957]
C45_M = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981]
C45_M += [0.978]
C45_CF = [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614]
C45_CF += [0.9751, 0.946]
C45_BOTH = [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669]
C45_BOTH += [0.975, 0.970]
EXAMPLE = {"C4.5": C45, "C4.5+m": C45_M, "C4.5+cf": C45_CF, "C4.5+m+cf": C45_BOTH}


@pytest.mark.parametrize(("level", "values"), [(0.05, Q_05), (0.10, Q_10)])
def test_critical_values_are_those_of_the_table(level, values):
    for methods, value in enumerate(values, start=2):
        found = critical_difference(methods, 30, level) / np.sqrt(methods * (methods + 1) / 180)
        assert found == pytest.approx(value, abs=1.1e-3)


def test_the_worked_example_of_the_paper():
    found = ranking({k: np.array(v) for k, v in EXAMPLE.items()}, higher_is_better=True)
    assert found is not None
    ranks = dict(zip(found.names, found.ranks, strict=True))
    # The paper: 3.143, 2.000, 2.893, 1.964; CD = 1.25 at 0.05; F = 3.69.
    expected = {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}
    assert ranks == pytest.approx(expected, abs=5e-4)
    assert found.distance == pytest.approx(1.25, abs=5e-3)
    assert found.blocks == 14


def test_friedman_agrees_with_scipy_also_with_ties():
    stream = np.random.default_rng(0)
    table = stream.integers(4, size=(12, 5)).astype(float)
    ranks = stats.rankdata(table, axis=1)
    chi, _ = stats.friedmanchisquare(*table.T)
    corrected = 11 * chi / (12 * 4 - chi)
    assert friedman(ranks) == pytest.approx(stats.f.sf(corrected, 4, 44))
    assert friedman(np.full((6, 3), 2.0)) == 1.0
    assert friedman(np.tile([1.0, 2.0, 3.0], (6, 1))) == 0.0


def results(means, blocks, noise=0.1):
    stream = np.random.default_rng(1)
    return {f"m{mean}": mean + noise * stream.standard_normal(blocks) for mean in means}


def test_the_words_say_who_cannot_be_told_apart():
    found = ranking(results([5, 5.02, 3, 1], 40), higher_is_better=True)
    assert found.groups() == [(0, 1)]
    assert set(found.names[:2]) == {"m5", "m5.02"}
    assert found.sentence() == (
        f"{found.names[0]} has the best mean rank, {found.ranks[0]:.2f}; {found.names[1]} cannot "
        f"be told from it; m3, m1 are worse (critical difference {found.distance:.2f})"
    )
    worst = ranking(results([5, 1], 40), higher_is_better=False)
    assert worst.names == ("m1", "m5")
    assert "m5 is worse" in worst.sentence()
    equal = ranking(results([1, 1.001, 1.002], 20), higher_is_better=True)
    assert equal.sentence().startswith("no difference shown (Friedman's test, p = ")
    assert ranking(results([1, 5], 3), higher_is_better=True).sentence() == (
        "3 results of each are too few to compare ranks"
    )
    assert ranking(results([1, 5], 1), higher_is_better=True) is None
    assert ranking(results([1], 9), higher_is_better=True) is None
    assert ranking({}, higher_is_better=True) is None


def test_groups_are_maximal():
    found = ranking(results([1.0, 1.1, 1.2, 1.3, 1.4, 9], 25), higher_is_better=True)
    groups = found.groups()
    for first, last in groups:
        assert found.ranks[last] - found.ranks[first] < found.distance
        if last + 1 < len(found.names):
            assert found.ranks[last + 1] - found.ranks[first] >= found.distance
    assert len(set(groups)) == len(groups)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(groups))


def test_long_names_are_drawn_in_several_lines(tmp_path):
    pytest.importorskip("matplotlib")
    long = "bananas predictor=small acquisition=ts choose=score"
    found = ranking(
        {long if name == "m1" else name: e for name, e in results([1, 2, 3], 30).items()},
        higher_is_better=True,
    )
    assert long in found.names
    drawn = draw_ranks(found, tmp_path / "ranks.svg").read_text()  # a warning is an error
    assert "acquisition=ts" in drawn
    assert long not in drawn


def test_the_diagram_names_every_method(tmp_path):
    pytest.importorskip("matplotlib")
    found = ranking(results([1, 1.05, 2, 3, 3.02], 30), higher_is_better=True)
    drawn = draw_ranks(found, tmp_path / "ranks.svg", "a title").read_text()
    assert "a title" in drawn
    for name, rank in zip(found.names, found.ranks, strict=True):
        assert name in drawn
        assert f"{rank:.2f}" in drawn
    assert f"critical difference {found.distance:.2f}" in drawn
