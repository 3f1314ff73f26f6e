"""Images that several sums read, whose gradients are added up by loops and not by autograd.

Autograd adds each gradient to the others as it comes, which reads and writes all of them again.
Here the sums leave their gradients in a place that belongs to the image, and autograd asks that
place once all of them are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nasbench.supernet.fast.threads import addresses, pairs, share


class Gradient:
    """A gradient that sums contribute to; what an earlier backward pass left is dropped."""

    def __init__(self) -> None:
        self._task = -1

    def _begin(self) -> None:
        """Forget what belongs to another backward pass, which did not ask for it."""
        task = torch._C._current_graph_task_id()
        if task != self._task:
            self._task = task
            self.clear()

    def clear(self) -> None:
        """Forget everything."""
        raise NotImplementedError

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        raise NotImplementedError


class Added(Gradient):
    """A gradient in memory, to which loops add in place."""

    def __init__(self) -> None:
        super().__init__()
        self._memory: Tensor | None = None

    def memory(self, image: Tensor) -> tuple[Tensor, bool]:
        """Return memory like an image's, and whether there is a gradient in it."""
        self._begin()
        begun = self._memory is not None
        if self._memory is None:
            self._memory = torch.empty_like(image)
        return self._memory, begun

    def clear(self) -> None:
        """Forget everything."""
        self._memory = None

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        self._begin()
        found, self._memory = self._memory, None
        return found


class Mixed(Gradient):
    """A gradient that is a weighted sum of other gradients, computed in one pass over them."""

    def __init__(self) -> None:
        super().__init__()
        self._terms: list[tuple[Tensor, Tensor]] = []

    def add(self, grad: Tensor, weight: Tensor) -> None:
        """Add a term: channels-last images ``(B, C, H, W)`` times a scalar, both float32."""
        self._begin()
        self._terms.append((grad, weight))

    def clear(self) -> None:
        """Forget everything."""
        self._terms = []

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        from nasbench.supernet.fast import kernels

        self._begin()
        terms, self._terms = self._terms, []
        if not terms:
            return None
        grads, weights = zip(*terms, strict=True)
        out = torch.empty_like(grads[0])
        table, at = pairs(grads, addresses(weights)), out.data_ptr()
        share(out.numel() // 4, lambda _, a, b: kernels.mixed(table, at, 4 * a, 4 * b))
        return out


class _Shared(torch.autograd.Function):
    """An image whose gradient lies in a place of its own, apart from what autograd adds up."""

    @staticmethod
    def forward(ctx: Any, gradient: Gradient, image: Tensor) -> Tensor:
        """Return the image, a view."""
        ctx.gradient = gradient
        ctx.set_materialize_grads(False)
        return image.view_as(image)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[None, Tensor | None]:
        """Return the gradient of the image."""
        (grad,), own = grads, ctx.gradient.take()
        return None, grad if own is None else own if grad is None else own + grad


def shared(image: Tensor, gradient: Gradient) -> Tensor:
    """Return an image for sums that leave its gradient in a place."""
    made: Tensor = _Shared.apply(gradient, image)
    return made


def terms(
    gradients: Sequence[Mixed | None],
    grad: Tensor,
    weights: Tensor,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of the images of a weighted sum, ``None`` for those left in a place.

    Args:
        gradients: the places.
        grad: of the sum, channels-last images ``(B, C, H, W)``.
        weights: of the images, shape ``(n,)``.
        needed: whether each image needs a gradient; it is ``None`` otherwise.
    """
    found: list[Tensor | None] = []
    for place, weight, need in zip(gradients, weights.unbind(), needed, strict=True):
        if need and place is not None:
            place.add(grad, weight)
        found.append(grad * weight if need and place is None else None)
    return found
