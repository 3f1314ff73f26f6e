"""ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware.

Cai, Zhu, Han; ICLR 2019. Paths are binarized (section 3.1, equation (3)): the weights are trained
on one path that the softmax draws. The architecture's gradient goes through the binary gates,
equation (4), of two drawn paths only, and the two are rescaled after the step so that the others'
probabilities stay as they were (section 3.2). Costs enter as an expectation (section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nasbench.options import option
from nasbench.strategies.oneshot.base import Batch
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
    past_warmup,
)
from nasbench.strategies.recipe import DARTS, IMAGENET, NASBENCH201, Recipe
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.training.optimization import OptimizerConfig


class BinaryGates(MixingRule):
    """One open gate, drawn by the softmax; in an architecture step among two drawn candidates.

    Attributes:
        pairs: whether two candidates are drawn, both are computed, and the gates have a gradient.
        drawn: label to the indices of the candidates drawn in the last pass.
    """

    def __init__(self) -> None:
        self.pairs = False
        self.drawn: dict[str, tuple[int, ...]] = {}

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return gates, 0 or 1, shape ``(n,)``; draws come from torch's stream of the CPU."""
        p = alpha.detach().softmax(dim=0).cpu()
        count = min(2, len(p)) if self.pairs else 1
        places = tuple(torch.multinomial(p, count).tolist())
        self.drawn[label] = places
        if not self.pairs:
            return MixingWeights(
                torch.zeros_like(alpha).index_fill(0, _index(places, alpha), 1.0), places
            )
        return MixingWeights(
            pair_gates(alpha, places, int(torch.multinomial(p[list(places)], 1))), places
        )


def pair_gates(alpha: Tensor, places: tuple[int, ...], open_: int) -> Tensor:
    """Return gates whose gradient reaches ``alpha`` by equation (4), among ``places`` only.

    Args:
        alpha: architecture parameters, shape ``(n,)``.
        places: the indices of the drawn candidates.
        open_: the position of the open gate in ``places``.

    Returns:
        Gates, shape ``(n,)``: 1 at ``places[open_]`` and 0 elsewhere, with the gradient of the
        softmax over ``places``.
    """
    index = _index(places, alpha)
    soft = alpha[index].softmax(dim=0)
    hard = torch.zeros_like(soft)
    hard[open_] = 1.0
    gates = (soft - soft.detach()) + hard
    return torch.zeros_like(alpha).index_put((index,), gates)


def rescaled(before: Tensor, after: Tensor, places: tuple[int, ...]) -> Tensor:
    """Return ``after`` at ``places``, shifted so that the others keep their probability.

    Args:
        before: the architecture parameters before the step, shape ``(n,)``.
        after: the architecture parameters after it, shape ``(n,)``.
        places: the indices of the candidates that the step moved.
    """
    index = _index(places, before)
    shift = before[index].logsumexp(dim=0) - after[index].logsumexp(dim=0)
    return before.index_put((index,), after[index] + shift)


def _index(places: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.tensor(places, device=like.device)


@dataclass(frozen=True)
class ProxylessOptions(DifferentiableOptions):
    """Options of ``proxyless``; the learning rate is the paper's."""

    arch_lr: float = 1e-3
    arch_weight_decay: float = 0.0
    warmup: float = option(
        0.0, "Share of the epochs that train the weights alone.", low=0, below=1
    )


class ProxylessStrategy(DifferentiableStrategy):
    """Binarized paths.

    Raises:
        UserError: a choice of the space has no mixture.
    """

    Options = ProxylessOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "proxyless": Recipe(
            source="ProxylessNAS (arXiv:1812.00332), section 4; search/imagenet_arch_search.py",
            search={
                **DARTS.search,
                "epochs": 160,  # of them 40 that train the weights alone
                "batch_size": 256,
                "final_lr": 0.0,
                "nesterov": True,
                "weight_decay": 4e-5,
                "grad_clip": 0.0,
                "label_smoothing": 0.1,
            },
            options={"warmup": 0.25},
            retrain=IMAGENET.retrain,
        ),
        "nas-bench-201": NASBENCH201,
    }
    options: ProxylessOptions

    def rule(self) -> BinaryGates:
        """Return the gates."""
        self.gates = BinaryGates()
        return self.gates

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Let the architecture move after the warm-up."""
        self.arch_moves = past_warmup(self.options.warmup, epoch, epochs)
        super().begin_epoch(epoch, epochs)

    def arch_optimizer(self) -> OptimizerConfig:
        """Return Adam without momentum, which would move what was not drawn."""
        return OptimizerConfig(
            optimizer="adam",
            lr=self.options.arch_lr,
            betas=(0.0, 0.999),
            weight_decay=self.options.arch_weight_decay,
            schedule="constant",
            grad_clip=0.0,
        )

    def arch_step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move two candidates of every decision against each other."""
        before = [alpha.detach().clone() for alpha in self.mixture.alphas]
        self.gates.pairs = True
        try:
            metrics = super().arch_step(train, validation)
        finally:
            self.gates.pairs = False
        with torch.no_grad():
            for label, old in zip(self.mixture.labels, before, strict=True):
                # Draws number the remaining candidates; ``alpha`` has an entry for every one.
                kept = self.mixture.kept[label]
                places = tuple(kept[place] for place in self.gates.drawn[label])
                alpha = self.mixture.alpha(label)
                alpha.copy_(rescaled(old, alpha, places))
        return metrics
