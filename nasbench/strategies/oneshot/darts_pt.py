"""DARTS-PT: Rethinking Architecture Selection in Differentiable NAS.

Wang, Cheng, Chen, Tang, Hsieh; ICLR 2021. The supernet is trained as in DARTS, but a large weight
is no evidence of a strong operation. Algorithm 1: decision by decision, the candidate is kept
whose removal lowers the supernet's validation accuracy most, and the supernet is tuned in between.
A candidate is removed by a weight of 0; the weights of the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from nasbench.nn.processes import place
from nasbench.options import option
from nasbench.space import Arch
from nasbench.strategies.oneshot.base import Batch, SearchData
from nasbench.strategies.oneshot.darts import DartsOptions, DartsStrategy
from nasbench.strategies.oneshot.evaluation import evaluation_mode
from nasbench.strategies.recipe import DARTS, NASBENCH201, RECIPES, Recipe
from nasbench.supernet.base import edges_decide
from nasbench.supernet.mixing_weights import MixingRule
from nasbench.training.distributed import average, gathered, total
from nasbench.training.optimization import Optimization

TUNING_LR = 0.1  # of the search's highest rate

Score = tuple[float, float]


@dataclass(frozen=True)
class DartsPtOptions(DartsOptions):
    """Options of ``darts-pt``."""

    tune_steps: int = option(20, "Training steps between two decisions.", low=0)
    samples: int = option(
        1024, "Most validation images per evaluation of a candidate, in each process.", low=2
    )


class Masked(MixingRule):
    """Another rule's expected weights, one of them 0 and the others as they were.

    Args:
        rule: the other rule.
        label: the decision with the weight of 0.
        position: the place of that weight among the candidates that remain.
    """

    def __init__(self, rule: MixingRule, label: str, position: int) -> None:
        self.rule, self.label, self.position = rule, label, position

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the weights, shape ``(n,)``."""
        weights = self.rule.expected(label, alpha)
        if label != self.label:
            return weights
        mask = torch.ones_like(weights)
        mask[self.position] = 0
        return weights * mask


class DartsPtStrategy(DartsStrategy):
    """DARTS whose architecture is selected by perturbation."""

    Options = DartsPtOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "DARTS-PT (arXiv:2108.04392), section 4; sota/cnn/train_search.py, projection.py",
            # Five epochs of 391 steps follow a decision, which sees the whole validation half.
            options={"tune_steps": 1955, "samples": 25_000},
        ),
        "nas-bench-201": NASBENCH201.but(
            "DARTS-PT (arXiv:2108.04392), section 4; nasbench201/train_search.py",
            search={"epochs": 100, "nesterov": False, "weight_decay": 3e-4},
            options={"tune_steps": 1955, "samples": 25_000},
        ),
    }
    options: DartsPtOptions

    def select(self, data: SearchData) -> Arch:
        """Decide the operations one by one, then the nodes' inputs, by what hurts most."""
        super().select(data)
        images = list(limited(data.validation(), self.options.samples))
        operations = list(self.mixture.labels)
        nodes = [  # whose edges decide and that leave inputs out
            label
            for label, choice in self.mixture.by_label.items()
            if edges_decide(choice) and choice.domain.n_chosen < len(choice.domain.candidates)
        ]
        draw = self.context.stream("decisions")
        draw.shuffle(operations)
        draw.shuffle(nodes)
        order = [*operations, *nodes]
        self._ready_to_tune(len(order))
        for done, label in enumerate(order):
            data.tick(done, len(order))
            self._decide(label, images)
            for train, validation in data.training(label, self.options.tune_steps):
                self.step(train, validation)
        return self.derive()

    def _ready_to_tune(self, decisions: int) -> None:
        """Give the weights a new schedule: that of the search has ended."""
        before = self.context.weights
        lr = TUNING_LR * before.lr
        config = replace(before, lr=lr, final_lr=min(lr, before.final_lr), warmup=0.0)
        steps = decisions * self.options.tune_steps
        self.weights = Optimization(self.mixture.weight_parameters, config, steps)

    def _decide(self, label: str, images: Sequence[Batch]) -> None:
        """Keep the candidates without which the supernet is worst."""
        domain = self.domains[label]
        places = [
            place for place, c in enumerate(domain.candidates) if c not in domain.relaxed_only
        ]
        if len(places) > domain.n_chosen:
            scores = {place: self._without(label, place, images) for place in places}
            places = sorted(places, key=lambda place: scores[place])[: domain.n_chosen]
        if label in self.mixture.kept:
            self.mixture.keep(label, places)
        else:
            every = range(len(domain.candidates))
            self.mixture.cut[label] = [place for place in every if place not in places]

    def _without(self, label: str, place: int, images: Sequence[Batch]) -> Score:
        """Return how good the supernet is without one candidate or input."""
        mixture = self.mixture
        if label not in mixture.kept:
            mixture.cut[label] = [place]
            return self._score(images)
        rule = mixture.rule
        mixture.rule = Masked(rule, label, mixture.kept[label].index(place))
        try:
            return self._score(images)
        finally:
            mixture.rule = rule

    @torch.no_grad()
    def _score(self, images: Sequence[Batch]) -> Score:
        """Return the metric's score; where two are the same, the lower loss is better."""
        sums = torch.zeros(2, device=self.mixture.alphas[0].device)
        outputs = []
        with evaluation_mode(self.mixture):
            for batch in images:
                loss, logits = self.objective(self.mixture, *batch)
                sums += len(logits) * torch.stack([-loss.float(), loss.new_ones(()).float()])
                outputs.append(logits)
        average([sums])
        loss_sum, count = sums.tolist()
        targets = torch.cat([targets for _, targets in images])
        metric = self.objective.metric
        value = metric.value(gathered(torch.cat(outputs).float()), gathered(targets))
        return metric.score(value), loss_sum / count


def limited(batches: Iterable[Batch], most: int) -> Iterator[Batch]:
    """Yield the first ``most`` images of this process, as many in each batch as every other has.

    Processes that evaluate different numbers of images would wait for each other in different
    places, and BN gives their statistics the same weight. What is left over of a last batch is
    left out; so is one image alone in all of them, which has no statistics.
    """
    world = place().world
    for images, labels in batches:
        rows = total(torch.tensor(len(images), device=images.device))
        count = min(most, int(rows) // world)
        if count * world >= 2:
            yield images[:count], labels[:count]
        most -= count
        if most * world < 2:
            return
