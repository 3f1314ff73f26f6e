"""DARTS: Differentiable Architecture Search (Liu, Simonyan, Yang; ICLR 2019).

The first-order gradient of the architecture treats the weights as constant; the second-order one
unrolls one step of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.options import option
from nasbench.space import Domains
from nasbench.strategies.oneshot.base import Batch, OneShotContext, Supernets
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
)
from nasbench.strategies.oneshot.evaluation import Loss, frozen_bn_statistics, substituted
from nasbench.training.distributed import average


def stepped(
    weights: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    buffers: Sequence[Tensor],
    lr: float,
    momentum: float,
    weight_decay: float,
) -> list[Tensor]:
    """Return w' = w - lr (momentum * buffer + gradient + weight_decay * w).

    Args:
        weights: w.
        gradients: the gradient of each weight; ``None`` counts as 0.
        buffers: the momentum buffer of each weight.
        lr: learning rate, above 0.
        momentum: in [0, 1).
        weight_decay: at least 0.
    """
    return [
        w - lr * (momentum * b + weight_decay * w + (0.0 if g is None else g))
        for w, g, b in zip(weights, gradients, buffers, strict=True)
    ]


def plain_step(lr: float, momentum: float, nesterov: bool) -> tuple[float, float]:
    """Return learning rate and momentum with which :func:`stepped` takes a step of SGD.

    Nesterov's step along g with momentum m and buffer b is lr ((1 + m) g + m^2 b).

    Args:
        lr: of SGD.
        momentum: of SGD, in [0, 1).
        nesterov: whether SGD uses Nesterov's momentum.
    """
    if not nesterov:
        return lr, momentum
    return lr * (1 + momentum), momentum**2 / (1 + momentum)


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
    with substituted(weights, ahead):
        loss = validation_loss()
        both = torch.autograd.grad(loss, [*alphas, *weights], materialize_grads=True)
    direct, vector = both[: len(alphas)], list(both[len(alphas) :])
    average(vector)
    norm = torch.stack(torch._foreach_norm(vector)).norm()
    arm = radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)
    sides = []
    for sign in (1.0, -1.0):
        with substituted(
            weights, [w + sign * arm * v for w, v in zip(weights, vector, strict=True)]
        ):
            sides.append(torch.autograd.grad(train_loss(), alphas, materialize_grads=True))
    mixed = [(plus - minus) / (2 * arm) for plus, minus in zip(*sides, strict=True)]
    return [d - lr * m for d, m in zip(direct, mixed, strict=True)], loss.detach()


@dataclass(frozen=True)
class DartsOptions(DifferentiableOptions):
    """Options of ``darts``."""

    order: int = option(
        1, "Order of the architecture's gradient; 2 is the unrolled one.", allowed=(1, 2)
    )


class DartsStrategy(DifferentiableStrategy):
    """First- and second-order DARTS on any space that has a mixture.

    Raises:
        UserError: a choice of the space has no mixture, or order 2 meets weights that are not
            trained by SGD, or low precision.
    """

    Options = DartsOptions
    options: DartsOptions

    def __init__(
        self,
        supernets: Supernets,
        domains: Domains,
        options: DartsOptions,
        context: OneShotContext,
    ) -> None:
        if options.order == 2 and context.weights.optimizer != "sgd":
            raise UserError(
                f"--optimizer {context.weights.optimizer}: -o order=2 unrolls a step of sgd only"
            )
        if options.order == 2 and context.objective.precision != "fp32":
            raise UserError(
                f"--precision {context.objective.precision}: -o order=2 takes differences that "
                "only fp32 can show"
            )
        super().__init__(supernets, domains, options, context)

    def arch_step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the architecture, in second order by the unrolled gradient."""
        if self.options.order == 1:
            return super().arch_step(train, validation)
        config = self.weights.config
        lr, momentum = plain_step(self.weights.lr, config.momentum, config.nesterov)
        with frozen_bn_statistics(self.mixture):
            gradients, loss = unrolled_gradient(
                lambda: self.objective(self.mixture, *train)[0],
                lambda: self.objective(self.mixture, *validation)[0] + self.regularizer(),
                self.mixture.weight_parameters,
                self.mixture.arch_parameters,
                self.weights.momentum_buffers(),
                lr=lr,
                momentum=momentum,
                weight_decay=config.weight_decay,
                average=average,
            )
        self.arch.apply(gradients)
        return {"val_loss": loss}
