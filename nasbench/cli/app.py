"""``nasbench``: its commands, and how their errors are printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Annotated, Any

import typer

from nasbench import __version__, known_code
from nasbench.api.reading import Reading
from nasbench.cli import (
    bench,
    board,
    compare,
    convert,
    data,
    doctor,
    export,
    hpo,
    leaderboard,
    listing,
    predict,
    profiling,
    proxies,
    retrain,
    runs,
    search,
    show,
    specialize,
    streams,
    study,
    trust,
)
from nasbench.cli.help import PluginCommand
from nasbench.cli.output import tell
from nasbench.data import watching
from nasbench.errors import UserError, one_line
from nasbench.faults import fault_of, in_one_line
from nasbench.threads import spin_briefly

USER_ERROR = 2
EPILOG = "Start here: nasbench search darts; with your own pictures: --task images/"

app = typer.Typer(
    name="nasbench",
    help="Search a network architecture, retrain it, and compare it honestly with plain tuning.",
    epilog=EPILOG,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        tell(f"nasbench {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's traceback.")] = False,
    code: Annotated[
        list[str] | None,
        typer.Option(
            "--code", metavar="FILE.py:NAME", help="Code that a file may name; may be repeated."
        ),
    ] = None,
) -> None:
    """Every command takes --debug, --code and --help, too."""


def _register(name: str, command: Callable[..., Any], example: str) -> None:
    # These commands take plug-ins, and their help lists the options of those that are named.
    kind = PluginCommand if name in ("search", "hpo", "retrain", "proxies", "compare") else None
    epilog = f"Example: {example}"
    app.command(name, cls=kind, epilog=epilog, no_args_is_help=False)(command)


_register("search", search.command(), "nasbench search darts --task mnist --seed 1")
_register("hpo", hpo.command(), "nasbench hpo small-cnn --task mnist --tuner tpe --trials 20")
_register("retrain", retrain.command(), "nasbench retrain results/runs/RUN/checkpoint.json")
_register(
    "specialize", specialize.command(), "nasbench specialize last --max-params 50000 --count 3"
)
_register("study", study.command, "nasbench study mnist-optim --scale 0.01")
_register(
    "compare",
    compare.command(),
    "nasbench compare darts random hpo:resnet18 --task images/ --budget 30min --seeds 3",
)
_register("leaderboard", leaderboard.command, "nasbench leaderboard --task digits --format md")
_register("runs", runs.command, "nasbench runs --task digits --state done")
_register("board", board.command, "nasbench board results --port 8642")
app.add_typer(bench.app, name="bench")
app.add_typer(data.app, name="data")
_register("show", show.command, "nasbench show checkpoint.json --format svg --format png")
_register("convert", convert.command, "nasbench convert zoo:DARTS_V2 --to nni-3")
_register("export", export.command, "nasbench export zoo:DARTS_V2 --to py --out darts")
_register("predict", predict.command, "nasbench predict RUN photos/ --out predictions.csv")
_register("profile", profiling.command, "nasbench profile zoo:DARTS_V2 --batch 1 --batch 32")
_register("zoo", convert.zoo, "nasbench retrain zoo:DARTS_V2 --preset paper")
_register(
    "proxies", proxies.command, "nasbench proxies --space darts --samples 20 --proxy naswot,snip"
)
_register(
    "trust", trust.command(), "nasbench trust results/runs/RUN --table nas-bench-201 --samples 200"
)
_register("list", listing.command, "nasbench list strategies")
_register("doctor", doctor.command, "nasbench doctor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    A user error prints one line on the standard error and returns 2; a run that a signal stopped
    returns 128 plus the signal's number.

    Args:
        arguments: the command line after the program's name; ``sys.argv`` by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    spin_briefly()
    with streams.guarded() as out:
        status = _run(words)
        out.flush()
        if out.failure is None or isinstance(out.failure, BrokenPipeError):
            return status  # whoever closed the pipe, such as head, has read enough
        reason = getattr(out.failure, "strerror", None) or out.failure
        return _complain(f"cannot write the standard output: {reason}")


def _run(words: list[str]) -> int:
    """Run one command; print its error, and return its exit status."""
    debug = "--debug" in words
    try:
        with known_code.typed(words), watching.by(Reading()):
            left = _without_code(word for word in words if word != "--debug") or ["--help"]
            status = _commands().main(left, "nasbench", standalone_mode=False)
            return int(status or 0)
    except UserError as error:
        if debug:
            raise
        return _complain(str(error))
    except OSError as error:  # of a library that reads and writes files itself
        if debug:
            raise
        return _complain(in_one_line(error))
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except Exception as error:
        if debug or not (hasattr(error, "format_message") or fault_of(error)):
            raise
        return _complain(in_one_line(error) if fault_of(error) else _usage(error, words))


@cache
def _commands() -> Any:
    """Return all commands; reading their signatures takes a tenth of a second."""
    return typer.main.get_command(app)


def _without_code(words: Iterable[str]) -> list[str]:
    """Return the words without ``--code NAME``, which every command takes.

    What it names is among the words of :func:`known_code.typed`.
    """
    left, rest = list[str](), iter(words)
    for word in rest:
        if word == "--code":
            if next(rest, None) is None:
                raise UserError("--code: requires an argument, such as --code file.py:Class")
        elif not word.startswith("--code="):
            left.append(word)
    return left


def _usage(error: Any, words: Sequence[str]) -> str:
    """Return the one-line message of an error in the command line itself."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "nasbench"
    message = " ".join(error.format_message().split())
    spellings = getattr(getattr(error, "param", None), "opts", ())
    given = None  # the last value of the option
    for word, following in zip(words, [*words[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name in spellings:
            given = value if equals else following
    if given is not None and repr(given) not in message:
        message += f", not {given!r}"
    return f"{message} (see {path} --help)"


def _complain(text: str) -> int:
    typer.echo(f"error: {one_line(text)}", err=True)
    return USER_ERROR
