"""P-DARTS: its stages, what each one leaves, and how skip connections are held back."""

from __future__ import annotations

import io
import math

import pytest
import torch

from nasbench.errors import UserError
from nasbench.space import Choice, LayerChoice, Repeat, SearchSpace
from nasbench.space.domain import Domain
from nasbench.strategies.oneshot.p_darts import (
    PDartsOptions,
    PDartsStrategy,
    deeper,
    skip_rate,
    survivors,
)
from nasbench.strategies.oneshot.skip_regularization import DroppedSkip, with_few_skips
from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, advance, batch, digest, make
from search_spaces.darts import Darts


class TestPDarts(OneShotStrategySuite):
    strategy = PDartsStrategy

    def make(self, space=OWN, **given):
        return super().make(space, **{"epochs": 6, **given})

    def test_every_parameter_gets_a_finite_gradient(self, space):
        """In each stage, all that was not taken out."""
        strategy = self.make(space)
        strategy.begin_epoch(0, 6)
        assert not strategy.learns
        for stage in range(3):
            strategy.begin_epoch(2 * stage + 1, 6)
            assert (strategy.stage, strategy.learns) == (stage, True)
            out = taken_out(strategy)
            names = {
                name: p.detach().clone()
                for name, p in strategy.named_parameters()
                if not name.startswith(out)
            }
            for number in range(self.steps):
                advance(strategy, number, 1)
                now = dict(strategy.named_parameters())
                names = {name: old for name, old in names.items() if torch.equal(now[name], old)}
                if not names:
                    break
            assert not names, f"stage {stage}: never moved: {sorted(names)[:5]}"


def taken_out(strategy):
    """Return the names under which the candidates' parameters are found that take no part."""
    found = []
    for name, module in strategy.named_modules():
        if isinstance(module, LayerChoice):
            kept = strategy.mixture.kept[module.label]
            left = {list(module.candidates)[place] for place in kept}
            found += [f"{name}.candidates.{c}." for c in module.candidates if c not in left]
        if isinstance(module, Repeat):
            deepest = max(module.depths[place] for place in strategy.mixture.kept[module.label])
            found += [f"{name}.blocks.{i}." for i in range(deepest, len(module.blocks))]
    named = {n: m for n, m in strategy.named_modules() if isinstance(m, Choice)}
    used = {m.label for n, m in named.items() if not n.startswith(tuple(found))}
    for label, alpha in zip(strategy.mixture.labels, strategy.mixture.alphas, strict=True):
        # Nothing is left to decide, or it was decided elsewhere.
        if len(strategy.mixture.kept[label]) == 1 or label not in used:
            found += [n for n, p in strategy.named_parameters() if p is alpha]
    return tuple(found)


def searching(space="darts", epochs=6, **options):
    return make(PDartsStrategy, PlainSupernets.named(space), options, epochs=epochs)


def set_alphas(strategy):
    stream = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for alpha in strategy.mixture.alphas:
            alpha.copy_(torch.randn(alpha.shape, generator=stream))


def test_the_paper_has_5_11_and_17_cells():
    cells = [deeper(Darts, {"layers": 5, "channels": 16}, stage) for stage in range(3)]
    assert [a["layers"] for a in cells] == [5, 11, 17]
    assert {a["channels"] for a in cells} == {16}
    assert deeper(Darts, {}, 1)["layers"] == 14  # of the 8 that are the default
    assert [deeper(Darts, {"layers": 3}, s)["layers"] for s in range(3)] == [3, 7, 11]
    assert deeper(SearchSpace, {"width": 1.0}, 2) == {"width": 1.0}


def test_from_stage_to_stage_it_gets_deeper_with_fewer_candidates_and_starts_anew():
    strategy = searching()
    before = {label: list(range(8)) for label in strategy.mixture.labels}
    for stage, (cells, candidates) in enumerate(((3, 8), (7, 5), (11, 3))):
        strategy.begin_epoch(2 * stage, 6)
        assert len(strategy.mixture.network.cells) == cells
        weights = strategy.mixing_weights()
        for label, kept in strategy.mixture.kept.items():
            assert len(kept) == candidates
            assert set(kept) <= set(before[label])
            assert sum(w > 0 for w in weights[label]) == candidates
        assert all(a.abs().max() < 0.01 for a in strategy.mixture.alphas)
        set_alphas(strategy)
        weights = strategy.mixing_weights()["normal/n2/p0"]
        strongest = sorted(range(8), key=lambda place: -weights[place])
        before = strategy.mixture.kept
        expected = sorted(strongest[: round(0.6 * candidates)])
        if stage < 2:
            strategy.begin_epoch(2 * stage + 2, 6)
            assert strategy.mixture.kept["normal/n2/p0"] == expected
    assert strategy.derive()["normal/n2/switch"] == (0, 1)


