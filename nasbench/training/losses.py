"""Losses by name, for each kind of target, or of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nasbench import catalog
from nasbench.errors import UserError, unknown
from nasbench.faults import fault_of
from nasbench.nn.processes import place, sum_together
from nasbench.training.metrics import FAILURES

LOSSES: dict[str, dict[str, Callable[..., Tensor]]] = {
    "class": {"cross-entropy": F.cross_entropy},
    "labels": {"bce": F.binary_cross_entropy_with_logits},
    "numbers": {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss},
}
"""What computes each loss of :data:`nasbench.measures.LOSSES`."""


@dataclass(frozen=True)
class Loss:
    """A loss function and the weights of its classes.

    Attributes:
        name: of :data:`LOSSES`, or of a user's own.
        target: what is predicted: ``class``, ``labels`` or ``numbers``.
        function: takes float32 outputs and targets, and returns a scalar.
        weights: of each class in the cross-entropy, of positive labels in the binary one;
            ``None`` for equal ones.
        source: ``file.py:function`` of a user's own, which takes outputs and targets alone;
            ``""`` of the others.
    """

    name: str
    target: str
    function: Callable[..., Tensor]
    weights: tuple[float, ...] | None = None
    source: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a worker process import a user's function by its name."""
        if self.source:
            return own_loss, (self.source, self.target)
        return Loss, (self.name, self.target, self.function, self.weights)

    @property
    def smooths(self) -> bool:
        """Whether label smoothing has an effect: not on numbers, and not on a user's own loss."""
        return self.target != "numbers" and not self.source

    def __call__(self, outputs: Tensor, targets: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """Return the mean loss.

        In training among several processes, the mean over these of a weighted loss is that of the
        global batch; all of them must call it.

        Args:
            outputs: float32 or wider, ``(n, outputs)``.
            targets: int64 ``(n,)``, or float32 ``(n, outputs)``.
            label_smoothing: share of the target spread over all classes, in [0, 1); without
                effect where :attr:`smooths` is false.

        Raises:
            UserError: a function of the user's own returned no scalar.
        """
        if self.source:
            return self._own(outputs, targets)
        if self.target == "class":
            return self._of_classes(outputs, targets, label_smoothing)
        if self.target == "labels":
            smooth = targets * (1 - label_smoothing) + label_smoothing / 2
            return self.function(outputs, smooth, pos_weight=self._weights(outputs))
        return self.function(outputs, targets)

    def _of_classes(self, outputs: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
        weight = self._weights(outputs)
        world = place().world
        if weight is None or world == 1 or not outputs.requires_grad:
            return self.function(outputs, targets, weight, label_smoothing=label_smoothing)
        # Processes have examples of different weights, and their gradients are averaged as equals:
        # each divides by the mean weight of all, so that the average is that of the whole batch.
        summed = self.function(
            outputs, targets, weight, label_smoothing=label_smoothing, reduction="sum"
        )
        (total,) = sum_together(weight[targets].sum())
        return summed * world / total

    def _weights(self, outputs: Tensor) -> Tensor | None:
        return None if self.weights is None else outputs.new_tensor(self.weights)

    def _own(self, outputs: Tensor, targets: Tensor) -> Tensor:
        try:
            found: Any = self.function(outputs, targets)
        except FAILURES as error:
            if fault_of(error) is not None:  # no memory is left, say
                raise
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"--loss {self.name}: {type(error).__name__}: {reason}") from error
        if not isinstance(found, Tensor) or found.dim() or not found.is_floating_point():
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise UserError(f"--loss {self.name}: returned {shape}: must be a scalar tensor")
        if outputs.requires_grad and not found.requires_grad:
            raise UserError(
                f"--loss {self.name}: its result does not depend on the outputs: compute it from "
                "them by operations of torch"
            )
        return found


CROSS_ENTROPY = Loss("cross-entropy", "class", F.cross_entropy)


def loss(name: str, target: str, weights: tuple[float, ...] | None = None) -> Loss:
    """Return the loss called ``name``.

    Args:
        name: of :data:`LOSSES`, or ``file.py:function``.
        target: what is predicted.
        weights: see :class:`Loss`.

    Raises:
        UserError: there is none of this name for the target.
    """
    if ":" in name:
        if weights is not None:
            raise UserError(f"--class-weights: the loss {name} takes none: leave them out")
        return own_loss(name, target)
    table = LOSSES[target]
    if name not in table:
        elsewhere = [kind for kind, names in LOSSES.items() if name in names]
        if elsewhere:
            raise UserError(
                f"--loss {name}: is for the target {elsewhere[0]}, and this task predicts "
                f"{target}: allowed: {', '.join(table)}"
            )
        raise unknown("--loss", name, [*table, "file.py:function"])
    return Loss(name, target, table[name], weights)


def own_loss(source: str, target: str) -> Loss:
    """Return a loss of the user's own.

    Args:
        source: ``file.py:function`` or ``package.module:function``; it takes float32 outputs
            ``(n, outputs)`` and targets, and returns a scalar tensor.
        target: what is predicted.

    Raises:
        UserError: there is no such function, or it is not known here.
    """
    function = catalog.resolve_function("loss", source, "outputs", "targets")
    return Loss(source.rpartition(":")[2], target, function, source=source)


def distillation(outputs: Tensor, teacher: Tensor, target: str) -> Tensor:
    """Return the mean loss of outputs against those of a teacher, into which no gradient flows.

    It is the cross-entropy with the teacher's probabilities (Hinton, Vinyals, Dean, "Distilling
    the Knowledge in a Neural Network", 2015, at temperature 1), of each label if there are
    several; of numbers, the mean squared difference.

    Args:
        outputs: ``(n, outputs)``.
        teacher: the same shape.
        target: what is predicted: ``class``, ``labels`` or ``numbers``.
    """
    outputs = outputs.float() if outputs.dtype == torch.bfloat16 else outputs
    teacher = teacher.detach().to(outputs.dtype)
    if target == "class":
        return F.cross_entropy(outputs, teacher.softmax(dim=1))
    if target == "labels":
        return F.binary_cross_entropy_with_logits(outputs, teacher.sigmoid())
    return F.mse_loss(outputs, teacher)


def balanced_weights(targets: Tensor, classes: int) -> tuple[float, ...]:
    """Return weights under which every class, or both sides of every label, counts the same.

    Args:
        targets: int64 ``(n,)`` of one class, or float32 ``(n, classes)`` of 0 and 1.
        classes: the number of classes or labels.

    Returns:
        ``n / (classes * count)`` of each class, as in scikit-learn's ``balanced``; the number of
        negatives over positives of each label. A class without examples has the weight 0.
    """
    if targets.dim() == 1:
        counts = torch.bincount(targets, minlength=classes).double()
        weights = len(targets) / (classes * counts)
    else:
        positives = targets.double().sum(0)
        weights = (len(targets) - positives) / positives
    return tuple(float(one) for one in weights.nan_to_num(0.0, 0.0, 0.0))
