"""Hyperband: the paper's table of brackets, and their order."""

from __future__ import annotations

import pytest

from nasbench.errors import UserError
from nasbench.strategies.sampled.base import SampledContext
from nasbench.strategies.sampled.hyperband import HyperbandOptions, HyperbandStrategy
from nasbench.testing.problems import flat, play


def brackets(setting, **options):
    strategy = HyperbandStrategy(flat(), HyperbandOptions(**options), setting)
    return [[(rung.size, rung.epochs) for rung in bracket] for bracket in strategy.brackets]


def test_the_papers_table():
    # Li et al., table 1: n_i and r_i for R=81 and eta=3. Algorithm 1 as printed, with
    # n = ceil((s_max + 1) / (s + 1) * eta**s), would begin with 81, 34, 15, 8 and 5.
    assert brackets(SampledContext(epochs=81)) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]


def test_a_bracket_costs_no_more_than_the_paper_allows():
    # B = (s_max + 1) R for each bracket, counted without continuing a shorter training.
    for bracket in brackets(SampledContext(epochs=81)):
        assert sum(size * epochs for size, epochs in bracket) <= 5 * 81


@pytest.mark.parametrize("eta", [2, 3, 4, 10])
def test_powers_of_eta_have_one_bracket_each(eta):
    # Logarithms in floating point would lose one: log(243) / log(3) is below 5.
    for power in range(1, 6):
        found = brackets(SampledContext(epochs=eta**power), eta=eta)
        assert len(found) == power + 1
        assert found[0][0] == (eta**power, 1)


def test_lengths_are_rounded_down_to_whole_epochs():
    # 200 / 3**s
    assert [bracket[0][1] for bracket in brackets(SampledContext(epochs=200))] == [
        2,
        7,
        22,
        66,
        200,
    ]


def test_a_table_with_two_lengths():
    setting = SampledContext(epochs=200, lengths=(12, 200))
    assert brackets(setting) == [[(3, 12), (1, 200)], [(2, 200)]]
    assert brackets(setting, eta=16) == [[(16, 12), (1, 200)], [(2, 200)]]


def test_brackets_follow_each_other_with_new_architectures():
    # R=4, eta=2: brackets of 4, 2 and 3 architectures; each keeps the better half.
    strategy = HyperbandStrategy(flat(), HyperbandOptions(eta=2), SampledContext(epochs=4))
    done = play(strategy, 26)
    once = [*(1, 1, 1, 1, 2, 2, 4), *(2, 2, 4), *(4, 4, 4)]
    assert [one.epochs for one in done] == once * 2
    firsts = [list(range(4)), [7, 8], [10, 11, 12], list(range(13, 17)), [20, 21], [23, 24, 25]]
    archs = [done[i].arch for numbers in firsts for i in numbers]
    assert len(set(archs)) == len(archs) == len({one.arch for one in done})


@pytest.mark.parametrize(
    ("setting", "options", "words"),
    [
        (SampledContext(epochs=1), {}, r"^epochs=1 leaves nothing to halve: .*eta=3"),
        (SampledContext(epochs=2), {}, r"^epochs=2 leaves nothing to halve: .*eta=3"),
        (
            SampledContext(epochs=200, lengths=(200,)),
            {},
            r"^lengths=\[200\] leaves nothing to halve",
        ),
        (SampledContext(epochs=9), {"eta": 0}, r"^-o eta=0: must be at least 2$"),
    ],
)
def test_refusals(setting, options, words):
    with pytest.raises(UserError, match=words):
        brackets(setting, **options)
