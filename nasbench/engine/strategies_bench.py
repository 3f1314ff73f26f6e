"""Every sampled strategy on a table, over the same seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nasbench import catalog
from nasbench.budget import Budget
from nasbench.engine.seed_pool import SeedPool
from nasbench.engine.simulation import Simulation
from nasbench.errors import UserError
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.loading import load_table
from nasbench.tabular.simulate import Trace

RIVAL = "random"
"""What every other strategy is compared with."""


@dataclass(frozen=True, eq=False)
class Entrant:
    """A strategy that raced.

    Attributes:
        simulation: what was run.
        traces: its searches, one for each seed.
        wall_seconds: how long they took by the clock.
    """

    simulation: Simulation
    traces: Sequence[Trace]
    wall_seconds: float

    @property
    def name(self) -> str:
        """The strategy's name."""
        return catalog.short(self.simulation.strategy)


@dataclass(frozen=True, eq=False)
class Race:
    """Strategies on one data set of a table.

    Attributes:
        table: what was asked.
        dataset: one of the table's.
        budget: of each search.
        seeds: of the searches, the same for every strategy.
        entrants: the strategies, ``random`` first.
        refused: strategies that cannot search this table, and their reasons.
    """

    table: Table
    dataset: str
    budget: Budget
    seeds: range
    entrants: Sequence[Entrant]
    refused: Mapping[str, str]

    @property
    def rival(self) -> Entrant | None:
        """``random``, if it was there."""
        return next((one for one in self.entrants if one.name == RIVAL), None)


def run_race(
    strategies: Sequence[str],
    table: str,
    dataset: str | None,
    seeds: int,
    budget: str,
    data_dir: Path | None = None,
    jobs: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> Race:
    """Run every strategy with its default options.

    Args:
        strategies: their names; none for all sampled ones of the catalog.
        table: its name, or ``NAME=PATH``.
        dataset: one of the table's; its first by default.
        seeds: how many searches of each strategy, from seed 0 on.
        budget: of each search; see :meth:`nasbench.budget.Budget.parse`.
        data_dir: where the table lies.
        jobs: processes.
        tell: is given a line when a strategy is done.

    Raises:
        UserError: a name is unknown, the table cannot be used, or every strategy refuses.
    """
    found, limit = load_table(table, data_dir), Budget.parse(budget)
    names = _random_first(strategies or sampled_strategies())
    simulations = [Simulation.of(found, dataset, name, {}, limit, {}) for name in names]
    entrants, refused = [], {}
    with SeedPool(found, min(jobs, seeds)) as pool:
        for simulation in simulations:
            name = catalog.short(simulation.strategy)
            try:
                entrants.append(_enter(simulation, range(seeds), pool))
            except UserError as refusal:  # told in the report
                refused[name] = str(refusal)
                tell(f"{name} refuses: {refusal}")
            else:
                tell(f"{name}: {seeds} searches in {entrants[-1].wall_seconds:.1f} s")
    if not entrants:
        raise UserError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    return Race(found, simulations[0].dataset, limit, range(seeds), entrants, refused)


def sampled_strategies() -> list[str]:
    """Return the names of the catalog's sampled strategies."""
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.STRATEGIES}
    return [name for name, kind in kinds.items() if issubclass(kind, SampledStrategy)]


def _random_first(names: Sequence[str]) -> list[str]:
    return sorted(dict.fromkeys(names), key=lambda name: name != RIVAL)


def _enter(simulation: Simulation, seeds: Sequence[int], pool: SeedPool) -> Entrant:
    """Run one strategy's searches."""
    start = time.perf_counter()
    traces = pool.run(simulation, seeds)
    return Entrant(simulation, traces, time.perf_counter() - start)
