"""Values in Python source, read as data: nothing in it is executed.

Read are literals, names assigned before, and calls that only make a list or a number of what they
are given: ``range``, ``list``, ``tuple``, ``array``, and numpy's types, because numpy 2 prints
``np.int64(0)``. Other calls mean what the caller says.
"""

from __future__ import annotations

import ast
import re
import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nasbench.errors import UserError

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # some editors begin files with this byte-order mark
MOST = 1000  # items of a range: no cell has as many states
Calls = Mapping[str, Callable[[list[Any], dict[str, Any]], Any]]
_SCALAR = re.compile(r"u?int(8|16|32|64|p|_)?|str_?")
_SEQUENCES = ("list", "tuple", "array")
_RANGES = ("range", "arange")


class NotDataError(ValueError):
    """An expression that is not read; the message shows it."""


def statements(text: str) -> list[ast.stmt]:
    """Return the statements of Python source.

    Raises:
        UserError: the text is not Python.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in texts of others
            return ast.parse(text.removeprefix(BOM).strip()).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = getattr(error, "msg", None) or str(error) or "nested too deep"
        raise UserError(
            f"not Python: line {getattr(error, 'lineno', None) or 1}: {reason}"
        ) from error


def assigned(text: str, calls: Calls) -> dict[str, Any]:
    """Return each variable's last value, an expression statement's under ``""``.

    A value that is not read is the exception that says so.

    Args:
        text: Python source.
        calls: name of a function or class to what its call gives, from positional and keyword
            arguments; a :class:`UserError` that it raises becomes the value.

    Raises:
        UserError: the text is not Python.
    """
    found: dict[str, Any] = {}
    for statement in statements(text):
        for target, node in _assignments(statement):
            try:
                value = evaluate(node, found, calls)
            except (NotDataError, UserError) as error:
                value = error
            for name, one in _bound(target, value):
                found[name] = one
    return found


def literal(text: str) -> Any:
    """Return the list, tuple or mapping that a text is in Python, else ``None``."""
    try:
        (statement,) = statements(text)
        return evaluate(statement.value, {}, {}) if isinstance(statement, ast.Expr) else None
    except (ValueError, UserError):
        return None


def evaluate(node: ast.expr, names: Mapping[str, Any], calls: Calls) -> Any:
    """Return the value of an expression.

    Args:
        node: the expression.
        names: values of the variables.
        calls: see :func:`assigned`.

    Raises:
        NotDataError: it is no value that is read.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        items = [evaluate(item, names, calls) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Dict) and None not in node.keys:
        keys = [evaluate(key, names, calls) for key in node.keys if key is not None]
        if all(isinstance(key, str) for key in keys):
            values = [evaluate(value, names, calls) for value in node.values]
            return dict(zip(keys, values, strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if isinstance(number, int | float):
            return -number
    if isinstance(node, ast.Name) and node.id in names:
        if isinstance(names[node.id], Exception):
            raise names[node.id]
        return names[node.id]
    if isinstance(node, ast.Call):
        return _called(node, names, calls)
    raise NotDataError(_shown(node))


def _called(node: ast.Call, names: Mapping[str, Any], calls: Calls) -> Any:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    known = name in calls or name in (*_SEQUENCES, *_RANGES) or _SCALAR.fullmatch(name)
    if not known or any(keyword.arg is None for keyword in node.keywords):
        raise NotDataError(_shown(node))
    given = [evaluate(one, names, calls) for one in node.args]
    if name in calls:
        named = {str(k.arg): evaluate(k.value, names, calls) for k in node.keywords}
        return calls[name](given, named)
    if name in _RANGES:
        return _range(node, given)
    (only,) = given if len(given) == 1 else (None,)
    if name in _SEQUENCES and isinstance(only, list | tuple):
        return list(only)
    if name not in _SEQUENCES and type(only) in (int, str):
        return only
    raise NotDataError(_shown(node))


def _range(node: ast.Call, given: list[Any]) -> list[int]:
    if not 1 <= len(given) <= 3 or any(type(one) is not int for one in given) or given[2:] == [0]:
        raise NotDataError(_shown(node))
    numbers = range(*given)
    # The length itself may be larger than len() allows.
    if numbers and abs(numbers[-1] - numbers[0]) >= MOST * abs(numbers.step):
        raise NotDataError(f"{_shown(node)} has more than {MOST} items")
    return list(numbers)


def _assignments(statement: ast.stmt) -> Iterator[tuple[ast.expr | None, ast.expr]]:
    if isinstance(statement, ast.Expr):
        yield None, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield statement.target, statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield target, statement.value


def _bound(target: ast.expr | None, value: Any) -> Iterator[tuple[str, Any]]:
    if target is None:
        yield "", value
    elif isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        several = value if isinstance(value, list | tuple) else [value] * len(target.elts)
        for inner, one in zip(target.elts, several, strict=False):
            yield from _bound(inner, one)


def _shown(node: ast.expr) -> str:
    """Return the beginning of an expression's source."""
    try:
        return shown(ast.unparse(node))
    except RecursionError:
        return "an expression nested too deep"


def shown(value: Any) -> str:
    """Return a value as Python writes it, shortened; a text as it is."""
    text = value if isinstance(value, str) else reprlib.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
