"""A study's YAML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from nasbench import catalog, plain_yaml
from nasbench.budget import Budget
from nasbench.errors import UserError, unknown
from nasbench.study.entry import VERBS, Entry
from nasbench.study.options import NOT_OPTIONS, WRITTEN_ELSEWHERE, dashed, plain

FIELDS = ("name", "about", "task", "seeds", "budget", "reported", "defaults", "entries")
MOST_SEEDS = 10_000
LONGEST_NAME = 100


@dataclass(frozen=True)
class Study:
    """Several runs on one task.

    Attributes:
        name: of the study.
        about: what it asks, in a few sentences.
        task: the task of all entries.
        seeds: every entry runs once with each.
        entries: by name, what others use before those that use it.
        defaults: options of all entries whose verb knows them.
        budget: of each search and each tuning, as ``--budget`` takes it; ``""`` for the presets'.
        reported: where the figures beside ours come from.
    """

    name: str
    about: str
    task: str
    seeds: tuple[int, ...]
    entries: Mapping[str, Entry]
    defaults: Mapping[str, Any]
    budget: str = ""
    reported: str = ""

    @classmethod
    def read(cls, path: Path) -> Study:
        """Return the study in a file.

        Raises:
            UserError: the file or something in it cannot be used; one line names it.
        """
        try:
            return cls.of(_content(path), path.stem)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error

    @classmethod
    def of(cls, content: Mapping[str, Any], name: str) -> Study:
        """Return the study that ``content`` describes.

        Raises:
            UserError: see :meth:`read`.
        """
        for field in content:
            if field not in FIELDS:
                raise unknown("field", str(field), FIELDS)
        for field in ("task", "entries"):
            if not content.get(field):
                raise UserError(f"the field {field!r} is missing")
        catalog.check("task", str(content["task"]))
        entries = _entries(content)
        return cls(
            name=_name(content.get("name", name)),
            about=" ".join(str(content.get("about", "")).split()),
            task=str(content["task"]),
            seeds=_seeds(content.get("seeds", 1)),
            entries={name: entries[name] for name in _order(entries)},
            defaults=_defaults(content),
            budget=_budget(content.get("budget")),
            reported=str(content.get("reported", "")),
        )


def _content(path: Path) -> dict[str, Any]:
    content = plain_yaml.read(path)
    if not isinstance(content, dict):
        raise UserError("expected 'field: value' lines")
    return content


def _name(given: Any) -> str:
    """Return a study's name, which its folder has, too."""
    fits = isinstance(given, str) and len(given) <= LONGEST_NAME
    if not fits or not re.search("[A-Za-z0-9]", given):
        raise UserError(
            f"name {given!r:.80}: must be a text with a letter from a to z or a digit, "
            f"and of up to {LONGEST_NAME} characters"
        )
    return " ".join(str(given).split())


def _budget(given: Any) -> str:
    if given is None:
        return ""
    budget = str(given)
    Budget.parse(budget)
    return budget


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds that ``3`` (0, 1, 2) or ``[4, 7]`` stands for."""
    if type(given) is int and given > MOST_SEEDS:
        raise UserError(f"seeds {given}: is a count, up to {MOST_SEEDS}; one seed is [{given}]")
    if type(given) is int and given > 0:
        return tuple(range(given))
    whole = isinstance(given, list) and all(type(seed) is int and seed >= 0 for seed in given)
    if not whole or not given or len(set(given)) < len(given):
        raise UserError(f"seeds {given!r}: must be a number above 0, or a list of different seeds")
    return tuple(given)


def _defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of all entries, each of which some verb must know."""
    given = content.get("defaults") or {}
    if not isinstance(given, dict):
        raise UserError("'defaults' must hold 'option: value' lines")
    defaults = dashed(given)
    known = {option for config in VERBS.values() for option in config.__dataclass_fields__}
    known -= {*NOT_OPTIONS, *WRITTEN_ELSEWHERE, "budget"}
    for option in defaults:
        if option not in known:
            raise unknown("defaults", option, sorted(known))
    return plain(defaults)


def _entries(content: Mapping[str, Any]) -> dict[str, Entry]:
    written = content["entries"]
    if not isinstance(written, dict):
        raise UserError("'entries' must hold 'name: ...' lines")
    entries = {str(name): Entry.read(str(name), inside) for name, inside in written.items()}
    for entry in entries.values():
        entry.check(entries)
    return entries


def _order(entries: Mapping[str, Entry]) -> list[str]:
    """Return the names, what is used before what uses it, else as written.

    Raises:
        UserError: entries use one another in a circle.
    """
    uses = {
        name: {source.name} if (source := entry.source(entries)) else set[str]()
        for name, entry in entries.items()
    }
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UserError(f"entries use one another in a circle: {circle}") from error
    ordered: list[str] = []

    def add(name: str) -> None:
        for used in uses[name]:
            add(used)
        if name not in ordered:
            ordered.append(name)

    for name in entries:
        add(name)
    return ordered
