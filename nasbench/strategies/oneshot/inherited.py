"""How good an architecture is with the weights of a supernet.

Guo et al., "Single Path One-Shot Neural Architecture Search", ECCV 2020, equation (5) and section
3.4: the weights as they are, and BN statistics of the architecture's own.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from nasbench.space import Arch
from nasbench.strategies.oneshot.base import Batch
from nasbench.supernet.calibrate import calibrate
from nasbench.supernet.relaxed import Relaxed
from nasbench.supernet.restricted import restricted
from nasbench.training.objective import Objective
from nasbench.training.supervised import right_share


def inherited_accuracy(
    supernet: Relaxed,
    arch: Arch,
    calibration: Iterable[Tensor],
    batches: Iterable[Batch],
    objective: Objective,
    device: torch.device,
) -> float:
    """Return the accuracy of ``arch`` in [0, 1] with the shared weights, over all processes.

    Args:
        supernet: mixtures or paths; BN's statistics in it are replaced.
        arch: what is judged.
        calibration: images, batches ``(B, C, H, W)``, that BN's statistics are taken from.
        batches: what is counted.
        objective: says in which precision is computed.
        device: where the supernet is.

    Raises:
        UserError: the space has a ``ValueChoice``, whose candidates share no weights.
    """
    with restricted(supernet, arch) as paths:
        with objective.casting(device):
            calibrate(paths, calibration)
        return right_share(paths, batches, objective, device)
