"""Predictors against independent references: features by hand, scikit-learn's Gaussian process."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from nasbench.errors import UserError
from nasbench.graph import Edge, Graph
from nasbench.space import DataSpec, Domain, Domains
from nasbench.strategies.predictors.base import Encoding, normal_scores
from nasbench.strategies.predictors.features import (
    GraphFeatures,
    live_edges,
    operation_sets,
    operations,
)
from nasbench.strategies.predictors.gp import NOISES, GaussianProcess
from nasbench.strategies.predictors.trees import BoostedTrees
from nasbench.strategies.predictors.wl import labels
from nasbench.strategies.sampled.bananas import BananasOptions, BananasStrategy
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.evolution import EvolutionOptions, EvolutionStrategy
from nasbench.strategies.sampled.local_search import LocalSearchOptions, LocalSearchStrategy
from nasbench.testing.predictors import additive, cells, drawn, graphs
from search_spaces.darts import Darts
from search_spaces.nasbench201 import NasBench201

DOMAINS = NasBench201.describe(DataSpec(3, 32, 32, 10))


def cell(text: str) -> Graph:
    """Return the cell with these operations on the edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""
    ends = [("0", "1"), ("0", "2"), ("1", "2"), ("0", "3"), ("1", "3"), ("2", "3")]
    edges = (Edge(*at, label) for at, label in zip(ends, text.split(), strict=True))
    return Graph("cell", ("0",), "3", tuple(edges))


def features(graph: Graph, names=("skip", "c1", "c3", "pool")) -> dict[str, float]:
    made = GraphFeatures(names)
    return dict(zip(made.names, made(graph), strict=True))


def test_the_features_of_a_cell_by_hand():
    # Ways: 0-1-3 (c3, skip), 0-3 (c1) and 0-1-2-3 (c3, pool, c3); the edge 0-2 is absent.
    found = features(cell("c3 none pool c1 skip c3"))
    assert [found[f"count {one}"] for one in ("c3", "c1", "pool", "skip")] == [2, 1, 1, 1]
    assert found["count c1+c3"] == 3
    assert found["shortest c1"] == 1
    assert found["shortest c3+skip"] == 2
    assert found["shortest c3+pool"] == 3
    assert found["shortest pool+skip"] == 4  # no such way: the number of nodes
    assert found["most c3"] == 2
    assert found["most c1"] == 1
    assert found["most c3+pool"] == 3
    assert found["most c1+skip"] == 1  # not on one way
    assert (found["from input c3"], found["into output c3"]) == (1, 1)
    assert (found["from input c1+c3"], found["into output c1+c3"]) == (2, 2)
    assert found["into output c1+c3+skip"] == 3


def test_dead_edges_do_not_count():
    # Node 1 has no input, so its edges are dead; nothing reads node 2.
    assert features(cell("none c3 c3 c1 c3 none")) == features(cell("none none none c1 none none"))
    nothing = features(cell("c3 c3 c3 none none none"))
    assert {value for name, value in nothing.items() if name.startswith("shortest")} == {4}
    assert sum(value for name, value in nothing.items() if not name.startswith("shortest")) == 0


@pytest.mark.slow
def test_cells_of_nas_bench_201_without_dead_edges():
    """9,445 cells differ in their live edges: the networks of NAS-Bench-Suite-Zero."""
    found = {tuple(live_edges(NasBench201.graphs(arch)[0])) for arch in DOMAINS.enumerate()}
    assert len(found) == 9445


