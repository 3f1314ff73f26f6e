"""Supervised training of a plain network, a unit of the training loop."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nasbench.data.batches import Batches
from nasbench.nn.drop_path import set_drop_path
from nasbench.training.distributed import gathered
from nasbench.training.objective import Objective
from nasbench.training.optimization import Optimization, OptimizerConfig

Batch = tuple[Tensor, Tensor]
_Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class SupervisedConfig:
    """How a network is trained.

    Attributes:
        optimizer: optimizer and schedule.
        objective: the loss.
        drop_path: drop-path probability at the last epoch, in [0, 1); it grows linearly from 0.
        ema: decay of the weights' moving average, in [0, 1), or 0 for none; the averaged weights
            are evaluated.
    """

    optimizer: OptimizerConfig
    objective: Objective
    drop_path: float = 0.0
    ema: float = 0.0


def evaluated_metric(network: nn.Module, batches: Batches, objective: Objective) -> float:
    """Return the leading metric over every process's part of ``batches``.

    Args:
        network: the network, on the device of the batches.
        batches: the examples to evaluate.
        objective: gives the metric and the precision.
    """
    return metric_over(network, batches.epoch(0), objective, batches.device)


def metric_over(
    network: nn.Module, batches: Iterable[Batch], objective: Objective, device: torch.device
) -> float:
    """Return the leading metric over the batches of every process.

    Args:
        network: the network, on ``device``.
        batches: inputs ``(B, *shape)`` and targets ``(B,)`` or ``(B, outputs)``.
        objective: gives the metric and the precision.
        device: of the batches.
    """
    return objective.metric.value(*predictions(network, batches, objective, device))


@torch.no_grad()
def predictions(
    network: nn.Module, batches: Iterable[Batch], objective: Objective, device: torch.device
) -> Batch:
    """Return float32 outputs ``(n, outputs)`` and targets over the batches of every process.

    Args:
        network: the network, on ``device``.
        batches: inputs ``(B, *shape)`` and targets ``(B,)`` or ``(B, outputs)``.
        objective: gives the precision.
        device: of the batches.
    """
    was_training = network.training
    network.eval()
    found, seen = [], []
    for inputs, targets in batches:
        if not len(targets):  # this process's share of a small last batch
            continue
        with objective.casting(device):
            found.append(network(inputs))
        seen.append(targets)
    network.train(was_training)
    outputs, targets = gathered(torch.cat(found).float()), gathered(torch.cat(seen))
    if device.type == "mps":  # has no float64, in which metrics are computed
        return outputs.cpu(), targets.cpu()
    return outputs, targets


class Supervised:
    """A network, its optimizer and its batches.

    Args:
        network: already on its device.
        config: how to train.
        train: the training batches.
        validation: batches to measure after each epoch, or ``None``; with them, the weights of the
            best epoch are kept.
        epochs: the length of the schedule.
    """

    def __init__(
        self,
        network: nn.Module,
        config: SupervisedConfig,
        train: Batches,
        validation: Batches | None,
        epochs: int,
    ) -> None:
        self.network = network.train()
        self.config = config
        self.train = train
        self.validation = validation
        self.device = train.device
        steps = epochs * len(train)
        self.optimization = Optimization(list(network.parameters()), config.optimizer, steps)
        self.average: AveragedModel | None = None
        if config.ema > 0:
            mean = _averaged(config.ema)
            # BN's statistics are averaged as well.
            self.average = AveragedModel(network, multi_avg_fn=mean, use_buffers=True).eval()
        self.best: dict[str, Any] = {}

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Set the drop-path probability of the epoch."""
        set_drop_path(self.network, self.config.drop_path * epoch / epochs)

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield the training batches."""
        return self.train.epoch(epoch, start)

    def steps_per_epoch(self) -> int:
        """Return the number of training batches."""
        return len(self.train)

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """Take one step of the optimizer."""
        images, labels = batch
        loss, logits = self.config.objective(self.network, images, labels)
        self.optimization.minimize(loss)
        if self.average is not None:
            self.average.update_parameters(self.network)
        return {"loss": loss.detach(), **self.config.objective.reported(logits, labels)}

    def evaluated(self) -> nn.Module:
        """Return the network that is measured and kept: the averaged or the trained one."""
        return self.network if self.average is None else self.average.module

    def end_epoch(self, means: Mapping[str, float]) -> dict[str, float]:
        """Measure on the validation batches, keep the best weights, update the schedule."""
        measured: dict[str, float] = {}
        if self.validation is not None:
            metric = self.config.objective.metric
            value = evaluated_metric(self.evaluated(), self.validation, self.config.objective)
            measured[f"val_{metric.name}"] = value
            score = metric.score(value)
            if score > self.best.get("score", -math.inf):
                weights = copy.deepcopy(self.evaluated().state_dict())
                self.best = {"score": score, "weights": weights}
            self.optimization.end_epoch({"loss": means["loss"], "score": score})
        else:
            self.optimization.end_epoch({"loss": means["loss"]})
        return measured

    def finish(self) -> nn.Module:
        """Return the network to keep: of the best epoch if there are validation batches."""
        network = self.evaluated()
        if self.best:
            network.load_state_dict(self.best["weights"])
        return network.eval()

    def state_dict(self) -> dict[str, Any]:
        """Return network, optimizer, average and best weights."""
        return {
            "network": self.network.state_dict(),
            "optimization": self.optimization.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "best": self.best,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.network.load_state_dict(state["network"])
        self.optimization.load_state_dict(state["optimization"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.best = state["best"]


def _averaged(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """Return torch's exponential average, for real numbers alone; others, such as indices, follow.

    Args:
        decay: share of the average so far, in (0, 1).
    """
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    def update(ours: _Tensors, theirs: _Tensors, count: Tensor | int) -> None:
        """Update tensors of one type in place."""
        if ours[0].is_floating_point() or ours[0].is_complex():
            mean(ours, theirs, count)
            return
        for one, other in zip(ours, theirs, strict=True):
            one.copy_(other)

    return update
