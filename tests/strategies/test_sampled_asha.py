"""ASHA: its promotions, against the algorithm of the paper; BOHB: where its draws come from."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.strategies.sampled.asha import AshaOptions, AshaStrategy
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.bohb import BohbOptions, BohbStrategy
from nasbench.strategies.sampled.hyperband import HyperbandOptions, HyperbandStrategy
from nasbench.strategies.sampled.tpe import TpeOptions, TpeStrategy
from nasbench.testing.problems import flat


def asha(epochs: int = 9, **options: int) -> AshaStrategy:
    return AshaStrategy(flat(), AshaOptions(**options), SampledContext(epochs=epochs))


def score(arch, epochs: int) -> float:
    """A made-up result that longer trainings reorder a little."""
    number = int(arch.id, 16)
    return (number % 997) / 997 + 0.1 * ((number * epochs) % 7)


def paper(done: list[tuple[str, int]], begun: list[tuple[str, int]], scores, lengths, eta):
    """Algorithm 2: the next promotion (id, rung), or a new configuration at rung 0.

    Args:
        done: ids with the rungs that they have finished.
        begun: the same for all that were started.
    """
    for k in range(len(lengths) - 2, -1, -1):
        rung = [i for i, at in done if at == k]
        candidates = sorted(rung, key=lambda i: -scores[i, k])[: int(len(rung) / eta)]
        promotable = [i for i in candidates if (i, k + 1) not in begun]
        if promotable:
            return promotable[0], k + 1
    return None, 0


@pytest.mark.parametrize("slots", [1, 4])
def test_promotions_are_those_of_the_papers_algorithm(slots):
    strategy, eta, lengths = asha(27), 3, (1, 3, 9, 27)
    assert strategy.lengths == lengths
    order = np.random.default_rng(0)
    pending: list[Proposal] = []
    done, begun, scores = [], [], {}
    for _ in range(40):
        while len(pending) < slots:
            (one,) = strategy.suggest(1, pending)
            known, rung = paper(done, begun, scores, lengths, eta)
            assert one.epochs == lengths[rung]
            if known is None:
                assert one.arch.id not in {i for i, _ in begun}
            else:
                assert one.arch.id == known
            begun.append((one.arch.id, rung))
            pending.append(one)
        ended = pending.pop(int(order.integers(len(pending))))
        rung = lengths.index(ended.epochs)
        scores[ended.arch.id, rung] = score(ended.arch, ended.epochs)
        done.append((ended.arch.id, rung))
        strategy.update([Result(ended.arch, scores[ended.arch.id, rung], ended.epochs)])
    assert max(rung for _, rung in done) >= 2


def test_no_slot_waits_for_a_rung():
    strategy = asha()
    first = strategy.suggest(8)
    assert len(first) == 8
    strategy.update([Result(one.arch, score(one.arch, 1), 1) for one in first[:3]])
    after = strategy.suggest(3, first[3:])
    assert [one.epochs for one in after] == [3, 1, 1]


def test_a_failed_trial_counts_and_is_not_promoted():
    strategy = asha()
    first = strategy.suggest(3)
    strategy.update([Result(one.arch, 0.0, 1, failed=True) for one in first[:2]])
    strategy.update([Result(first[2].arch, 0.1, 1)])
    assert strategy.suggest(1) == [Proposal(first[2].arch, 3)]


def test_one_length_is_refused():
    with pytest.raises(UserError, match="asha needs two lengths, from min_epochs=1 on"):
        asha(1)


def test_bohb_has_the_brackets_of_hyperband():
    setting = SampledContext(epochs=27)
    one = BohbStrategy(flat(), BohbOptions(eta=3), setting)
    assert one.brackets == HyperbandStrategy(flat(), HyperbandOptions(eta=3), setting).brackets


def test_bohb_draws_from_the_longest_training_with_enough_results():
    space, setting = flat(3, 4), SampledContext(epochs=9)
    archs = space.sample_distinct(24, np.random.default_rng(1))
    short = [Result(arch, score(arch, 1), 1) for arch in archs]
    longer = [Result(arch, score(arch, 3), 3) for arch in archs]
    for known, of in ((longer[:5], short), (longer[:6], longer[:6])):  # 3 decisions and 3 more
        strategy = BohbStrategy(space, BohbOptions(random=0.0), setting)
        strategy.update([*short, *known])
        model = TpeStrategy(space, TpeOptions(startup=1), setting)
        model.update(of)
        one, other = np.random.default_rng(2), np.random.default_rng(2)
        other.random()  # decides that the model draws
        assert strategy.draw(one, set()) == model.candidate((), other)


def test_bohb_draws_uniformly_until_it_has_results():
    strategy = BohbStrategy(flat(), BohbOptions(random=0.0), SampledContext(epochs=9, seed=5))
    drawn = strategy.draw(np.random.default_rng(3), set())
    assert drawn == flat().sample(np.random.default_rng(3))
