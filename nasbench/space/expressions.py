"""Sums, products, quotients and maxima of value choices, such as ``width * expansion``."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from nasbench.errors import UserError
from nasbench.space.domain import Scalar

if TYPE_CHECKING:
    from nasbench.space.choices import ValueChoice

Weight = TypeVar("Weight")
LARGEST = 100_000  # combinations of options that are enumerated


class Arithmetic:
    """The operators ``+``, ``*`` and ``//`` of value choices and of expressions of them."""

    def __add__(self, other: Size) -> Expression:
        return Expression("{} + {}", operator.add, self, other)

    def __radd__(self, other: Size) -> Expression:
        return Expression("{} + {}", operator.add, other, self)

    def __mul__(self, other: Size) -> Expression:
        return Expression("{} * {}", operator.mul, self, other)

    def __rmul__(self, other: Size) -> Expression:
        return Expression("{} * {}", operator.mul, other, self)

    def __floordiv__(self, other: Size) -> Expression:
        return Expression("{} // {}", operator.floordiv, self, other)

    def __rfloordiv__(self, other: Size) -> Expression:
        return Expression("{} // {}", operator.floordiv, other, self)


class Expression(Arithmetic):
    """A number that follows from value choices; :mod:`nasbench.nn` has layers that take it.

    Made by ``+``, ``*`` and ``//``, :func:`maximum` and :func:`divisible`.

    Args:
        form: the text, with ``{}`` for each operand.
        function: computes the number.
        operands: numbers, choices and expressions.

    Example:
        >>> width = ValueChoice([16, 24], label="width")
        >>> expansion = ValueChoice([3, 6], label="expansion")
        >>> sorted(values(width * expansion))
        [48, 72, 96, 144]
    """

    def __init__(self, form: str, function: Callable[..., Any], *operands: Size) -> None:
        self.form = form
        self.function = function
        self.operands = operands

    @property
    def value(self) -> int | float:
        """The number under an architecture; in a supernet that of the largest values."""
        value: int | float = evaluate(self, lambda choice: choice.value)
        return value

    @property
    def number(self) -> int:
        """The value as an integer.

        Raises:
            UserError: it is a fraction.
        """
        return whole(self.value, str(self))

    def __str__(self) -> str:
        return self.form.format(*(_operand(operand) for operand in self.operands))


# What a layer takes where torch takes a number.
Size = int | float | Arithmetic


def maximum(*terms: Size) -> Expression:
    """Return the largest of several numbers, choices or expressions."""
    return Expression(f"maximum({', '.join(['{}'] * len(terms))})", max, *terms)


def divisible(term: Size, by: int = 8) -> Expression:
    """Return ``term`` rounded to a multiple of ``by``, but by no more than 10 % downwards.

    The rounding of MobileNets (Sandler et al., "MobileNetV2", CVPR 2018; ``_make_divisible`` of
    their code).
    """
    return Expression("divisible({}, {})", _divisible, term, by)


