"""Images that several sums read, whose gradients are added up by loops and not by autograd.

Autograd adds each gradient to the others as it comes, which reads and writes all of them again.
Here the sums leave their gradients in a place that belongs to the image, and autograd asks that
place once all of them are done.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from nasbench.supernet.fast.threads import addresses, mix, pairs

Held = TypeVar("Held")


class Gradient(Generic[Held]):
    """A gradient that sums contribute to, apart for each backward pass that goes on."""

    def __init__(self) -> None:
        self._of: dict[int, Held] = {}  # backward pass to what its sums have left

    def _left(self, new: Callable[[], Held]) -> Held:
        """Return what the sums of this backward pass have left; something new at first."""
        task = torch._C._current_graph_task_id()
        if task not in self._of:
            self._of[task] = new()
            _forgotten_after(task, self)
        return self._of[task]

    def _taken(self) -> Held | None:
        """Return the same and forget it; ``None`` if there is nothing."""
        return self._of.pop(torch._C._current_graph_task_id(), None)

    def forget(self, task: int) -> None:
        """Forget what a backward pass left, which may ask for other gradients than this one."""
        self._of.pop(task, None)

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        raise NotImplementedError


_unfinished: dict[int, list[weakref.ref[Gradient[Any]]]] = {}


def _forgotten_after(task: int, gradient: Gradient[Any]) -> None:
    """Let a gradient forget a backward pass when that ends."""
    if task not in _unfinished:
        _unfinished[task] = []
        torch.autograd.Variable._execution_engine.queue_callback(partial(_end, task))
    _unfinished[task].append(weakref.ref(gradient))


def _end(task: int) -> None:
    for known in _unfinished.pop(task, []):
        if (gradient := known()) is not None:
            gradient.forget(task)


class Added(Gradient[list[Tensor]]):
    """A gradient in memory, to which loops add in place."""

    def memory(self, image: Tensor) -> tuple[Tensor, bool]:
        """Return memory like an image's, and whether there is a gradient in it."""
        held = self._left(list)
        begun = bool(held)
        if not begun:
            held.append(torch.empty_like(image))
        return held[0], begun

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        held = self._taken()
        return held[0] if held else None


class Mixed(Gradient[list[tuple[Tensor, Tensor]]]):
    """A gradient that is a weighted sum of other gradients, computed in one pass over them."""

    def add(self, grad: Tensor, weight: Tensor) -> None:
        """Add a term: channels-last images ``(B, C, H, W)`` times a scalar, both float32."""
        self._left(list).append((grad, weight))

    def take(self) -> Tensor | None:
        """Return the gradient, ``None`` without one, and forget it."""
        held = self._taken()
        if not held:
            return None
        grads, weights = zip(*held, strict=True)
        out = torch.empty_like(grads[0])
        mix(pairs(grads, addresses(weights)), out)
        return out


class _Shared(torch.autograd.Function):
    """An image whose gradient lies in a place of its own, apart from what autograd adds up."""

    @staticmethod
    def forward(ctx: Any, gradient: Gradient[Any], image: Tensor) -> Tensor:
        """Return the image, a view."""
        ctx.gradient = gradient
        ctx.set_materialize_grads(False)
        return image.view_as(image)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[None, Tensor | None]:
        """Return the gradient of the image."""
        (grad,), own = grads, ctx.gradient.take()
        return None, grad if own is None else own if grad is None else own.add_(grad)


def shared(image: Tensor, gradient: Gradient[Any]) -> Tensor:
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
