"""Keyword arguments of a call: the options of the command, and those of its plug-ins."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from nasbench.api import objects
from nasbench.errors import UserError, unknown
from nasbench.options import Config
from nasbench.tasks import sources

if TYPE_CHECKING:
    from nasbench.api.tasks import OpenedTask

# Filled from other arguments; a run's file has them under these names.
_INNER = ("strategy_options", "space_arguments", "tuner_options", "assessor_options")

# Options of one's own data that spaces have as arguments, too.
_OF_SPACES = ("channels",)


# Lists that the command line writes with commas.
_LISTS = ("also", "proxy", "proxies", "filter_proxy", "objectives")


def divided(
    kind: type[Config], given: Mapping[str, Any], options: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a command, and the arguments of its strategy, space or tuner.

    A task that :func:`nasbench.task` opened brings the options with which it was opened.

    Args:
        kind: the class of the options.
        given: the keyword arguments.
        options: arguments of plug-ins that have the name of an option.

    Raises:
        UserError: an argument is an object that no process can load by a name.
    """
    known = {entry.name for entry in fields(kind)} - {*_INNER}
    if not _reads_own_data(kind, given):
        known -= {*_OF_SPACES}
    out = given.get("out")
    folder = Path("results" if out is None else out)
    own = {name: value for name, value in given.items() if value is not None}
    if "task" in own and not isinstance(own["task"], str | type | FunctionType):
        opened = _opened(own["task"], folder)
        own = {**{k: v for k, v in opened.options.items() if k in known}, **own}
        own["task"] = opened.source
    own = objects.named({name: plain(value) for name, value in own.items()}, folder)
    named = {name: joined(name, value) for name, value in own.items() if name in known}
    more = objects.named({k: plain(value) for k, value in (options or {}).items()}, folder)
    rest = {name: value for name, value in own.items() if name not in known}
    return named, {name: joined(name, value) for name, value in {**rest, **more}.items()}


def _opened(task: Any, out: Path) -> OpenedTask:
    """Return what :func:`nasbench.task` returned, or what it returns for arrays and the like."""
    from nasbench.api import tasks

    return task if isinstance(task, tasks.OpenedTask) else tasks.task(task, out=out)


def _reads_own_data(kind: type[Config], given: Mapping[str, Any]) -> bool:
    """Return whether a call may read the user's own data.

    Args:
        kind: the class of the options.
        given: the keyword arguments.
    """
    task = given.get("task")
    if task is None and "config" not in given:
        task = getattr(kind, "task", None)  # its default
    task = getattr(task, "source", task)
    return not isinstance(task, str) or sources.kind(task) != "table"


def plain(value: Any) -> Any:
    """Return a number of NumPy as Python's own; other values as they are."""
    scalar = type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()
    return value.item() if scalar else value


_IN_WORDS = ("budget", "refine", "processes")  # options that take a number or words


def joined(name: str, value: Any) -> Any:
    """Return an option as the command line writes it: lists with commas, a budget as text."""
    if name in _LISTS and isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if name == "columns" and isinstance(value, Mapping):
        return ",".join(
            f"{key}={'+'.join(one) if isinstance(one, list | tuple) else one}"
            for key, one in value.items()
        )
    if name in _IN_WORDS and isinstance(value, int) and type(value) is not bool:
        return str(value)
    return value


@contextmanager
def all_names(kind: type[Config], assigned: Mapping[str, Any]) -> Iterator[None]:
    """Let the error of an unknown argument suggest the options of the command as well.

    Args:
        kind: the class of the options.
        assigned: the arguments that are no options of the command.

    Raises:
        UserError: an argument is unknown.
    """
    try:
        yield
    except UserError as error:
        if error.value not in assigned:
            raise
        every = [entry.name for entry in fields(kind) if entry.name not in _INNER]
        near = difflib.get_close_matches(str(error.value), every, n=1, cutoff=0.6)
        if not near:
            raise
        raise unknown("argument", error.value, [*near, *error.allowed]) from error


def opened_words(named: Mapping[str, Any], code: Any = None) -> list[str]:
    """Return what a call names: the texts among its arguments, and ``code``."""
    more = [code] if isinstance(code, str) else list(code or ())
    return [*objects.words(named), *more]
