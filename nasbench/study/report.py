"""The report of a study: a table of its entries, the leaderboard, and the curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import provenance
from nasbench.errors import UserError
from nasbench.measures import ACCURACY, Measure, named, of_run
from nasbench.optional import available
from nasbench.report.anytime import write_pictures
from nasbench.report.formats.cells import EVERYTHING, Listing, with_half
from nasbench.report.formats.markdown import markdown, table
from nasbench.report.leaderboard import build, unfinished_runs
from nasbench.report.plots import Curve, draw_curves
from nasbench.report.quantities import duration
from nasbench.store import studies
from nasbench.store.atomic import write_json, write_text
from nasbench.store.journal import number
from nasbench.store.records import read_records
from nasbench.store.runs import RunFolder
from nasbench.study.entry import Entry
from nasbench.study.plan import Plan, Step
from nasbench.study.results import EntryResult
from nasbench.study.runner import Progress
from nasbench.study.scale import passes

_TRAINING = ("accuracy", "loss")  # what an epoch says without a validation


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
    page, entries = out / "README.md", listing(results)
    blocks = [
        f"# {plan.study.name}",
        plan.study.about,
        plan.scale.words and f"**{plan.scale.words}**",
        table(entries.headings, entries.lines, entries.numeric),
        *_remarks(plan, results, sum(record.test_openings for record in records)),
        *(f"![{path.stem}]({path.name})" for path in pictures),
        markdown(board, EVERYTHING)
        .replace("\n## ", "\n### ")
        .replace("# Leaderboard", "## Leaderboard", 1),
        f"Made with `{command}`; {_where()}.",
    ]
    write_text(page, "\n\n".join(block.strip() for block in blocks if block) + "\n")
    write_json(out / studies.FILE, _plain(plan, results))
    return [page, *pictures]


def listing(results: Iterable[EntryResult]) -> Listing:
    """Return the entries as a table; of several metrics, each cell names its own.

    Results that somebody reported have a column if there are any.
    """
    results = list(results)
    every = {result.measure for result in results if result.values}
    measure = next(iter(every)) if len(every) == 1 else None
    cited = any(result.entry.reported is not None for result in results)
    reported = "reported, %" if measure is None or measure.is_share else "reported"
    columns = [
        *(("entry", False), ("what", False), (measure.heading if measure else "result", True)),
        *(("on", False), ("runs", True), *([(reported, True)] if cited else []), ("cost", True)),
    ]
    lines = []
    for result in results:
        entry = result.entry
        known = "" if entry.reported is None else result.measure.digits(entry.reported)
        lines.append(
            (
                entry.name,
                entry.note or f"{entry.verb} {entry.target}",
                _result(result, named=measure is None),
                result.measured_on,
                f"{len(result.values)} of {result.seeds}",
                *([known] if cited else []),
                duration(result.seconds) if result.seconds else "",
            )
        )
    headings, numeric = zip(*columns, strict=True)
    return Listing("Entries", headings, numeric, tuple(lines))


def _result(result: EntryResult, named: bool) -> str:
    """Return the mean result in its unit, marked if networks are at chance level.

    Args:
        result: of an entry.
        named: whether the metric is named.
    """
    if result.mean is None:
        return ""
    shown = with_half(result.measure.digits(result.mean), result.interval)
    if named:
        shown = f"{result.measure.words} {shown}{result.measure.unit}"
    if not result.at_chance:
        return shown
    every = result.at_chance == len(result.values)
    how_many = "" if every else f"{result.at_chance} of {len(result.values)} "
    return f"{shown}, {how_many}at chance level"


def _remarks(plan: Plan, results: Sequence[EntryResult], openings: int) -> list[str]:
    opened = sum(result.openings for result in results)
    every = {result.measure for result in results if result.values} or {ACCURACY}
    one = next(iter(every)).words if len(every) == 1 else "a result"
    what = one[0].upper() + one[1:]
    more = f", and {openings - opened} more times by runs of earlier versions of the study"
    found = [
        f"{what} on `validation` is that of the best trial or of the search; {one} on `folds` "
        "is that of a cross-validation of the training images, and with one seed its interval is "
        f"Student's t over the folds; {one} on `test` is that of a final evaluation. "
        f"The test set was opened {opened} times, once for each final evaluation"
        f"{more if openings > opened else ''}."
    ]
    if any(result.at_chance for result in results):
        found.append(
            "At chance level: not shown to be above the accuracy of always answering the largest "
            "class."
            if every == {ACCURACY}
            else "At chance level: not shown to be better than always giving the same answer."
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
                "metric": result.measure.name,
                "unit": result.measure.unit,
                "larger_is_better": result.measure.larger_is_better,
                "accuracies" if result.measure == ACCURACY else "results": list(result.values),
                "measured_on": result.measured_on,
                "at_chance": result.at_chance,
                "interval": result.interval,
                "reported": result.entry.reported,
                "device_seconds": result.seconds,
                "passes": _passes(plan, result.entry),
                "test_openings": result.openings,
                "failed": list(result.failed),
            }
            for result in results
        },
    }


def _passes(plan: Plan, entry: Entry) -> float | None:
    """Return the training images that a run of an entry sees, ``None`` if it is unknown."""
    try:
        return passes(plan.options(Step(entry, plan.study.seeds[0])), len(plan.task.train))
    except UserError:  # the entry has failed, and the report says why
        return None


def write_curves(plan: Plan, progress: Progress, out: Path) -> list[Path]:
    """Draw a training curve for each ``train`` and ``retrain`` entry; return the paths written.

    A curve shows the mean and the range over the seeds, or over their folds, of the leading
    metric on validation examples; of the training accuracy or loss if none were held out. Curves
    of different metrics have pictures of their own.

    Args:
        plan: the study.
        progress: its runs.
        out: the study's folder.
    """
    found: dict[Measure, dict[str, tuple[str, list[list[float]]]]] = {}
    for entry in plan.study.entries.values():
        if entry.verb in ("train", "retrain"):
            runs = [path for step, path in progress.done.items() if step.entry is entry]
            measure, part, histories = _histories(runs)
            if histories:
                found.setdefault(measure, {})[entry.name] = part, histories
    drawn: list[Path] = []
    for measure, entries in found.items():
        name = f"training-{measure.name}.svg" if drawn else "training.svg"
        drawn.append(_drawn(plan, measure, entries, out / name))
    return drawn


def _drawn(
    plan: Plan, measure: Measure, entries: dict[str, tuple[str, list[list[float]]]], path: Path
) -> Path:
    """Draw the curves of one metric."""
    parts = {part for part, _ in entries.values()}
    curves = []
    for name, (part, histories) in entries.items():
        length = min(map(len, histories))
        values = np.array([history[:length] for history in histories])
        x = np.arange(1, length + 1, dtype=np.float64)
        label = name if len(parts) == 1 else f"{name} ({part})"
        curves.append(Curve(label, x, values.mean(0), values.min(0), values.max(0)))
    words = " or ".join(sorted(parts, reverse=True))
    title = f"{plan.study.name}{plan.scale.suffix}: mean and range over runs"
    label = f"{words} {measure.words}{', %' if measure.is_share else ''}"
    return draw_curves(curves, path, xlabel="epoch", ylabel=label, title=title, log_x=False)


def _histories(runs: Iterable[Path]) -> tuple[Measure, str, list[list[float]]]:
    """Return a metric, where it was measured, and its values after each epoch of each run.

    The values of a share are in percent; folds count as runs.
    """
    by_fold: dict[Any, list[dict[str, Any]]] = {}  # without folds, all epochs of a run together
    leading = ACCURACY
    for run in runs:
        folder = RunFolder(run)
        leading = of_run(folder.info)
        epochs = folder.journal.epochs()
        for event in sorted(epochs, key=lambda event: number(event["epoch"]) or 0.0):
            by_fold.setdefault((run, event.get("fold")), []).append(event)
    every = list(by_fold.values())
    shown = [(leading, "validation", f"val_{leading.name}")]
    shown += [(named(name), "training", name) for name in _TRAINING]
    for measure, part, name in shown:
        histories = [[number(event.get(name)) for event in epochs] for epochs in every]
        known = [[measure.scale * v for v in one if v is not None] for one in histories]
        if every and [*map(len, known)] == [*map(len, every)]:
            return measure, part, known
    return leading, "", []
