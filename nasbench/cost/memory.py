"""Peak memory of a forward pass."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nasbench.cost.probe import evaluating, example


def peak_memory(module: nn.Module, input_shape: tuple[int, int, int], batch: int = 1) -> int:
    """Return the peak bytes of weights and live features, in evaluation mode.

    Tensor storages are counted as they are allocated and freed, on every device; the allocator's
    rounding and the kernels' workspaces are not included. The module is unchanged.

    Args:
        module: the network.
        input_shape: ``(channels, height, width)``.
        batch: images in a pass.
    """
    images = example(module, input_shape, batch)
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    weights = sum(t.untyped_storage().nbytes() for t in tensors.values())
    counted = _Alive(known=set(tensors))
    with evaluating(module), counted:
        module(images)
    return weights + images.untyped_storage().nbytes() + counted.peak


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of storages that operations allocate, until their last tensor is freed."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = known
        self.tensors: Counter[int] = Counter()
        self.sizes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count the storages that it allocates."""
        made = func(*args, **(kwargs or {}))
        given = {t.data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(made):
            if not isinstance(tensor, Tensor):
                continue
            place = tensor.untyped_storage().data_ptr()
            if place in self.known or (place in given and place not in self.sizes):
                continue
            self.tensors[place] += 1
            self.sizes[place] = tensor.untyped_storage().nbytes()
            weakref.finalize(tensor, self._gone, place)
        self.peak = max(self.peak, sum(self.sizes.values()))
        return made

    def _gone(self, place: int) -> None:
        self.tensors[place] -= 1
        if not self.tensors[place]:
            del self.sizes[place], self.tensors[place]
