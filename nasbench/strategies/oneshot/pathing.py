"""What all strategies share that train one architecture at a time with shared weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020,
equation (4): the weights are trained on paths that are drawn anew for every step, and an
architecture is judged by the weights it inherits (equation (5)).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nasbench.space import Arch, Domains
from nasbench.strategies.oneshot.base import (
    Batch,
    OneShotStrategy,
    SearchData,
    Setting,
    Supernets,
)
from nasbench.strategies.oneshot.inherited import inherited_accuracy
from nasbench.supernet.single_path import SinglePath
from nasbench.training.objective import correct_share
from nasbench.training.optimization import Optimization

TRIES = 10  # draws that may be over the limits before the least costly of them is taken


class PathStrategy(OneShotStrategy):
    """Paths of one supernet, and an optimizer of its weights.

    What is not on a step's paths has no gradient, and the optimizer leaves it as it is: neither
    decay nor momentum moves it.

    Attributes:
        paths: the supernet.
        weights: the optimization of its weights.
        number: the steps that were taken.
    """

    learns_architecture = False

    def __init__(
        self, supernets: Supernets, domains: Domains, options: Any, setting: Setting
    ) -> None:
        super().__init__(supernets, domains, options, setting)
        self.paths = SinglePath(supernets(), domains)
        steps = setting.total_steps
        self.weights = Optimization(self.paths.weight_parameters, setting.weights, steps)
        self.number = 0

    @abstractmethod
    def next_paths(self) -> Sequence[Arch]:
        """Return the architectures that this step trains, in their order."""

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the weights along the summed gradients of this step's paths."""
        metrics = self.train_paths(self.next_paths(), train)
        self.number += 1
        return metrics

    def end_epoch(self, means: Mapping[str, float]) -> None:
        """Let the schedule of the weights see how the epoch went."""
        self.weights.end_epoch(means)

    def train_paths(self, archs: Sequence[Arch], train: Batch) -> dict[str, Tensor]:
        """Take one step of the weights; return the paths' mean loss and accuracy."""
        summed: list[Tensor | None] = [None] * len(self.weights.params)
        seen = []
        for arch in archs:
            self.paths.arch = arch
            loss, logits = self.objective(self.paths, *train)
            found = torch.autograd.grad(loss, self.weights.params, allow_unused=True)
            summed = [_sum(a, b) for a, b in zip(summed, found, strict=True)]
            seen.append(torch.stack([loss.detach(), correct_share(logits, train[1])]))
        self.weights.apply(summed)
        loss, accuracy = torch.stack(seen).mean(dim=0)
        return {"loss": loss, "accuracy": accuracy}

    def uniform(self, *names: object) -> Arch:
        """Return a uniform draw that keeps the limits, the same for the same names.

        Where none does within ``TRIES`` draws, the one that is least over them.
        """
        stream = self.setting.stream(*names)
        best, least = self.domains.sample(stream), float("inf")
        arch = best
        for _ in range(TRIES):
            over = self.setting.violation(arch)
            if over < least:
                best, least = arch, over
            if over == 0:
                break
            arch = self.domains.sample(stream)
        return best

    def judge(self, arch: Arch, calibration: Iterable[Tensor], batches: Iterable[Batch]) -> float:
        """Return the accuracy of ``arch`` in [0, 1] with the shared weights, over all processes.

        Args:
            arch: what is judged.
            calibration: images, batches ``(B, C, H, W)``, that BN's statistics are taken from;
                the supernet's own are replaced.
            batches: what is counted.
        """
        device = self.weights.params[0].device
        return inherited_accuracy(self.paths, arch, calibration, batches, self.objective, device)

    def calibration(self, data: SearchData, steps: int) -> list[Tensor]:
        """Return training images to take BN's statistics from, so many batches."""
        return [images for (images, _), _ in data.training("calibration", steps)]

    def derive(self) -> Arch:
        """Return one path, always the same: which is best is known after the training only."""
        return self.uniform("derived")

    @abstractmethod
    def select(self, data: SearchData) -> Arch:
        """Return the best of many architectures, judged with the shared weights."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits ``(B, classes)`` of the path that is derived now."""
        self.paths.arch = self.derive()
        logits: Tensor = self.paths(x)
        return logits

    def mixing_weights(self) -> dict[str, list[float]]:
        """Return how often every candidate is drawn where its decision is made: all alike."""
        found = {}
        for label, domain in self.domains.items():
            share = 1 / len(domain.selectable)
            found[label] = [share * (c in domain.selectable) for c in domain.candidates]
        return found

    def get_extra_state(self) -> dict[str, Any]:
        """Return the number of steps, which the draws depend on."""
        return {"number": self.number}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Continue after so many steps."""
        self.number = state["number"]

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of the weights' optimizer."""
        return {"weights": self.weights.state_dict()}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
        self.weights.load_state_dict(state["weights"])


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return the sum of what is there."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
