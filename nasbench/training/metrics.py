"""Metrics: one number that says how good a network's outputs are, by torchmetrics or one's own."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nasbench import catalog, measures
from nasbench.errors import UserError, unknown
from nasbench.faults import fault_of
from nasbench.measures import LEADING, TARGETS, Measure

__all__ = ["ACCURACY", "LEADING", "METRICS", "TARGETS", "Metric", "metric", "own_metric"]

Function = Callable[[Tensor, Tensor], Any]

FAILURES = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError, RuntimeError),
    *(TypeError, ValueError),
)
"""What a function of a user's own may raise, which is then told in one line."""


@dataclass(frozen=True)
class Metric:
    """A metric over all examples of an evaluation.

    Attributes:
        name: as in records and tables, such as ``"balanced_accuracy"``.
        function: takes outputs and targets of all examples and returns one number. Outputs are
            float32 logits ``(n, classes)`` for one class, logits ``(n, labels)`` for several
            labels, numbers ``(n, k)``; targets int64 ``(n,)``, float32 ``(n, labels)`` of 0 and
            1, float32 ``(n, k)``.
        larger_is_better: its direction.
        is_share: whether it lies in [0, 1] and is shown in percent.
        source: ``file.py:function`` of a user's own, ``""`` of the others.
    """

    name: str
    function: Function = field(repr=False)
    larger_is_better: bool = True
    is_share: bool = False
    source: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a worker process import a user's function by its name."""
        if self.source:
            return own_metric, (self.source,)
        return Metric, (self.name, self.function, self.larger_is_better, self.is_share)

    def value(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the metric of these outputs.

        Raises:
            UserError: the function failed, or returned no finite number.
        """
        try:
            found = float(self.function(outputs, targets))
        except FAILURES as error:
            if fault_of(error) is not None:  # no memory is left, say
                raise
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"--metric {self.name}: {type(error).__name__}: {reason}") from error
        if not math.isfinite(found):
            raise UserError(f"--metric {self.name}: returned {found} for {len(targets)} examples")
        return found

    def score(self, value: float) -> float:
        """Return a value as one of which more is better, for comparisons."""
        return self.measure.score(value)

    @property
    def words(self) -> str:
        """The name in words: ``balanced accuracy``."""
        return self.measure.words

    @property
    def measure(self) -> Measure:
        """How its values are read."""
        return Measure(self.name, self.larger_is_better, self.is_share)


def correct_share(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the accuracy in [0, 1], a scalar on the device."""
    return (logits.argmax(dim=1) == labels).float().mean()


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(dim=1) == labels).double().mean())


def _torchmetrics(name: str, outputs: Tensor, targets: Tensor, **options: Any) -> Tensor:
    """Call a function of ``torchmetrics.functional``, which takes a second to import."""
    from torchmetrics.functional import classification, regression

    where, _, function = name.partition(".")
    module = {"classification": classification, "regression": regression}[where]
    with warnings.catch_warnings():  # of a class that these examples lack, which counts as 0
        warnings.simplefilter("ignore", UserWarning)
        found: Tensor = getattr(module, function)(outputs, targets, **options)
    return found


