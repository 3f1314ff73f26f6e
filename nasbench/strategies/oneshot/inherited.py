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
from nasbench.supernet.base import Supernet
from nasbench.supernet.inherited_weights import recalibrate_bn
from nasbench.supernet.single_path import active_subnet
from nasbench.training.objective import Objective
from nasbench.training.supervised import right_share


def inherited_accuracy(
    supernet: Supernet,
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
    with active_subnet(supernet, arch) as paths:
        with objective.casting(device):
            recalibrate_bn(paths, calibration)
        return right_share(paths, batches, objective, device)
