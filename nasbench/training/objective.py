"""What a training minimizes, and the metric by which it is judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nasbench.errors import unknown
from nasbench.training.losses import CROSS_ENTROPY, Loss, distillation
from nasbench.training.metrics import ACCURACY, Metric, correct_share
from nasbench.training.mixed_precision import bfloat16

Output = Tensor | tuple[Tensor, Tensor]
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Objective:
    """The loss, with label smoothing and the weighted loss of an auxiliary classifier.

    Attributes:
        label_smoothing: share of the target spread over all classes, in [0, 1).
        auxiliary_weight: weight of the auxiliary classifier's loss.
        precision: ``fp32``, or ``bf16`` for automatic mixed precision.
        function: the task's loss.
        metric: the task's leading metric.
    """

    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.4
    precision: str = "fp32"
    function: Loss = CROSS_ENTROPY
    metric: Metric = ACCURACY

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown("--precision", self.precision, PRECISIONS)

    @contextmanager
    def casting(self, device: torch.device) -> Iterator[None]:
        """Run the block in the chosen precision."""
        with bfloat16(device) if self.precision == "bf16" else nullcontext():
            yield

    def __call__(
        self, network: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss, a scalar, and the outputs ``(B, outputs)``.

        Args:
            network: returns outputs, or outputs and those of its auxiliary classifier.
            images: ``(B, *shape)``.
            labels: ``(B,)``, class indices; or ``(B, outputs)``.
        """
        main, extra = self._outputs(network, images)
        loss = self.loss(main, labels)
        if extra is not None:
            loss = loss + self.auxiliary_weight * self.loss(extra, labels)
        return loss, main.detach()

    def taught(
        self,
        network: nn.Module,
        images: Tensor,
        teacher: Tensor,
        labels: Tensor | None = None,
        weight: float = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of a student, a scalar, and its outputs ``(B, outputs)``.

        Args:
            network: the student.
            images: ``(B, *shape)``.
            teacher: outputs of the teacher for these images.
            labels: if given, their loss is added; ``(B,)`` or ``(B, outputs)``.
            weight: of the distillation loss.
        """
        main, extra = self._outputs(network, images)
        loss = weight * distillation(main, teacher, self.function.target)
        if labels is not None:
            loss = loss + self.loss(main, labels)
        if extra is not None:
            known = self.loss(extra, labels) if labels is not None else 0.0
            also = weight * distillation(extra, teacher, self.function.target)
            loss = loss + self.auxiliary_weight * (known + also)
        return loss, main.detach()

    def _outputs(self, network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor | None]:
        with self.casting(images.device):
            output: Output = network(images)
        return output if isinstance(output, tuple) else (output, None)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss, computed in float32 or wider."""
        wide = logits.float() if logits.dtype == torch.bfloat16 else logits
        return self.function(wide, labels, self.label_smoothing)

    def reported(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return what a training step reports beside its loss: the accuracy of single labels."""
        if self.function.target != "class":
            return {}
        return {"accuracy": correct_share(outputs, targets)}

    def reward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return how good the outputs of one batch are, a scalar on the device; more is better.

        It is the accuracy, of each label if there are several; of numbers, the negative loss. The
        leading metric may need more examples than a batch has.
        """
        if self.function.target == "class":
            return correct_share(outputs, targets)
        if self.function.target == "labels":
            return ((outputs > 0) == (targets > 0.5)).float().mean()
        return -self.loss(outputs, targets).float()