def test_a_stages_optimizers_move_its_own_supernet_by_a_schedule_of_its_own():
    strategy = searching(OWN)  # of 100 steps
    rates = []
    for epoch in range(6):
        strategy.begin_epoch(epoch, 6)
        rates.append(strategy.weights._schedule.last_epoch)
        before = strategy.mixture.weight_parameters[0].detach().clone()
        advance(strategy, epoch, 1)
        assert not torch.equal(before, strategy.mixture.weight_parameters[0])
    assert rates == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("share", "weights", "kept", "expected"),
    [
        (0.6, [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], [3, 2]),
        (0.6, [0.1, 0.0, 0.5, 0.4], [0, 2, 3], [2, 3]),
        (1.0, [0.1, 0.2, 0.3, 0.4], [1, 3], [3, 1]),
        (0.1, [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3], [3]),
        # The first candidate may not be chosen: another one must stay.
        (0.3, [0.7, 0.1, 0.2, 0.0], [0, 1, 2, 3], [2]),
        (0.5, [0.7, 0.1, 0.2, 0.0], [0, 1, 2, 3], [0, 2]),
    ],
)
def test_the_strongest_stay_and_one_of_them_can_be_chosen(share, weights, kept, expected):
    domain = Domain("x", "layer", ("none", "a", "b", "c"), relaxed_only=frozenset(["none"]))
    assert survivors(domain, weights, kept, share) == expected


def test_as_many_inputs_stay_as_are_chosen():
    domain = Domain("x", "input", (0, 1, 2, 3), n_chosen=3)
    assert survivors(domain, [0.1, 0.4, 0.2, 0.3], [0, 1, 2, 3], 0.5) == [1, 3, 2]


def rates(strategy):
    return {m.dropout.p for m in strategy.modules() if isinstance(m, DroppedSkip)}


def test_dropout_behind_identities_falls_twice_in_a_stage():
    """With 25 epochs: linearly over the first ten, and then again, by e^-0.2 an epoch."""
    strategy = searching(epochs=75)
    for first, begin in ((0.4, 25), (0.7, 50)):
        for epoch in (0, 1, 9, 10, 11, 15, 24):
            strategy.begin_epoch(begin + epoch, 75)
            theirs = first * (24 - epoch) / 25 if epoch < 10 else first * math.e ** (2 - epoch / 5)
            assert list(rates(strategy)) == pytest.approx([theirs])
            assert strategy.learns == (epoch >= 10)
    last = [skip_rate(0.7, epoch, 10, 25) for epoch in (0, 9, 10, 15, 24)]
    assert [round(rate, 2) for rate in last] == [0.67, 0.42, 0.70, 0.26, 0.04]
    assert [skip_rate(0.7, epoch, 0, 2) for epoch in (0, 1)] == [0.7, 0.7 * math.exp(-2.5)]


def test_the_first_stage_has_no_dropout():
    strategy = searching()
    strategy.begin_epoch(0, 6)
    assert rates(strategy) == set()


def test_dropout_is_behind_every_identity_and_nothing_else():
    """Skip connections of stride 2, at the inputs of a reduction cell, have weights."""
    strategy = searching()
    strategy.begin_epoch(4, 6)
    for cell in strategy.mixture.network.cells:
        for choice in (m for m in cell.modules() if isinstance(m, LayerChoice)):
            dropped = {n for n, m in choice.candidates.items() if isinstance(m, DroppedSkip)}
            halves = choice.label.startswith("reduce/") and choice.label[-1] in "01"
            assert dropped == (set() if halves else {"skip_connect"})
    skip = next(m for m in strategy.modules() if isinstance(m, DroppedSkip))
    skip.dropout.p = 0.5
    found = skip(torch.ones(1, 4, 50, 50))
    assert set(found.flatten().tolist()) == {0.0, 2.0}
    assert torch.equal(skip.eval()(torch.ones(2)), torch.ones(2))


def test_the_architectures_gradient_is_clipped_at_5():
    strategy = searching()
    before = [alpha.detach().clone() for alpha in strategy.mixture.alphas]
    strategy.arch.apply([torch.full_like(alpha, 40.0) for alpha in strategy.mixture.alphas])
    # Adam's first step hides the scale of the gradient, and its second moment shows it.
    moments = [state["exp_avg_sq"] for state in strategy.arch.optimizer.state.values()]
    gradients = [(m / (1 - 0.999)).sqrt() for m in moments]
    decayed = [g - 1e-3 * a for g, a in zip(gradients, before, strict=True)]
    assert float(torch.cat(decayed).norm()) == pytest.approx(5.0, rel=1e-3)


def test_without_a_rate_there_is_no_dropout():
    strategy = searching(skip_dropout=0.0)
    strategy.begin_epoch(4, 6)
    assert rates(strategy) == set()


def test_the_architecture_rests_at_the_beginning_of_every_stage():
    strategy = searching(OWN, epochs=15)
    moves = []
    for epoch in range(15):
        strategy.begin_epoch(epoch, 15)
        moves.append(strategy.learns)
    assert moves == [False, False, True, True, True] * 3


