"""Everything that the page of one run shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nasbench.board import drawings, logs
from nasbench.board.files import checkpoint_of, read_json, text, whole
from nasbench.board.history import candidates, events_of, measured, mixing_weights, of_kind
from nasbench.board.results import figures
from nasbench.board.runs import Run, metric, row, shares
from nasbench.store.journal import number, table
from nasbench.store.records import Record

_DECADES = 100  # the ratio of largest to smallest value from which an axis is logarithmic


def content(run: Run, root: Path, bound: Path, record: Record | None) -> dict[str, Any]:
    """Return the content of a run's page, ready for JSON.

    Args:
        run: a readable run.
        root: its results folder.
        bound: the folder that no file may lead out of.
        record: the run's record, if it has one.
    """
    events = events_of(run.path, bound)
    epochs = [event for event in of_kind(events, "epoch") if event.get("trial") is None]
    info, provenance = run.info, table(run.info.get("provenance"))
    checkpoint = checkpoint_of(run.path, bound)
    gpus = provenance.get("gpus")
    hardware = ", ".join(map(text, gpus)) if isinstance(gpus, list) else ""
    metrics = {n: number(v) for n, v in table(info.get("metrics")).items() if n != "epoch"}
    curves = logs.curves(epochs)
    return {
        **row(run, None if record is None else record.result),
        "command": text(provenance.get("command")),
        "hardware": hardware or text(provenance.get("cpu")),
        "versions": _one_line(provenance.get("versions")),
        "config": {
            name: _one_line(value) if isinstance(value, dict) else text(value)
            for name, value in run.config.items()
        },
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "arch": _texts(checkpoint.get("arch")),
        "parameters": _texts(info.get("parameters")),
        "record": None if record is None else figures(record),
        "warnings": logs.warnings_of(run, checkpoint),
        "notes": logs.notes_of(events),
        "folds": _folds(root / "folds" / f"{run.path.name}.json", bound),
        "curves": curves,
        "shares": shares(run, [*metrics, *(curve["name"].split(",")[0] for curve in curves)]),
        "weights": mixing_weights(epochs, candidates(events)),
        "trials": _trials(of_kind(events, "trial"), run),
        "drawings": drawings.listed(run.key, epochs, checkpoint),
        "drawn": drawings.word_of(run, checkpoint),
    }


def _one_line(value: Any) -> str:
    """Return the entries of a table in one line."""
    pairs = {name: one for name, one in table(value).items() if one is not None}
    return ", ".join(f"{name} {text(one)}" for name, one in pairs.items())


def _texts(value: Any) -> dict[str, str] | None:
    return {name: text(one) for name, one in table(value).items()} or None


def _folds(path: Path, bound: Path) -> list[dict[str, Any]] | None:
    """Return the result of every fold of a cross-validation."""
    try:
        found = read_json(path, bound).get("folds")
    except ValueError:
        return None
    folds = [table(fold) for fold in found] if isinstance(found, list) else []
    return [
        {
            "fold": number(fold.get("fold")),
            "result": number(fold.get("result", fold.get("val_accuracy"))),
        }
        for fold in folds
    ] or None


def _trials(events: Iterable[Mapping[str, Any]], run: Run) -> dict[str, Any] | None:
    """Return the trials as columns, ``None`` if there are none; the last report of each counts.

    Their scores are given as values of the run's metric.
    """
    last = {place: event for event in events if (place := whole(event.get("number"))) is not None}
    if not last:
        return None
    trials = [last[place] for place in sorted(last)]
    result = partial(measured, measure=run.measure)
    choices: list[dict[str, Any]] = [
        {
            **next(
                (trial[n] for n in ("parameters", "arch") if isinstance(trial.get(n), dict)), {}
            ),
            **{f"training.{name}": value for name, value in table(trial.get("tuned")).items()},
        }
        for trial in trials
    ]
    names = dict.fromkeys(name for one in choices for name in one)
    reports = []
    for trial in trials:
        values = trial.get("reports")
        listed = values if isinstance(values, list) else []
        reports.append([found for value in listed if (found := result(value)) is not None])
    return {
        "number": sorted(last),
        "larger": run.larger_is_better,
        "metric": metric(run.measure) if run.measure is not None else None,
        "score": [result(trial.get("score")) for trial in trials],
        "error": [text(trial.get("error")) for trial in trials],
        "seconds": [number(trial.get("seconds")) for trial in trials],
        "epochs": [number(trial.get("epochs")) for trial in trials],
        "columns": [_column(name, [one.get(name) for one in choices]) for name in names],
        "reports": reports if any(reports) else None,
        "costs": _costs(trials),
        "drawn": any(isinstance(one.get("arch"), dict) for one in trials),
    }


def _costs(trials: Sequence[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Return parameters, multiply-adds and latency over the trials, as far as they are known."""
    of_each = [{**one, **table(one.get("network")), **table(one.get("costs"))} for one in trials]
    found = {}
    for name in ("params", "macs", "latency_ms"):
        values = [number(costs.get(name)) for costs in of_each]
        if any(value is not None for value in values):
            found[name] = values
    return found


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return one hyperparameter or decision over the trials, as numbers if all values are."""
    present = [value for value in values if value is not None]
    numbers = [found for value in present if (found := number(value)) is not None]
    if not numbers or len(numbers) < len(present):
        words = [None if value is None else text(value) for value in values]
        return {"name": name, "kind": "category", "log": False, "values": words}
    log = min(numbers) > 0 and max(numbers) >= _DECADES * min(numbers)
    return {"name": name, "kind": "number", "log": log, "values": [number(v) for v in values]}
