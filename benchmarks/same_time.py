"""Methods compared with the same device time, for pages of such comparisons."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import nasbench as nb
from nasbench import provenance
from nasbench.report.rows import Row

ROOT = Path(__file__).resolve().parent.parent


def parser(about: str, budget: str, out: str) -> argparse.ArgumentParser:
    """Return a parser of the options that these scripts share.

    Args:
        about: what the script does.
        budget: the default of ``--budget``.
        out: the name of the page in results/published.
    """
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--budget", default=budget)
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--folder", type=Path, default=Path("results"))
    made.add_argument("--out", type=Path, default=ROOT / "results" / "published" / out)
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    made.add_argument("--limit-train", type=int, help="training images, for a trial run")
    return made


def compared(
    methods: Sequence[str], task: str, given: argparse.Namespace, **options: Any
) -> list[Row]:
    """Return the rows of one task, best first; what ran before is not repeated.

    Args:
        methods: as for ``nasbench compare``.
        task: its name.
        given: the options of :func:`parser`.
        options: of all runs.
    """
    if given.limit_train is not None:
        options["limit_train"] = given.limit_train
    done = nb.compare(
        *methods,
        task=task,
        budget=given.budget,
        seeds=given.seeds,
        device="cpu",
        out=given.folder,
        **options,
    )
    return [row for row in done.leaderboard.board.rows if row.task == task]


def device_seconds(rows: Sequence[Row]) -> float:
    """Return what the searches and the retrainings of some rows took."""
    return sum(
        len(row.seed_numbers) * row.search_seconds + row.runs * row.retrain_seconds for row in rows
    )


def made(script: str, given: argparse.Namespace, seconds: float, **names: Sequence[str]) -> str:
    """Return the last sentence of a page: the command, its cost, the machine and the versions.

    Args:
        script: its file.
        given: the options of :func:`parser`, and the script's own.
        seconds: of searches and retrainings.
        **names: of options that are lists, with their defaults.
    """
    where = provenance.collect()
    versions = ", ".join(f"{name} {one}" for name, one in where["versions"].items() if one)
    command = f"{script} --budget {given.budget} --seeds {given.seeds} --threads {given.threads}"
    if given.limit_train is not None:
        command += f" --limit-train {given.limit_train}"
    for name, default in names.items():
        if (chosen := getattr(given, name)) != [*default]:
            command += f" --{' '.join([name, *chosen])}"
    return (
        f"Made with `python benchmarks/{command}`: "
        f"{seconds / 3600:.1f} hours of searches and retrainings on {given.threads} of "
        f"{where['cores']} cores of {where['cpu']}, without a GPU; Python {where['python']}, "
        f"{versions}; commit {where['commit']}."
    )
