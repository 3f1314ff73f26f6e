"""What several edges make of one state, computed once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.supernet.fast.fitted import enough, move
from nasbench.supernet.fast.units import Unit

Pool = nn.MaxPool2d | nn.AvgPool2d


class Features:
    """A state with its ReLU, its poolings and their normalized forms, each made when asked for.

    Args:
        state: shape ``(B, C, H, W)``.
    """

    def __init__(self, state: Tensor) -> None:
        self.state = state
        self._made: dict[str, Tensor] = {}
        self._statistics: dict[str, tuple[Tensor, Tensor]] = {}

    def relu(self) -> Tensor:
        """Return the state without its negative part."""
        if "relu" not in self._made:
            self._made["relu"] = F.relu(self.state)
        return self._made["relu"]

    def branch_input(self, unit: Unit) -> Tensor:
        """Return what the first unit of a branch reads: the ReLU, or the part that it looks at."""
        spatial = unit.spatial
        if spatial is None or not 1 < spatial.stride[0] == spatial.dilation[0]:
            return self.relu()
        step = spatial.stride[0]
        key = f"relu {step}"
        if key not in self._made:
            every = self.relu()[:, :, ::step, ::step]
            self._made[key] = every.contiguous(memory_format=torch.channels_last)
        return self._made[key]

    def part(self, k: int) -> Tensor:
        """Return the first ``1/k`` of the channels."""
        key = f"part {k}"
        if key not in self._made:
            part = self.state[:, : self.state.shape[1] // k]
            self._made[key] = part.contiguous(memory_format=torch.channels_last)
        return self._made[key]

    def pooled(self, pool: Pool) -> Tensor:
        """Return the pooled state."""
        key = repr(pool)
        if key not in self._made:
            self._made[key] = pool(self.state)
        return self._made[key]

    def normalized(self, pool: Pool, norm: nn.BatchNorm2d) -> Tensor:
        """Return the pooled state after BN; the running statistics of every ``norm`` move."""
        key = f"{pool!r} {norm.eps}"
        if key not in self._made:
            pooled = self.pooled(pool)
            self._made[key], mean, scale = torch.native_batch_norm(
                pooled, None, None, None, None, True, 0.0, norm.eps
            )
            n = enough(pooled.numel() // pooled.shape[1])
            variance = (scale.detach() ** -2 - norm.eps) * (n / max(1, n - 1))
            self._statistics[key] = mean.detach(), variance
        with torch.no_grad():
            mean, variance = self._statistics[key]
            move([norm], mean.unsqueeze(0), variance.unsqueeze(0))
        return self._made[key]