def _classes(name: str, logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
    return _torchmetrics(name, logits, labels, num_classes=logits.shape[1], **options)


def _present(labels: Tensor) -> Tensor:
    """Return the classes that the examples have."""
    return labels.bincount().nonzero().flatten()


def _balanced_accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over the classes that the examples have, as scikit-learn does."""
    found = _classes("classification.multiclass_accuracy", logits, labels, average="none")
    return found[_present(labels)].double().mean()


def _class_auroc(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over the classes that the examples have.

    Raises:
        ValueError: they have a single one.
    """
    present = _present(labels)
    if len(present) < 2:
        raise ValueError("all examples are of one class: give the split more")
    return _classes("classification.multiclass_auroc", logits, labels, average="none")[
        present
    ].mean()


def _labels(name: str, logits: Tensor, targets: Tensor, **options: Any) -> Tensor:
    """Call a function on probabilities, as it would otherwise guess whether they are any."""
    options["num_labels"] = logits.shape[1]
    return _torchmetrics(name, logits.double().sigmoid(), targets.long(), **options)


def _over_labels(name: str, most: float, logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean of a function over the labels for which it is defined.

    Args:
        name: of the function.
        most: the share of examples below which a label has to hold for it; 1 if it needs
            examples without the label, too.
        logits: ``(n, labels)``.
        targets: ``(n, labels)``.

    Raises:
        ValueError: there is no such label.
    """
    share = targets.mean(dim=0)
    defined = ((share > 0) & (share < most)).nonzero().flatten()
    if not len(defined):
        raise ValueError("no label holds for some examples and not for others: give them more")
    return _labels(name, logits[:, defined], targets[:, defined], average="macro")


def _r2(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return R², averaged over the outputs.

    Raises:
        ValueError: there are fewer than two examples.
    """
    if len(targets) < 2:
        raise ValueError("needs at least two examples")
    return _torchmetrics("regression.r2_score", outputs.double(), targets.double())


def _over_numbers(name: str, outputs: Tensor, targets: Tensor, **options: Any) -> Tensor:
    return _torchmetrics(name, outputs.double().flatten(), targets.double().flatten(), **options)


_C, _R = "classification", "regression"
_FUNCTIONS: dict[str, dict[str, Function]] = {
    "class": {
        "accuracy": _accuracy,
        "balanced_accuracy": _balanced_accuracy,
        "macro_f1": partial(_classes, f"{_C}.multiclass_f1_score", average="macro"),
        "auroc": _class_auroc,
    },
    "labels": {
        "label_accuracy": partial(_labels, f"{_C}.multilabel_accuracy", average="micro"),
        "exact_match": partial(_labels, f"{_C}.multilabel_exact_match"),
        "macro_f1": partial(_labels, f"{_C}.multilabel_f1_score", average="macro"),
        "auroc": partial(_over_labels, f"{_C}.multilabel_auroc", 1.0),
        "mean_average_precision": partial(
            _over_labels, f"{_C}.multilabel_average_precision", math.inf
        ),
    },
    "numbers": {
        "mae": partial(_over_numbers, f"{_R}.mean_absolute_error"),
        "rmse": partial(_over_numbers, f"{_R}.mean_squared_error", squared=False),
        "r2": _r2,
    },
}
METRICS: dict[str, dict[str, Metric]] = {
    target: {
        name: Metric(name, _FUNCTIONS[target][name], one.larger_is_better, one.is_share)
        for name, one in table.items()
    }
    for target, table in measures.METRICS.items()
}
"""What computes each metric of :data:`nasbench.measures.METRICS`."""

ACCURACY = METRICS["class"]["accuracy"]


def metric(name: str, target: str) -> Metric:
    """Return the metric called ``name``.

    Args:
        name: of :data:`METRICS`, or ``file.py:function``.
        target: what is predicted, of :data:`TARGETS`.

    Raises:
        UserError: there is none of this name for the target.
    """
    if ":" in name:
        return own_metric(name)
    table = METRICS[target]
    if name in table:
        return table[name]
    elsewhere = [kind for kind in TARGETS if name in METRICS[kind]]
    if elsewhere:
        raise UserError(
            f"--metric {name}: is for the target {' or '.join(elsewhere)}, and this task "
            f"predicts {target}: allowed: {', '.join(table)}"
        )
    raise unknown("--metric", name, [*table, "file.py:function"])


def own_metric(source: str) -> Metric:
    """Return a metric of the user's own.

    The attributes ``larger_is_better`` and ``is_share`` of the function say what they say of a
    :class:`Metric`; without them, more is better, and values are no shares.

    Args:
        source: ``file.py:function`` or ``package.module:function``; see :class:`Metric` for what
            the function takes and returns.

    Raises:
        UserError: there is no such function, or it is not known here.
    """
    function = catalog.resolve_function("metric", source, "outputs", "targets")
    name = source.rpartition(":")[2]
    if name in measures.RESERVED:
        raise UserError(
            f"--metric {source}: {name} is the name of another number in records: "
            "give the function a name of its own"
        )
    return Metric(
        name,
        function,
        bool(getattr(function, "larger_is_better", True)),
        bool(getattr(function, "is_share", False)),
        source,
    )


def confusion_matrix(outputs: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return counts, int64 ``(classes, classes)``: rows are true classes, columns predicted ones.

    Args:
        outputs: logits ``(n, classes)``.
        targets: int64 ``(n,)``.
        classes: their number.
    """
    cells = targets * classes + outputs.argmax(dim=1)
    return torch.bincount(cells, minlength=classes * classes).view(classes, classes)


def per_class(outputs: Tensor, targets: Tensor) -> list[dict[str, float]]:
    """Return ``examples``, ``precision``, ``recall`` and ``f1`` of each class or label.

    A share of nothing is 0.

    Args:
        outputs: logits ``(n, classes)``; a label is said to hold where its logit is above 0.
        targets: int64 ``(n,)`` of one class, or float32 ``(n, classes)`` of 0 and 1.
    """
    if targets.dim() == 1:
        matrix = confusion_matrix(outputs, targets, outputs.shape[1]).double()
        right, said, true = matrix.diagonal(), matrix.sum(0), matrix.sum(1)
    else:
        holds, positive = (outputs > 0).double(), targets.double()
        right, said, true = (holds * positive).sum(0), holds.sum(0), positive.sum(0)
    precision, recall, f1 = (
        (part / whole).nan_to_num(0.0, 0.0)
        for part, whole in ((right, said), (right, true), (2 * right, said + true))
    )
    columns = (true.long().tolist(), precision.tolist(), recall.tolist(), f1.tolist())
    names = ("examples", "precision", "recall", "f1")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def constant_value(
    one: Metric, target: str, train: Tensor, targets: Tensor, outputs: int
) -> float | None:
    """Return a metric of the best answer that does not depend on the example.

    It answers the frequencies of the classes or labels in training, or the mean of the numbers,
    for the mean absolute error their median.

    Args:
        one: the metric.
        target: what is predicted.
        train: targets of the training examples.
        targets: those of the examples to answer.
        outputs: the number of outputs.

    Returns:
        The value; ``None`` if the metric fails for such answers.
    """
    if target == "class":
        answer = (train.bincount(minlength=outputs).double() + 1e-9).log()
    elif target == "labels":
        answer = train.double().mean(0).clamp(1e-6, 1 - 1e-6).logit()
    else:
        answer = train.double().median(0).values if one.name == "mae" else train.double().mean(0)
    with contextlib.suppress(UserError):
        answers = answer.float().to(targets.device).expand(len(targets), -1)
        return one.value(answers.contiguous(), targets)
    return None
