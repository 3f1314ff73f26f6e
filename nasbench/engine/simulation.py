"""A strategy's searches on a table, ready to be run with any seed in any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nasbench import arguments, catalog
from nasbench.budget import Budget
from nasbench.engine.limits import FLAGS, WORDS, Limits
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.latency import DEVICES
from nasbench.tabular.simulate import Trace, simulate


@dataclass(frozen=True)
class Simulation:
    """What is searched, how, and for how long.

    Attributes:
        dataset: one of the table's.
        strategy: its name in the catalog, ``file.py:Class`` or ``module:Class``.
        options: the strategy's own, all of them.
        budget: of each search.
        limits: cost to its largest allowed value.
    """

    dataset: str
    strategy: str
    options: Mapping[str, Any]
    budget: Budget
    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        table: Table,
        dataset: str | None,
        strategy: str,
        options: Mapping[str, Any],
        budget: Budget,
        limits: Mapping[str, float],
    ) -> Simulation:
        """Check what was asked for, and complete it.

        Args:
            table: what is asked.
            dataset: ``None`` for the table's first.
            strategy: its name.
            options: those that the user gave.
            budget: of each search.
            limits: cost to its largest allowed value.

        Raises:
            UserError: something does not fit; one line tells what.
        """
        dataset = dataset or table.datasets[0]
        table.check(dataset)
        kind = sampled(strategy)
        (own,) = arguments.split(options, strategy=arguments.of_dataclass(kind.Options))
        if budget.unit == "seconds" and not table.timed:
            raise UserError(
                f"--budget {budget}: {table.name} knows no training times: allowed: trials, epochs"
            )
        found = cls(dataset, strategy, asdict(kind.Options(**own)), budget, limits)
        found._check_limits(table)
        return found

    def run(self, table: Table, seed: int) -> Trace:
        """Search once, in one thread.

        Raises:
            UserError: the strategy refuses.
        """
        kind = sampled(self.strategy)
        limits = Limits(self.limits, lambda arch, name: table.costs(arch, self.dataset)[name])
        # Several processes with several threads each would wait for one another's cores; and
        # sums do not depend on the number of cores then.
        with require("threadpoolctl", "simulating searches").threadpool_limits(limits=1):
            return simulate(
                table,
                self.dataset,
                kind,
                kind.Options(**self.options),
                seed,
                self.budget,
                limits.violation if self.limits else None,
            )

    def _check_limits(self, table: Table) -> None:
        if "latency_ms" in self.limits and not table.latencies:
            raise UserError(
                f"{FLAGS['latency_ms']} {self.limits['latency_ms']:g}: on which device? "
                f"allowed: {', '.join(DEVICES)}"
            )
        if self.limits:
            self._check_possible(table)

    def _check_possible(self, table: Table) -> None:
        """Raise unless some architecture keeps the limits; a table knows the costs of all."""
        every = [table.costs(arch, self.dataset) for arch in table.domains.enumerate()]
        for name, limit in self.limits.items():
            smallest = min(costs[name] for costs in every)
            if smallest > limit:
                value = f"{smallest:,.2f}" if name == "latency_ms" else f"{smallest:,.0f}"
                raise UserError(
                    f"{FLAGS[name]} {limit:g}: no architecture of {table.name} keeps it: "
                    f"the smallest possible has {value} {WORDS[name]}"
                )
        if not any(all(c[name] <= limit for name, limit in self.limits.items()) for c in every):
            together = ", ".join(f"{FLAGS[name]} {limit:g}" for name, limit in self.limits.items())
            raise UserError(f"{together}: no architecture of {table.name} keeps all of them")


def sampled(name: str) -> type[SampledStrategy]:
    """Return the sampled strategy of that name.

    Raises:
        UserError: it is unknown, or no sampled strategy.
    """
    kind = catalog.resolve("strategy", name)
    if not (isinstance(kind, type) and issubclass(kind, SampledStrategy)):
        raise UserError(f"strategy {name!r}: a table answers sampled strategies only")
    return kind
