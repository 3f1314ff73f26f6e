"""The YAML file of a study, and the example that ``nasbench study new`` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from nasbench import plain_yaml
from nasbench.budget import Budget
from nasbench.errors import UserError, unknown
from nasbench.study.entry import (
    NOT_OPTIONS,
    REFUSED,
    VERBS,
    WRITTEN_ELSEWHERE,
    Entry,
    normalized,
    with_underscores,
)
from nasbench.tasks import sources

FIELDS = ("name", "about", "task", "seeds", "budget", "reported", "defaults", "entries")
MOST_SEEDS = 10_000
LONGEST_NAME = 100


@dataclass(frozen=True)
class Study:
    """Several runs on one task.

    Attributes:
        name: the name of the study.
        about: the question that it answers, in a few sentences.
        task: the task of all entries.
        seeds: every entry runs once with each seed.
        entries: by name; an entry comes before those that use its result.
        defaults: options of all entries to whose verb they apply.
        budget: of each search and each tuning, as for ``--budget``; ``""`` uses the presets'.
        reported: the source of the published results.
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
            UserError: the file cannot be read or something in it is invalid.
        """
        try:
            content = plain_yaml.read(path)
            if not isinstance(content, dict):
                raise UserError("expected 'field: value' lines")
            return cls.of(content, path.stem)
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
        sources.check(str(content["task"]))
        written = content["entries"]
        if not isinstance(written, dict):
            raise UserError("'entries' must hold 'name: ...' lines")
        entries = {str(key): Entry.read(str(key), inside) for key, inside in written.items()}
        for entry in entries.values():
            entry.check(entries)
        name = content.get("name", name)  # also the name of the study's folder
        fits = isinstance(name, str) and len(name) <= LONGEST_NAME
        if not fits or not re.search("[A-Za-z0-9]", name):
            raise UserError(
                f"name {name!r:.80}: must be a text of up to {LONGEST_NAME} characters "
                "with at least one letter from a to z or digit"
            )
        seeds, order = parse_seeds(content.get("seeds", 1)), _order(entries)
        defaults = _defaults(content)
        budget = content.get("budget")
        if budget is not None:
            Budget.parse(str(budget))
        return cls(
            name=" ".join(name.split()),
            about=" ".join(str(content.get("about", "")).split()),
            task=str(content["task"]),
            seeds=seeds,
            entries={name: entries[name] for name in order},
            defaults=defaults,
            budget="" if budget is None else str(budget),
            reported=str(content.get("reported", "")),
        )


def parse_seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds for ``3`` (0, 1, 2) or for a list such as ``[4, 7]``.

    Raises:
        UserError: it is neither.
    """
    if type(given) is int and given > MOST_SEEDS:
        raise UserError(
            f"seeds {given}: is a count of at most {MOST_SEEDS}; for a single seed write [{given}]"
        )
    if type(given) is int and given > 0:
        return tuple(range(given))
    whole = isinstance(given, list) and all(type(seed) is int and seed >= 0 for seed in given)
    if not whole or not given or len(set(given)) < len(given):
        raise UserError(f"seeds {given!r}: must be a count above 0, or a list of distinct seeds")
    return tuple(given)


def _defaults(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default options, each of which must apply to some verb."""
    given = content.get("defaults") or {}
    if not isinstance(given, dict):
        raise UserError("'defaults' must hold 'option: value' lines")
    defaults = with_underscores(given)
    known = {option for config in VERBS.values() for option in config.__dataclass_fields__}
    known -= {*NOT_OPTIONS, *WRITTEN_ELSEWHERE, *REFUSED, "budget"}
    for option in defaults:
        if option in REFUSED:
            raise UserError(f"defaults: {option}: {REFUSED[option]}")
        if option not in known:
            raise unknown("defaults", option, sorted(known))
    return normalized(defaults)


def _order(entries: Mapping[str, Entry]) -> list[str]:
    """Return the names in the order of the file, but each after the entry that it uses.

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


EXAMPLE = """\
# A study: several runs on one task, and a table of their results.
#   nasbench study FILE              runs what is missing; repeat it after a stop
#   nasbench study FILE --dry-run    prints what remains to be done and its cost
#   nasbench study FILE --scale 0.1  with a tenth of the computing

about: >
  Does searching an architecture beat tuning a small network, for the same number of trials?

task: digits
seeds: 3              # 0, 1 and 2; or a list such as [4, 7]
budget: 8             # of every search and every tuning: 8 trials, '40 epochs' or 15min

# Options of all entries whose command has them, spelled as on the command line.
defaults:
  preset: quick

entries:
  # Each entry is a search, an hpo, a retrain or a train. Further lines are options of that
  # command; those that are written with -o on the command line go under `options:`.
  tuned:
    hpo: small-cnn
    tuner: tpe
    search_space:     # as in NNI's search_space.json, or the path of such a file
      lr: {_type: loguniform, _value: [0.001, 1.0]}
      batch_size: {_type: choice, _value: [32, 64, 128]}
  tuned at random:
    hpo: small-cnn
    tuner: random
  evolution:
    search: evolution
    space: mobilenet-skip
  random search:
    search: random
    space: mobilenet-skip

  # These retrain the result of another entry with the same seed and test it once.
  tuned, tested:
    retrain: tuned
  tuned at random, tested:
    retrain: tuned at random
  evolution, tested:
    retrain: evolution
  random search, tested:
    retrain: random search

  # Training without a search. `reported: 97.5` would show a published result beside ours.
  by hand:
    train: small-cnn
    epochs: 20
    options: {width: 32}
    note: a small network from a textbook
"""
