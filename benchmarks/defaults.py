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
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from same_time import compared, device_seconds, made, parser
from scipy.stats import ttest_ind

from nasbench.catalog import STRATEGIES, resolve
from nasbench.engine.presets import QUICK_OPTIONS
from nasbench.report.formats.markdown import table as markdown
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
FIRST = {"tpe": "startup", "bananas": "initial", "evolution": "population"}
"""Strategy to its option that says how many trials it draws at random at first."""
HEADS = (
    *("method", "test accuracy, %", "95 % interval"),
    *("against random draws", "95 % interval", "shown", "search, s", "trials"),
)


def is_random(row: Row) -> bool:
    """Return whether all trials of a row's searches were drawn at random."""
    if row.method not in FIRST:
        return row.method == "random"
    options = resolve("strategy", row.method).Options(**QUICK_OPTIONS.get(row.method, {}))
    first: int = getattr(options, FIRST[row.method])
    return row.search_evaluations < first


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
    found = [value for each in drawn for value in each]
    note = (
        f"Random draws: {len(drawn)} searches, {fmean(found):.2f} % on average, "
        f"{min(found):.2f} to {max(found):.2f}."
    )
    numeric = [head not in ("method", "shown") for head in HEADS]
    lines = markdown(HEADS, [row_of(row, drawn) for row in rows], numeric)
    return [f"## {task}, {space}", "", lines, "", note, ""]


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
    last = made("defaults.py", given, seconds, tasks=[*TASKS], spaces=SPACES)
    written = "\n\n".join([*page, last]) + "\n"
    given.out.write_text(written, encoding="utf-8")
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
