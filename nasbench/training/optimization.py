"""Optimizers and learning rate schedules."""

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

_LARGEST = 1e30  # fits into a float32

PLATEAU_FACTOR = 0.1  # each drop multiplies the rate by it
PLATEAU_THRESHOLD = 1e-4  # the relative improvement from which a value counts as better


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimizer with its schedule.

    Attributes:
        optimizer: sgd, adam, adamw, nadam, rmsprop, adagrad, adadelta or adamax.
        lr: the highest learning rate, above 0.
        final_lr: the last learning rate of the cosine and linear schedules.
        momentum: of sgd and rmsprop.
        nesterov: whether sgd uses Nesterov's momentum.
        betas: of the Adam family.
        weight_decay: L2 penalty (decoupled in adamw).
        schedule: constant, step, cosine, linear or plateau.
        warmup: share of the steps in which the rate grows linearly from 0, in [0, 1).
        step_every: share of the steps between two drops of the step schedule.
        drop_steps: steps between two drops; 0 uses ``step_every``.
        step_factor: each drop multiplies the rate by it.
        plateau_patience: epochs without improvement before the plateau schedule drops the rate.
        grad_clip: largest norm of the gradient; 0 turns clipping off.
        grad_clip_value: largest absolute value in the gradient, which is clipped before the norm;
            0 turns clipping off.
    """

    optimizer: str = "sgd"
    lr: float = 0.025
    final_lr: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
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


def _linear(c: OptimizerConfig, step: int, steps: int) -> float:
    floor = c.final_lr / c.lr
    return floor + (1 - floor) * (1 - step / steps)


SCHEDULES: dict[str, Callable[[OptimizerConfig, int, int], float]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "linear": _linear,
    "plateau": _constant,  # drops between epochs, see Plateau
}


def factor(config: OptimizerConfig, total_steps: int, step: int) -> float:
    """Return the learning rate at ``step`` of ``total_steps`` as a share of ``config.lr``.

    After the warm-up the schedule runs over the remaining steps.

    Args:
        config: the schedule.
        total_steps: its length, at least 1.
        step: counted from 0.
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
        UserError: the name is unknown.
    """
    c = config
    plain: dict[str, Any] = {"lr": c.lr, "weight_decay": c.weight_decay}
    adam: dict[str, Any] = {**plain, "betas": c.betas}
    once: dict[str, Any] = {**adam, "fused": True}  # one pass over the memory instead of ten
    makers: dict[str, Callable[[Sequence[nn.Parameter]], Optimizer]] = {
        "sgd": partial(
            torch.optim.SGD, momentum=c.momentum, nesterov=c.nesterov, foreach=True, **plain
        ),
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
    """Decides when the rate drops, as ``ReduceLROnPlateau`` with its defaults does.

    torch's class sets the rate of the optimizer, which would undo the warm-up; this one gives a
    factor of the rate. It has no counterpart of torch's ``eps``, the smallest change of the rate.

    Attributes:
        patience: epochs without improvement before a drop, at least 0.
        metric: ``"score"`` of the validation, ``"val_accuracy"``, or else ``"loss"``.
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
        """The current factor of the rate."""
        return float(PLATEAU_FACTOR**self.drops)

    def watch(self, metric: str, value: float) -> None:
        """Take the value of an epoch; a different metric resets the best value, not the drops."""
        if metric != self.metric:
            self.metric, self.best, self.waited = metric, None, 0
        # The score of an error is negative, and a threshold beyond it is nearer to zero.
        share = -PLATEAU_THRESHOLD if (self.best or 0.0) < 0 else PLATEAU_THRESHOLD
        if self.best is None:
            better = True
        elif metric == "loss":
            better = value < self.best * (1 - share)
        else:
            better = value > self.best * (1 + share)
        if better:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.drops, self.waited = self.drops + 1, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        for name, value in state.items():
            setattr(self, name, value)


class Optimization:
    """Parameters with their optimizer and schedule.

    Args:
        params: the parameters to optimize.
        config: optimizer and schedule.
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
        """Update the plateau schedule; the other schedules depend on the steps alone.

        Args:
            metrics: of the epoch; ``"score"``, of which more is better, is used if present, then
                ``"val_accuracy"``, else ``"loss"``. Epochs that end in the warm-up do not count.
        """
        done = self._schedule.last_epoch
        if self.plateau is None or done < _warm_steps(self.config, self.total_steps):
            return
        metric = next(n for n in ("score", "val_accuracy", "loss") if n in metrics)
        self.plateau.watch(metric, agree(metrics[metric], self.params[0].device))
        rates = [base * self._factor(done) for base in self._schedule.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def momentum_buffers(self) -> list[Tensor]:
        """Return each parameter's momentum; 0 before its first step."""
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
        """Continue from :meth:`state_dict`.

        Raises:
            ValueError: the state has values of another kind or shape, as a file may.
        """
        _check_alike(state, self.state_dict(), "optimization")
        self.optimizer.load_state_dict(state["optimizer"])
        for parameter, found in self.optimizer.state.items():
            for name, value in found.items():
                if isinstance(value, Tensor) and value.shape not in (parameter.shape, ()):
                    raise ValueError(f"{name} has the shape {tuple(value.shape)}")
                plain = float | int if name == "step" else None
                if not isinstance(value, Tensor | plain):
                    raise ValueError(f"{name} is {type(value).__name__}")
        self._schedule.load_state_dict({**state["schedule"], "lr_lambdas": [None]})
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])


def _check_alike(found: Any, expected: Any, name: str) -> None:
    """Raise unless plain values are of the same kinds as others; missing ones are passed over.

    Args:
        found: values from a file.
        expected: values of the same structure.
        name: where they are, for the error.

    Raises:
        ValueError: one is of another kind, or no number that fits into a float32.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key in found:
                _check_alike(found[key], value, f"{name}.{key}")
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        for number, (one, value) in enumerate(zip(found, expected, strict=False)):
            _check_alike(one, value, f"{name}.{number}")
    elif isinstance(expected, int | float):
        if not isinstance(found, int | float) or _LARGEST < abs(found) < math.inf:
            raise ValueError(f"{name} is {found!r:.40}: must be a number")
    elif expected is not None and not isinstance(found, type(expected)):
        raise ValueError(f"{name} is {found!r:.40}: must be {type(expected).__name__}")
