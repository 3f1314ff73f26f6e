"""``Genotype(normal=[...], normal_concat=..., reduce=[...], reduce_concat=...)`` as text.

Three forms are read: pairs ``(op, input)``, two for each node (DARTS); those pairs nested, node by
node (GDAS); and triples ``(op, node, input)``, any number for each node (FairDARTS). The text is
parsed with ``ast``; nothing in it is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop.genotype import INPUTS, KINDS, Cell, Genotype, Pair

_FIELDS = {*KINDS, *(f"{kind}_concat" for kind in KINDS), "connectN", "connects"}


def parse(text: str) -> Genotype:
    """Read ``Genotype(normal=..., ...)``, with or without ``NAME =`` before it.

    Raises:
        UserError: the text is not a genotype, or a cell reads a state that does not exist.
    """
    try:
        (statement,) = ast.parse(text.strip()).body
    except (SyntaxError, ValueError) as error:
        raise _no_genotype(text) from error
    return _genotype(getattr(statement, "value", None), text)


def parse_file(text: str, name: str | None) -> Genotype:
    """Return a genotype of a Python file that assigns one or several.

    Args:
        text: the file's content.
        name: the variable to read; required if there are several.

    Raises:
        UserError: the file has no genotype, none of that name, or several and no name is given.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise UserError(f"not Python: {error}") from error
    found = {
        target.id: statement.value
        for statement in statements
        if isinstance(statement, ast.Assign) and _is_call(statement.value)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    if name is None and len(found) != 1:
        names = ", ".join(found) or "none"
        raise UserError(f"which genotype? The file has {names}; write FILE.py:NAME")
    if name is not None and name not in found:
        raise unknown("genotype", name, found)
    chosen = name or next(iter(found))
    return _genotype(found[chosen], chosen)


def nested(genotype: Genotype) -> str:
    """Return the text with the pairs of each node in a tuple of their own, as GDAS writes it."""
    return f"Genotype({genotype.text(lambda cell: cell.nodes)}, connectN=None, connects=None)"


def triples(genotype: Genotype) -> str:
    """Return the text with ``(op, node, input)`` for each edge, as FairDARTS writes it."""
    return f"Genotype({genotype.text(lambda cell: cell.triples)})"


def _is_call(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Genotype"


def _genotype(node: ast.AST | None, text: str) -> Genotype:
    if not _is_call(node):
        raise _no_genotype(text)
    assert isinstance(node, ast.Call)
    fields: dict[str, Any] = {}
    try:
        for keyword in node.keywords:
            value = keyword.value
            if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "range":
                content = list(range(*(ast.literal_eval(argument) for argument in value.args)))
            else:
                content = ast.literal_eval(value)
            fields[str(keyword.arg)] = content
        cells = [_cell(fields[kind], fields.get(f"{kind}_concat")) for kind in KINDS]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _no_genotype(text) from error
    for field, content in fields.items():
        if field not in _FIELDS:
            raise unknown("field of a genotype", field, sorted(_FIELDS))
        if field.startswith("connect") and content is not None:
            raise UserError(f"genotype: {field}={content!r}: only None can be built")
    return Genotype(*cells)


def _cell(edges: Sequence[Any], concat: Sequence[int] | None) -> Cell:
    """Return a cell of any of the three forms.

    Raises:
        ValueError, TypeError, IndexError: it has another form.
        UserError: it reads a state that does not exist.
    """
    nodes: list[tuple[Pair, ...]]
    if edges and isinstance(edges[0][0], tuple | list):
        nodes = [tuple(_pair(*pair) for pair in node) for node in edges]
    elif edges and len(edges[0]) == 3:
        last = max([int(number) for _, number, _ in edges])
        nodes = [
            tuple(_pair(op, source) for op, number, source in edges if number == node)
            for node in range(INPUTS, last + 1)
        ]
        if sum(map(len, nodes)) != len(edges):
            raise ValueError("a node before the first")
    else:
        if len(edges) % 2:
            raise ValueError("an odd number of pairs")
        flat = [_pair(*pair) for pair in edges]
        nodes = [tuple(flat[at : at + 2]) for at in range(0, len(flat), 2)]
    every = range(INPUTS, INPUTS + len(nodes))
    return Cell(tuple(nodes), tuple(every if concat is None else map(int, concat))).checked()


def _pair(op: object, source: object) -> Pair:
    if not isinstance(op, str) or type(source) is not int:
        raise TypeError(f"({op!r}, {source!r})")
    return op, source


def _no_genotype(text: str) -> UserError:
    return UserError(
        f"not a DARTS genotype: {text.strip()[:60]!r}: expected "
        "Genotype(normal=[(op, input), ...], normal_concat=..., reduce=[...], ...)"
    )
