"""TPE: optuna's own proposals, from all that is known, also where decisions depend on others."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import optuna
import pytest

from nasbench.errors import UserError
from nasbench.space import Domain, Domains
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.tpe import TpeOptions, TpeStrategy
from nasbench.testing.problems import evaluate, flat, nested, play


def search(domains, seed=0, **options):
    return TpeStrategy(domains, TpeOptions(**options), SampledContext(seed=seed))


def score(arch):
    return sum("abcdefgh".index(value) ** 2 for value in arch.values()) / 1000


def optunas_own(domains, results, seed, candidates):
    """Return what optuna proposes when it is used as its manual says."""
    sampler = optuna.samplers.TPESampler(
        multivariate=True, n_startup_trials=0, seed=seed, n_ei_candidates=candidates,
        constant_liar=False,
    )  # fmt: skip
    study = optuna.create_study(sampler=sampler, direction="maximize")
    kinds = {
        label: optuna.distributions.CategoricalDistribution(domain.options)
        for label, domain in domains.items()
    }
    for result in results:
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(result.arch), distributions=kinds, value=result.score
            )
        )
    trial = study.ask()
    return {n: trial.suggest_categorical(n, domains[n].options) for n in domains}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # before 5.0
def test_proposals_are_optunas():
    domains = flat(8, 4)
    strategy = search(domains, startup=10, candidates=12)
    repeated = 0
    for number in range(25):
        (proposal,) = strategy.suggest(1)
        if number >= 10:
            seed = int(strategy.stream(()).integers(2**32))
            expected = domains.arch(optunas_own(domains, strategy.results, seed, 12))
            known = expected in strategy.known(())
            repeated += known
            assert known or proposal.arch == expected
        strategy.update([Result(proposal.arch, score(proposal.arch))])
    assert repeated <= 3


def test_the_start_is_random():
    one, other = search(nested(), startup=6), search(nested(), startup=6)
    for strategy, scores in ((one, (0.1, 0.9)), (other, (0.9, 0.1))):
        for i in range(6):
            (proposal,) = strategy.suggest(1)
            strategy.update([Result(proposal.arch, scores[i % 2])])
    assert [r.arch for r in one.results] == [r.arch for r in other.results]


def drawn(strategy, label, count=40):
    """Return how often which value of ``label`` comes up, were there no known ones to avoid."""
    stream = np.random.default_rng(0)
    archs = (strategy.candidate([], stream) for _ in range(count))
    return Counter(arch.get(label) for arch in archs)


def test_a_choice_below_a_choice_is_learnt_from_the_trials_that_made_it():
    domains = nested()
    strategy = search(domains)
    stream = np.random.default_rng(1)
    for _ in range(60):
        arch = domains.sample(stream)
        strategy.update([Result(arch, 0.9 if arch.get("width0") == 8 else 0.1)])
    counts = drawn(strategy, "width0")
    # A width is there at all in a third of the space, and is the good one of four there.
    assert counts[8] > 20
    assert counts[8] > 3 * max(counts[width] for width in (2, 4, 16))


def test_pairs_of_inputs_are_learnt():
    domains = Domains(
        [Domain("node", "input", ("0", "1", "2", "3"), n_chosen=2), *flat().values()]
    )
    strategy = search(domains)
    stream = np.random.default_rng(1)
    for _ in range(60):
        arch = domains.sample(stream)
        strategy.update([Result(arch, float(arch["node"] == (1, 3)))])
    assert drawn(strategy, "node")[1, 3] > 20  # of 40; by chance it were 7


def test_what_is_pending_is_as_bad_as_the_worst():
    domains = flat()
    archs = [domains.at(number * 97) for number in range(24)]
    lying, honest = search(domains), search(domains)
    for strategy in (lying, honest):
        strategy.update([Result(arch, 0.2 + score(arch)) for arch in archs[:20]])
    honest.update([Result(arch, 0.2 + min(map(score, archs[:20]))) for arch in archs[20:]])
    pending = [Proposal(arch, 1) for arch in archs[20:]]
    streams = [np.random.default_rng(5) for _ in range(3)]
    found = [
        [lying.candidate(pending, streams[0]) for _ in range(5)],
        [honest.candidate([], streams[1]) for _ in range(5)],
        [lying.candidate([], streams[2]) for _ in range(5)],
    ]
    assert found[0] == found[1] != found[2]


def test_failed_trials_are_left_out():
    domains = flat()
    one, other = search(domains, startup=5), search(domains, startup=5)
    archs = [domains.at(number * 97) for number in range(20)]
    one.update([Result(arch, score(arch)) for arch in archs])
    other.update([Result(archs[0], 1.0, failed=True)])
    other.update([Result(arch, score(arch)) for arch in archs])
    streams = [np.random.default_rng(3) for _ in range(2)]
    assert one.candidate([], streams[0]) == other.candidate([], streams[1])


def test_a_single_option_is_no_parameter():
    domains = Domains([Domain("only", "layer", ("a",)), *flat(2, 3).values()])
    strategy = search(domains, startup=2)
    assert len(play(strategy, 20)) == 9
    assert {r.arch["only"] for r in strategy.results} == {"a"}


def test_a_loaded_state_replaces_the_old_one():
    one, other = search(flat()), search(flat())
    play(one, 15)
    play(other, 12, slots=3)
    other.load_state_dict(one.state_dict())
    assert play(other, 5) == play(one, 5)


def test_it_is_quiet(capfd):
    strategy = search(nested(), startup=4)
    play(strategy, 12, slots=2)  # a warning would be an error
    assert capfd.readouterr() == ("", "")
    assert strategy.best() == max(strategy.results, key=lambda r: r.score)
    assert strategy.results[0] == evaluate(strategy, Proposal(strategy.results[0].arch, 1))


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError) as caught:
        search(flat())
    assert "the strategy tpe needs" in str(caught.value)
    assert str(caught.value).endswith("pip install optuna")


@pytest.mark.parametrize("name", ["startup", "candidates"])
def test_wrong_options_are_named(name):
    with pytest.raises(UserError, match=f"-o {name}=0: must be at least 1"):
        TpeOptions(**{name: 0})
