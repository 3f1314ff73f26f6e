"""Many seeds of a simulated search, spread over worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from nasbench.engine.simulation import Simulation
from nasbench.errors import UserError
from nasbench.executors import ExecutorOptions, Finished, Job, Report, Work, open_executor
from nasbench.tabular.base import Table
from nasbench.tabular.simulate import Trace


class SeedPool:
    """Runs searches on a table; to be used in a ``with`` statement.

    A search depends on its seed alone, so the results do not depend on the number of processes.

    Args:
        table: what is asked; each process gets a copy.
        jobs: processes; with 1 the searches run in this one.
    """

    def __init__(self, table: Table, jobs: int) -> None:
        self.table = table
        options = ExecutorOptions(concurrency=jobs, cpus_per_trial=1)
        setup = f"{__name__}:{work_on.__name__}"
        self._executor = (
            open_executor("local", setup, table, lambda number, value: True, options)
            if jobs > 1
            else None
        )

    def run(self, simulation: Simulation, seeds: Sequence[int]) -> list[Trace]:
        """Return one search for each seed, in the order of the seeds.

        Raises:
            UserError: the strategy refuses.
            RuntimeError: a search failed in its process, which is a bug.
        """
        if self._executor is None:
            return [simulation.run(self.table, seed) for seed in seeds]
        found: dict[int, Any] = {}
        for place, seed in enumerate(seeds):
            if place >= self._executor.slots:
                self._collect(found)
            self._executor.submit(Job(seed, (simulation, seed)))
        while len(found) < len(seeds):
            self._collect(found)
        for result in found.values():
            if isinstance(result, UserError):
                raise result
        return [found[seed] for seed in seeds]

    def _collect(self, found: dict[int, Any]) -> None:
        """Wait for a search, and put it into ``found``."""
        assert self._executor is not None
        finished = self._executor.next(lambda: False)
        assert isinstance(finished, Finished)
        if finished.error is not None:
            raise RuntimeError(f"the search with seed {finished.number}: {finished.error}")
        found[finished.number] = finished.value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.close()


def work_on(table: Table) -> Work:
    """Return what a process does: a search, or the error with which the strategy refuses."""

    def search(payload: tuple[Simulation, int], report: Report) -> Trace | UserError:
        simulation, seed = payload
        try:
            return simulation.run(table, seed)
        except UserError as refusal:  # raised again where the searches were asked for
            return refusal

    return search