def test_with_one_epoch_to_a_stage_the_architecture_moves_in_each():
    strategy = searching(OWN, epochs=3)
    for epoch in range(3):
        strategy.begin_epoch(epoch, 3)
        assert (strategy.stage, strategy.learns) == (epoch, True)


def skips(arch, kind):
    return sum(v == "skip_connect" for k, v in arch.items() if k.startswith(kind))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_the_normal_cell_has_few_skips_in_the_end_and_the_other_is_free(most):
    strategy = searching(max_skips=most)
    with torch.no_grad():
        for label, alpha in zip(strategy.mixture.labels, strategy.mixture.alphas, strict=True):
            place = strategy.domains[label].candidates.index("skip_connect")
            alpha[place] = 2.0
    assert skips(strategy.mixture.discretize(), "normal") == 4
    arch = strategy.derive()
    assert (skips(arch, "normal"), skips(arch, "reduce")) == (most, 4)
    assert strategy.select(RandomData()) == arch


def test_the_weakest_skip_gives_way_first():
    candidates = ("skip", "conv")
    weights = {"a": [0.6, 0.4], "b": [0.9, 0.1], "c": [0.7, 0.3], "d": [0.2, 0.8]}

    def read(values):
        return {k: candidates[0 if v[0] > v[1] else 1] for k, v in values.items()}

    every = {label: {"skip"} for label in weights}
    found = with_few_skips(read, weights, every, 1, lambda label, name: candidates.index(name))
    assert found == {"a": "conv", "b": "skip", "c": "conv", "d": "conv"}
    assert weights["a"] == [0.6, 0.4]
    # One without an alternative stays, and takes no other's place.
    weights["a"] = [1.0, 0.0]
    found = with_few_skips(read, weights, every, 0, lambda label, name: candidates.index(name))
    assert found == {"a": "skip", "b": "conv", "c": "conv", "d": "conv"}


def test_in_a_space_without_cell_kinds_all_decisions_share_the_limit():
    strategy = searching("nas-bench-201", max_skips=1)
    with torch.no_grad():
        for label, alpha in zip(strategy.mixture.labels, strategy.mixture.alphas, strict=True):
            alpha[strategy.domains[label].candidates.index("skip_connect")] = 2.0
    assert sum(v == "skip_connect" for v in strategy.mixture.discretize().values()) == 6
    assert sum(v == "skip_connect" for v in strategy.derive().values()) == 1


@pytest.mark.parametrize(
    "done", [pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3, 4, 5)]
)
def test_it_continues_in_every_stage_bit_for_bit(done):
    """Saved after ``done`` steps, two to an epoch: between epochs, or in the middle of one."""

    def play(strategy, numbers, random=None):
        if random is None:
            torch.manual_seed(9)
        for i, number in enumerate(numbers):
            if random is not None and i == 0:
                torch.set_rng_state(random)
            strategy.begin_epoch(number // 2, 3)
            strategy.step(batch(number), batch(50 + number))
        return torch.get_rng_state()

    options = {"skip_dropout": 0.5, "arch_lr": 0.1}
    whole, half, other = (searching("nas-bench-201", 3, **options) for _ in range(3))
    play(whole, range(6))
    random = play(half, range(done))
    file = io.BytesIO()
    torch.save({"s": half.state_dict(), "o": half.optimizer_state()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other.load_state_dict(state["s"])
    other.load_optimizer_state(state["o"])
    assert other.stage == half.stage
    play(other, range(done, 6), random)
    assert digest(other) == digest(whole)
    assert other.select(RandomData()) == whole.select(RandomData())


def test_a_later_state_can_be_followed_by_an_earlier_one():
    late, early = searching(OWN), searching(OWN)
    late.begin_epoch(5, 6)
    late.load_state_dict(early.state_dict())
    assert late.stage == 0
    assert digest(late) == digest(early)


def test_a_state_with_dropout_behind_every_skip_connection_is_read():
    """That is how earlier versions saved the second and the third stage."""
    late, other = searching(), searching()
    late.begin_epoch(2, 6)
    state, renamed = late.state_dict(), 0
    for name in list(state):
        if ".skip_connect.0." in name:
            old = name.replace(".skip_connect.0.", ".skip_connect.skip.0.")
            renamed += old != name
            state[old] = state.pop(name)
    assert renamed > 0
    other.load_state_dict(state)
    assert digest(other) == digest(late)


def test_fewer_epochs_than_stages_are_told():
    with pytest.raises(UserError, match=r"^--epochs 2: must be at least 3, one for each stage$"):
        searching(epochs=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": 0.0}, "-o keep=0.0: must be in (0, 1]"),
        ({"keep": 1.1}, "-o keep=1.1"),
        ({"warmup": 1.0}, "-o warmup=1.0: must be in [0, 1)"),
        ({"skip_dropout": 1.0}, "-o skip_dropout=1.0: must be in [0, 1)"),
        ({"max_skips": -1}, "-o max_skips=-1: must be at least 0"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        PDartsOptions(**options)
    assert words in str(told.value)
