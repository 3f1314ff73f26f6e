"""Which strategy and which space to begin with: strategies with the same device time.

On each task the strategies search one space with the options of ``quick`` for as long as random
search may (``nasbench compare``), and what they find is retrained and tested. Then random search
and regularized evolution search other spaces for as long. Left out are ``bignas``, ``ofa`` and
``autoformer``, as the space has no sizes to choose; ``pc-darts``, as it names no channels of which
a part could be mixed; and ``grid``, which does not search.

Some strategies draw their first trials at random. If a search has no others, it is one more random
search: all of these together are what the others are compared with.

python benchmarks/defaults.py [--budget TIME] [--seeds N] [--tasks NAMES] [--spaces NAMES]
    [--threads N] [--folder DIR] [--out FILE]

Writes results/published/defaults.md. The same command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import torch
from same_time import compared, device_seconds, made, parser
from scipy.stats import ttest_ind

from nasbench.catalog import STRATEGIES
from nasbench.report.rows import Row

SPACE = "mobilenet-skip"
SPACES = ("darts", "nas-bench-201", "mobilenet-ops", "mobilenet-full")
ELSEWHERE = ("random", "evolution")
"""The strategies that search the other spaces."""
LEFT_OUT = ("bignas", "ofa", "autoformer", "pc-darts", "grid")
COMPARED = tuple(name for name in STRATEGIES if name not in LEFT_OUT)
TASKS: dict[str, dict[str, Any]] = {
    "digits": {},
    "mnist": {"limit_train": 6_000},
    "fashion-mnist": {"limit_train": 6_000},
    "gait-synthetic": {},
}
"""Task to the options that all its runs share."""


AT_RANDOM = {"random": 10**9, "tpe": 10, "bananas": 10, "evolution": 6}
"""Strategy to the number of its first trials that it draws at random with the preset."""
HEADS = (
    *("method", "test accuracy, %", "95 % interval"),
    *("against random draws", "95 % interval", "shown", "search, s", "trials"),
)


def line(cells: Iterable[str]) -> str:
    """Return a row of a table."""
    return f"| {' | '.join(cells)} |"


def is_random(row: Row) -> bool:
    """Return whether all trials of a row's searches were drawn at random."""
    return row.search_evaluations < AT_RANDOM.get(row.method, 0)


def row_of(row: Row, drawn: Sequence[tuple[float, ...]]) -> list[str]:
    """Return what one row says: the result, and how it differs from random search.

    Args:
        row: of any strategy.
        drawn: the results of all searches whose trials were drawn at random.
    """
    low, high = row.interval or (row.mean, row.mean)
    cells = [row.method, f"{row.mean:.2f}", f"{low:.2f} to {high:.2f}"]
    if is_random(row):
        cells += ["random so far", "", ""]
    else:
        ours, theirs = ([fmean(each) for each in some] for some in (row.results, drawn))
        below, above = ttest_ind(ours, theirs, equal_var=False).confidence_interval()
        word = "better" if below > 0 else "worse" if above < 0 else ""
        points = fmean(ours) - fmean(theirs)
        cells += [f"{points:+.2f}", f"{below:+.2f} to {above:+.2f}", word]
    trials = f"{row.search_evaluations:.0f}" if row.search_evaluations else ""
    return [*cells, f"{row.search_seconds:.0f}", trials]


def table(task: str, space: str, rows: Sequence[Row]) -> list[str]:
    """Return the part of the page on one space."""
    drawn = [result for row in rows if is_random(row) for result in row.results]
    lines = [line(HEADS), "|---|---:|---:|---:|---:|---|---:|---:|"]
    lines += [line(row_of(row, drawn)) for row in rows]
    mean = fmean(value for each in drawn for value in each)
    note = f"Random draws: {len(drawn)} searches, {mean:.2f} % on average."
    return [f"## {task}, {space}", "", *lines, "", note, ""]


def main() -> None:
    """Compare, write the page and print it."""
    options = parser(__doc__ or "", "60s", "defaults.md")
    options.add_argument("--tasks", nargs="+", default=[*TASKS], choices=[*TASKS])
    options.add_argument("--spaces", nargs="*", default=[*SPACES], choices=[*SPACES])
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    parts, seconds = list[str](), 0.0
    for task in given.tasks:
        for space in (SPACE, *given.spaces):
            methods = COMPARED if space == SPACE else ELSEWHERE
            rows = compared(methods, task, given, space=space, **TASKS[task])
            parts += table(task, space, rows)
            seconds += device_seconds(rows)
    title, *paragraphs = (__doc__ or "").split("\n\n")
    command = " ".join(
        ["defaults.py"]
        + [f"--tasks {' '.join(given.tasks)}"] * (given.tasks != [*TASKS])
        + [f"--spaces {' '.join(given.spaces)}".strip()] * (given.spaces != [*SPACES])
    )
    limits = [
        f" {task} has {TASKS[task]['limit_train']:,} training images."
        for task in given.tasks
        if "limit_train" in TASKS[task]
    ]
    every = (
        f"Each search may take {given.budget} of device time, with {given.seeds} seeds. Intervals "
        "of results are bootstrapped over the seeds; those of differences are Welch's, which are "
        "right for so few, and none is corrected for the number of rows." + "".join(limits)
    )
    about = [title.rstrip("."), *paragraphs[:2]]
    page = [f"# {about[0]}", *about[1:], every, "\n".join(parts).strip()]
    written = "\n\n".join([*page, made(command, given, seconds)]) + "\n"
    given.out.write_text(written, encoding="utf-8")
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
