"""The report of a study: a table of its entries, the leaderboard, and the curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import provenance
from nasbench.optional import available
from nasbench.report.anytime import write_pictures
from nasbench.report.formats.cells import Listing
from nasbench.report.formats.markdown import markdown, table
from nasbench.report.leaderboard import build, unfinished_runs
from nasbench.report.plots import Curve, draw_curves
from nasbench.report.quantities import duration
from nasbench.store import studies
from nasbench.store.atomic import write_json, write_text
from nasbench.store.journal import number
from nasbench.store.records import read_records
from nasbench.store.runs import RunFolder
from nasbench.study.plan import Plan
from nasbench.study.results import EntryResult
from nasbench.study.runner import Progress

HEADINGS = ("entry", "what", "accuracy, %", "95 % interval", "on", "runs", "reported, %", "cost")
NUMERIC = (False, False, True, True, False, True, True, True)
_METRICS = ("val_accuracy", "accuracy")
_WORDS = {"val_accuracy": "validation", "accuracy": "training"}


def write(
    plan: Plan, progress: Progress, results: Sequence[EntryResult], out: Path, command: str
) -> list[Path]:
    """Write ``README.md``, ``study.json`` and the pictures below ``out``; return their paths.

    Args:
        plan: the study.
        progress: its runs.
        results: of the entries.
        out: the study's folder, which holds its runs and records.
        command: the command that made them.

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
        table(HEADINGS, listing(results).lines, NUMERIC),
        *_remarks(plan, results, sum(record.test_openings for record in records)),
        *(f"![{path.stem}]({path.name})" for path in pictures),
        markdown(board).replace("\n## ", "\n### ").replace("# Leaderboard", "## Leaderboard", 1),
        f"Made with `{command}`; {_where()}.",
    ]
    write_text(page, "\n\n".join(block.strip() for block in blocks if block) + "\n")
    write_json(out / studies.FILE, _plain(plan, results))
    return [page, *pictures]


def listing(results: Iterable[EntryResult]) -> Listing:
    """Return the entries as a table."""
    lines = []
    for result in results:
        entry, interval = result.entry, result.interval
        lines.append(
            (
                entry.name,
                entry.note or f"{entry.verb} {entry.target}",
                _accuracy(result),
                "" if interval is None else "{:.2f} \N{EN DASH} {:.2f}".format(*interval),
                result.measured_on,
                f"{len(result.values)} of {result.seeds}",
                "" if entry.reported is None else f"{entry.reported:.2f}",
                duration(result.seconds) if result.seconds else "",
            )
        )
    return Listing("Entries", HEADINGS, NUMERIC, tuple(lines))


def _accuracy(result: EntryResult) -> str:
    """Return the mean accuracy in percent, marked if networks are at chance level."""
    if result.mean is None or not result.at_chance:
        return "" if result.mean is None else f"{result.mean:.2f}"
    every = result.at_chance == len(result.values)
    how_many = "" if every else f"{result.at_chance} of {len(result.values)} "
    return f"{result.mean:.2f}, {how_many}at chance level"


def _remarks(plan: Plan, results: Sequence[EntryResult], openings: int) -> list[str]:
    opened = sum(result.openings for result in results)
    more = f", and {openings - opened} more times by runs of earlier versions of the study"
    found = [
        "Accuracy on `validation` is that of the best trial or of the search; accuracy on `folds` "
        "is that of a cross-validation of the training images, and with one seed its interval is "
        "Student's t over the folds; accuracy on `test` is that of a final evaluation. "
        f"The test set was opened {opened} times, once for each final evaluation"
        f"{more if openings > opened else ''}."
    ]
    if any(result.at_chance for result in results):
        found.append(
            "At chance level: not shown to be above the accuracy of always answering the largest "
            "class."
        )
    if plan.study.reported:
        found.append(f"Reported: {plan.study.reported}")
    failed = [f"- {result.entry.name}, {reason}" for result in results for reason in result.failed]
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


def _plain(plan: Plan, results: Sequence[EntryResult]) -> dict[str, object]:
    return {
        "format": "nasbench-study/1",
        "name": plan.study.name,
        "task": plan.study.task,
        "scale": plan.scale.factor,
        "note": plan.scale.words,
        "seeds": list(plan.study.seeds),
        "entries": {
            result.entry.name: {
                "verb": result.entry.verb,
                "target": result.entry.target,
                "accuracies": list(result.values),
                "measured_on": result.measured_on,
                "at_chance": result.at_chance,
                "interval": result.interval,
                "reported": result.entry.reported,
                "device_seconds": result.seconds,
                "test_openings": result.openings,
                "failed": list(result.failed),
            }
            for result in results
        },
    }


def write_curves(plan: Plan, progress: Progress, out: Path) -> list[Path]:
    """Draw a training curve for each ``train`` and ``retrain`` entry; return the paths written.

    A curve shows the mean and the range over the seeds, or over their folds, of the validation
    accuracy; of the training accuracy if no images were held out.

    Args:
        plan: the study.
        progress: its runs.
        out: the study's folder.
    """
    found = dict[str, tuple[str, list[list[float]]]]()
    for entry in plan.study.entries.values():
        if entry.verb in ("train", "retrain"):
            runs = [path for step, path in progress.done.items() if step.entry is entry]
            metric, histories = _histories(runs)
            if histories:
                found[entry.name] = metric, histories
    if not found:
        return []
    metrics = {metric for metric, _ in found.values()}
    curves = []
    for name, (metric, histories) in found.items():
        length = min(map(len, histories))
        values = np.array([history[:length] for history in histories])
        x = np.arange(1, length + 1, dtype=np.float64)
        label = name if len(metrics) == 1 else f"{name} ({_WORDS[metric]})"
        curves.append(Curve(label, x, values.mean(0), values.min(0), values.max(0)))
    words = " or ".join(_WORDS[metric] for metric in sorted(metrics, reverse=True))
    title = f"{plan.study.name}{plan.scale.suffix}: mean and range over runs"
    path = out / "training.svg"
    label = f"{words} accuracy, %"
    return [draw_curves(curves, path, xlabel="epoch", ylabel=label, title=title, log_x=False)]


def _histories(runs: Iterable[Path]) -> tuple[str, list[list[float]]]:
    """Return a metric and its values after each epoch in percent, for each run or fold."""
    by_fold: dict[Any, list[dict[str, Any]]] = {}  # without folds, all epochs of a run together
    for run in runs:
        epochs = RunFolder(run).journal.epochs()
        for event in sorted(epochs, key=lambda event: number(event["epoch"]) or 0.0):
            by_fold.setdefault((run, event.get("fold")), []).append(event)
    every = list(by_fold.values())
    for metric in _METRICS:
        histories = [[number(event.get(metric)) for event in epochs] for epochs in every]
        known = [[100 * v for v in history if v is not None] for history in histories]
        if every and [*map(len, known)] == [*map(len, every)]:
            return metric, known
    return "", []
