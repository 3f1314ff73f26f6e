"""Search by zero-cost proxies, and what other strategies take from them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.space import Domain, Domains
from nasbench.strategies.sampled.bananas import BananasOptions, BananasStrategy
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.evolution import EvolutionOptions, EvolutionStrategy
from nasbench.strategies.sampled.proxy_scores import ProxyFeatures, ProxyScores, mean_ranks
from nasbench.strategies.sampled.training_free import TrainingFreeOptions, TrainingFreeStrategy
from nasbench.testing.problems import below, evaluate, flat, places, play
from nasbench.testing.proposals import FULL
from nasbench.testing.strategies import SampledStrategySuite


class TestFilteredEvolution(SampledStrategySuite):
    strategy = EvolutionStrategy
    options = EvolutionOptions(filter_proxy="a", filter_draws=3)


@pytest.mark.slow
class TestBananasWithProxies(SampledStrategySuite):
    strategy = BananasStrategy
    options = BananasOptions(ensemble=3, candidates=30, refit=20, proxies="a,b")
    learns = True


DOMAINS = flat()


def worth(name, arch):
    """``good`` says what is good, ``bad`` the opposite, ``dead`` nothing."""
    value = float(np.mean(places(DOMAINS, arch)))
    return {"good": value, "bad": -value, "dead": math.nan, "first": places(DOMAINS, arch)[0]}[
        name
    ]


def strategy(proxy="good", candidates=30, seed=0, **setting):
    options = TrainingFreeOptions(candidates=candidates, proxy=proxy)
    return TrainingFreeStrategy(
        DOMAINS, options, SampledContext(seed, FULL, proxy=worth, **setting)
    )


def scores(proposals, name="good"):
    return [worth(name, one.arch) for one in proposals]


def test_the_best_by_the_proxy_come_first():
    ranked = scores(strategy().suggest(30))
    assert ranked == sorted(ranked, reverse=True)
    assert ranked[0] > ranked[-1]


def test_the_next_candidates_come_when_the_first_are_trained():
    one = strategy(candidates=10)
    ranked = scores(play(one, 30))
    pools = [ranked[i : i + 10] for i in (0, 10, 20)]
    assert pools == [sorted(pool, reverse=True) for pool in pools]
    assert ranked != sorted(ranked, reverse=True)


def test_candidates_are_uniform_draws():
    drawn = strategy(candidates=1000).suggest(1000)
    assert len({one.arch for one in drawn}) == 1000
    assert abs(np.mean(scores(drawn)) - 0.5) < 0.03


def test_candidates_keep_the_limits():
    violation = below(DOMAINS, 3.0)
    assert all(violation(one.arch) == 0 for one in strategy(violation=violation).suggest(30))


def test_opposite_proxies_cancel_out():
    draws = strategy("dead").suggest(30)  # all tie: the order of the draws
    assert strategy("good,bad").suggest(30) == draws
    assert strategy("good").suggest(30) != draws


def test_several_proxies_rank_by_their_mean():
    archs = [one.arch for one in strategy("good,first").suggest(30)]
    columns = [[worth(name, arch) for arch in archs] for name in ("good", "first")]
    ranks = [
        [sum(w > v for w in column) + (column.count(v) + 1) / 2 for v in column]
        for column in columns
    ]
    means = np.mean(ranks, axis=0)
    assert list(means) == sorted(means)


def test_an_aggregate_ranks_by_the_product_of_ranks():
    archs = [one.arch for one in strategy("good+first").suggest(30)]
    columns = [[worth(name, arch) for arch in archs] for name in ("good", "first")]
    products = [
        math.prod(sum(w < v for w in column) + (column.count(v) + 1) / 2 for v, column in both)
        for both in (zip(values, columns, strict=True) for values in zip(*columns, strict=True))
    ]
    assert products == sorted(products, reverse=True)
    assert archs != [one.arch for one in strategy("good,first").suggest(30)]


def test_features_of_an_aggregate_are_those_of_its_proxies():
    archs = [DOMAINS.at(i * 37) for i in range(20)]
    setting = SampledContext(proxy=worth)
    whole, parts = (
        ProxyFeatures(ProxyScores("proxies", names, setting))
        for names in ("good+first", "good,first")
    )
    for one in (whole, parts):
        one.fit(archs)
    assert np.array_equal(whole(archs[:3]), parts(archs[:3]))


def test_nothing_is_scored_that_is_not_needed():
    asked = []

    def count(name, arch):
        asked.append(arch)
        return 0.0

    options = TrainingFreeOptions(candidates=10)
    one = TrainingFreeStrategy(DOMAINS, options, SampledContext(proxy=count))
    assert asked == []
    one.suggest(10)
    assert len(asked) == 10


def test_mean_ranks():
    found = mean_ranks(np.array([[3.0, -np.inf], [1.0, 5.0], [3.0, 7.0], [2.0, 5.0]]))
    assert found.tolist() == [(1.5 + 4) / 2, (4 + 2.5) / 2, (1.5 + 1) / 2, (3 + 2.5) / 2]


def test_features_are_standardised():
    archs = [DOMAINS.at(i * 37) for i in range(100)]
    features = ProxyFeatures(ProxyScores("proxies", "good,dead", SampledContext(proxy=worth)))
    features.fit(archs)
    found = features(archs)
    assert found.shape == (100, 2)
    assert found.dtype == np.float32
    good = np.array([worth("good", arch) for arch in archs])
    expected = ((good - good.mean()) / good.std()).clip(-3, 3)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-5)
    assert (found[:, 1] == -3).all()  # no score: far below


def test_features_of_a_constant():
    archs = [DOMAINS.at(i) for i in range(5)]
    features = ProxyFeatures(
        ProxyScores("proxies", "a", SampledContext(proxy=lambda name, arch: 4.0))
    )
    features.fit(archs)
    assert features(archs).tolist() == [[0.0]] * 5


def test_the_filter_prefers_what_the_proxy_likes():
    def first(**options):
        chosen = EvolutionOptions(population=40, **options)
        one = EvolutionStrategy(DOMAINS, chosen, SampledContext(epochs=FULL, proxy=worth))
        return np.mean(scores(play(one, 40)))

    plain, filtered = first(), first(filter_proxy="good", filter_draws=8)
    worst = first(filter_proxy="bad", filter_draws=8)
    assert worst < plain - 0.1 < plain + 0.1 < filtered


def test_the_filter_looks_at_children_too():
    parent = DOMAINS.at(2000)
    options = EvolutionOptions(1, 1, filter_proxy="good", filter_draws=200)
    one = EvolutionStrategy(DOMAINS, options, SampledContext(proxy=worth))
    one.update([Result(parent, 0.5)])
    around = list(DOMAINS.neighbours(parent))
    (child,) = one.suggest(1)
    assert child.arch in around
    assert worth("good", child.arch) == max(worth("good", arch) for arch in around)


def test_the_filter_chooses_among_what_is_new_and_fits():
    parent = DOMAINS.at(2000)
    around = sorted(DOMAINS.neighbours(parent), key=lambda arch: -worth("good", arch))
    known, banned, rest = around[:2], around[2:4], around[4:]
    setting = SampledContext(proxy=worth, violation=lambda arch: float(arch in banned))
    options = EvolutionOptions(3, 3, filter_proxy="good", filter_draws=200)
    one = EvolutionStrategy(DOMAINS, options, setting)
    one.update([Result(parent, 0.9), *(Result(arch, 0.1) for arch in known)])
    (child,) = one.suggest(1)
    near = set(rest).union(*(DOMAINS.neighbours(arch) for arch in known))
    assert child.arch in near - {parent, *known, *banned}


def test_without_a_filter_no_proxy_is_asked():
    plain = EvolutionStrategy(DOMAINS, EvolutionOptions(), SampledContext(epochs=FULL))
    told = EvolutionStrategy(DOMAINS, EvolutionOptions(), SampledContext(epochs=FULL, proxy=worth))
    assert play(plain, 40) == play(told, 40)


def test_features_help_bananas_where_the_encoding_says_nothing():
    """A proxy that knows a rugged function ranks it; one-hot features cannot."""
    domains = Domains(Domain(f"x{i}", "layer", tuple("abcdefgh")) for i in range(4))
    value = np.random.default_rng(0).random(8**4)
    index = {arch: number for number, arch in enumerate(domains.enumerate())}

    def reached(**options):
        chosen = BananasOptions(random=100, candidates=30, ensemble=3, **options)
        setting = SampledContext(proxy=lambda name, arch: float(value[index[arch]]))
        one = BananasStrategy(domains, chosen, setting)
        play(one, 40, outcome=lambda s, p: Result(p.arch, float(value[index[p.arch]])))
        return np.mean([result.score for result in one.results[10:]])

    assert reached(proxies="it") > reached() + 0.2


@pytest.mark.parametrize(
    "make",
    [lambda setting: TrainingFreeStrategy(DOMAINS, TrainingFreeOptions(), setting),
     lambda setting: EvolutionStrategy(
         DOMAINS, EvolutionOptions(filter_proxy="naswot", filter_draws=2), setting),
     lambda setting: BananasStrategy(DOMAINS, BananasOptions(proxies="naswot"), setting)],
    ids=["training-free", "evolution", "bananas"],
)  # fmt: skip
def test_a_search_without_networks_is_refused(make):
    with pytest.raises(UserError, match=r"^-o \w+=naswot: a proxy looks at networks") as error:
        make(SampledContext())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (TrainingFreeOptions, {"candidates": 0}, "-o candidates=0: must be at least 1"),
        (EvolutionOptions, {"filter_proxy": "a"}, "-o filter_draws=1: must be at least 2 with"),
        (EvolutionOptions, {"filter_draws": 2}, "-o filter_draws=2: must be 1 without"),
        (EvolutionOptions, {"filter_draws": 0}, "-o filter_draws=0: must be at least 1"),
    ],
)
def test_wrong_options_are_named(kind, options, words):
    with pytest.raises(UserError) as caught:
        kind(**options)
    assert str(caught.value).startswith(words)


def test_a_proxy_must_be_named():
    with pytest.raises(UserError, match=r"^-o proxy= ,: must name a proxy"):
        strategy(proxy=" ,")


def test_a_term_must_be_named():
    with pytest.raises(UserError, match=r"^proxy 'good\+': must name a proxy on both sides"):
        strategy(proxy="good+")


def test_results_change_nothing():
    one, other = strategy(), strategy()
    play(one, 10)
    play(other, 10, outcome=lambda s, p: Result(p.arch, 1 - evaluate(s, p).score))
    assert one.suggest(5) == other.suggest(5)
