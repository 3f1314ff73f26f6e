"""The primitives: one class for the supernet and for the plain network."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import (
    Arch,
    DataSpec,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)

SPEC = DataSpec(1, 8, 8, 3)


class Counting(nn.Linear):
    """Counts its constructions."""

    made = 0

    def __init__(self, a: int, b: int) -> None:
        super().__init__(a, b)
        Counting.made += 1


class Space(SearchSpace):
    def __init__(self, spec: DataSpec, width: int = 4) -> None:
        super().__init__(spec)
        self.first = LayerChoice(
            {"one": lambda: Counting(width, width), "two": lambda: Counting(width, width)},
            label="shared",
        )
        self.again = LayerChoice(
            {"one": lambda: Counting(width, width), "two": lambda: Counting(width, width)},
            label="shared",
        )
        self.stack = Repeat(lambda i: Counting(width, width), [1, 3], label="depth")
        self.node = InputChoice(3, 2, label="node", edges=[lambda: Counting(width, width)] * 3)

    def forward(self, x):
        x = self.stack(self.again(self.first(x)))
        return self.node([x, 2 * x, 3 * x])


ARCH = Arch({"shared": "two", "depth": 1, "node": (0, 2)})


def test_only_the_chosen_is_constructed():
    Counting.made = 0
    network = Space.freeze(ARCH, SPEC)
    assert Counting.made == 1 + 1 + 1 + 2
    assert sum(p.numel() for p in network.parameters()) == 5 * (4 * 4 + 4)
    Counting.made = 0
    Space.supernet(SPEC)
    assert Counting.made == 4 + 3 + 3


def test_describing_allocates_nothing():
    big = 10**6  # a linear layer of this width would take 4 TB
    assert Space.describe(SPEC, width=big).size == 2 * 2 * 3


def test_a_constructor_that_reads_tensors_is_described_too():
    class Rates(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            rates = torch.linspace(0, 0.2, 3).tolist()
            self.choice = LayerChoice(
                {f"p{i}": lambda r=r: nn.Dropout(r) for i, r in enumerate(rates)}, label="rate"
            )

    before = torch.get_rng_state()
    assert Rates.describe(SPEC).size == 3
    assert torch.equal(before, torch.get_rng_state())


def test_the_frozen_network_computes_what_was_chosen():
    network = Space.freeze(ARCH, SPEC).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    y = network.stack.blocks[0](
        network.again.candidates["two"](network.first.candidates["two"](x))
    )
    edges = network.node.edges
    assert torch.equal(network(x), edges["0"](y) + edges["2"](3 * y))


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum", lambda a, b: a + b),
        ("mean", lambda a, b: (a + b) / 2),
        ("concat", lambda a, b: torch.cat([a, b], 1)),
    ],
)
def test_reductions(reduction, expected):
    class One(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.node = InputChoice(3, 2, label="node", reduction=reduction)

    a, b, c = torch.randn(3, 2, 4)
    network = One.freeze(Arch({"node": (0, 2)}), SPEC)
    assert torch.equal(network.node([a, b, c]), expected(a, c))
    with pytest.raises(ValueError, match="got 2 inputs, expected 3"):
        network.node([a, b])


def test_reduction_none_returns_the_list():
    class One(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.node = InputChoice(2, 1, label="node", reduction="none")

    a, b = torch.randn(2, 2, 4)
    (found,) = One.freeze(Arch({"node": (1,)}), SPEC).node([a, b])
    assert torch.equal(found, b)


def test_an_open_choice_says_what_to_do():
    with pytest.raises(RuntimeError, match="freeze the space"):
        Space(SPEC)(torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"shared": "two", "depth": 1}, "lacks the label 'node'"),
        ({"shared": "six", "depth": 1, "node": (0, 2)}, "allowed: one, two"),
        ({"shared": "one", "depth": 2, "node": (0, 2)}, "allowed: 1, 3"),
        ({**ARCH, "extra": 1}, "extra label 'extra'"),
    ],
)
def test_freezing_under_a_wrong_architecture_is_refused(choices, words):
    with pytest.raises(UserError) as caught:
        Space.freeze(Arch(choices), SPEC)
    assert words in str(caught.value)


def test_the_same_label_with_other_candidates_is_refused():
    class Twice(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.a = LayerChoice({"x": nn.Identity}, label="same")
            self.b = LayerChoice({"y": nn.Identity}, label="same")

    with pytest.raises(ValueError, match="used twice"):
        Twice.describe(SPEC)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LayerChoice({"x": nn.Identity}, label=""), "non-empty"),
        (lambda: LayerChoice({"x": nn.Identity}, label="a.b"), "without a dot"),
        (lambda: LayerChoice({}, label="none"), "needs at least one candidate"),
        (lambda: LayerChoice({"a.b": nn.Identity}, label="dot"), "'a.b' contains a dot"),
        (lambda: LayerChoice({"keys": nn.Identity}, label="res"), "'keys' contains a dot or is"),
        (lambda: ValueChoice([1, 1], label="twice"), "all distinct"),
        (lambda: InputChoice(2, 3, label="many"), r"n_chosen=3 must be in 1\.\.2"),
        (lambda: InputChoice(2, label="red", reduction="max"), "reduction='max'"),
        (lambda: InputChoice(2, label="edges", edges=[nn.Identity]), "1 edges for 2"),
        (lambda: Repeat(lambda i: nn.Identity(), [-1, 2], label="deep"), "not be negative"),
    ],
)
def test_a_wrong_declaration_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_values_in_a_supernet_and_frozen():
    class Wide(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.width = ValueChoice([8, 32, 16], label="width")
            self.name = ValueChoice(["relu", "gelu"], label="act")

    supernet = Wide.supernet(SPEC)
    assert (supernet.width.number, supernet.name.value) == (32, "relu")
    frozen = Wide.freeze(Arch({"width": 16, "act": "gelu"}), SPEC)
    assert (frozen.width.number, frozen.name.value) == (16, "gelu")
    with pytest.raises(TypeError, match="'gelu'"):
        _ = frozen.name.number
    assert torch.equal(frozen.width(torch.ones(2)), torch.ones(2))


def test_a_frozen_network_can_be_pickled_for_a_worker():
    network = nn.Sequential(LayerChoice({"a": nn.ReLU()}, label="a"))
    assert isinstance(pickle.loads(pickle.dumps(network))[0], LayerChoice)


def test_arch_is_canonical():
    one = Arch({"b": (0, 1), "a": "x"})
    two = Arch({"a": "x", "b": (0, 1)})
    assert one == two
    assert hash(one) == hash(two)
    assert one.canonical == '{"a":"x","b":[0,1]}'
    assert one.id == two.id
    assert one != Arch({"a": "y", "b": (0, 1)})
    assert one != {"a": "x", "b": (0, 1)}
    assert one.id in repr(one)
    with pytest.raises(TypeError):
        one["a"] = "z"  # type: ignore[index]


@pytest.mark.parametrize("name", ["channels", "height", "width", "classes"])
def test_a_data_spec_is_positive(name):
    good = {"channels": 1, "height": 8, "width": 8, "classes": 2}
    with pytest.raises(ValueError, match=f"{name}=0"):
        DataSpec(**{**good, name: 0})


class Listed(SearchSpace):
    """A list of candidates, as in NNI."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.layer = LayerChoice([lambda: nn.Conv2d(1, 3, 1), nn.Conv2d(1, 3, 3)], label="layer")

    def forward(self, x):
        return self.layer(x).mean(dim=(2, 3))


@pytest.mark.parametrize("value", ["1", 1])
def test_candidates_in_a_list_are_named_by_their_numbers(value):
    domains = Listed.describe(SPEC)
    assert domains["layer"].candidates == ("0", "1")
    arch = domains.arch({"layer": value})  # NNI's files hold the number
    assert dict(arch) == {"layer": "1"}
    assert list(Listed.freeze(arch, SPEC).layer.candidates) == ["1"]
    assert Listed.freeze(arch, SPEC).layer.candidates["1"].kernel_size == (3, 3)
    for wrong in (2, -1, True, 1.0):
        with pytest.raises(UserError, match="0, 1"):
            domains.arch({"layer": wrong})