def _divisible(number: float, by: int) -> int:
    rounded = max(by, int(number + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * number else rounded


def choices(term: object) -> dict[str, ValueChoice]:
    """Return label to choice of all choices in a number, choice, expression or tuple of them."""
    if isinstance(term, tuple):
        return {label: one for part in term for label, one in choices(part).items()}
    if isinstance(term, Expression):
        return choices(term.operands)
    return {_leaf(term).label: _leaf(term)} if isinstance(term, Arithmetic) else {}


def evaluate(term: Any, look: Callable[[ValueChoice], Any]) -> Any:
    """Return a term, or a tuple of terms, with ``look(choice)`` in place of each choice.

    Raises:
        UserError: a division by 0.
    """
    if isinstance(term, tuple):
        return tuple(evaluate(part, look) for part in term)
    if not isinstance(term, Expression):
        return look(_leaf(term)) if isinstance(term, Arithmetic) else term
    return _apply(term, tuple(evaluate(operand, look) for operand in term.operands))


def _apply(term: Expression | tuple[Any, ...], operands: tuple[Any, ...]) -> Any:
    if isinstance(term, tuple):
        return operands
    try:
        return term.function(*operands)
    except ZeroDivisionError:
        raise UserError(f"{term}: divides by 0") from None


def distribution(
    term: Any, weigh: Callable[[ValueChoice], Mapping[Scalar, Weight]]
) -> dict[Any, Weight | int]:
    """Return the values that a term, or a tuple of terms, can have, with their weights.

    Decisions are independent: the weight of a combination is the product of the weights of its
    options, and that of a value the sum over its combinations.

    Args:
        term: a number, choice, expression or tuple of them.
        weigh: returns option to weight of a choice.

    Raises:
        UserError: too many combinations of choices that occur more than once.
    """
    if not isinstance(term, Expression | tuple):
        return dict(weigh(_leaf(term))) if isinstance(term, Arithmetic) else {term: 1}
    operands = term if isinstance(term, tuple) else term.operands
    found: dict[Any, Any] = {}

    def add(value: Any, weights: Iterator[Any]) -> None:
        weight = math.prod(weights)  # of numbers as well as of tensors
        found[value] = found[value] + weight if value in found else weight

    leaves = choices(term)
    if sum(len(choices(operand)) for operand in operands) == len(leaves):
        parts = [distribution(operand, weigh) for operand in operands]
        for pairs in product(*(part.items() for part in parts)):
            value = _apply(term, tuple(value for value, _ in pairs))
            add(value, (weight for _, weight in pairs))
        return found
    options = [weigh(choice) for choice in leaves.values()]
    if math.prod(len(one) for one in options) > LARGEST:
        raise UserError(
            f"{text(term)}: has more than {LARGEST} combinations of choices that occur twice"
        )
    for pairs in product(*(one.items() for one in options)):
        known = dict(zip(leaves, (value for value, _ in pairs), strict=True))
        add(evaluate(term, _lookup(known)), (weight for _, weight in pairs))
    return found


def values(term: Any) -> list[Any]:
    """Return every value that a term, or a tuple of terms, can have."""
    return list(distribution(term, lambda choice: dict.fromkeys(choice.domain.selectable, 1)))


def parts(term: Size) -> list[Size]:
    """Return the terms of a sum, which are the widths of concatenated features.

    A multiple of a sum, such as the features after ``flatten``, is a sum of multiples.
    """
    if not isinstance(term, Expression):
        return [term]
    if term.function is operator.add:
        return [part for operand in term.operands for part in parts(operand)]
    if term.function is operator.mul:
        one, other = (parts(operand) for operand in term.operands)
        if len(one) == 1 or len(other) == 1:
            return [x * y for x in one for y in other]
    return [term]


def whole(value: object, name: str, least: int | None = None) -> int:
    """Return a value as an integer.

    Args:
        value: the value.
        name: of the argument, for the error message.
        least: the smallest value allowed.

    Raises:
        UserError: it is no whole number, or too small.
    """
    fits = isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0
    if not fits or (least is not None and value < least):  # type: ignore[operator]
        bound = "" if least is None else f" from {least}"
        raise UserError(f"{name} gives {value!r}: must be a whole number{bound}")
    return int(value)  # type: ignore[call-overload,no-any-return]


def _lookup(known: Mapping[str, Scalar]) -> Callable[[ValueChoice], Scalar]:
    return lambda choice: known[choice.label]


def _leaf(term: Any) -> ValueChoice:
    choice: ValueChoice = term
    return choice


def text(term: object) -> str:
    """Return a term, or a tuple of terms, with the labels of its choices."""
    if isinstance(term, tuple):
        return f"({', '.join(map(text, term))})"
    if isinstance(term, Expression) or not isinstance(term, Arithmetic):
        return str(term)
    return _leaf(term).label


def _operand(term: object) -> str:
    inner = isinstance(term, Expression) and term.form.startswith("{")
    return f"({term})" if inner else text(term)
