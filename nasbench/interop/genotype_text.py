"""``Genotype(normal=[...], normal_concat=..., reduce=[...], reduce_concat=...)`` as text.

Three forms are read: pairs ``(op, input)``, two for each node (DARTS); those pairs nested, node by
node (GDAS); and triples ``(op, node, input)``, any number for each node (FairDARTS). The text is
read as data; nothing in it is executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop import unread
from nasbench.interop.genotype import INPUTS, KINDS, MOST_NODES, Cell, Genotype, Pair
from nasbench.interop.python_text import assigned, shown

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat", "connectN", "connects")


def parse(text: str) -> Genotype:
    """Read ``Genotype(normal=..., ...)``, with or without ``NAME =`` before it.

    Raises:
        UserError: the text is not a genotype, or a cell reads a state that does not exist.
    """
    try:
        found = assigned(text, _CALLS)
    except UserError as error:
        raise _no_genotype(text) from error
    if not any(isinstance(value, Genotype | Exception) for value in found.values()):
        raise _no_genotype(text)
    return _chosen(found, None)


def parse_file(text: str, name: str | None) -> Genotype:
    """Return a genotype of a Python file that assigns one or several.

    Args:
        text: the file's content.
        name: the variable to read; required if there are several.

    Raises:
        UserError: the file has no genotype, none of that name, or several and no name is given.
    """
    return _chosen(assigned(text, _CALLS), name)


def recognizes(content: Mapping[str, Any]) -> bool:
    """Return whether a mapping has the fields of a genotype."""
    return {*KINDS} <= {*content} <= {*_FIELDS}


def of_fields(fields: Mapping[str, Any]) -> Genotype:
    """Return the genotype of the fields ``normal``, ``normal_concat``, ``reduce``, ....

    Raises:
        UserError: a field is missing, unknown or invalid.
    """
    if "recurrent" in fields:
        raise UserError(
            "a recurrent cell, Genotype(recurrent=...): it is not read; cells of convolutional "
            "networks are, with normal= and reduce="
        )
    for field, content in fields.items():
        if field not in _FIELDS:
            raise unknown("field of a genotype", field, _FIELDS)
        if field.startswith("connect") and content is not None:
            raise UserError(f"genotype: {field}={shown(content)}: only None can be built")
    for kind in KINDS:
        if kind not in fields:
            raise UserError(f"not a DARTS genotype: it has no {kind}=: {_EXPECTED}")
    return Genotype(*(_cell(kind, fields[kind], fields.get(f"{kind}_concat")) for kind in KINDS))


def nested(genotype: Genotype) -> str:
    """Return the text with the pairs of each node in a tuple of their own, as GDAS writes it."""
    return f"Genotype({genotype.text(lambda cell: cell.nodes)}, connectN=None, connects=None)"


def triples(genotype: Genotype) -> str:
    """Return the text with ``(op, node, input)`` for each edge, as FairDARTS writes it."""
    return f"Genotype({genotype.text(lambda cell: cell.triples)})"


def _called(given: list[Any], named: dict[str, Any]) -> Genotype:
    if len(given) > len(_FIELDS):
        raise UserError(f"a genotype of {len(given)} fields: {', '.join(_FIELDS)} are known")
    fields = dict(zip(_FIELDS, given, strict=False))
    for field in named:
        if field in fields:
            raise UserError(f"genotype: {field}= is given twice")
    return of_fields(fields | named)


_CALLS = {"Genotype": _called, **unread.CALLS}


def _chosen(found: Mapping[str, Any], name: str | None) -> Genotype:
    """Return the genotype of a variable; of the only one by default."""
    read = {one: value for one, value in found.items() if isinstance(value, Genotype | UserError)}
    if name is None:
        if not read and isinstance(found.get(""), Exception):
            raise UserError(f"not a DARTS genotype: {found['']}: {_EXPECTED}")
        if len({id(value) for value in read.values()}) != 1:
            names = ", ".join(one or "one without a name" for one in read) or "none"
            raise UserError(f"which genotype? The file has {names}; write FILE.py:NAME")
        name = next(iter(read))
    if name in found and name not in read:
        what = f": {found[name]}" if isinstance(found[name], Exception) else ""
        raise UserError(f"{name} is not a genotype{what}: {_EXPECTED}")
    if name not in read:
        raise unknown("genotype", name, read)
    chosen = read[name]
    if isinstance(chosen, UserError):
        raise chosen
    return chosen


def _cell(kind: str, edges: Any, concat: Any) -> Cell:
    """Return a cell of any of the three forms.

    Raises:
        UserError: it has another form, or reads a state that does not exist.
    """
    try:
        output = None if concat is None else tuple(map(_state, concat))
        nodes = _nodes(edges, output or ())
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(f"not a DARTS genotype: {kind}: {error}: {_EXPECTED}") from error
    every = range(INPUTS, INPUTS + len(nodes))
    return Cell(nodes, tuple(every) if output is None else output).pruned().checked()


def _nodes(edges: Any, output: Sequence[int]) -> tuple[tuple[Pair, ...], ...]:
    """Return the edges of each node; with triples, of all nodes up to the last in ``output``."""
    if not _is_list(edges):
        raise TypeError(f"{shown(edges)} is no list of edges")
    first = next((one for one in edges if one), ())
    if _is_list(first) and first and _is_list(first[0]):
        return tuple(tuple(map(_pair, node)) for node in edges)
    if _is_list(first) and len(first) == 3:
        read = [(_state(number), _pair((op, source))) for op, number, source in edges]
        numbers = [number for number, _ in read]
        last, most = max([*numbers, *output]), INPUTS + MOST_NODES - 1
        if min(numbers) < INPUTS or last > most:
            raise ValueError(f"its nodes are numbered from {INPUTS} to {most} at most")
        nodes: list[list[Pair]] = [[] for _ in range(INPUTS, last + 1)]
        for number, pair in read:
            nodes[number - INPUTS].append(pair)
        return tuple(map(tuple, nodes))
    if len(edges) % 2:
        raise ValueError(f"{len(edges)} pairs: two for each node are needed")
    flat = [_pair(pair) for pair in edges]
    return tuple(tuple(flat[at : at + 2]) for at in range(0, len(flat), 2))


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _pair(pair: Sequence[Any]) -> Pair:
    op, source = pair if _is_list(pair) and len(pair) == 2 else (None, None)
    if not isinstance(op, str):
        raise TypeError(f"{shown(pair)} is no (op, input)")
    return op, _state(source)


def _state(number: Any) -> int:
    if type(number) is not int:
        raise TypeError(f"{shown(number)} is no number of a state")
    return number


_EXPECTED = "expected Genotype(normal=[(op, input), ...], normal_concat=..., reduce=[...], ...)"


def _no_genotype(text: str) -> UserError:
    return UserError(f"not a DARTS genotype: {text.strip()[:60]!r}: {_EXPECTED}")
