"""Overlap of activation patterns (Mellor et al., "NAS without Training", ICML 2021).

Equations 1 and 2. Each image has a binary code: the ReLUs that are active. Score: ``log |det K|``,
``K_ij = N - d(c_i, c_j)`` with N the number of ReLUs and d the Hamming distance of two codes.
Needs images; no labels. Larger is better: images with different codes are easy to separate.
-inf for a network without ReLU, and for equal codes.

ReLUs are intercepted in the dispatcher, whether they are modules or calls in a ``forward``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nasbench.proxies.base import finite, scratch

_RELUS = (
    torch.ops.aten.relu,
    torch.ops.aten.relu_,
    torch.ops.aten.hardtanh,  # ReLU6
    torch.ops.aten.hardtanh_,
)


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the logarithm of the determinant of the codes' kernel."""
    codes = _Codes(len(images), images.device)
    with scratch(network) as made, torch.no_grad(), codes:
        made(images)
    return finite(torch.linalg.slogdet(codes.kernel).logabsdet)


class _Codes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums the kernel over all ReLUs that are computed in its context.

    Attributes:
        kernel: float64, shape ``(B, B)``.
    """

    def __init__(self, images: int, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernel = torch.zeros(images, images, dtype=torch.float64, device=device)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in _RELUS and len(out) == len(self.kernel):
            code = (out > 0).flatten(1).to(torch.float32) * 2 - 1
            # A product of codes of -1 and 1 is N - 2 d, an integer that float32 holds exactly.
            self.kernel += (code.shape[1] + (code @ code.T).double()) / 2
        return out
