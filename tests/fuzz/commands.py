"""Command lines with changed options, for every command of nasbench."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import typer
from formats import CHECKPOINT, NETWORK, NOWHERE, _put, _results
from hypothesis import strategies as st
from mutants import words

from nasbench import catalog
from nasbench.cli.app import app

PLACES = {
    *("--out", "-o", "--drawing", "--export", "--results", "--device", "--port", "--resume"),
    *("--rm", "--yes"),
}
"""Options that the commands below set themselves, since files are written or deleted there."""

PLAIN = {
    "--task": ("digits", "mnst", "os:system", "json:dumps", "gone.py:load"),
    "--space": ("nas-bench-201", "mobilenet-skip", "json:dumps", "os:system", "gone.py:Net"),
    "--tuner": ("random", "tpe", "evolution", "os:system", "json:dumps"),
    "--assessor": ("medianstop", "curvefitting", "os:system"),
    "--table": ("nas-bench-201", "nas-bench-macro=gone.json", "os:system", "os:system=x"),
    "--strategies": ("random", "random,darts", "os:system"),
    "--proxy": ("params", "params,macs", "os:system", "json:dumps"),
    "--budget": ("3", "2 epochs", "1e3", "10s", "-1", "1" * 400, "99999999999999999999h"),
    "--format": ("json", "md", "svg", "png", "exe"),
    "--from": ("genotype", "nni-3", "naslib", "x"),
    "--to": ("nni-3", "genotype", "nasbench", "onnx", "x"),
    "--window": ("file", "3 events", "50ms", "0 events", "9" * 30 + "ms", "-1ms", "1e9ms"),
    "--sensor": ("128x128", "0x0", "1x1", "99999999x99999999", "axb"),
    "--columns": ("txyp", "xytp", "tttt", ""),
    "--channels": ("pos-count", "neg-time,pos-count", "x"),
    "--engine": ("local", "nni"),
    "--preset": ("quick", "paper", "ranking", "x"),
    "--rendition": ("darts", "nni", "x"),
    "--refine": ("20%", "0%", "1e400%", "x"),
    "--concurrency": ("1", "0", "10" * 12),
    "--seeds": ("1", "0"),
    "--jobs": ("1", "0"),
    "--runs": ("1", "0"),
    "--batch": ("1", "0"),
    "--scale": ("0.1", "0", "2", "nan"),
    "--samples": ("1", "0"),
    "--train": ("10", "0"),
    "--persons": ("1", "0"),
    "--walks": ("1", "0"),
    "--first": ("1", "0"),
}  # fmt: skip
"""Values that make sense, or nearly, beside those of :data:`mutants.VALUES`."""

LIMITED = {"--seeds", "--jobs", "--runs", "--batch", "--samples", "--persons", "--walks"}
"""Options whose larger values make the command work long, as it should."""


@dataclass(frozen=True)
class Command:
    """A command whose options are changed.

    Attributes:
        base: its words, which end before a network is trained.
        keys: names for ``-o name=value``.
        weight: its share of the inputs.
        needs: fills the workspace.
    """

    base: str
    keys: tuple[str, ...] = ()
    weight: float = 1.0
    needs: Callable[[Path], None] = lambda folder: None


def _checkpoint(folder: Path) -> None:
    _put(folder / "in/c.json", json.dumps(CHECKPOINT).encode())


def _all(folder: Path) -> None:
    _checkpoint(folder)
    _results(folder)
    _put(folder / "in/e.txt", b"1 2 3 1\n5 3 3 0\n9 4 5 1\n")
    _put(folder / "in/study.yaml", b"task: digits\nentries:\n  a:\n    train: small-cnn\n")


def _keys(kind: str, name: str) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(catalog.resolve(kind, name).Options))


_SPACE = ("cells", "channels", "space.cells", "width", "")
CHECKED: dict[str, Command] = {
    **{
        f"search {name}": Command(
            f"search {name} {NETWORK} {NOWHERE}", (*_keys("strategy", name), *_SPACE),
            3 if name in ("darts", "random") else 0.5,
        )
        for name in catalog.STRATEGIES
    },
    **{
        f"hpo {name}": Command(
            f"hpo small-cnn --tuner {name} {NOWHERE}", (*_keys("tuner", name), *_SPACE), 0.5
        )
        for name in catalog.TUNERS
    },
    "hpo": Command(f"hpo small-cnn {NOWHERE}", _SPACE, 2),
    "retrain": Command(f"retrain in/c.json {NOWHERE}", _SPACE, 3, _checkpoint),
    "show": Command("show in/c.json --drawing made/x", (), 1, _checkpoint),
    "convert": Command("convert in/c.json --to nasbench", (), 1, _checkpoint),
    "export": Command("export in/c.json --to py --out made/net", (), 0.2, _checkpoint),
    "profile": Command("profile in/c.json --runs 1", _SPACE, 0.5, _checkpoint),
    "proxies": Command("proxies in/c.json --proxy params", _SPACE, 1, _checkpoint),
    "compare": Command(
        f"compare darts random hpo:small-cnn {NETWORK} {NOWHERE} --dry-run", _SPACE, 0.5
    ),
    "runs": Command("runs --results results", (), 1, _all),
    "trust": Command("trust results/runs/one --train 10 --device cuda:7", (), 1, _all),
    "specialize": Command("specialize results/runs/one --device cuda:7", (), 1, _all),
    "leaderboard": Command("leaderboard --results results", (), 1, _all),
    "board": Command("board results --export made/page", (), 0.5, _all),
    "study": Command("study in/study.yaml --dry-run", (), 1, _all),
    "data gait": Command("data gait in/e.txt --out made/x.h5 --jobs 1", (), 1, _all),
    "data draw": Command("data draw in/e.txt --out made/x.png", (), 0.5, _all),
    "bench strategies": Command(
        "bench strategies --table nas-bench-macro=gone.json --seeds 1 --jobs 1 --out made/b"
    ),
    "bench tuners": Command(
        "bench tuners --tuners random --dataset gone --trials 2 --seeds 1 --jobs 1 --out made/b"
    ),
    "bench proxies": Command(
        "bench proxies --table nas-bench-macro=gone.json --archs 2 --jobs 1 --out made/b"
    ),
    "list": Command("list strategies", (), 0.5),
    "zoo": Command("zoo", (), 0.2),
}  # fmt: skip


def _flags(name: str) -> list[Any]:
    group: Any = typer.main.get_command(app)
    for word in name.split():
        if word not in getattr(group, "commands", {}):
            break
        group = group.commands[word]
    return [p for p in group.params if p.param_type_name == "option" and p.name != "help"]


def groups() -> dict[str, list[str]]:
    """Return the commands of each first word, or two for ``data`` and ``bench``."""
    found: dict[str, list[str]] = {}
    for name in CHECKED:
        group = name if name.startswith(("data", "bench")) else name.split()[0]
        found.setdefault(group, []).append(name)
    return found


@st.composite
def command_lines(draw: st.DrawFn, names: list[str]) -> list[str]:
    """Return one of the commands with one to three changed options."""
    name = draw(st.sampled_from(names))
    command = CHECKED[name]
    line = command.base.split()
    flags = {flag.opts[0]: flag for flag in _flags(name) if not set(flag.opts) & PLACES}
    for _ in range(draw(st.integers(1, 3))):
        if command.keys and draw(st.integers(0, 2)) == 0:
            line += ["-o", f"{draw(st.sampled_from(command.keys))}={draw(words())}"]
        elif draw(st.integers(0, 19)) == 0:
            line.insert(draw(st.integers(1, len(line))), draw(words()))
        elif flags:
            flag = draw(st.sampled_from(sorted(flags)))
            line.append(flag)
            if not flags[flag].is_flag:
                plain = st.sampled_from(PLAIN.get(flag, ("1",)))
                line.append(draw(plain if flag in LIMITED else st.one_of(plain, words())))
    return line
