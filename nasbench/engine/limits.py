"""What an architecture costs, and whether that is within the limits of the search."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch

from nasbench.config import SearchConfig
from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.problem import Problem, on_device
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch, Domains, SearchSpace
from nasbench.training.distributed import agree, wait

DRAWS = 50  # uniform draws that are looked at before a descent looks for the smallest
SWEEPS = 3  # of that descent over all decisions
FEW = 256  # architectures that are all looked at instead

Measure = Callable[[Arch, str], float]
FLAGS = {"params": "--max-params", "macs": "--max-macs", "latency_ms": "--max-latency"}
WORDS = {"params": "parameters", "macs": "multiply-adds", "latency_ms": "ms"}


class Limits:
    """The limits of a search, and the costs of what was asked about so far.

    Args:
        limits: cost to its largest allowed value; the names are those of ``FLAGS``.
        measure: returns one cost of an architecture; asked once for each.
    """

    def __init__(self, limits: Mapping[str, float], measure: Measure) -> None:
        self.limits = limits
        self._measure = measure
        self._known: dict[tuple[Arch, str], float] = {}

    def cost(self, arch: Arch, name: str) -> float:
        """Return one cost of ``arch``."""
        key = (arch, name)
        if key not in self._known:
            self._known[key] = self._measure(arch, name)
        return self._known[key]

    def violation(self, arch: Arch) -> float:
        """Return by how much ``arch`` is over the limits, as shares of them; 0 where it fits.

        The cheap costs come first, and latency is measured only where they fit.
        """
        total = 0.0
        for name, limit in self.limits.items():
            if name == "latency_ms" and total > 0:
                break
            total += max(0.0, self.cost(arch, name) / limit - 1)
        return total

    def check_possible(self, domains: Domains, seed: int) -> None:
        """Raise unless some architecture keeps every limit.

        Raises:
            UserError: none was found; tells the smallest value that was.
        """
        for name, limit in self.limits.items():
            smallest = self._smallest(domains, name, limit, seed)
            if smallest > limit:
                value = f"{smallest:,.2f}" if name == "latency_ms" else f"{smallest:,.0f}"
                sure = domains.size <= FEW and name != "latency_ms"
                raise UserError(
                    f"{FLAGS[name]} {limit:g}: no architecture of this space keeps it: "
                    f"the smallest {'possible' if sure else 'found'} has {value} {WORDS[name]}"
                )

    def _smallest(self, domains: Domains, name: str, limit: float, seed: int) -> float:
        """Return a value within ``limit`` where there is one, else the smallest to be found."""
        stream = np.random.default_rng(derive(seed, "limits", name))
        # Latency is dear to measure, and its descent goes by multiply-adds.
        guide = "macs" if name == "latency_ms" else name
        best = domains.sample(stream)
        for _ in range(DRAWS):
            if self.cost(best, name) <= limit:
                return self.cost(best, name)
            other = domains.sample(stream)
            best = min(best, other, key=lambda arch: self.cost(arch, guide))
        if domains.size <= FEW:
            best = min(domains.enumerate(), key=lambda arch: self.cost(arch, guide))
            return self.cost(best, name)
        for _ in range(SWEEPS):
            before = best
            best = self._descend(domains, best, guide)
            if best == before:
                break
        return self.cost(best, name)

    def _descend(self, domains: Domains, arch: Arch, name: str) -> Arch:
        """Return ``arch`` after every decision in turn took its cheapest option."""
        for label in list(domains):
            if label in arch:
                options = [
                    domains.completed({**arch, label: value})
                    for value in domains[label].steps(arch[label])
                ]
                arch = min(arch, *options, key=lambda one: self.cost(one, name))
        return arch


def asked(config: SearchConfig) -> dict[str, float]:
    """Return the limits that the user set, the cheap ones first."""
    given = {
        "params": config.max_params,
        "macs": config.max_macs,
        "latency_ms": config.max_latency,
    }
    return {name: value for name, value in given.items() if value is not None}


def measured(problem: Problem, device: torch.device) -> Measure:
    """Return what measures the networks of ``problem``; latency on ``device``, one image."""
    shape = problem.task.spec.shape

    def measure(arch: Arch, name: str) -> float:
        if name == "params":
            network = _weightless(problem, arch)
            return inference_parameter_count(network, network.training_only)
        network = _network(problem, arch)
        if name == "latency_ms":
            return agree(measure_latency(on_device(network, device), shape).median_ms, device)
        return multiply_adds(
            network, shape
        )  # on the meta device it would take three times as long

    return measure


def noted(measure: Measure, domains: Domains, running: Session) -> Measure:
    """Return ``measure`` with its latencies in the journal.

    No two measurements agree, and a search that is continued must decide as it did before.
    """
    journal = running.folder.journal
    known = {domains.arch(e["arch"]): e["latency_ms"] for e in journal.events("latency")}
    wait()  # nobody writes before all have read

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
    with torch.random.fork_rng(devices=[]):  # a trial's own draws are not to change
        return problem.space.freeze(arch, problem.task.spec, **problem.arguments)


def _weightless(problem: Problem, arch: Arch) -> SearchSpace:
    """Return the network without memory for its weights, where its constructor allows it."""
    try:
        with torch.device("meta"):
            return _network(problem, arch)
    except (NotImplementedError, RuntimeError):
        return _network(problem, arch)
