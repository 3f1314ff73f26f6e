"""SDARTS: the simplex, the box, the attack, and who sees the perturbed architecture."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.sdarts import SdartsOptions, SdartsStrategy, onto_simplex
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, advance, batch, make

OWN = "nasbench.testing.supernets:Small"


class TestRandomSdarts(OneShotStrategySuite):
    strategy = SdartsStrategy


class TestAdversarialSdarts(OneShotStrategySuite):
    strategy = SdartsStrategy
    options: ClassVar = {"perturbation": "adversarial", "attack_steps": 1}
    steps = 20


def strategy(space=OWN, **options):
    return make(SdartsStrategy, PlainSupernets.named(space), options)


def nearest(values):
    """Return the nearest point of the simplex by bisection on what all entries give up."""
    low, high = min(values) - 1.0, max(values)
    for _ in range(200):
        middle = (low + high) / 2
        if sum(max(v - middle, 0.0) for v in values) > 1:
            low = middle
        else:
            high = middle
    return [max(v - high, 0.0) for v in values]


def test_the_projection_is_the_nearest_point_of_the_simplex():
    torch.manual_seed(0)
    for n in (1, 2, 3, 8):
        for _ in range(20):
            values = torch.randn(n, dtype=torch.float64)
            found = onto_simplex(values)
            assert found.tolist() == pytest.approx(nearest(values.tolist()), abs=1e-9)
    inside = torch.tensor([0.2, 0.5, 0.3])
    assert torch.allclose(onto_simplex(inside), inside)


def mixed(made):
    made.mixture.mix()
    return {label: m.weights.detach().clone() for label, m in made.mixture._mixed.items()}


def test_shifts_fill_the_box_and_move_the_weights_within_the_simplex():
    made = strategy(epsilon_min=0.2)
    torch.manual_seed(0)
    drawn = [made.random_shifts() for _ in range(200)]
    flat = torch.cat([s for shifts in drawn for s in shifts.values()])
    assert 0.19 < flat.max() <= 0.2
    assert -0.2 <= flat.min() < -0.19
    assert abs(float(flat.mean())) < 0.02
    plain = mixed(made)
    made.perturbed.shifts = drawn[0]
    for label, weights in mixed(made).items():
        assert float(weights.sum()) == pytest.approx(1.0)
        assert (weights >= 0).all()
        assert not torch.equal(weights, plain[label])
        wanted = nearest((plain[label] + drawn[0][label]).double().tolist())
        assert weights.tolist() == pytest.approx(wanted, abs=1e-6)


def seen_by_each_step(made):
    """Return the weights that the architecture's step and the weights' step computed with."""
    seen, objective = [], made.objective

    def spy(network, *data):
        found = objective(network, *data)
        seen.append({k: m.weights.detach().clone() for k, m in made.mixture._mixed.items()})
        return found

    made.objective = spy
    made.step(batch(0), batch(1))
    return seen


@pytest.mark.parametrize("perturbation", ["random", "adversarial"])
def test_only_the_weights_see_the_perturbation(perturbation):
    made = strategy(perturbation=perturbation, epsilon_min=0.2, attack_steps=3)
    before = mixed(made)
    seen = seen_by_each_step(made)
    assert len(seen) == (5 if perturbation == "adversarial" else 2)
    assert all(torch.equal(seen[0][label], before[label]) for label in before)
    after = mixed(made)
    assert all(not torch.equal(seen[-1][label], after[label]) for label in after)
    uniform = 1 / 3
    assert float((after["first"] - uniform).abs().max()) < 0.01  # nothing is left of it


def test_the_attack_finds_a_higher_loss_than_chance_and_stays_in_the_box():
    made = strategy("darts", perturbation="adversarial", epsilon_min=0.3)
    advance(made, 0, 5)
    train = batch(50)

    def loss(shifts):
        made.perturbed.shifts = shifts
        with torch.no_grad():
            return float(made.objective(made.mixture, *train)[0])

    torch.manual_seed(0)
    by_chance = [loss(made.random_shifts()) for _ in range(10)]
    shifts = made.random_shifts()
    made.perturbed.shifts = shifts
    made.attack(shifts, train)
    assert loss(shifts) > max(by_chance)
    assert all(shift.abs().max() <= made.epsilon for shift in shifts.values())


def test_the_attack_leaves_weights_and_statistics_alone():
    made = strategy("darts", perturbation="adversarial")
    shifts = made.random_shifts()
    made.perturbed.shifts = shifts

    def state():
        tensors = made.mixture.state_dict().items()
        kept = {k: v for k, v in tensors if not k.endswith(("num_batches_tracked", "extra_state"))}
        return {k: v.detach().clone() for k, v in kept.items()}

    before = state()
    made.attack(shifts, batch(0))
    now = state()
    assert all(torch.equal(value, now[name]) for name, value in before.items())
    assert all(p.requires_grad for p in made.mixture.parameters())


def test_a_step_of_the_attack_goes_along_the_gradients_sign():
    options = {"perturbation": "adversarial", "attack_steps": 1, "epsilon_min": 0.04}
    made = strategy(**options).double()
    images, labels = batch(3)
    train = (images.double(), labels)
    first = {
        label: 0.01 * torch.randn(len(kept), dtype=torch.float64)
        for label, kept in made.mixture.kept.items()
    }

    def loss(label, place, arm):
        moved = {k: s.clone() for k, s in first.items()}
        moved[label][place] += arm
        made.perturbed.shifts = moved
        with torch.no_grad():
            return float(made.objective(made.mixture, *train)[0])

    slopes = {
        (k, i): loss(k, i, 1e-5) - loss(k, i, -1e-5)
        for k, s in first.items()
        for i in range(len(s))
    }
    shifts = {label: shift.clone() for label, shift in first.items()}
    made.perturbed.shifts = shifts
    made.attack(shifts, train)  # a step of 2 * 0.04, cut off at 0.04
    for (label, place), slope in slopes.items():
        assert float(shifts[label][place]) == pytest.approx(0.04 if slope > 0 else -0.04)


def test_the_box_widens_linearly_from_epoch_to_epoch():
    made = strategy(epsilon_min=0.1, epsilon=0.3)
    assert made.epsilon == 0.1
    found = []
    for epoch in (0, 1, 2, 1):
        made.begin_epoch(epoch, 3)
        found.append(made.epsilon)
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"perturbation": "none"}, "unknown -o perturbation 'none': allowed: random, adversarial"),
        ({"epsilon": 0.0}, "-o epsilon=0.0: must be in (0, 1]"),
        ({"epsilon": 2.0}, "-o epsilon=2.0"),
        ({"epsilon_min": 0.5}, "-o epsilon_min=0.5: must be in [0, epsilon=0.3]"),
        ({"attack_steps": 0}, "-o attack_steps=0: must be at least 1"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        SdartsOptions(**options)
    assert words in str(told.value)
