"""DARTS-PT: the selection against algorithm 1, written out for a supernet that is known."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import InputChoice, LayerChoice, Repeat, SearchSpace
from nasbench.strategies.oneshot.darts_pt import DartsPtOptions, DartsPtStrategy, limited
from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, batch, make


class TestDartsPt(OneShotStrategySuite):
    strategy = DartsPtStrategy
    options: ClassVar = {"tune_steps": 1, "samples": 4}


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x):
        return self.factor * x


FACTORS = (-0.5, 2.0, 0.1)  # of the node's inputs


class Known(SearchSpace):
    """A network whose right answers depend on one operation and on two inputs.

    The images' mean tells the class; what is added with a negative sign spoils it.
    """

    def __init__(self, spec):
        super().__init__(spec)
        ops = {
            "none": lambda: Scale(0.0),
            "bad": lambda: Scale(-0.2),
            "good": lambda: Scale(1.0),
            "weak": lambda: Scale(0.1),
        }
        self.block = LayerChoice(ops, label="block", relaxed_only=("none",))
        self.node = InputChoice(
            3,
            1,
            label="node",
            edges=[
                lambda i=i: LayerChoice({"a": lambda: Scale(FACTORS[i])}, label=f"edge{i}")
                for i in range(3)
            ],
        )
        self.depth = Repeat(lambda i: nn.Identity(), (1, 2), label="depth")

    def forward(self, x):
        x = self.depth(self.block(x.mean((1, 2, 3), keepdim=True)))
        x = self.node([x, x, x]).flatten(1)
        return torch.cat([-x, x, torch.full_like(x, -100.0)], 1)


class TwoClasses(RandomData):
    """Images whose mean's sign is the class; told how the work goes on."""

    def __init__(self):
        super().__init__()
        self.ticks, self.trained = [], []

    def validation(self):
        for number in (1, 2):
            images, _ = batch(number, size=16)
            yield images, (images.mean((1, 2, 3)) > 0).long()

    def training(self, name, steps):
        self.trained.append((name, steps))
        return super().training(name, steps)

    def tick(self, done, total):
        self.ticks.append((done, total))


def known(**options):
    strategy = make(DartsPtStrategy, PlainSupernets(Known, {}), {"tune_steps": 0, **options})
    with torch.no_grad():
        # The weights say the opposite of what the accuracy says.
        strategy.mixture.alpha("block").copy_(torch.tensor([0.0, 2.0, 1.5, 0.5]))
    return strategy


def test_what_hurts_most_stays_and_not_what_weighs_most():
    strategy = known()
    assert strategy.derive()["block"] == "bad"
    arch = strategy.select(TwoClasses())
    assert arch["block"] == "good"
    assert arch["node"] == (1,)
    assert strategy.derive() == arch
    assert strategy.mixture.kept["block"] == [2]
    assert strategy.mixture.cut == {"node": [0, 2]}


def test_every_judgement_is_the_supernet_without_one_candidate():
    """Against the sum written out: the others' weights as they were, accuracy, then loss."""
    strategy = known()
    data = list(TwoClasses().validation())
    alpha = strategy.mixture.alpha("block").detach()
    images = torch.cat([images for images, _ in data])
    labels = torch.cat([labels for _, labels in data])
    factors = torch.tensor([0.0, -0.2, 1.0, 0.1])
    for place in range(4):
        left = [i for i in range(4) if i != place]
        weights = alpha.exp() / alpha.exp().sum()
        x = (weights * factors)[left].sum() * (-0.5 + 2.0 + 0.1) * images.mean((1, 2, 3))
        logits = torch.stack([-x, x, torch.full_like(x, -100.0)], 1)
        accuracy = (logits.argmax(1) == labels).float().mean()
        loss = -logits.log_softmax(1)[torch.arange(len(labels)), labels].mean()
        found = strategy._without("block", place, data)
        assert found == pytest.approx((float(accuracy), -float(loss)), abs=1e-5)
    assert strategy.mixture.kept["block"] == [0, 1, 2, 3]
    # And a node without one input.
    x = (alpha.softmax(0) * factors).sum() * (-0.5 + 0.1) * images.mean((1, 2, 3))
    accuracy = ((x > 0).long() == labels).float().mean()
    assert strategy._without("node", 1, data)[0] == pytest.approx(float(accuracy))


