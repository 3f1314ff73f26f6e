"""Strategies that train single paths of a supernet, then search with the shared weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020:
the weights are trained on new paths in every step, equation (4); then
architectures are evaluated with the weights they inherit, equation (5), after their BN statistics
have been recalibrated (section 3.4).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.oneshot.base import (
    Batch,
    OneShotContext,
    OneShotStrategy,
    SearchData,
    Supernets,
)
from nasbench.strategies.oneshot.path_evolution import PathEvolution, PathEvolutionOptions
from nasbench.strategies.sampled.ask_tell import Function, Proposals, ask_and_tell
from nasbench.strategies.sampled.base import Result, SampledContext, SampledStrategy
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.supernet.base import Supernet
from nasbench.supernet.inherited_weights import recalibrate_bn
from nasbench.supernet.single_path import SinglePath, active_subnet
from nasbench.training.objective import Objective
from nasbench.training.optimization import Optimization
from nasbench.training.supervised import metric_over


def inherited_metric(
    supernet: Supernet,
    arch: Arch,
    calibration: Iterable[Tensor],
    batches: Iterable[Batch],
    objective: Objective,
    device: torch.device,
) -> float:
    """Return the leading metric of ``arch`` with the shared weights, over all processes.

    Args:
        supernet: mixtures or paths; BN's statistics in it are replaced.
        arch: the architecture to evaluate.
        calibration: batches of images ``(B, C, H, W)`` from which BN's statistics are computed.
        batches: the batches on which the metric is computed.
        objective: gives the metric and the precision.
        device: the device of the supernet.

    Raises:
        UserError: the space has a ``ValueChoice``, whose candidates share no weights.
    """
    with active_subnet(supernet, arch) as paths:
        with objective.casting(device):
            recalibrate_bn(paths, calibration)
        return metric_over(paths, batches, objective, device)


TRIES = 10  # draws over the limits, after which the least costly of them is taken


class SinglePathStrategy(OneShotStrategy):
    """Paths of one supernet, and an optimizer of its weights.

    Weights off a step's paths have no gradient, and the optimizer leaves them unchanged: neither
    decay nor momentum moves them.

    Attributes:
        paths: the supernet.
        weights: the optimization of its weights.
        number: the number of steps taken.
    """

    learns_architecture = False

    def __init__(
        self, supernets: Supernets, domains: Domains, options: Any, context: OneShotContext
    ) -> None:
        super().__init__(supernets, domains, options, context)
        self.paths = SinglePath(supernets(), domains)
        steps = context.total_steps
        self.weights = Optimization(self.paths.weight_parameters, context.weights, steps)
        self.number = 0

    @abstractmethod
    def next_paths(self) -> Sequence[Arch]:
        """Return the architectures that this step trains, in order."""

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the weights along the summed gradients of this step's paths."""
        metrics = self.train_paths(self.next_paths(), train)
        self.number += 1
        return metrics

    def end_epoch(self, means: Mapping[str, float]) -> None:
        """Pass the epoch's means to the schedule of the weights."""
        self.weights.end_epoch(means)

    def train_paths(self, archs: Sequence[Arch], train: Batch) -> dict[str, Tensor]:
        """Take one step of the weights; return the means of what the paths report."""
        summed: list[Tensor | None] = [None] * len(self.weights.params)
        seen: list[dict[str, Tensor]] = []
        for place, arch in enumerate(archs):
            self.paths.arch = arch
            loss, logits = self.path_loss(place, train)
            found = torch.autograd.grad(loss, self.weights.params, allow_unused=True)
            summed = [_sum(a, b) for a, b in zip(summed, found, strict=True)]
            seen.append({"loss": loss.detach(), **self.objective.reported(logits, train[1])})
        self.weights.apply(summed)
        means = torch.stack([torch.stack(list(one.values())) for one in seen]).mean(dim=0)
        return dict(zip(seen[0], means, strict=True))

    def path_loss(self, place: int, train: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the path that is computed now, a scalar, and its outputs.

        Args:
            place: of the path among those of this step.
            train: images and labels.
        """
        return self.objective(self.paths, *train)

    def uniform(self, *names: object) -> Arch:
        """Return a uniform draw that keeps the limits, the same for the same names.

        If none of ``TRIES`` draws does, it is the one that exceeds them least.
        """
        stream = self.context.stream(*names)
        best, least = self.domains.sample(stream), float("inf")
        arch = best
        for _ in range(TRIES):
            over = self.context.violation(arch)
            if over < least:
                best, least = arch, over
            if over == 0:
                break
            arch = self.domains.sample(stream)
        return best

    def judge(self, arch: Arch, calibration: Iterable[Tensor], batches: Iterable[Batch]) -> float:
        """Return the score of ``arch`` with the shared weights, over all processes.

        It is the leading metric, with its sign changed if less is better.

        Args:
            arch: the architecture to evaluate.
            calibration: batches of images ``(B, C, H, W)`` from which BN's statistics are
                computed; those of the supernet are replaced.
            batches: the batches on which the metric is computed.
        """
        device = self.weights.params[0].device
        how = self.objective
        value = inherited_metric(self.paths, arch, calibration, batches, how, device)
        return how.metric.score(value)

    def calibration(self, data: SearchData, steps: int) -> list[Tensor]:
        """Return ``steps`` batches of training images, to compute BN's statistics from."""
        return [images for (images, _), _ in data.training("calibration", steps)]

    def derive(self) -> Arch:
        """Return one path, always the same: the best is known only after the training."""
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
        """Return the probabilities of the draws: a decision's candidates are equally likely."""
        found = {}
        for label, domain in self.domains.items():
            share = 1 / len(domain.selectable)
            found[label] = [share * (c in domain.selectable) for c in domain.candidates]
        return found

    def get_extra_state(self) -> dict[str, Any]:
        """Return the number of steps, which the draws depend on."""
        return {"number": self.number}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the number of steps."""
        self.number = state["number"]

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of the weights' optimizer."""
        return {"weights": self.weights.state_dict()}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
        self.weights.load_state_dict(state["weights"])


def _sum(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return the sum of two gradients, either of which may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second


SEARCHES = ("evolution", "random")


@dataclass(frozen=True)
class EvaluationOptions(PluginOptions):
    """Options of every strategy that evaluates architectures with shared weights."""

    candidates: int = option(50, "Architectures evaluated after the training.", low=1)
    calibration: int = option(
        4, "Training batches from which each architecture's BN statistics are computed.", low=1
    )


@dataclass(frozen=True)
class SharedSearchOptions(EvaluationOptions):
    """Options of a search with shared weights."""

    search: str = option(
        "evolution", "How architectures are proposed after the training.", allowed=SEARCHES
    )
    population: int = option(
        20,
        "Architectures of a generation; half of them are mutated, the others crossed.",
        low=1,
        only_with=("search", "evolution"),
    )
    parents: int = option(
        10,
        "Best architectures so far that have children.",
        low=1,
        only_with=("search", "evolution"),
    )
    mutation: float = option(
        0.1,
        "Probability that a mutation redraws a decision.",
        low=0,
        high=1,
        only_with=("search", "evolution"),
    )


def searcher(
    options: SharedSearchOptions, domains: Domains, context: OneShotContext
) -> SampledStrategy:
    """Return the search that the options name; it proposes only what keeps the limits.

    Args:
        options: its kind and, for an evolution, its generations.
        domains: the space's decisions.
        context: the seed and the limits of the search.
    """
    if options.search == "random":
        return uniform_search(domains, context)
    evolution = PathEvolutionOptions(options.population, options.parents, options.mutation)
    return PathEvolution(domains, evolution, _sampled(context))


def uniform_search(domains: Domains, context: OneShotContext) -> RandomStrategy:
    """Return a search by distinct uniform draws that keep the limits."""
    return RandomStrategy(domains, RandomOptions(), _sampled(context))


def _sampled(context: OneShotContext) -> SampledContext:
    return SampledContext(context.seed, violation=context.violation)


def run(
    search: SampledStrategy,
    judge: Callable[[Arch], float],
    candidates: int,
    tick: Callable[[int, int], None],
) -> list[Result]:
    """Evaluate ``candidates`` proposals of ``search``, or fewer if the space has no more.

    Args:
        search: proposes architectures and learns from their accuracies.
        judge: returns the accuracy of an architecture in [0, 1].
        candidates: the number of architectures to evaluate.
        tick: called before each evaluation with the number of finished ones and ``candidates``.

    Returns:
        The results in the order of their evaluation; none if nothing keeps the limits.
    """

    def may_begin() -> bool:
        done = len(search.results)
        if done < candidates:
            tick(done, candidates)
        return done < candidates

    evaluator = Function(lambda proposal: Result(proposal.arch, judge(proposal.arch)))
    ask_and_tell(Proposals(search), evaluator, may_begin)
    return search.results


class SharedSearchStrategy(SinglePathStrategy):
    """Paths, then a search among architectures that inherit the weights."""

    Options = SharedSearchOptions
    options: SharedSearchOptions

    def select(self, data: SearchData) -> Arch:
        """Return the most accurate on the validation half, or the first of several such."""
        images = self.calibration(data, self.options.calibration)
        search = searcher(self.options, self.domains, self.context)
        results = run(
            search,
            lambda arch: self.judge(arch, images, data.validation()),
            self.options.candidates,
            data.tick,
        )
        return search.best().arch if results else self.derive()
