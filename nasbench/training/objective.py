"""The loss and the accuracy of classification."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.errors import unknown

Output = Tensor | tuple[Tensor, Tensor]
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Objective:
    """Cross-entropy with label smoothing and the weighted loss of an auxiliary classifier.

    Attributes:
        label_smoothing: share of the target spread over all classes, in [0, 1).
        auxiliary_weight: weight of the auxiliary classifier's loss.
        precision: ``fp32``, or ``bf16`` for automatic mixed precision.
    """

    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.4
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise unknown("--precision", self.precision, PRECISIONS)

    @contextmanager
    def casting(self, device: torch.device) -> Iterator[None]:
        """Run the block in the chosen precision."""
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield

    def __call__(
        self, network: nn.Module, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss, a scalar, and the logits ``(B, classes)``.

        Args:
            network: returns logits, or logits and those of its auxiliary classifier.
            images: ``(B, C, H, W)``.
            labels: ``(B,)``, class indices.
        """
        with self.casting(images.device):
            output: Output = network(images)
        main, extra = output if isinstance(output, tuple) else (output, None)
        loss = self.loss(main, labels)
        if extra is not None:
            loss = loss + self.auxiliary_weight * self.loss(extra, labels)
        return loss, main.detach()

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy, computed in float32 or wider."""
        wide = logits.float() if logits.dtype == torch.bfloat16 else logits
        return F.cross_entropy(wide, labels, label_smoothing=self.label_smoothing)


def correct_share(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the accuracy in [0, 1], a scalar on the device."""
    return (logits.argmax(dim=1) == labels).float().mean()
