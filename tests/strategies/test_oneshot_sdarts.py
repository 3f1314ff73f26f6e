"""SDARTS: the box, the attack, and who sees the perturbed architecture."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.sdarts import SdartsOptions, SdartsStrategy, clipped
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


def test_values_are_clipped_and_divided_by_their_sum():
    assert clipped(torch.tensor([0.2, 0.5, 0.3])).tolist() == pytest.approx([0.2, 0.5, 0.3])
    assert clipped(torch.tensor([-0.1, 0.6, 0.3])).tolist() == pytest.approx([0, 2 / 3, 1 / 3])
    assert clipped(torch.tensor([1.5, 0.25])).tolist() == pytest.approx([0.8, 0.2])
    assert clipped(torch.tensor([-0.3, -0.1, -0.2])).tolist() == [0, 1, 0]


def mixed(made):
    made.mixture.mix()
    return {label: m.weights.detach().clone() for label, m in made.mixture._mixed.items()}


def test_random_weights_are_the_box_clipped_onto_the_simplex():
    made = strategy(epsilon_min=0.2)
    plain = made.plain("first").detach()
    torch.manual_seed(0)
    drawn = [made.random(plain) for _ in range(200)]
    torch.manual_seed(0)
    for weights in drawn:
        moved = [p + float(torch.empty(1).uniform_(-0.2, 0.2)) for p in plain.tolist()]
        within = [min(max(v, 0.0), 1.0) for v in moved]
        assert weights.tolist() == pytest.approx([v / sum(within) for v in within], abs=1e-6)
    made.perturbed.weights = {"first": drawn[0]}
    now = mixed(made)
    assert torch.equal(now["first"], drawn[0])
    assert torch.equal(now["second"], made.plain("second"))


def seen_by_each_step(made):
    """Return the weights that the architecture's step and the weights' step computed with."""
    seen, objective = [], made.objective

    def spy(network, *data):
        found = objective(network, *data)
        seen.append({k: m.weights.detach().clone() for k, m in made.mixture._mixed.items()})
        return found

    spy.reported = objective.reported
    made.objective = spy
    made.step(batch(0), batch(1))
    return seen


@pytest.mark.parametrize("perturbation", ["random", "adversarial"])
def test_only_the_weights_see_the_perturbation(perturbation):
    made = strategy(perturbation=perturbation, epsilon_min=0.2, attack_steps=3)
    before = mixed(made)
    seen = seen_by_each_step(made)
    assert len(seen) == (7 if perturbation == "adversarial" else 2)
    assert all(torch.equal(seen[0][label], before[label]) for label in before)
    after = mixed(made)
    assert all(not torch.equal(seen[-1][label], after[label]) for label in after)
    uniform = 1 / 3
    assert float((after["first"] - uniform).abs().max()) < 0.01  # nothing is left of it


def attacked(made, train):
    """Return the unperturbed weights, those the attack starts from, and those it finds."""
    with torch.no_grad():
        plain = {label: made.plain(label) for label in made.mixture.labels}
        start = {label: made.random(weights) for label, weights in plain.items()}
    kept = {label: weights.clone() for label, weights in start.items()}
    return plain, kept, made.attack(plain, start, train)


def loss_at(made, weights, train):
    made.perturbed.weights = weights
    with torch.no_grad():
        return float(made.objective(made.mixture, *train)[0])


def test_the_attack_finds_a_higher_loss_than_chance():
    made = strategy("darts", perturbation="adversarial", epsilon_min=0.3)
    advance(made, 0, 2)
    train = batch(50)
    torch.manual_seed(0)
    plain, _, found = attacked(made, train)
    draws = [{k: made.random(w) for k, w in plain.items()} for _ in range(6)]
    assert loss_at(made, found, train) > max(loss_at(made, drawn, train) for drawn in draws)
    assert all(float(w.sum()) == pytest.approx(1.0) and (w >= 0).all() for w in found.values())


def test_an_attack_that_fails_leaves_the_weights_as_they_are():
    made, train = strategy(perturbation="adversarial", epsilon_min=0.2), batch(0)
    objective, falls = made.objective, []

    def peak(network, *data):
        """Let the loss be highest at the unperturbed weights."""
        loss, logits = objective(network, *data)
        now = torch.cat([m.weights for m in made.mixture._mixed.values()])
        middle = torch.cat([made.plain(label) for label in made.mixture.labels])
        falls.append(float((now - middle).detach().abs().max()))
        return 0.0 * loss - (now - middle.detach()).square().sum(), logits

    made.objective = peak
    plain, _, found = attacked(made, train)
    assert falls[-2] == 0 < falls[-1]
    assert all(torch.equal(found[label], plain[label]) for label in plain)


def test_the_attack_leaves_weights_and_statistics_alone():
    made = strategy("darts", perturbation="adversarial")

    def state():
        tensors = made.mixture.state_dict().items()
        kept = {k: v for k, v in tensors if not k.endswith(("num_batches_tracked", "extra_state"))}
        return {k: v.detach().clone() for k, v in kept.items()}

    before = state()
    attacked(made, batch(0))
    now = state()
    assert all(torch.equal(value, now[name]) for name, value in before.items())
    assert all(p.requires_grad for p in made.mixture.parameters())


def test_a_step_of_the_attack_goes_along_the_gradients_sign():
    options = {"perturbation": "adversarial", "attack_steps": 1, "epsilon_min": 0.04}
    made = strategy(**options).double()
    images, labels = batch(3)
    train = (images.double(), labels)
    with torch.no_grad():
        for alpha in made.mixture.alphas:
            alpha.normal_()
    plain, start, found = attacked(made, train)
    assert loss_at(made, found, train) > loss_at(made, plain, train)  # otherwise they are plain
    for label, weights in start.items():
        wanted = []
        for place in range(len(weights)):
            ends = []
            for arm in (1e-5, -1e-5):
                moved = {k: w.clone() for k, w in start.items()}
                moved[label][place] += arm
                ends.append(loss_at(made, moved, train))
            sign = 1 if ends[0] > ends[1] else -1
            step = float(weights[place]) + 0.08 * sign - float(plain[label][place])
            wanted.append(float(plain[label][place]) + min(max(step, -0.04), 0.04))
        assert found[label].tolist() == pytest.approx([w / sum(wanted) for w in wanted])


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
