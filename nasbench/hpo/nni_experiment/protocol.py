"""NNI's protocol between a trial and its training service, by files in the trial's folder.

The trial's side is ``nni.runtime.trial_command_channel.local_legacy``: parameters come from
``parameter.cfg``, and metrics go to ``.nni/metrics`` as records ``ME<six digits: bytes><JSON>``.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.errors import UserError

_HEAD = 8  # "ME" and six digits


class TrialFailed(UserError):
    """A trial returned no result; the message is the reason in one line."""


@dataclass(frozen=True)
class Metric:
    """One report of a trial.

    Attributes:
        final: whether it is the final result.
        raw: what was reported: a number, or a mapping with the number under ``default``.
    """

    final: bool
    raw: Any

    @property
    def value(self) -> float:
        """The reported number.

        Raises:
            TrialFailed: there is none, or it is not finite.
        """
        number = self.raw.get("default") if isinstance(self.raw, dict) else self.raw
        kind = "final" if self.final else "intermediate"
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TrialFailed(
                f"reported {self.raw!r} as its {kind} result; allowed: a number, "
                "or a mapping with a number under 'default'"
            )
        if not math.isfinite(number):
            raise TrialFailed(f"reported {number} as its {kind} result; it must be finite")
        return float(number)


@dataclass
class Outcome:
    """What a trial has reported so far.

    Attributes:
        intermediate: its intermediate results, in order.
        final: its final result; the last intermediate one of a trial that was stopped.
        raw: the final result as reported, with the other entries of a mapping.
        stopped: whether it was stopped early.
    """

    intermediate: list[float] = field(default_factory=list)
    final: float | None = None
    raw: Any = None
    stopped: bool = False

    def add(self, metric: Metric) -> None:
        """Add one report; the last of several final results counts, as it does in NNI.

        Raises:
            TrialFailed: the report is no finite number.
        """
        if metric.final:
            self.final, self.raw = metric.value, metric.raw
        else:
            self.intermediate.append(metric.value)

    def stop(self) -> None:
        """Take the last intermediate result as the final one, unless a final one was reported.

        Raises:
            TrialFailed: nothing was reported.
        """
        if self.final is not None:
            return
        if not self.intermediate:
            raise TrialFailed("was stopped before it had reported anything")
        self.stopped, self.final = True, self.intermediate[-1]


class Metrics:
    """The metrics file of a trial, read while it grows."""

    def __init__(self, path: Path, number: int) -> None:
        """Take the file, and the ``parameterId`` that its records must have."""
        self._path = path
        self._number = number
        self._read = 0  # bytes

    def new(self) -> list[Metric]:
        """Return the reports that are complete and were not returned before.

        Raises:
            TrialFailed: a report is for the parameters of another trial.
        """
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        found = []
        while len(data) >= _HEAD and len(data) >= (size := _HEAD + int(data[2:_HEAD])):
            record = json.loads(data[_HEAD:size])
            if (other := record["parameter_id"]) != self._number:
                raise TrialFailed(f"reported for parameterId {other}; it was given {self._number}")
            found.append(Metric(record["type"] == "FINAL", json.loads(record["value"])))
            data = data[size:]
            self._read += size
        return found


def open_folder(folder: Path, number: int, parameters: Mapping[str, Any]) -> Metrics:
    """Create an empty folder for a trial and write its parameters, also in a readable form.

    Args:
        folder: of the trial; files of an earlier attempt are removed.
        number: NNI's ``parameterId``, which joins results and parameters.
        parameters: name to value.
    """
    shutil.rmtree(folder, ignore_errors=True)
    metrics = folder / ".nni" / "metrics"
    metrics.parent.mkdir(parents=True)
    metrics.touch()
    record = {
        "parameter_id": number,
        "parameter_source": "algorithm",
        "parameters": dict(parameters),
        "parameter_index": 0,
    }
    (folder / "parameter.cfg").write_text(json.dumps(record), encoding="utf-8")
    text = json.dumps(dict(parameters), indent=2) + "\n"
    (folder / "parameters.json").write_text(text, encoding="utf-8")
    return Metrics(metrics, number)


def environment(
    inherited: Mapping[str, str], folder: Path, code_dir: Path, experiment: str, job: str
) -> dict[str, str]:
    """Return the environment of a trial: the inherited one with NNI's variables for this trial.

    Args:
        inherited: this process's environment.
        folder: of the trial.
        code_dir: the folder in which its command runs.
        experiment: what ``nni.get_experiment_id()`` returns in the trial.
        job: what ``nni.get_trial_id()`` returns; the sequence number is the folder's name.
    """
    foreign = ("NNI_TRIAL_COMMAND_CHANNEL", "REUSE_MODE", "MULTI_PHASE", "SDK_PROCESS")
    return {
        **{name: value for name, value in inherited.items() if name not in foreign},
        "NNI_PLATFORM": "local",
        "NNI_EXP_ID": experiment,
        "NNI_SYS_DIR": str(folder),
        "NNI_OUTPUT_DIR": str(folder),
        "NNI_CODE_DIR": str(code_dir),
        "NNI_TRIAL_JOB_ID": job,
        "NNI_TRIAL_SEQ_ID": folder.name,
    }
