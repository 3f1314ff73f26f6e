"""Turns units into classes; units that differ only in numbers share a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nasbench.export.expressions import NUMBER, Unit

Key = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Filled:
    """A unit's layers as templates with ``{}`` in place of numbers.

    Attributes:
        templates: attributes and expressions.
        numbers: the numbers of all templates, in order.
        hints: a name for each number.
    """

    templates: tuple[tuple[str, str], ...]
    numbers: tuple[int, ...]
    hints: tuple[str, ...]


def classes(root: Unit) -> list[str]:
    """Return the classes of a network as text, each after those that it uses, the root last."""
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
    templates: list[tuple[str, str]] = []
    numbers: list[int] = []
    hints: list[str] = []
    for attribute, layer in unit.layers.items():
        text, names = "", iter(layer.hints)
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
        templates.append((attribute, text))
    return Filled(tuple(templates), tuple(numbers), tuple(hints))


def _class(class_name: str, members: Sequence[tuple[Unit, Filled]]) -> str:
    """Return the text of a class, and set the call that creates each of its units."""
    columns = list(zip(*(filled.numbers for _, filled in members), strict=True))
    hints = members[0][1].hints
    parameters: dict[tuple[int, ...], str] = {}
    for column, hint in zip(columns, hints, strict=True):
        if len(set(column)) > 1 and column not in parameters:
            same = {h for c, h in zip(columns, hints, strict=True) if c == column}
            hint = "c" if {"c_in", "c_out"} <= same else hint
            taken, name, number = set(parameters.values()), hint, 2
            while name in taken:
                name, number = f"{hint}{number}", number + 1
            parameters[column] = name
    for place, (unit, _) in enumerate(members):
        values = tuple(column[place] for column in parameters)
        unit.made_by = (class_name, values, tuple(parameters.values()))
    first, filled = members[0]
    fills = iter(parameters.get(column, str(column[0])) for column in columns)
    expressions = []
    for _, template in filled.templates:
        holes = template.replace("{{", "").count("{}")
        expressions.append(template.format(*(next(fills) for _ in range(holes))))
    signature = ", ".join(["self", *(f"{one}: int" for one in parameters.values())])
    base = "Module" if first.forward else "Sequential"
    lines = [f"class {class_name}(nn.{base}):", f"    def __init__({signature}) -> None:"]
    if not first.forward:
        inner = [f"            {expression}," for expression in expressions]
        return "\n".join([*lines, "        super().__init__(", *inner, "        )"])
    lines.append("        super().__init__()")
    for (attribute, _), expression in zip(filled.templates, expressions, strict=True):
        lines.append(f"        self.{attribute} = {expression}")
    return "\n".join([*lines, "", *(f"    {line}" for line in first.forward.splitlines())])
