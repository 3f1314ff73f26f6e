"""``nasbench study -o key=value --precision bf16``: the same for all entries of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.config import HpoConfig, SearchConfig, TrainingConfig
from nasbench.engine.hyperparameters import content_of, searches
from nasbench.engine.problem import load_space
from nasbench.engine.search import load_strategy
from nasbench.errors import unknown
from nasbench.study.entry import Entry
from nasbench.study.file import Study
from nasbench.training.objective import PRECISIONS


def with_arguments(study: Study, assigned: Mapping[str, Any]) -> Study:
    """Return the study with arguments set, under a name that says so.

    An entry takes the options of its strategy, tuner and assessor, and the arguments of its
    network or of the space of the network that it retrains, unless a tuning searches them.

    Args:
        study: as its file says.
        assigned: the ``-o`` arguments; with none the study is returned as it is.

    Raises:
        UserError: no entry takes one of them, or a space or strategy is unknown.
    """
    if not assigned:
        return study
    taken = {name: _taken(entry, study) for name, entry in study.entries.items()}
    given = shared_out(assigned, taken)
    entries = {
        name: replace(entry, arguments={**entry.arguments, **given[name]})
        for name, entry in study.entries.items()
    }
    words = [f"{key}={value}" for key, value in assigned.items()]
    return replace(
        study,
        name="-".join([study.name, *words]),
        about=f"{study.about} Every entry that takes it has {', '.join(words)}.".strip(),
        entries=entries,
    )


def with_precision(study: Study, precision: str | None) -> Study:
    """Return the study with another precision, under a name that says so.

    An entry whose own lines name a precision keeps it.

    Args:
        study: as its file says.
        precision: ``fp32`` or ``bf16``; with ``None`` or that of the file the study is returned as
            it is.

    Raises:
        UserError: it is unknown.
    """
    if precision is None:
        return study
    if precision not in PRECISIONS:
        raise unknown("--precision", precision, PRECISIONS)
    if precision == study.defaults.get("precision", TrainingConfig().precision):
        return study
    return replace(
        study,
        name=f"{study.name}-{precision}",
        about=f"{study.about} Computed in {precision} where an entry names nothing else.".strip(),
        defaults={**study.defaults, "precision": precision},
    )


def owners(
    verb: str, target: str, space: str, tuner: str | None, assessor: str | None
) -> dict[str, arguments.Parameters]:
    """Return what takes ``-o`` arguments in a search or a tuning, as in its command.

    Args:
        verb: ``search`` or ``hpo``.
        target: the strategy or the network.
        space: of a search.
        tuner: of a tuning.
        assessor: of a tuning.

    Raises:
        UserError: a name is unknown.
    """
    if verb == "search":
        options = load_strategy(target).Options
        return {"strategy": arguments.of_dataclass(options), "space": _of_network(space)}
    return {**_of_tuning(tuner, assessor), "model": _of_network(target)}


def keys(of: Mapping[str, arguments.Parameters]) -> set[str]:
    """Return the ``-o`` keys of owners: ``width`` and ``space.width``."""
    dotted = {f"{owner}.{name}" for owner, names in of.items() for name in names}
    return {*dotted, *(name for names in of.values() for name in names)}


def shared_out(
    assigned: Mapping[str, Any], known: Mapping[str, set[str]]
) -> dict[str, dict[str, Any]]:
    """Return the ``-o`` arguments of each taker: those that it knows.

    Args:
        assigned: the arguments.
        known: the keys of each taker, by its name.

    Raises:
        UserError: none knows one of them.
    """
    every = set().union(*known.values())
    for key in assigned:
        if key not in every:
            raise unknown("argument -o", key, sorted(one for one in every if "." not in one))
    return {
        name: {key: value for key, value in assigned.items() if key in taken}
        for name, taken in known.items()
    }


def _of_network(space: str) -> arguments.Parameters:
    return arguments.of_space(load_space(space))


def _of_tuning(tuner: str | None, assessor: str | None) -> dict[str, arguments.Parameters]:
    kinds = {"tuner": tuner, "assessor": assessor}
    return {
        kind: arguments.of_dataclass(catalog.resolve(kind, name).Options)
        for kind, name in kinds.items()
        if name is not None
    }


def _taken(entry: Entry, study: Study) -> set[str]:
    """Return the arguments that an entry takes; one that a tuning searches is none of them."""
    given, source = entry.over(study.defaults), entry.source(study.entries)
    named = (given.get("tuner", HpoConfig().tuner), given.get("assessor"))
    own = source is None and entry.verb != "retrain" and not entry.target.endswith(".json")
    if entry.verb in ("search", "hpo") and own:
        space = given.get("space", SearchConfig().space)
        found = keys(owners(entry.verb, entry.target, space, *named))
    else:
        found = keys(_of_tuning(*named)) if entry.verb == "hpo" else set()
        if source is not None:
            found |= _taken(source, study) & _network(source, study)
        elif own:
            found |= {*_of_network(entry.target)}  # a checkpoint has its own arguments
    content = _searched(given)
    return {key for key in found if not (content and searches(content, key.split(".")[-1]))}


def _searched(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a tuning searches, in NNI's format; empty if its options do not say it."""
    if given.get("search_space") is not None:
        return content_of(Path(given["search_space"]))
    content: Mapping[str, Any] = given.get("space_content") or {}
    return content


def _network(entry: Entry, study: Study) -> set[str]:
    """Return the arguments of what an entry trains."""
    if (source := entry.source(study.entries)) is not None:
        return _network(source, study)
    given = entry.over(study.defaults)
    named = given.get("space", SearchConfig().space) if entry.verb == "search" else entry.target
    return set() if named.endswith(".json") else {*_of_network(named)}
