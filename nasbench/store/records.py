"""The record of a finished retraining, which the leaderboard reads."""

from __future__ import annotations

import typing
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from nasbench import plain_files, plain_json
from nasbench.errors import UserError
from nasbench.measures import Measure
from nasbench.store import older
from nasbench.store.atomic import write_json

FORMAT = "nasbench-record/1"
KINDS = ("nas", "hpo", "joint", "plain")
"""What was searched: an architecture, the hyperparameters of a given network, both, or nothing."""

TUNED = "training."
"""Begins the names of a joint search's hyperparameters beside those of its architecture."""

_COUNTED = (
    *("params", "macs", "latency_ms", "search_seconds", "search_evaluations"),
    *("retrain_seconds", "test_openings", "test_examples", "steps"),
)
_OR_NONE = ("test_accuracy", "val_accuracy", "constant", "train_result")
PER_CLASS = ("examples", "precision", "recall", "f1")
_MOST = 1e18  # more multiply-adds than any trained network has


@dataclass(frozen=True)
class Record:
    """The result and the cost of one retraining of one architecture.

    Attributes:
        run: the run folder's name; unique, and the record's file name.
        method: the strategy's or tuner's name, for example ``"darts"``, ``"tpe"``, ``"random"``.
        task: the task's name.
        space: the search space's name; for hyperparameters, the baseline's.
        arch_id: short id of the architecture.
        arch: label to the chosen value, with the tuned hyperparameters by name; those of a joint
            search begin with :data:`TUNED`.
        search_run: name of the search run that found it, or ``""``.
        search_seed: the seed of that search.
        retrain_seed: the seed of this retraining.
        search_config: configuration of the search (options, epochs, preset), without seeds.
        retrain_config: configuration of the retraining, without seeds.
        test_accuracy: accuracy on the sealed test set, in [0, 1]; ``None`` if no single class is
            predicted.
        val_accuracy: the search's last validation accuracy, of the architecture as the search
            trained it or, one-shot, of the supernet; ``None`` if it has none.
        params: parameters of the retrained network, without those used only in training.
        macs: multiply-adds of one forward pass of one example, without those of ``uncounted``.
        latency_ms: median latency of one forward pass, batch 1, on ``device``.
        search_seconds: device-seconds of the search.
        search_evaluations: architectures evaluated by the search.
        retrain_seconds: device-seconds of the retraining.
        test_openings: times that the test set was opened for this record.
        test_examples: size of the test set.
        search_provenance: of the search: version, commit, command, hardware, times.
        provenance: of the retraining: version, commit, command, hardware, libraries, times.
        kind: ``"nas"``, ``"hpo"``, ``"joint"`` or ``"plain"``, from :data:`KINDS`.
        curve: anytime curve of the search: ascending pairs of device-seconds spent so far and the
            best validation result so far; empty if unknown.
        uncounted: operations of the network whose multiply-adds cannot be counted, by name.
        given: what the user chose in place of a search's result, such as ``cells.py:MINE``; ``""``
            if a search found the architecture or the choice has no name.
        defaults: what it means if ``search`` or ``retrain`` configurations lack an option.
        test_classes: the number of test images of each class; empty if unknown.
        metric: the name of the task's leading metric.
        larger_is_better: its direction.
        is_share: whether it lies in [0, 1] and is shown in percent.
        test_metrics: name to value on the test set, the leading metric among them; empty in
            records of accuracies from before there were others.
        confusion: counts of the test examples: a row for each class, a column for each answer;
            empty if unknown.
        class_names: names of the classes or outputs, empty if they have none.
        constant: the leading metric of the best answer that does not depend on the example, as
            the training examples suggest it; ``None`` if unknown.
        train_result: the leading metric on training examples without augmentation, ``None`` if
            unknown.
        steps: steps of the optimizer in the retraining, 0 if unknown.
        per_class: ``examples``, ``precision``, ``recall`` and ``f1`` of each class or label on
            the test set; empty if unknown.
        notes: why further metrics have no value, one line each.
    """

    run: str
    method: str
    task: str
    space: str
    arch_id: str
    search_run: str
    search_seed: int
    retrain_seed: int
    search_config: dict[str, Any]
    retrain_config: dict[str, Any]
    test_accuracy: float | None
    val_accuracy: float | None
    params: int
    macs: int
    latency_ms: float
    search_seconds: float
    search_evaluations: int
    retrain_seconds: float
    test_openings: int
    test_examples: int
    provenance: dict[str, Any] = field(default_factory=dict)
    search_provenance: dict[str, Any] = field(default_factory=dict)
    arch: dict[str, Any] = field(default_factory=dict)
    kind: str = "nas"
    curve: list[list[float]] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    given: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    test_classes: list[int] = field(default_factory=list)
    metric: str = "accuracy"
    larger_is_better: bool = True
    test_metrics: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    is_share: bool = True
    constant: float | None = None
    train_result: float | None = None
    steps: int = 0
    per_class: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def measure(self) -> Measure:
        """How the leading metric is read."""
        return Measure(self.metric, self.larger_is_better, self.is_share)

    @property
    def result(self) -> float:
        """The leading metric on the test set."""
        return self.test_metrics.get(self.metric, self.test_accuracy or 0.0)

    @property
    def chosen(self) -> bool:
        """Whether the user chose the architecture, and no search found it."""
        return self.kind == "plain" or bool(self.given)


