"""How much memory a forward pass needs at its peak."""

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
    """Return the bytes of weights and of the features alive at once, in evaluation mode.

    On every device the tensors' storages are counted as they come and go; an allocator's rounding
    and a kernel's own workspace are not in it. The module is left as it was.

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
    """Counts the bytes of storages that operations make, until their last tensor is gone."""

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
        """Run an operation and count what it made."""
        made = func(*args, **(kwargs or {}))
        given = {t.data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._count(tensor, given)
        self.peak = max(self.peak, sum(self.sizes.values()))
        return made

    def _count(self, tensor: Tensor, given: set[int]) -> None:
        place = tensor.untyped_storage().data_ptr()
        if place in self.known or (place in given and place not in self.sizes):
            return
        self.tensors[place] += 1
        self.sizes[place] = tensor.untyped_storage().nbytes()
        weakref.finalize(tensor, self._gone, place)

    def _gone(self, place: int) -> None:
        self.tensors[place] -= 1
        if not self.tensors[place]:
            del self.sizes[place], self.tensors[place]
