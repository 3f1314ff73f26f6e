from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from nasbench.errors import UserError
from nasbench.options import PluginOptions, allowed_values, option, require_effect


@dataclass(frozen=True)
class Base(PluginOptions):
    lr: float = option(0.1, "Learning rate.", above=0)
    share: float = option(0.5, "Share.", low=0, below=1)
    most: int = option(5, "Most.", low=1)
    some: int = option(2, "Some.", low=1, high="most")
    order: int = option(1, "Order.", allowed=(1, 2))
    size: int = option(3, "Size.", high=9, only_with=("order", 2))
    upper: float = option(0.1, "Upper.", below=2.5)
    good: bool = option(True, "Good.")
    widths: tuple[int, ...] = option((1, 2), "Widths.")
    note: str | None = option(None, "Note.")


@dataclass(frozen=True)
class Derived(Base):
    lr: float = 0.2
    extra: int = option(0, "Extra.", low=0)


@dataclass(frozen=True)
class Twice(Derived):
    lr: float = 0.3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": 0.0}, "-o lr=0.0: must be above 0"),
        ({"lr": float("nan")}, "-o lr=nan: must be above 0"),
        ({"lr": float("inf")}, "-o lr=inf: must be a finite number"),
        ({"share": 1.0}, "-o share=1.0: must be in [0, 1)"),
        ({"share": -0.5}, "-o share=-0.5: must be in [0, 1)"),
        ({"some": 6}, "-o some=6: must be in [1, most=5]"),
        ({"order": 3}, "unknown -o order '3': allowed: 1, 2"),
        ({"size": 10}, "-o size=10: must be at most 9"),
        ({"upper": 2.5}, "-o upper=2.5: must be below 2.5"),
    ],
)
def test_values_out_of_range(given, words):
    for kind in (Base, Derived, Twice):
        with pytest.raises(UserError) as error:
            kind(**given)
        assert str(error.value) == words


def test_a_subclass_changes_a_default_and_keeps_help_and_range():
    assert (Base().lr, Derived().lr, Twice().lr) == (0.1, 0.2, 0.3)
    assert fields(Twice)[0].metadata["help"] == "Learning rate."
    with pytest.raises(UserError, match="-o extra=-1: must be at least 0"):
        Twice(extra=-1)


def test_allowed_values_in_words():
    words = {entry.name: allowed_values(entry.metadata) for entry in fields(Base)}
    assert words == {
        "lr": "above 0",
        "share": "in [0, 1)",
        "most": "at least 1",
        "some": "in [1, most]",
        "order": "one of 1, 2",
        "size": "at most 9",
        "upper": "below 2.5",
        "good": "",
        "widths": "",
        "note": "",
    }


def test_an_option_without_effect():
    require_effect(Base(), ["order", "lr"])
    require_effect(Base(order=2, size=1), ["size"])
    with pytest.raises(UserError, match=r"^-o size=4: is for -o order=2, and .* has order=1$"):
        require_effect(Base(size=4), ["size"])


def test_fields_that_declare_nothing():
    """A user's own options may be plain fields."""

    @dataclass(frozen=True)
    class Mine(PluginOptions):
        depth: int = -3

    assert Mine().depth == -3
    require_effect(Mine(), ["depth"])


@dataclass(frozen=True)
class Numbers(PluginOptions):
    count: int = option(1, "Count.", low=1, most=50)
    share: float = option(0.5, "Share.")
    seed: int = option(0, "Seed.", most=2**63)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"count": 51}, "-o count=51: must be at most 50"),
        ({"count": 10**299}, "-o count=10000000000000000000...: must be at most 50"),
        ({"count": -(10**299)}, "-o count=-1000000000000000000...: must be at least 1"),
        ({"share": 1e300}, "-o share=1e+300: must be at most 1,000,000,000"),
        ({"share": float("inf")}, "-o share=inf: must be a finite number"),
        ({"seed": 10**23}, "-o seed=10000000000000000000...: must be at most"),
    ],
)
def test_numbers_beyond_what_makes_sense(given, words):
    with pytest.raises(UserError) as caught:
        Numbers(**given)
    assert str(caught.value).startswith(words[:30])
    assert len(str(caught.value)) < 100
    assert Numbers(count=50, seed=2**63).seed == 2**63
