"""From units to the classes of a file: units that differ in numbers alone share a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nasbench.export.expressions import NUMBER, Layer, Unit

Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Filled:
    """A unit's layers with holes for the numbers.

    Attributes:
        templates: by attribute.
        numbers: what fills the holes, in order.
        hints: a name for each.
    """

    templates: tuple[tuple[str, str], ...]
    numbers: tuple[int, ...]
    hints: tuple[str, ...]


def classes(root: Unit) -> list[str]:
    """Return the classes of a network as text, each behind those that it uses; the last is it."""
    written: list[str] = []
    names: Counter[str] = Counter()
    every = list(_units(root))
    for height in range(root.height + 1):
        groups: dict[Key, list[tuple[Unit, Filled]]] = {}
        for unit in every:
            if unit.height == height:
                filled = _filled(unit)
                key = (unit.name, unit.forward, filled.templates)
                groups.setdefault(key, []).append((unit, filled))
        for (name, _, _), members in groups.items():
            names[name] += 1
            number = names[name]
            written.append(_class(name if number == 1 else f"{name}{number}", members))
    return written


def _units(root: Unit) -> Iterable[Unit]:
    for layer in root.layers.values():
        for unit in layer.units:
            yield from _units(unit)
    yield root


def _filled(unit: Unit) -> Filled:
    templates, numbers, hints = [], [], []
    for attribute, layer in unit.layers.items():
        text, found, names = _holes(layer)
        templates.append((attribute, text))
        numbers += found
        hints += names
    return Filled(tuple(templates), tuple(numbers), tuple(hints))


def _holes(layer: Layer) -> tuple[str, list[int], list[str]]:
    """Return a layer's expression with ``{}`` for every number, the numbers, and their names."""
    text, names = "", iter(layer.hints)
    numbers: list[int] = []
    hints: list[str] = []
    for part in layer.parts:
        if isinstance(part, Unit):
            name, values, called = part.made_by
            text += f"{name}({', '.join('{}' for _ in values)})"
            numbers += values
            hints += called
        else:
            found = NUMBER.findall(part)
            text += NUMBER.sub("{}", part.replace("{", "{{").replace("}", "}}"))
            numbers += [int(one) for one in found]
            hints += [next(names) for _ in found]
    return text, numbers, hints


def _class(name: str, members: Sequence[tuple[Unit, Filled]]) -> str:
    """Return the text of a class, and tell its units how they are made."""
    columns = list(zip(*(filled.numbers for _, filled in members), strict=True))
    hints = members[0][1].hints
    parameters: dict[tuple[int, ...], str] = {}
    for column, hint in zip(columns, hints, strict=True):
        if len(set(column)) > 1 and column not in parameters:
            same = {h for c, h in zip(columns, hints, strict=True) if c == column}
            parameters[column] = _free("c" if {"c_in", "c_out"} <= same else hint, parameters)
    for number, (unit, _) in enumerate(members):
        values = tuple(column[number] for column in parameters)
        unit.made_by = (name, values, tuple(parameters.values()))
    fills = [parameters.get(column, str(column[0])) for column in columns]
    return _text(name, members[0][0], members[0][1], fills, list(parameters.values()))


def _free(hint: str, parameters: dict[tuple[int, ...], str]) -> str:
    taken, number = set(parameters.values()), 2
    name = hint
    while name in taken:
        name, number = f"{hint}{number}", number + 1
    return name


def _text(name: str, unit: Unit, filled: Filled, fills: list[str], parameters: list[str]) -> str:
    expressions, at = [], 0
    for _, template in filled.templates:
        holes = template.replace("{{", "").count("{}")
        expressions.append(template.format(*fills[at : at + holes]))
        at += holes
    signature = ", ".join(["self", *(f"{one}: int" for one in parameters)])
    base = "Module" if unit.forward else "Sequential"
    lines = [f"class {name}(nn.{base}):", f"    def __init__({signature}) -> None:"]
    if not unit.forward:
        inner = [f"            {expression}," for expression in expressions]
        return "\n".join([*lines, "        super().__init__(", *inner, "        )"])
    lines.append("        super().__init__()")
    for (attribute, _), expression in zip(filled.templates, expressions, strict=True):
        lines.append(f"        self.{attribute} = {expression}")
    return "\n".join([*lines, "", *(f"    {line}" for line in unit.forward.splitlines())])
