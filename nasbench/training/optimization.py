"""Optimizers and their schedules, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from nasbench.errors import unknown
from nasbench.training.distributed import agree, average

PLATEAU_FACTOR = 0.1  # what each drop multiplies the rate by
PLATEAU_THRESHOLD = 1e-4  # by what share a value must beat the best one to count as better


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimizer with its schedule.

    Attributes:
        optimizer: sgd, adam, adamw, nadam, rmsprop, adagrad, adadelta or adamax.
        lr: the highest learning rate, above 0.
        final_lr: where the cosine schedule ends.
        momentum: of sgd and rmsprop.
        betas: of the Adam family.
        weight_decay: L2 penalty (decoupled in adamw).
        schedule: constant, step, cosine or plateau.
        warmup: share of the steps in which the rate grows linearly from 0, in [0, 1).
        step_every: share of the steps between two drops of the step schedule.
        drop_steps: steps between two drops; 0 leaves it to ``step_every``.
        step_factor: what each drop multiplies the rate by.
        plateau_patience: epochs without a better result that the plateau schedule lets pass.
        grad_clip: largest norm of the gradient; 0 turns clipping off.
        grad_clip_value: largest absolute value in the gradient, which is clipped before the norm;
            0 turns clipping off.
    """

    optimizer: str = "sgd"
    lr: float = 0.025
    final_lr: float = 0.0
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 3e-4
    schedule: str = "cosine"
    warmup: float = 0.0
    step_every: float = 0.1
    drop_steps: int = 0
    step_factor: float = 0.9
    plateau_patience: int = 2
    grad_clip: float = 5.0
    grad_clip_value: float = 0.0


def _constant(c: OptimizerConfig, step: int, steps: int) -> float:
    return 1.0


def _step(c: OptimizerConfig, step: int, steps: int) -> float:
    if c.drop_steps:
        return float(c.step_factor ** (step // c.drop_steps))
    # The small term keeps 0.3 / 0.1 from counting as 2 drops.
    return float(c.step_factor ** math.floor(step / steps / c.step_every + 1e-9))


def _cosine(c: OptimizerConfig, step: int, steps: int) -> float:
    floor = c.final_lr / c.lr
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step / steps)))


SCHEDULES: dict[str, Callable[[OptimizerConfig, int, int], float]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "plateau": _constant,  # it drops between epochs, by what they measured
}


