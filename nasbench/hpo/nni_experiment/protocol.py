"""NNI's protocol between a trial and its training service, by files in the trial's folder.

The trial's side is ``nni.runtime.trial_command_channel.local_legacy``: parameters come from
``parameter.cfg``, and metrics go to ``.nni/metrics`` as records ``ME<six digits: bytes><JSON>``.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.faults import telling_what_failed

_HEAD = 8  # "ME" and six digits
_LARGEST = sys.float_info.max
_SHOWN = 80  # characters of a report in a message
# NNI's encodings of what a trial may report by mistake.
_ENCODED = {
    "__nni_obj__": "a Python object (of a tensor, report tensor.item())",
    "__ndarray__": "a numpy array",
}


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
        """The reported number; true and false are 1 and 0, as in NNI.

        Raises:
            TrialFailed: there is none, or it is not finite.
        """
        number = self.raw.get("default") if isinstance(self.raw, dict) else self.raw
        kind = "final" if self.final else "intermediate"
        if not isinstance(number, int | float):
            raise TrialFailed(
                f"reported {self.shown} as its {kind} result; allowed: a number, "
                "or a mapping with a number under 'default'"
            )
        if not abs(number) <= _LARGEST:
            raise TrialFailed(f"reported {number!s:.80} as its {kind} result; it must be finite")
        return float(number)

    @property
    def shown(self) -> str:
        """What was reported, in a few words."""
        default = self.raw.get("default") if isinstance(self.raw, dict) else None
        for one in (self.raw, default):
            if isinstance(one, dict) and (found := next((k for k in _ENCODED if k in one), None)):
                return _ENCODED[found]
        text = f"{self.raw!r}"
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


@dataclass
class Outcome:
    """What a trial has reported so far.

    Attributes:
        intermediate: its intermediate results, in order.
        final: its final result; the last intermediate one of a trial that was stopped.
        raw: the final result as reported, with the other entries of a mapping.
        stopped: whether it was stopped early.
        passed_over: the number of intermediate results that are no numbers.
        example: the first of them.
    """

    intermediate: list[float] = field(default_factory=list)
    final: float | None = None
    raw: Any = None
    stopped: bool = False
    passed_over: int = 0
    example: str = ""

    def add(self, metric: Metric, watched: bool) -> float | None:
        """Add one report; the last of several final results counts, as it does in NNI.

        Args:
            metric: the report.
            watched: whether an assessor reads the intermediate results. If not, those that are
                no finite numbers are passed over, as in NNI.

        Returns:
            An intermediate result that is a number.

        Raises:
            TrialFailed: the report is no finite number.
        """
        if metric.final:
            self.final, self.raw = metric.value, metric.raw
            return None
        try:
            number = metric.value
        except TrialFailed:
            if watched:
                raise
            self.example = self.example or metric.shown
            self.passed_over += 1
            return None
        self.intermediate.append(number)
        return number

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
        while len(data) >= _HEAD:
            if not data[2:_HEAD].isdigit():
                raise TrialFailed("wrote a report that cannot be read: its length is no number")
            if len(data) < (size := _HEAD + int(data[2:_HEAD])):
                break
            try:
                record = plain_json.parse(data[_HEAD:size])
                value = plain_json.parse(record["value"])
                final, other = record["type"] == "FINAL", record["parameter_id"]
            except (UserError, LookupError, TypeError, AttributeError) as error:
                raise TrialFailed(f"wrote a report that cannot be read: {error}") from error
            if other != self._number:
                raise TrialFailed(
                    f"reported for parameterId {other!s:.20}; it was given {self._number}"
                )
            found.append(Metric(final, value))
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
    metrics = folder / ".nni" / "metrics"
    record = {
        "parameter_id": number,
        "parameter_source": "algorithm",
        "parameters": dict(parameters),
        "parameter_index": 0,
    }
    text = json.dumps(dict(parameters), indent=2) + "\n"
    with telling_what_failed(folder):
        shutil.rmtree(folder, ignore_errors=True)
        metrics.parent.mkdir(parents=True)
        metrics.touch()
        (folder / "parameter.cfg").write_text(json.dumps(record), encoding="utf-8")
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