def test_operations_are_decided_before_inputs_with_tuning_in_between():
    strategy, data = known(tune_steps=3), TwoClasses()
    weight = strategy.mixture.network.block.candidates["good"].factor.detach().clone()
    strategy.select(data)
    names = [name for name, _ in data.trained]
    assert sorted(names[:-1]) == ["block", "depth", "edge0", "edge1", "edge2"]
    assert names[-1] == "node"
    assert {steps for _, steps in data.trained} == {3}
    assert data.ticks == [(i, 6) for i in range(6)]
    assert not torch.equal(strategy.mixture.network.block.candidates["good"].factor, weight)


def test_the_order_is_drawn_from_the_seed():
    def order(seed):
        strategy = make(DartsPtStrategy, PlainSupernets.named("darts"), {"tune_steps": 0}, seed)
        told = []
        strategy._decide = lambda label, images: told.append(label)
        strategy.derive = lambda: None
        strategy.select(RandomData())
        return told

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == sorted(order(2))


def test_tuning_starts_from_a_tenth_of_the_rate_and_not_from_the_schedules_end():
    strategy = make(DartsPtStrategy, PlainSupernets.named(OWN), {"tune_steps": 5})
    strategy._ready_to_tune(4)
    assert strategy.weights.lr == pytest.approx(0.005)


class Pair(SearchSpace):
    """Two of three inputs, weighted by parameters of their own."""

    def __init__(self, spec):
        super().__init__(spec)
        self.stem = nn.Conv2d(1, 3, 1)
        self.pick = InputChoice(3, 2, label="pick")

    def forward(self, x):
        x = self.stem(x)
        return self.pick([x, 0.1 * x, -x]).mean((2, 3))


def test_a_choice_of_two_inputs_keeps_two():
    strategy = make(DartsPtStrategy, PlainSupernets(Pair, {}), {"tune_steps": 0})
    scores = {0: (0.5, 0.0), 1: (0.3, -1.0), 2: (0.3, -2.0)}
    strategy._without = lambda label, place, images: scores[place]
    assert strategy.select(RandomData())["pick"] == (1, 2)
    assert strategy.mixture.kept["pick"] == [1, 2]
    scores.update({0: (0.3, -1.5)})  # the same accuracy: the higher loss hurts more
    strategy.mixture.keep("pick", [0, 1, 2])
    assert strategy.select(RandomData())["pick"] == (0, 2)


def test_inputs_that_are_cut_take_no_part_and_stay_out_in_the_state():
    strategy = make(DartsPtStrategy, PlainSupernets.named("darts"), {})
    mixture = strategy.mixture.eval()
    images, _ = batch(1)
    label = next(name for name in strategy.domains if name.endswith("n3/switch"))
    with torch.no_grad():
        every = mixture(images)
        mixture.cut[label] = [0, 2]
        without = mixture(images)
        for choice in mixture.sites:
            if choice.label == label:
                for source in ("0", "2"):
                    edge = choice.edges[source]
                    for name in edge.candidates:
                        edge.candidates[name] = nothing_of(edge.candidates[name])
        mixture.cut.clear()
        torch.testing.assert_close(mixture(images), without)
    assert not torch.equal(every, without)
    mixture.cut[label] = [0, 1]
    assert mixture.discretize()[label][-1] == 2
    other = make(DartsPtStrategy, PlainSupernets.named("darts"), {})
    other.mixture.set_extra_state(mixture.get_extra_state())
    assert other.mixture.cut == {label: [0, 1]}


def nothing_of(layer):
    """Return what maps to 0 with the layer's size."""

    class Nothing(nn.Module):
        def forward(self, x):
            return 0 * layer(x)

    return Nothing()


def test_so_many_images_are_taken_and_never_one_alone():
    def sizes(most, *given):
        found = limited(((torch.zeros(n, 1), torch.zeros(n)) for n in given), most)
        return [len(images) for images, _ in found]

    assert sizes(100, 8, 8) == [8, 8]
    assert sizes(12, 8, 8, 8) == [8, 4]
    assert sizes(9, 8, 8) == [8]
    assert sizes(8, 1, 8) == [7]
    assert sizes(16, 8, 8, 8) == [8, 8]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tune_steps": -1}, "-o tune_steps=-1: must be at least 0"),
        ({"samples": 1}, "-o samples=1: must be at least 2"),
        ({"order": 3}, "unknown -o order '3'"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        DartsPtOptions(**options)
    assert words in str(told.value)