def factor(config: OptimizerConfig, total_steps: int, step: int) -> float:
    """Return the learning rate at ``step`` of ``total_steps`` as a share of ``config.lr``.

    After the warm-up the schedule runs over the steps that are left.
    """
    warm = _warm_steps(config, total_steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    left = max(1, total_steps - warm)
    return SCHEDULES[config.schedule](config, min(step - warm, left), left)


def _warm_steps(config: OptimizerConfig, total_steps: int) -> int:
    return round(config.warmup * total_steps)


def make_optimizer(params: Sequence[nn.Parameter], config: OptimizerConfig) -> Optimizer:
    """Return the optimizer that ``config`` names.

    Raises:
        UserError: there is none of that name.
    """
    c = config
    plain: dict[str, Any] = {"lr": c.lr, "weight_decay": c.weight_decay}
    adam: dict[str, Any] = {**plain, "betas": c.betas}
    once: dict[str, Any] = {**adam, "fused": True}  # a pass over the memory instead of ten
    makers: dict[str, Callable[[Sequence[nn.Parameter]], Optimizer]] = {
        "sgd": partial(torch.optim.SGD, momentum=c.momentum, foreach=True, **plain),
        "rmsprop": partial(torch.optim.RMSprop, momentum=c.momentum, **plain),
        "adam": partial(torch.optim.Adam, **once),
        "adamw": partial(torch.optim.AdamW, **once),
        "nadam": partial(torch.optim.NAdam, **adam),
        "adamax": partial(torch.optim.Adamax, **adam),
        "adagrad": partial(torch.optim.Adagrad, **plain),
        "adadelta": partial(torch.optim.Adadelta, **plain),
    }
    if c.optimizer not in makers:
        raise unknown("optimizer", c.optimizer, makers)
    return makers[c.optimizer](params)


@dataclass
class Plateau:
    """When the rate drops: the rule of torch's ``ReduceLROnPlateau`` with its defaults.

    Torch's own sets the optimizer's rate, and so does the warm-up; here it is one factor of two.
    There is no smallest step as torch's ``eps`` is one.

    Attributes:
        patience: epochs without a better value that are let pass, at least 0.
        metric: what is watched: ``"val_accuracy"``, or ``"loss"`` where there is none.
        best: the best value so far, or ``None`` before the first.
        waited: epochs since then or since the last drop.
        drops: how often the rate was multiplied by ``PLATEAU_FACTOR``.
    """

    patience: int
    metric: str = ""
    best: float | None = None
    waited: int = 0
    drops: int = 0

    @property
    def scale(self) -> float:
        """What the rate is multiplied by now."""
        return float(PLATEAU_FACTOR**self.drops)

    def watch(self, metric: str, value: float) -> None:
        """See the value of an epoch; a metric of another name starts anew, the drops stay."""
        if metric != self.metric:
            self.metric, self.best, self.waited = metric, None, 0
        if self._is_better(value):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.drops, self.waited = self.drops + 1, 0

    def _is_better(self, value: float) -> bool:
        if self.best is None:
            return True
        if self.metric == "loss":
            return value < self.best * (1 - PLATEAU_THRESHOLD)
        return value > self.best * (1 + PLATEAU_THRESHOLD)

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        for name, value in state.items():
            setattr(self, name, value)


class Optimization:
    """Some parameters, their optimizer and their schedule.

    Args:
        params: what is optimized.
        config: how.
        total_steps: the length of the schedule.

    Raises:
        UserError: the optimizer or the schedule is unknown.
    """

    def __init__(
        self, params: Sequence[nn.Parameter], config: OptimizerConfig, total_steps: int
    ) -> None:
        if config.schedule not in SCHEDULES:
            raise unknown("schedule", config.schedule, SCHEDULES)
        self.params = list(params)
        self.config = config
        self.total_steps = total_steps
        self.optimizer = make_optimizer(self.params, config)
        on_plateau = config.schedule == "plateau"
        self.plateau = Plateau(config.plateau_patience) if on_plateau else None
        self._schedule = LambdaLR(self.optimizer, self._factor)

    def _factor(self, step: int) -> float:
        scale = 1.0 if self.plateau is None else self.plateau.scale
        return scale * factor(self.config, self.total_steps, step)

    @property
    def lr(self) -> float:
        """The learning rate of the next step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def minimize(self, loss: Tensor) -> None:
        """Take one step down the gradient of ``loss``; only these parameters' is computed."""
        self.apply(torch.autograd.grad(loss, self.params, allow_unused=True))

    def apply(self, gradients: Sequence[Tensor | None]) -> None:
        """Take one step along ``gradients``, averaged over the processes and clipped."""
        average([g for g in gradients if g is not None])
        for parameter, gradient in zip(self.params, gradients, strict=True):
            parameter.grad = gradient
        if self.config.grad_clip_value > 0:
            nn.utils.clip_grad_value_(self.params, self.config.grad_clip_value, foreach=True)
        if self.config.grad_clip > 0:
            nn.utils.clip_grad_norm_(self.params, self.config.grad_clip, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._schedule.step()

    def end_epoch(self, metrics: Mapping[str, float]) -> None:
        """Let the plateau schedule see how an epoch went; the others know the steps alone.

        Args:
            metrics: of the epoch; ``"val_accuracy"`` is watched where it is there, else
                ``"loss"``. Epochs that end in the warm-up do not count.
        """
        done = self._schedule.last_epoch
        if self.plateau is None or done < _warm_steps(self.config, self.total_steps):
            return
        metric = "val_accuracy" if "val_accuracy" in metrics else "loss"
        self.plateau.watch(metric, agree(metrics[metric], self.params[0].device))
        rates = [base * self._factor(done) for base in self._schedule.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def momentum_buffers(self) -> list[Tensor]:
        """Return each parameter's momentum, 0 where there is none yet."""
        states = [self.optimizer.state.get(p, {}) for p in self.params]
        buffers = [state.get("momentum_buffer") for state in states]
        return [
            torch.zeros_like(p) if b is None else b
            for p, b in zip(self.params, buffers, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return the state of optimizer and schedule."""
        schedule = {
            key: value for key, value in self._schedule.state_dict().items() if key != "lr_lambdas"
        }
        plateau = None if self.plateau is None else self.plateau.state_dict()
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": schedule,
            "plateau": plateau,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where :meth:`state_dict` was taken."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict({**state["schedule"], "lr_lambdas": [None]})
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])
