"""Options of the command line, made from the declarations of the configurations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.errors import UserError
from nasbench.options import Config, flag

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with options by name; flags take precedence."),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        metavar="KEY=VALUE",
        help="Option of a strategy or tuner, or argument of a space or network; may be repeated.",
    ),
]
NoAssignments = Annotated[list[str] | None, typer.Option("-o", hidden=True)]
Seeds = Annotated[
    int,
    typer.Option("--seeds", min=1, max=10**4, help="Number of seeds to run, one after the other."),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Continue a stopped run: its folder, its name or a unique part of it, or 'last'.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Given = Annotated[
    str,
    typer.Argument(
        help="A run (folder, name, unique part of it, or 'last'), checkpoint.json, a file in "
        "another format, FILE.py:NAME, zoo:NAME or a text."
    ),
]
Form = Annotated[
    str | None, typer.Option("--from", help="Format of the file. [default: detected]")
]
Results = Annotated[Path, typer.Option("--results", "--out", help="Folder with runs and records.")]
RunsIn = Annotated[Path, typer.Option("--results", help="Folder with the runs, for their names.")]

_NOT_FLAGS = (
    "search",
    "strategy",
    "strategy_options",
    "space_arguments",
    "model",
    "space_content",
    "tuned",
    "priors",
    "tuner_options",
    "assessor_options",
)


def no_assignments(given: Sequence[str] | None) -> None:
    """Raise if a command without options of plug-ins was given ``-o``, once its ``--out``.

    Raises:
        UserError: it was given.
    """
    if given:
        raise UserError(
            f"-o {given[0]}: sets an option as key=value in all commands, and this one has none: "
            f"a file is --out {given[0]}"
        )


def milliseconds(text: str) -> float:
    """Return a latency, such as ``5`` or ``5ms``, in milliseconds.

    Raises:
        BadParameter: it is no number.
    """
    try:
        return float(text.removesuffix("ms"))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a valid time, such as 5 or 5ms") from error


def with_options(
    config: type[Config], by_preset: Collection[str]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one flag for each option of ``config``; its ``given`` receives them.

    An option that is not given arrives as ``None``, so that presets and files can fill it.

    Args:
        config: the options.
        by_preset: names of options whose default the preset sets.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints, sections = typing.get_type_hints(config), config.sections()
        flags = {
            entry.name: Annotated[
                hints[entry.name] | None,
                typer.Option(
                    _spelling(entry, hints, by_preset),
                    help=_help(entry, by_preset),
                    **_parsed(entry),
                    show_default=False,
                    rich_help_panel=sections[entry.name],
                ),
            ]
            for entry in fields(config)
            if entry.name not in _NOT_FLAGS
        }
        signature = inspect.signature(command, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "given"]
        made = [
            inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=a)
            for n, a in flags.items()
        ]

        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in flags}
            command(given=given, **values)

        everything = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + made
        run.__signature__ = signature.replace(parameters=everything)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in everything}
        run.__doc__ = command.__doc__
        return run

    return decorate


def _parsed(entry: Any) -> dict[str, Any]:
    """Return how an option is read that is more than a number or a text."""
    if entry.name == "max_latency":
        return {"parser": milliseconds, "metavar": "MS"}
    words: Mapping[str, int] = entry.metadata["words"]
    if not words:
        return {}

    def number(text: str) -> int:
        try:
            return words[text] if text in words else int(text)
        except ValueError as error:
            allowed = " or ".join(["a whole number", *words])
            raise typer.BadParameter(f"{text!r} is not {allowed}") from error

    return {"parser": number, "metavar": "|".join(["N", *words])}


def _spelling(entry: Any, hints: dict[str, Any], by_preset: Collection[str]) -> str:
    """Return the flag; that of a switch which a preset may set has a counterpart."""
    off = f"/--no-{flag(entry.name)[2:]}"
    return flag(entry.name) + (
        off if hints[entry.name] is bool and entry.name in by_preset else ""
    )


def _help(entry: Any, by_preset: Collection[str]) -> str:
    words: str = entry.metadata["help"]
    if entry.metadata["allowed"]:
        words += f" One of: {', '.join(map(str, entry.metadata['allowed']))}."
    if entry.name in by_preset:
        return f"{words} [default: the preset's]"
    return words if entry.default is None else f"{words} [default: {entry.default}]"
