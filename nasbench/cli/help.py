"""Help pages that end with the options of the strategy, tuner or space that is named."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from typer.core import TyperCommand

from nasbench import arguments, catalog
from nasbench.engine.presets import network_arguments, paper_recipe, strategy_defaults
from nasbench.errors import UserError
from nasbench.options import allowed_values

Rows = list[tuple[str, str]]

# The parameters of a command that name a plug-in, and its kind.
_NAMING = {
    "strategy": "strategy",
    "space": "space",
    "tuner": "tuner",
    "assessor": "assessor",
    "model": "space",
    "checkpoint": "space",
}
_TYPES = {int: "INT", float: "FLOAT", str: "TEXT", bool: "true|false"}


class PluginCommand(TyperCommand):
    """A command whose help ends with the options of the plug-ins that its arguments name.

    Only a named plug-in is imported; without a name, the help page imports nothing.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the command line for the help page, which is printed before it is processed."""
        ctx.meta["given"] = self.make_parser(ctx).parse_args(args=list(args))[0]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the command's flags by section, then the options of each plug-in that is named."""
        for title, params in _by_section(self.get_params(ctx)).items():
            rows = [row for param in params if (row := param.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        sections = list(_sections(str(self.name), ctx.meta.get("given", {})))
        for title, rows in sections:
            with formatter.section(title):
                if rows:
                    formatter.write_dl(rows, col_max=28)
                else:
                    formatter.write_text("none")


def _by_section(params: Iterable[Any]) -> dict[str, list[Any]]:
    """Return the parameters by the section of the help page that they stand in."""
    found: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for param in params:
        plain = "Arguments" if param.param_type_name == "argument" else "Options"
        section = getattr(param, "rich_help_panel", None) or plain
        place = 0 if param.name == "task" else len(found.setdefault(section, []))
        found.setdefault(section, []).insert(place, param)
    # What a command is about comes first, what most runs leave alone last.
    late = [title for title in ("Training", "Trials") if title in found]
    return {title: found[title] for title in (*(t for t in found if t not in late), *late)}


def _sections(command: str, given: Mapping[str, Any]) -> Iterator[tuple[str, Rows]]:
    """Yield a title and rows ``(name=TYPE, help)`` for each plug-in that is named."""
    preset = str(given.get("preset") or "quick")
    network: Mapping[str, Any] = {}  # what the strategy's paper sets in the space
    for parameter, kind in _NAMING.items():
        name = given.get(parameter)
        if not isinstance(name, str):
            continue
        # FILE.py:NAME is a genotype to retrain, which is read and never run.
        if parameter == "checkpoint" and name not in catalog.TABLES["space"]:
            continue
        if parameter == "model" and not _names_code(name):
            continue
        plugin = catalog.resolve(kind, name)
        options: Any = getattr(plugin, "Options", None)
        if not isinstance(plugin, type) or not (kind == "space" or options is not None):
            raise UserError(f"{kind} {name!r}: must be a class of that kind")
        if kind == "space":
            chosen: Mapping[str, Any] = {}
            if command == "search":
                chosen = network_arguments(getattr(plugin, "search_arguments", {}), preset)
            elif command == "retrain":
                chosen = getattr(plugin, "retrain_arguments", {}).get(preset, {})
            rows = _space_rows(plugin, {**chosen, **network}, preset)
        elif kind == "strategy":
            recipe = paper_recipe(plugin, str(given.get("space") or "darts"))
            network = recipe.network if preset == "paper" else {}
            rows = option_rows(options, strategy_defaults(preset, name, recipe), preset)
        else:
            rows = option_rows(options, {}, preset)
        yield f"Options of the {kind} {name} (-o NAME=VALUE)", rows


def _names_code(name: str) -> bool:
    """Return whether a positional argument names a space or baseline, and not a checkpoint."""
    return name in catalog.TABLES["space"] or name.rpartition(":")[0].endswith(".py")


def option_rows(options: type, chosen: Mapping[str, Any], preset: str) -> Rows:
    """Return the rows of a strategy's, tuner's or assessor's ``Options``.

    Args:
        options: a dataclass whose fields are declared with :func:`nasbench.options.option`.
        chosen: defaults that the preset sets.
        preset: its name.
    """
    kinds = arguments.of_dataclass(options)
    rows = []
    for entry in dataclasses.fields(options):
        notes = _default(entry.name, entry.default, chosen, preset)
        notes.append(allowed_values(entry.metadata))
        if (needed := entry.metadata.get("only_with")) is not None:
            notes.append(f"only with {needed[0]}={needed[1]}")
        rows.append(_row(entry.name, kinds[entry.name], entry.metadata.get("help", ""), notes))
    return rows


def _space_rows(space: type, chosen: Mapping[str, Any], preset: str) -> Rows:
    """Return the rows of a space's arguments: its signature, and its docstring's ``Args:``."""
    words, signature = arguments.help_of_space(space), inspect.signature(space).parameters
    rows = []
    for name, kind in arguments.of_space(space).items():
        notes = _default(name, signature[name].default, chosen, preset)
        rows.append(_row(name, kind, words.get(name, ""), notes))
    return rows


def _default(name: str, default: Any, chosen: Mapping[str, Any], preset: str) -> list[str]:
    if name in chosen:
        return [f"default: {_text(chosen[name])} (--preset {preset})"]
    if default is inspect.Parameter.empty or default is dataclasses.MISSING:
        return ["required"]
    return [] if default is None or default == "" else [f"default: {_text(default)}"]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(name: str, kind: Any, words: str, notes: list[str]) -> tuple[str, str]:
    note = "; ".join(filter(None, notes))
    return f"{name}={_type(kind)}", f"{words} [{note}]".strip() if note else words


def _type(kind: Any) -> str:
    if isinstance(kind, types.UnionType):
        return "|".join(_type(k) for k in typing.get_args(kind) if k is not types.NoneType)
    return _TYPES.get(kind, "VALUE")
