"""The gradient of the architecture through one step of the weights.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, equations (6) to (8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Loss = Callable[[], Tensor]


@contextmanager
def at(weights: Sequence[nn.Parameter], values: Sequence[Tensor]) -> Iterator[None]:
    """Evaluate with other weights; the old ones come back exactly."""
    with torch.no_grad():
        before = [w.detach().clone() for w in weights]
        torch._foreach_copy_(list(weights), list(values))
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(list(weights), before)


@contextmanager
def still_statistics(network: nn.Module) -> Iterator[None]:
    """Keep BN's running statistics from moving; a trial step is no training."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def stepped(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    buffers: Sequence[Tensor],
    lr: float,
    momentum: float,
    weight_decay: float,
) -> list[Tensor]:
    """Return w' = w - lr (momentum * buffer + gradient + weight_decay * w)."""
    return [
        w - lr * (momentum * b + weight_decay * w + (0.0 if g is None else g))
        for w, g, b in zip(weights, gradients, buffers, strict=True)
    ]


def unrolled_gradient(
    train_loss: Loss,
    validation_loss: Loss,
    weights: Sequence[nn.Parameter],
    alphas: Sequence[nn.Parameter],
    buffers: Sequence[Tensor],
    *,
    lr: float,
    momentum: float,
    weight_decay: float,
    radius: float = 1e-2,
    average: Callable[[Sequence[Tensor]], None] = lambda tensors: None,
) -> tuple[list[Tensor], Tensor]:
    """Return the architecture's gradient of the validation loss after one step of the weights.

    The product of the mixed second derivative with the gradient at w' is a central difference of
    width ``radius`` over that gradient's norm: four passes instead of a second derivative.

    Args:
        train_loss: evaluates the loss on the training batch at the present weights.
        validation_loss: the same on the validation batch.
        weights: the supernet's weights.
        alphas: the architecture parameters.
        buffers: the weights' momentum, as the optimizer holds it.
        lr: learning rate of the step.
        momentum: momentum of the step.
        weight_decay: weight decay of the step.
        radius: length of the difference's arm (0.01 in the paper). Where the loss is smooth, the
            result is the exact gradient up to the arm's square. ReLU and max-pooling have kinks,
            and an arm that reaches over some sees the gradient's jumps there, too.
        average: replaces tensors by their mean over the processes, so that all take one step.

    Returns:
        One gradient for each of ``alphas``, and the validation loss at w', a scalar.
    """
    gradients = torch.autograd.grad(train_loss(), weights, allow_unused=True)
    average([g for g in gradients if g is not None])
    with torch.no_grad():
        ahead = stepped(weights, gradients, buffers, lr, momentum, weight_decay)
    with at(weights, ahead):
        loss = validation_loss()
        both = torch.autograd.grad(loss, [*alphas, *weights], materialize_grads=True)
    direct, vector = both[: len(alphas)], list(both[len(alphas) :])
    average(vector)
    norm = torch.stack(torch._foreach_norm(vector)).norm()
    arm = radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    sides = []
    for sign in (1.0, -1.0):
        with at(weights, [w + sign * arm * v for w, v in zip(weights, vector, strict=True)]):
            sides.append(torch.autograd.grad(train_loss(), alphas, materialize_grads=True))
    mixed = [(plus - minus) / (2 * arm) for plus, minus in zip(*sides, strict=True)]
    return [d - lr * m for d, m in zip(direct, mixed, strict=True)], loss.detach()
