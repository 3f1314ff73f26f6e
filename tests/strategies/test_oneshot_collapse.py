"""Signs of a collapse, counted by hand, and the warnings they give."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nasbench.space import Arch
from nasbench.strategies.oneshot.collapse import CollapseSigns, entropy, skip_edges, verdict
from nasbench.strategies.oneshot.darts import DartsStrategy
from nasbench.testing.supernets import PlainSupernets, make

HEALTHY = CollapseSigns(1, 8, entropy=0.5, supernet_accuracy=0.9, derived_accuracy=0.8)


def test_entropy_is_a_share_of_the_largest():
    assert entropy({"a": [0.25] * 4}) == pytest.approx(1)
    assert entropy({"a": [0, 1, 0]}) == 0
    half = entropy({"a": [0.5, 0.5, 0, 0], "b": [2, 2]})  # a: 1 of 2 bits; b: all of its one
    assert half == pytest.approx((0.5 + 1) / 2)
    skew = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    assert entropy({"a": [0.9, 0.1]}) == pytest.approx(skew)


def test_entropy_without_decisions():
    assert entropy({}) is None
    assert entropy({"alone": [1.0], "nothing": [0.0, 0.0]}) is None


def test_skips_of_the_normal_cell_are_counted_and_no_others():
    strategy = make(DartsStrategy, PlainSupernets.named("darts", nodes=4), {})
    arch = strategy.derive()
    edges = [label for label, value in arch.items() if isinstance(value, str)]
    normal = [label for label in edges if label.startswith("normal/")]
    assert len(normal) == 8
    skips = {label: "skip_connect" for label in normal[:6]}
    others = {label: "sep_conv_3x3" for label in normal[6:]}
    reduction = {label: "skip_connect" for label in edges if label not in normal}
    changed = Arch({**arch, **skips, **others, **reduction})
    assert skip_edges(strategy.relaxed.sites, changed) == (6, 8)


def test_a_collapse_is_named_with_a_way_out():
    signs = replace(HEALTHY, skips=6)
    assert signs.collapsed
    assert verdict(signs, "darts", robust=False) == (
        "6 of 8 edges are skip connections: likely collapsed; try `pc-darts` or `-o robust=true`",
    )
    assert "try `p-darts`" in verdict(signs, "pc-darts", robust=True)[0]
    assert "robust" not in verdict(signs, "spos", robust=None)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"entropy": 0.99995}, "entropy 0.99995 of 1"),
        ({"derived_accuracy": 0.4}, "40.0% with the supernet's weights, the supernet 90.0%"),
        ({"eigenvalues": (1.0,) * 5 + (2.0,) * 5}, "has grown to 2"),
    ],
)
def test_other_signs(change, words):
    (line,) = verdict(replace(HEALTHY, **change), "darts", robust=False)
    assert words in line
    assert "\n" not in line


def test_nothing_is_said_of_a_healthy_search():
    assert verdict(HEALTHY, "darts", robust=False) == ()
    assert verdict(CollapseSigns(0, 0), "spos", robust=None) == ()
    assert verdict(replace(HEALTHY, skips=3), "darts", robust=False) == ()
    rising = replace(HEALTHY, eigenvalues=(1.0,) * 9)  # two means of five epochs are compared
    assert verdict(rising, "darts", robust=False) == ()


def test_a_short_search_loses_its_accuracy_as_every_one_does():
    mixed = replace(HEALTHY, entropy=0.98, derived_accuracy=0.3)
    assert verdict(mixed, "darts", robust=False) == ()
    assert mixed.to_json()["gap"] == pytest.approx(0.6)  # kept all the same


def test_what_the_checkpoint_keeps():
    kept = replace(HEALTHY, skips=4).to_json()
    assert kept["collapsed"]
    assert kept["gap"] == pytest.approx(0.1)
    assert CollapseSigns(0, 8).to_json()["gap"] is None
