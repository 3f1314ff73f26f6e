"""The number of parameters: the baseline that every proxy has to beat.

Score: parameters, without those of layers for training alone. Needs neither images nor labels.
Larger is better.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.cost.params import inference_parameter_count


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the number of parameters."""
    return float(inference_parameter_count(network, getattr(network, "training_only", ())))