_HINTS = typing.get_type_hints(Record)


def folder(results: Path) -> Path:
    """Return the folder of the records."""
    return results / "records"


def write_record(results: Path, record: Record) -> Path:
    """Write ``record`` under ``results/records`` and return its path.

    Raises:
        UserError: it cannot be written.
    """
    path = folder(results) / f"{record.run}.json"
    write_json(path, {"format": FORMAT, **asdict(record)})
    return path


def read_records(results: Path) -> tuple[list[Record], list[str]]:
    """Return the records under ``results/records`` and one line for each that is unreadable."""
    records, problems = [], []
    for path in sorted(folder(results).glob("*.json")):
        try:
            records.append(read_record(path))
        except ValueError as error:
            problems.append(f"{path} left out: {error}")
    return records, problems


def read_record(path: Path) -> Record:
    """Return the record in a file.

    Raises:
        ValueError: it cannot be read or has another format; the reason in one line.
    """
    try:
        return parse_record(plain_files.read_bytes(path))
    except UserError as error:
        raise ValueError(str(error)) from error


def parse_record(text: bytes) -> Record:
    """Return the record in a file's bytes.

    Raises:
        ValueError: it has another format, or a number that no training gives.
    """
    try:
        content = plain_json.parse(text)
        if content.pop("format") != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        return _record(content)
    except (UserError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _record(content: dict[str, Any]) -> Record:
    """Return the record with these fields; fields of later versions are ignored."""
    known = {f.name: content[f.name] for f in fields(Record) if f.name in content}
    for name, value in known.items():
        kinds = typing.get_args(_HINTS[name]) if name in _OR_NONE else (_HINTS[name],)
        plain = tuple(typing.get_origin(kind) or kind for kind in kinds)
        if not isinstance(value, (*plain, int) if float in plain else plain):
            raise ValueError(f"the field {name!r} has the value {value!r}")
    record = Record(**older.record(known))
    if record.kind not in KINDS:
        raise ValueError(f"unknown kind {record.kind!r}: allowed: {', '.join(KINDS)}")
    for name in _COUNTED:
        value = getattr(record, name)
        if not 0 <= value < _MOST:  # it would spoil the means of other records
            raise ValueError(f"the field {name!r} has the value {value!r}")
    if not 0 <= (record.test_accuracy or 0) <= 1:
        raise ValueError(f"the field 'test_accuracy' has the value {record.test_accuracy!r}")
    _check_metrics(record)
    counts = record.test_classes
    if counts and not (
        all(type(count) is int and count >= 0 for count in counts)
        and sum(counts) == record.test_examples
    ):
        raise ValueError(
            f"the field 'test_classes' has the value {counts!r}: expected whole numbers of at "
            f"least 0 with the sum {record.test_examples}"
        )
    if not all(isinstance(name, str) for name in record.uncounted):
        raise ValueError(f"the field 'uncounted' has the value {record.uncounted!r}")
    spent = 0.0
    for point in record.curve:  # ascending device-seconds, accuracies in [0, 1]
        pair = isinstance(point, list) and len(point) == 2
        if not (pair and all(isinstance(number, int | float) for number in point)):
            raise ValueError(f"the field 'curve' has the point {point!r}")
        in_range = 0.0 <= point[1] <= 1.0 or record.metric != "accuracy"
        if not (spent <= point[0] < _MOST and in_range and abs(point[1]) < _MOST):
            raise ValueError(
                f"the field 'curve' has the point {point!r} after {spent:g} device-seconds"
            )
        spent = point[0]
    return record


def _check_metrics(record: Record) -> None:
    """Raise unless the metrics are finite numbers, the leading one among them.

    Raises:
        ValueError: they are not.
    """
    for name, value in record.test_metrics.items():
        if not isinstance(value, int | float) or not abs(value) < _MOST:
            raise ValueError(f"the field 'test_metrics.{name}' has the value {value!r}")
    for name in ("constant", "train_result"):
        value = getattr(record, name)
        if value is not None and not abs(value) < _MOST:
            raise ValueError(f"the field {name!r} has the value {value!r}")
    known = record.metric in record.test_metrics
    if not known and (record.metric != "accuracy" or record.test_accuracy is None):
        raise ValueError(f"the field 'test_metrics' lacks the metric {record.metric!r}")
    k = len(record.test_classes)
    rows = record.confusion
    if rows and not (
        len(rows) == k
        and all(isinstance(row, list) and len(row) == k for row in rows)
        and all(type(n) is int and n >= 0 for row in rows for n in row)
        and [sum(row) for row in rows] == record.test_classes
    ):
        raise ValueError("the field 'confusion' does not agree with 'test_classes'")
    for one in record.per_class:
        if not isinstance(one, dict) or set(one) != set(PER_CLASS):
            raise ValueError(f"the field 'per_class' has the entry {str(one)[:80]!r}")
        if not all(isinstance(v, int | float) and 0 <= v < _MOST for v in one.values()):
            raise ValueError(f"the field 'per_class' has the entry {str(one)[:80]!r}")
    for name in ("class_names", "notes"):
        if not all(isinstance(text, str) for text in getattr(record, name)):
            raise ValueError(f"the field {name!r} has the value {str(getattr(record, name))[:80]}")
