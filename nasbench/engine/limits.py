"""Limits of a search: the costs of architectures, the penalty of mixtures, and repairs.

The penalty is that of ProxylessNAS (Cai, Zhu, Han; ICLR 2019, section 3.3), with the part above
the limit in place of the whole cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.problem import Problem, on_device
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch, Domains, SearchSpace, Value
from nasbench.supernet.expected_cost import ExpectedCost
from nasbench.training.distributed import agree, wait

DRAWS = 50  # uniform draws before a descent looks for the smallest architecture
SWEEPS = 3  # of that descent over all decisions
FEW = 256  # size up to which a space is enumerated instead
SWAPS = 10  # for each decision, before a repair gives up

Measure = Callable[[Arch, str], float]
Weights = Mapping[str, Sequence[float]]  # label to the weights of its candidates
FLAGS = {"params": "--max-params", "macs": "--max-macs", "latency_ms": "--max-latency"}
WORDS = {"params": "parameters", "macs": "multiply-adds", "latency_ms": "ms"}


class Bounds(Protocol):
    """Options that bound the costs of architectures."""

    @property
    def max_params(self) -> int | None:
        """Largest number of parameters."""

    @property
    def max_macs(self) -> int | None:
        """Largest number of multiply-adds."""

    @property
    def max_latency(self) -> float | None:
        """Largest latency of one image in ms."""

    @property
    def seed(self) -> int:
        """Seed of the draws that look for an architecture within each bound."""


class Limits:
    """The limits of a search, with a cache of measured costs.

    Args:
        limits: cost to its largest allowed value; the names are those of ``FLAGS``.
        measure: returns one cost of an architecture; called once for each.
    """

    def __init__(self, limits: Mapping[str, float], measure: Measure) -> None:
        self.limits = limits
        self._measure = measure
        self._known: dict[tuple[Arch, str], float] = {}

    @classmethod
    def of_search(cls, problem: Problem, config: Bounds, running: Session) -> Limits:
        """Return the limits of a search, after a check that each can be kept.

        Args:
            problem: task and space.
            config: the bounds.
            running: the run; its journal keeps measured latencies.

        Raises:
            UserError: no architecture is within one of them.
        """
        measure = cost_measure(problem, running.device)
        limits = cls(limits_of(config), journaled(measure, problem.domains, running))
        limits.check_possible(problem.domains, config.seed)
        return limits

    def __str__(self) -> str:
        """Return the limits as on the command line."""
        return ", ".join(f"{FLAGS[name]} {limit:g}" for name, limit in self.limits.items())

    def cost(self, arch: Arch, name: str) -> float:
        """Return one cost of ``arch``."""
        key = (arch, name)
        if key not in self._known:
            self._known[key] = self._measure(arch, name)
        return self._known[key]

    def violation(self, arch: Arch) -> float:
        """Return the sum over the limits of ``value / limit - 1``, or 0 for costs within them.

        The cheap costs come first, and latency is measured only if they are within their limits.
        """
        total = 0.0
        for name, limit in self.limits.items():
            if name == "latency_ms" and total > 0:
                break
            total += max(0.0, self.cost(arch, name) / limit - 1)
        return total

    def unmet(self) -> UserError:
        """Return the error of a search that found no architecture within all limits."""
        return UserError(f"{self}: found no architecture within all limits")

    def check_possible(self, domains: Domains, seed: int) -> None:
        """Raise unless every limit can be kept.

        Args:
            domains: the decisions of the space.
            seed: of the draws.

        Raises:
            UserError: no architecture was found; the message gives the smallest value found.
        """
        for name, limit in self.limits.items():
            smallest = self._smallest(domains, name, limit, seed)
            if smallest > limit:
                sure = domains.size <= FEW and name != "latency_ms"
                raise too_small(name, limit, smallest, "this space", sure)

    def _smallest(self, domains: Domains, name: str, limit: float, seed: int) -> float:
        """Return a value within ``limit`` if one is found, else the smallest value found."""
        stream = np.random.default_rng(derive(seed, "limits", name))
        best = domains.sample(stream)
        guide = ""
        for _ in range(DRAWS):
            if self.cost(best, name) <= limit:
                return self.cost(best, name)
            guide = guide or (self._guide(best) if name == "latency_ms" else name)
            other = domains.sample(stream)
            best = min(best, other, key=lambda arch: self.cost(arch, guide))
        if domains.size <= FEW:
            best = min(domains.enumerate(), key=lambda arch: self.cost(arch, guide))
            return self.cost(best, name)
        for _ in range(SWEEPS):
            before = best
            for label in list(domains):  # every decision in turn takes its cheapest option
                if label in best:
                    options = [
                        domains.completed({**best, label: value})
                        for value in domains[label].steps(best[label])
                    ]
                    best = min(best, *options, key=lambda one: self.cost(one, guide))
            if best == before:
                break
        return self.cost(best, name)

    def _guide(self, arch: Arch) -> str:
        """Return the cost that a descent to a small latency, which is expensive, follows."""
        try:
            self.cost(arch, "macs")
        except UserError:  # an operation cannot be counted
            return "params"
        return "macs"


def too_small(name: str, limit: float, smallest: float, where: str, sure: bool) -> UserError:
    """Return the error of a limit that no architecture can keep.

    Args:
        name: the cost.
        limit: its largest allowed value.
        smallest: its smallest value.
        where: the space or table.
        sure: whether all architectures were looked at.
    """
    value = f"{smallest:,.2f}" if name == "latency_ms" else f"{smallest:,.0f}"
    return UserError(
        f"{FLAGS[name]} {limit:g}: no architecture of {where} is within this limit: "
        f"the smallest {'possible' if sure else 'found'} has {value} {WORDS[name]}"
    )


def limits_of(config: Bounds) -> dict[str, float]:
    """Return the limits that the user set, the cheap ones first."""
    given = {
        "params": config.max_params,
        "macs": config.max_macs,
        "latency_ms": config.max_latency,
    }
    return {name: value for name, value in given.items() if value is not None}


def cost_measure(problem: Problem, device: torch.device) -> Measure:
    """Return a function that measures networks of ``problem``.

    Latency is that of one image on ``device``.
    """
    spec = problem.task.spec

    def measure(arch: Arch, name: str) -> float:
        if name == "params":
            network = _weightless(problem, arch)
            return inference_parameter_count(network, network.training_only)
        network = _network(problem, arch)
        if name == "latency_ms":
            return agree(measure_latency(on_device(network, device), spec).median_ms, device)
        # On the meta device this would take three times as long.
        return multiply_adds(network, spec)

    return measure


def journaled(measure: Measure, domains: Domains, running: Session) -> Measure:
    """Return ``measure`` with its latencies kept in the journal.

    Measurements vary, and a search that is resumed must decide as it did before.

    Args:
        measure: returns one cost of an architecture.
        domains: the decisions of the space.
        running: the run with the journal.
    """
    journal = running.folder.journal
    known = {domains.arch(e["arch"]): e["latency_ms"] for e in journal.events("latency")}
    wait()  # no process writes before all have read

    def measure_once(arch: Arch, name: str) -> float:
        if name != "latency_ms":
            return measure(arch, name)
        if arch not in known:
            known[arch] = measure(arch, name)
            if running.leads:
                journal.append("latency", arch=dict(arch), latency_ms=known[arch])
        return float(known[arch])

    return measure_once


def _network(problem: Problem, arch: Arch) -> SearchSpace:
    with torch.random.fork_rng(devices=[]):  # leaves the draws of a trial as they are
        return problem.space.freeze(arch, problem.task.spec, **problem.arguments)


def _weightless(problem: Problem, arch: Arch) -> SearchSpace:
    """Return the network without memory for its weights, if its constructor allows it."""
    try:
        with torch.device("meta"):
            return _network(problem, arch)
    except (NotImplementedError, RuntimeError):
        return _network(problem, arch)


class OneShotLimits:
    """The limits of a one-shot search: a differentiable penalty, and repairs of architectures.

    Args:
        costs: the limits, with the costs of architectures.
        domains: the decisions of the space.
        device: of the mixing weights.
    """

    def __init__(self, costs: Limits, domains: Domains, device: torch.device) -> None:
        self.costs = costs
        self.domains = domains
        self._device = device

    @cached_property
    def tables(self) -> dict[str, ExpectedCost]:
        """Cost to its table, measured at the first use."""
        return {name: self._table(name) for name in self.costs.limits}

    def _table(self, name: str) -> ExpectedCost:
        return ExpectedCost.measured(
            self.domains, lambda arch: self.costs.cost(arch, name), self._device
        )

    def penalty(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the sum over the limits of ``relu(expected cost / limit - 1)`` of a mixture."""
        limits = self.costs.limits.items()
        over = [torch.relu(self.tables[name](weights) / limit - 1) for name, limit in limits]
        return torch.stack(over).sum().float()

    def nearest(self, arch: Arch, weights: Weights) -> Arch:
        """Return ``arch`` if it is within the limits, else a repaired architecture.

        Each swap changes the decision that loses the least weight for what it saves.

        Args:
            arch: the architecture that a strategy derived.
            weights: the strategy's weight of every candidate.

        Raises:
            UserError: no architecture within the limits was found.
        """
        seen = {arch}
        for _ in range(SWAPS * len(self.domains)):
            over = self._over(arch)
            if not over:
                return arch
            others = [other for other in self._others(arch, weights) if other not in seen]
            gains = {other: self._saved(arch, other, over) for other in others}
            ways = [other for other in others if gains[other] > 0]
            if not ways:
                break
            had = weight_sum(self.domains, arch, weights)
            lost = {o: max(0.0, had - weight_sum(self.domains, o, weights)) for o in ways}
            # Among swaps that lose nothing, the largest saving is the best.
            arch = min(ways, key=lambda o: (lost[o] / gains[o], -gains[o]))
            seen.add(arch)
        raise self.costs.unmet()

    def _over(self, arch: Arch) -> list[str]:
        """Return the exceeded limits; latency is measured only if no other one is exceeded."""
        over: list[str] = []
        for name, limit in self.costs.limits.items():
            if not (name == "latency_ms" and over) and self.costs.cost(arch, name) > limit:
                over.append(name)
        return over

    def _saved(self, arch: Arch, other: Arch, over: Sequence[str]) -> float:
        """Return the expected saving of ``other``, as shares of the exceeded limits."""
        return sum(
            (self.tables[name].of(arch) - self.tables[name].of(other)) / self.costs.limits[name]
            for name in over
        )

    def _others(self, arch: Arch, weights: Weights) -> Iterator[Arch]:
        """Yield architectures one step away.

        A decision that becomes active takes its option of largest weight, or its cheapest one.
        """
        strongest = {label: self._strongest(label, weights) for label in self.domains}
        cheapest = {label: self._cheapest(label) for label in self.domains}
        for label, value in arch.items():
            for option in self.domains[label].steps(value):
                for rest in (strongest, cheapest):
                    yield self.domains.completed({**rest, **arch, label: option})

    def _strongest(self, label: str, weights: Weights) -> Value:
        options = self.domains[label].options
        return max(options, key=lambda option: _weight(self.domains, label, option, weights))

    def _cheapest(self, label: str) -> Value:
        """Return the option that takes the smallest share of the limits."""

        def share(option: Value) -> float:
            limits = self.costs.limits.items()
            return sum(self.tables[name].extra(label, option) / limit for name, limit in limits)

        return min(self.domains[label].options, key=share)


def weight_sum(domains: Domains, arch: Arch, weights: Weights) -> float:
    """Return the sum of the weights of the chosen candidates."""
    return sum(_weight(domains, label, value, weights) for label, value in arch.items())


def _weight(domains: Domains, label: str, value: Value, weights: Weights) -> float:
    """Return the weight of an option; 0 for a decision without weights."""
    if label not in weights:
        return 0.0
    chosen = value if isinstance(value, tuple) else (value,)
    return sum(weights[label][domains[label].candidates.index(c)] for c in chosen)
