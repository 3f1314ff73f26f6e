"""The result of each trial, kept beside its parameters in the trial's own folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class TrialResult:
    """One trial under NNI's manager.

    Attributes:
        number: NNI's ``parameterId``.
        parameters: what the trial was given.
        final: its final result; the last intermediate one where it was stopped.
        error: why there is none, in one line.
        intermediate: its intermediate results, in order.
        stopped: whether it was stopped early, by the assessor or with the experiment.
        seconds: wall time of the command.
    """

    number: int
    parameters: dict[str, Any]
    final: float | None = None
    error: str | None = None
    intermediate: tuple[float, ...] = ()
    stopped: bool = False
    seconds: float = 0.0


def write_result(folder: Path, result: TrialResult) -> None:
    """Write ``result.json`` into the trial's folder, whole or not at all."""
    temporary = folder / ".result.json.tmp"
    temporary.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    temporary.replace(folder / "result.json")


def read_results(folder: Path) -> list[TrialResult]:
    """Return the results of all trials in ``folder``, by number.

    A trial without a result was killed before it could write one.
    """
    begun = [path.parent for path in folder.glob("*/parameters.json")]
    return [_read(trial) for trial in sorted(begun, key=lambda trial: int(trial.name))]


def _read(trial: Path) -> TrialResult:
    path = trial / "result.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        return TrialResult(**{**found, "intermediate": tuple(found["intermediate"])})
    parameters = json.loads((trial / "parameters.json").read_text(encoding="utf-8"))
    return TrialResult(int(trial.name), parameters, error="was killed before it ended")
