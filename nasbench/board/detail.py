"""All that is known of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasbench.board import drawings, trials, weights
from nasbench.board.files import read_json, text
from nasbench.board.folder import candidates, checkpoint_of, events_of, of_kind
from nasbench.board.runs import Seen, row
from nasbench.store.journal import number, table
from nasbench.store.records import Record

_NO_CURVE = ("epoch", "seconds", "trial", "fold")
_MEASURED = ("test_accuracy", "params", "macs", "latency_ms", "test_openings")


def content(run: Seen, root: Path, bound: Path, record: Record | None) -> dict[str, Any]:
    """Return what the page of a run shows, ready for JSON.

    Args:
        run: a readable one.
        root: the results folder that it lies in.
        bound: the folder that no file may lead out of.
        record: of the run, where it has one.
    """
    events = events_of(run.path, bound)
    epochs = of_kind(events, "epoch")
    own = [event for event in epochs if event.get("trial") is None]
    info, provenance = run.info, table(run.info.get("provenance"))
    checkpoint = checkpoint_of(run.path, bound)
    return {
        **row(run, None if record is None else record.test_accuracy),
        "command": text(provenance.get("command")),
        "hardware": _hardware(provenance),
        "versions": _listed(provenance.get("versions")),
        "config": {name: _words(value) for name, value in run.config.items()},
        "metrics": {n: v for n, v in _numbers(info.get("metrics")).items() if n != "epoch"},
        "arch": _texts(checkpoint.get("arch")),
        "parameters": _texts(info.get("parameters")),
        "record": None if record is None else {n: getattr(record, n) for n in _MEASURED},
        "folds": _folds(root / "folds" / f"{run.path.name}.json", bound),
        "curves": _curves(own),
        "weights": weights.shares(own, candidates(events)),
        "trials": trials.columns(of_kind(events, "trial")),
        "drawings": drawings.listed(run.key, own, checkpoint),
    }


def _curves(epochs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each measure over the epochs, of every fold by itself."""
    found: dict[str, dict[str, Any]] = {}
    for event in epochs:
        fold = f", fold {text(event['fold'])}" if event.get("fold") is not None else ""
        for name, value in event.items():
            if name in _NO_CURVE or (height := number(value)) is None:
                continue
            named = f"{name}{fold}"
            curve = found.setdefault(named, {"name": named, "x": [], "y": []})
            curve["x"].append(event["epoch"])
            curve["y"].append(height)
    return list(found.values())


def _folds(path: Path, bound: Path) -> list[dict[str, Any]] | None:
    """Return the accuracy of every fold of a cross-validation."""
    try:
        told = read_json(path, bound).get("folds")
    except ValueError:
        return None
    listed = [table(fold) for fold in told] if isinstance(told, list) else []
    shown = ("fold", "val_accuracy")
    return [{name: number(one.get(name)) for name in shown} for one in listed] or None


def _hardware(provenance: Mapping[str, Any]) -> str:
    gpus = provenance.get("gpus")
    named = ", ".join(map(text, gpus)) if isinstance(gpus, list) and gpus else ""
    return named or text(provenance.get("cpu"))


def _words(value: Any) -> str:
    """Return an option's value; a table inside it in one line."""
    return _listed(value) if isinstance(value, dict) else text(value)


def _listed(value: Any) -> str:
    pairs = {name: one for name, one in table(value).items() if one is not None}
    return ", ".join(f"{name} {text(one)}" for name, one in pairs.items())


def _texts(value: Any) -> dict[str, str] | None:
    return {name: text(one) for name, one in table(value).items()} or None


def _numbers(value: Any) -> dict[str, float]:
    found = {name: number(one) for name, one in table(value).items()}
    return {name: one for name, one in found.items() if one is not None}