def test_sets_of_operations():
    assert len(operation_sets("abcd")) == 15
    assert len(operation_sets("abcdefg")) == 7 + 21 + 7 + 1
    assert operations(DOMAINS) == ("skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def test_a_cell_with_two_inputs_and_a_concatenation():
    domains = Darts.describe(DataSpec(3, 32, 32, 10))
    arch = domains.sample(np.random.default_rng(0))
    made = GraphFeatures(operations(domains))
    for graph in Darts.graphs(arch):
        found = dict(zip(made.names, made(graph), strict=True))
        every = "+".join(sorted(operations(domains)))
        assert found[f"count {every}"] == 8  # two inputs of each of four nodes
        assert 1 <= found[f"most {every}"] <= 4
        assert found[f"into output {every}"] == 0  # plain flows alone
        assert found[f"shortest {every}"] == 1
        counts = Counter(edge.label for edge in graph.edges)
        assert all(found[f"count {name}"] == counts[name] for name in operations(domains))


def test_labels_of_weisfeiler_and_lehman_by_hand():
    # Two c3 in a row beside a skip: input -> c3 -> c3 -> output, input -> skip -> output.
    first, second, *_ = labels(cell("c3 none none skip c3 none"))
    assert first == Counter({"c3": 2, "skip": 1, "input": 1, "output": 1})
    assert second[("c3", ("'input'",))] == 1
    assert second[("c3", ("'c3'",))] == 1
    assert second[("skip", ("'input'",))] == 1
    assert second[("output", ("'c3'", "'skip'"))] == 1
    # Other nodes between them change nothing.
    assert labels(cell("none c3 none skip none c3")) == labels(cell("c3 none none skip c3 none"))


def test_the_gaussian_process_is_that_of_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    encoding, archs, others = Encoding(cells(), graphs), drawn(40), drawn(25, 1)
    made, scores = GaussianProcess(encoding, 0), additive(drawn(40))
    made.fit(archs, scores)
    length, noise = made.chosen
    assert noise in NOISES
    y = scores - scores.mean()
    covariance = Matern(length, nu=2.5)(encoding.vectors(archs)) + noise * np.eye(40)
    signal = y @ np.linalg.solve(covariance, y) / 40
    other = GaussianProcessRegressor(
        signal * Matern(length, nu=2.5), alpha=signal * noise, optimizer=None
    ).fit(encoding.vectors(archs), y)
    mean, deviation = other.predict(encoding.vectors(others), return_std=True)
    found, found_deviation = made.predict(others)
    np.testing.assert_allclose(found, mean + scores.mean(), rtol=1e-7)
    np.testing.assert_allclose(found_deviation, deviation, rtol=1e-5)

    # The likelihood of what it chose is the largest of the grid.
    def likelihood(parameter, noise):
        k = Matern(parameter, nu=2.5)(encoding.vectors(archs)) + noise * np.eye(40)
        k *= y @ np.linalg.solve(k, y) / 40
        return stats.multivariate_normal(np.zeros(40), k).logpdf(y)

    grid = {(p, s): likelihood(p, s) for p in made.parameters for s in NOISES}
    assert max(grid, key=grid.__getitem__) == made.chosen


@pytest.mark.parametrize("kind", [GaussianProcess, BoostedTrees])
def test_features_that_are_added_are_seen(kind):
    """Scores that depend on an added feature alone, such as a zero-cost proxy."""
    seen, others = drawn(60), drawn(40, 1)
    value = {arch: np.random.default_rng(i).normal() for i, arch in enumerate([*seen, *others])}

    def more(archs):
        return np.array([[value[arch]] for arch in archs])

    def agreement(encoding: Encoding) -> float:
        made = kind(encoding, 0)
        made.fit(seen, more(seen)[:, 0])
        return float(np.corrcoef(made.predict(others)[0], more(others)[:, 0])[0, 1])

    assert agreement(Encoding(cells(), graphs, more=more)) > 0.8
    assert agreement(Encoding(cells(), graphs)) < 0.5


def test_normal_scores_are_normal_quantiles():
    scores = np.array([0.3, 0.1, 0.2, 0.9, 0.2])
    expected = stats.norm.ppf((stats.rankdata(scores) - 0.5) / 5)
    np.testing.assert_allclose(normal_scores(scores), expected)
    np.testing.assert_array_equal(normal_scores(np.exp(7 * scores)), normal_scores(scores))
    np.testing.assert_allclose(normal_scores(np.full(3, 0.5)), 0, atol=1e-12)


def test_decisions_between_numbers_have_a_place():
    domains = Domains([Domain("width", "value", (16, 64, 32)), Domain("op", "layer", ("a", "b"))])
    found = Encoding(domains).decisions([domains.arch({"width": 32, "op": "b"})])
    assert found.tolist() == [[0, 0, 1, 0, 1, 0.5]]


@pytest.mark.parametrize(
    ("kind", "options"),
    [(EvolutionStrategy, EvolutionOptions(population=10)),
     (LocalSearchStrategy, LocalSearchOptions(starts=10))],
)  # fmt: skip
def test_a_filter_finds_better_networks(kind, options):
    """With the predictor, the first ten proposals after the random ones are better."""
    domains = cells()

    def worth(options) -> float:
        found = []
        for seed in range(3):
            strategy = kind(domains, options, SampledContext(seed, graphs=graphs))
            for number in range(20):
                (proposal,) = strategy.suggest(1)
                (score,) = additive([proposal.arch])
                strategy.update([Result(proposal.arch, float(score))])
                found += [score] if number >= 10 else []
        return float(np.mean(found))

    with_filter = type(options)(**{**vars(options), "predictor": "gp"})
    assert worth(with_filter) > worth(options) + 0.03


@pytest.mark.parametrize(
    ("kind", "options"),
    [(BananasStrategy, BananasOptions()),
     (BananasStrategy, BananasOptions(predictor="gp-wl", acquisition="ts", initial=5)),
     (EvolutionStrategy, EvolutionOptions(population=10, predictor="gp")),
     (LocalSearchStrategy, LocalSearchOptions(starts=5, predictor="gp"))],
)  # fmt: skip
def test_a_resumed_search_is_the_whole_one(kind, options):
    """Stopped after 33 results, between two fits, and continued in a new strategy."""

    def search(count: int, strategy) -> list[str]:
        found = []
        for _ in range(count):
            (proposal,) = strategy.suggest(1)
            noise = np.random.default_rng(len(strategy.results)).normal(0, 0.05)
            (score,) = additive([proposal.arch])
            strategy.update([Result(proposal.arch, float(score + noise))])
            found += [proposal.arch.id, strategy.best().arch.id]
        return found

    setting = SampledContext(5, graphs=graphs)
    whole, part = (kind(cells(), options, setting) for _ in range(2))
    search(33, part)
    resumed = kind(cells(), options, setting)
    resumed.load_state_dict(json.loads(json.dumps(part.state_dict())))
    assert search(45, whole)[66:] == search(12, resumed)


def test_the_smoothed_choice_is_less_lucky():
    """The true worth of what is chosen among 64 noisy results, over ten seeds."""
    archs = [arch for arch in cells().enumerate() if set(arch.values()) <= {"conv", "pool"}]
    truth, worth = dict(zip(archs, additive(archs), strict=True)), {}
    for choose in ("score", "smoothed"):
        chosen = []
        for seed in range(10):
            noise = np.random.default_rng(seed).normal(0, 0.1, len(archs))
            options = BananasOptions(choose=choose)
            strategy = BananasStrategy(cells(), options, SampledContext(graphs=graphs))
            strategy.update(
                [Result(arch, truth[arch] + more) for arch, more in zip(archs, noise, strict=True)]
            )
            chosen.append(truth[strategy.best().arch])
        worth[choose] = np.mean(chosen)
    assert worth["smoothed"] > worth["score"] + 0.02


def test_a_filter_is_a_predictor_or_a_proxy():
    with pytest.raises(UserError, match=r"^-o predictor=gp: chooses in place of filter_proxy"):
        EvolutionOptions(predictor="gp", filter_proxy="params", filter_draws=4)
