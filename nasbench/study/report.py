"""A study's page: a line for each entry, the leaderboard, the curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nasbench import provenance
from nasbench.optional import available
from nasbench.report.anytime import write_pictures
from nasbench.report.formats.cells import Listing
from nasbench.report.formats.markdown import markdown, table
from nasbench.report.leaderboard import build, unfinished_runs
from nasbench.report.quantities import duration
from nasbench.store import studies
from nasbench.store.atomic import write_json, write_text
from nasbench.store.records import read_records
from nasbench.study.drive import Progress
from nasbench.study.figures import Figure
from nasbench.study.plan import Plan
from nasbench.study.training_curves import write_curves

HEADINGS = ("entry", "what", "accuracy, %", "95 % interval", "on", "runs", "reported, %", "cost")
NUMERIC = (False, False, True, True, False, True, True, True)


def write(
    plan: Plan, progress: Progress, lines: Sequence[Figure], out: Path, command: str
) -> list[Path]:
    """Write ``README.md``, ``study.json`` and the pictures below ``out``; return their paths.

    Args:
        plan: the study.
        progress: its runs.
        lines: what :func:`nasbench.study.figures.figures` returned.
        out: the study's folder, which has the runs and the records in it.
        command: what makes it.

    Raises:
        UserError: a file cannot be written.
    """
    records = read_records(out)[0]
    board = build(records, unfinished_runs(out), plan.study.task)
    pictures = []
    if available("matplotlib"):
        suffix = plan.scale.suffix
        pictures = [*write_pictures(board, out, suffix), *write_curves(plan, progress, out)]
    page = out / "README.md"
    blocks = [
        f"# {plan.study.name}",
        plan.study.about,
        plan.scale.words and f"**{plan.scale.words}**",
        table(HEADINGS, listing(lines).lines, NUMERIC),
        *_remarks(plan, lines, sum(record.test_openings for record in records)),
        *(f"![{path.stem}]({path.name})" for path in pictures),
        markdown(board).replace("\n## ", "\n### ").replace("# Leaderboard", "## Leaderboard", 1),
        f"Made with `{command}`; {_where()}.",
    ]
    write_text(page, "\n\n".join(block.strip() for block in blocks if block) + "\n")
    write_json(out / studies.FILE, _plain(plan, lines))
    return [page, *pictures]


def listing(lines: Iterable[Figure]) -> Listing:
    """Return the entries as a table."""
    return Listing("Entries", HEADINGS, NUMERIC, tuple(_cells(line) for line in lines))


def _cells(line: Figure) -> tuple[str, ...]:
    entry, interval = line.entry, line.interval
    return (
        entry.name,
        entry.note or f"{entry.verb} {entry.target}",
        "" if line.mean is None else f"{line.mean:.2f}",
        "" if interval is None else "{:.2f} \N{EN DASH} {:.2f}".format(*interval),
        line.measured_on,
        f"{len(line.values)} of {line.seeds}",
        "" if entry.reported is None else f"{entry.reported:.2f}",
        duration(line.seconds) if line.seconds else "",
    )


def _remarks(plan: Plan, lines: Sequence[Figure], openings: int) -> list[str]:
    opened = sum(line.openings for line in lines)
    more = f", and {openings - opened} times more by runs of the study as it was before"
    found = [
        "Accuracy on `validation` is that of the best trial or of the search; on `folds` that of "
        "a cross-validation of the training images, where with one seed the interval is Student's "
        "over the folds; on `test` that of a final evaluation. "
        f"The test set was opened {opened} times, once for each of those"
        f"{more if openings > opened else ''}."
    ]
    if plan.study.reported:
        found.append(f"Reported: {plan.study.reported}")
    failed = [f"- {line.entry.name}, {reason}" for line in lines for reason in line.failed]
    if failed:
        found.append("\n".join(["Without a result:", "", *failed]))
    return found


def _where() -> str:
    now = provenance.collect()
    versions = ", ".join(f"{name} {found}" for name, found in now["versions"].items() if found)
    gpus = ", ".join(now["gpus"])
    return re.sub(
        r"\s+",
        " ",
        f"{now['cores']} cores of {now['cpu']}{', ' + gpus if gpus else ''}; "
        f"Python {now['python']}, {versions}; commit {now['commit']}",
    )


def _plain(plan: Plan, lines: Sequence[Figure]) -> dict[str, object]:
    return {
        "format": "nasbench-study/1",
        "name": plan.study.name,
        "task": plan.study.task,
        "scale": plan.scale.factor,
        "note": plan.scale.words,
        "seeds": list(plan.study.seeds),
        "entries": {
            line.entry.name: {
                "verb": line.entry.verb,
                "target": line.entry.target,
                "accuracies": list(line.values),
                "measured_on": line.measured_on,
                "interval": line.interval,
                "reported": line.entry.reported,
                "device_seconds": line.seconds,
                "test_openings": line.openings,
                "failed": list(line.failed),
            }
            for line in lines
        },
    }
