"""Metrics and losses by name: what they are for, and how their values are read; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TARGETS = ("class", "labels", "numbers")
"""What is predicted: one class, several labels that may hold at once, or numbers."""


@dataclass(frozen=True)
class Measure:
    """How the values of a metric are read.

    Attributes:
        name: as in records, such as ``"balanced_accuracy"``.
        larger_is_better: its direction.
        is_share: whether it lies in [0, 1] and is shown in percent.
        about: what it is, in a few words.
    """

    name: str
    larger_is_better: bool = True
    is_share: bool = False
    about: str = field(default="", compare=False)

    @property
    def words(self) -> str:
        """The name in words: ``balanced accuracy``."""
        return self.name.replace("_", " ")

    @property
    def heading(self) -> str:
        """The name with its unit and, if it is unusual, its direction: ``accuracy, %``."""
        unit = f"{self.words}, %" if self.is_share else self.words
        return unit if self.larger_is_better else f"{unit} (less is better)"

    @property
    def scale(self) -> float:
        """What a value is multiplied with to be shown: 100 of a share."""
        return 100.0 if self.is_share else 1.0

    @property
    def unit(self) -> str:
        """The unit of a shown value: ``%``, or ``""``."""
        return "%" if self.is_share else ""

    def score(self, value: float) -> float:
        """Return a value as one of which more is better, for comparisons, and back."""
        return value if self.larger_is_better else -value

    def text(self, value: float) -> str:
        """Return a value as it was measured for a reader: ``"93.10%"``, ``"0.1234"``."""
        return f"{self.digits(self.scale * value)}{self.unit}"

    def digits(self, shown: float) -> str:
        """Return a value that was scaled already: two decimals of a percentage, else 4 digits."""
        return f"{shown:.2f}" if self.is_share else significant(shown)

    def signed(self, difference: float) -> str:
        """Return a difference of shown values with its sign; the minus is typographic."""
        text = f"{'' if difference < 0 else '+'}{self.digits(difference)}"
        return text.replace("-", "\N{MINUS SIGN}")

    @property
    def points(self) -> str:
        """What a difference is counted in: ``points`` of a percentage, else the metric."""
        return "points" if self.is_share else self.words

    def to_json(self) -> dict[str, Any]:
        """Return what distinguishes it from other metrics, for a file."""
        return {
            "name": self.name,
            "larger_is_better": self.larger_is_better,
            "is_share": self.is_share,
        }


def significant(value: float) -> str:
    """Return a number with four significant digits: ``"0.1234"``, ``"12.34"``, ``"1234"``."""
    if value != value or abs(value) in (0.0, float("inf")):
        return f"{value:.4f}"
    if not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3e}"
    return f"{value:#.4g}".rstrip(".") if abs(value) < 1e4 else f"{value:.0f}"


def _share(name: str, about: str) -> tuple[str, Measure]:
    return name, Measure(name, is_share=True, about=about)


def _error(name: str, about: str) -> tuple[str, Measure]:
    return name, Measure(name, larger_is_better=False, about=about)


_F1 = "mean over the classes or labels of F1, the harmonic mean of precision and recall"

METRICS: dict[str, dict[str, Measure]] = {
    "class": dict(
        (
            _share("accuracy", "share of right answers"),
            _share("balanced_accuracy", "mean over the classes of the share found of each"),
            _share("macro_f1", _F1),
            _share("auroc", "area under the ROC curve, mean over the classes or labels"),
        )
    ),
    "labels": dict(
        (
            _share("label_accuracy", "share of right labels, over all examples and labels"),
            _share("exact_match", "share of examples whose labels are all right"),
            _share("macro_f1", _F1),
            _share("auroc", "area under the ROC curve, mean over the classes or labels"),
            _share("mean_average_precision", "mean over the labels of the average precision"),
        )
    ),
    "numbers": dict(
        (
            _error("mae", "mean absolute error; less is better"),
            _error("rmse", "root of the mean squared error; less is better"),
            ("r2", Measure("r2", about="share of the variance that is explained, R²")),
        )
    ),
}
"""Metrics by target and name."""

LEADING = {"class": "accuracy", "labels": "mean_average_precision", "numbers": "rmse"}
"""The metric of a task whose user names none."""

LOSSES: dict[str, dict[str, str]] = {
    "class": {"cross-entropy": "with label smoothing and class weights where they are given"},
    "labels": {"bce": "binary cross-entropy of every label, with class weights if given"},
    "numbers": {
        "mse": "mean squared error",
        "l1": "mean absolute error",
        "huber": "squared up to an error of 1, linear beyond",
    },
}
"""Losses by target and name, with a few words."""

DEFAULT_LOSS = {"class": "cross-entropy", "labels": "bce", "numbers": "mse"}
"""The loss of a task whose user names none."""

ACCURACY = METRICS["class"]["accuracy"]
_BY_NAME = {name: one for table in METRICS.values() for name, one in table.items()}
RESERVED = frozenset({*_BY_NAME, "loss", "epoch", "seconds", "score"})
"""Names that no metric of a user's own may have."""

_PREFIXES = ("supernet_val_", "derived_val_", "val_", "test_", "train_")


def listed(tables: Mapping[str, Mapping[str, Any]], leading: Mapping[str, str]) -> dict[str, str]:
    """Return names with the targets that they are for and a few words, for a list.

    Args:
        tables: :data:`METRICS` or :data:`LOSSES`.
        leading: the default of each target.
    """
    found: dict[str, str] = {}
    for table in tables.values():
        for name, one in table.items():
            targets = [
                f"{target} (the default)" if leading[target] == name else target
                for target, names in tables.items()
                if name in names
            ]
            about = one.about if isinstance(one, Measure) else one
            found[name] = f"for {' and '.join(targets)}: {about}"
    return found


def named(metric: str) -> Measure:
    """Return how a metric of this name is read; one of a user's own is a plain number.

    Args:
        metric: its name, with or without ``val_``, ``supernet_val_`` and the like before it.
    """
    for prefix in _PREFIXES:
        if metric.startswith(prefix):
            metric = metric.removeprefix(prefix)
            break
    return _BY_NAME.get(metric) or Measure(metric)


def of_run(info: Mapping[str, Any]) -> Measure:
    """Return the leading metric of a run; the accuracy if its ``run.json`` names none.

    Args:
        info: the content of ``run.json``, which may come from elsewhere.
    """
    provenance = info.get("provenance")
    found = provenance.get("metric") if isinstance(provenance, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(found.get("name"), str):
        return ACCURACY
    known = _BY_NAME.get(found["name"], Measure(found["name"]))
    return Measure(
        known.name,
        bool(found.get("larger_is_better", known.larger_is_better)),
        bool(found.get("is_share", known.is_share)),
        known.about,
    )
