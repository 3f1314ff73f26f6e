from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from nasbench import arguments
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.space import DataSpec


@dataclass
class Options:
    order: int = 1
    arch_lr: float = 3e-4
    both: str = ""


class Space:
    def __init__(self, spec: int, width: int = 4, *, deep=True, both: str = "", **_: int) -> None:
        pass


class Hidden:
    """Its annotations name what only a type checker imports."""

    def __init__(self, spec: DataSpec, width: int = 4) -> None:
        pass


_strategy, _space = arguments.of_dataclass(Options), arguments.of_space(Space)


def test_parameters_and_their_types():
    assert _strategy == {"order": int, "arch_lr": float, "both": str}
    assert _space == {"width": int, "deep": bool, "both": str}
    assert list(arguments.of_space(Hidden)) == ["width"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order=2", {"order": 2}),
        ("lr=0.5", {"lr": 0.5}),
        ("deep=false", {"deep": False}),
        ("kernels=[3, 5]", {"kernels": [3, 5]}),
        ("name=a=b", {"name": "a=b"}),
        ("strategy.order=2", {"strategy.order": 2}),
        ("empty=", {"empty": None}),
    ],
)
def test_parse(text, expected):
    assert arguments.parse([text]) == expected


def test_the_last_assignment_wins():
    assert arguments.parse(["a=1", "b=2", "a=3"]) == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("order", "-o order: must look like key=value"),
        ("=2", "-o =2: must look like key=value"),
        ("", "-o : must look like key=value"),
        ("a=[1", "-o a=[1: '[1' cannot be read as a value"),
        ("a=!!python/name:os.system", "-o a=!!python/name:os.system: "),
    ],
)
def test_parse_of_bad_text(text, words):
    with pytest.raises(UserError) as error:
        arguments.parse([text])
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_split_hands_everything_to_its_owner():
    given = {"order": 2, "width": 8, "strategy.both": "x", "space.both": "y"}
    assert arguments.split(given, strategy=_strategy, space=_space) == [
        {"order": 2, "both": "x"},
        {"width": 8, "both": "y"},
    ]
    assert arguments.split({}, strategy=_strategy, space=_space) == [{}, {}]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("ordr", 2, "unknown argument -o 'ordr': did you mean order? allowed: order, arch_lr, "),
        ("space.order", 2, "unknown argument -o 'space.order': "),
        ("task.order", 2, "unknown argument -o 'task.order': "),
        ("both", "x", "-o both: ambiguous: write strategy.both or space.both"),
        ("order", "two", "-o order=two: must be of type int"),
        ("order", 2.0, "-o order=2.0: must be of type int"),
        ("order", True, "-o order=True: must be of type int"),
        ("order", None, "-o order=None: must be of type int"),
        ("arch_lr", "fast", "-o arch_lr=fast: must be of type float"),
        ("deep", 1, "-o deep=1: must be of type bool"),
        ("space.both", 1, "-o space.both=1: must be of type str"),
    ],
)
def test_split_of_what_does_not_fit(key, value, words):
    with pytest.raises(UserError) as error:
        arguments.split({key: value}, strategy=_strategy, space=_space)
    assert str(error.value).startswith(words)


@pytest.mark.parametrize(("value", "expected"), [(1, 1.0), ("1e-3", 0.001), (0.5, 0.5)])
def test_numbers_that_serve_as_floats(value, expected):
    made = arguments.typed("arch_lr", value, float)
    assert made == expected
    assert type(made) is float


def test_types_that_are_not_simple_are_let_through():
    assert arguments.typed("kernels", [3, 5], list[int]) == [3, 5]
