"""The protocol of tables: what a search may ask of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from nasbench import catalog
from nasbench.errors import unknown
from nasbench.space import Arch, DataSpec, Domains, SearchSpace


class Table(ABC):
    """The finished trainings of every architecture of a space.

    Args:
        space: the space's name in the catalog; its ``text`` is what the table calls an
            architecture.
        spec: the data's shape.

    Attributes:
        name: the table's name.
        datasets: what the architectures were trained on, the preferred one first.
        lengths: epochs after which results are known, ascending.
        timed: whether training times are known.
        note: one line on what to keep in mind, or ``""``.
        latencies: dataset to architecture's text to milliseconds, where they were added.
    """

    name: str
    datasets: tuple[str, ...]
    lengths: tuple[int, ...]
    timed: bool = True
    note: str = ""

    def __init__(self, space: str, spec: DataSpec) -> None:
        self.space: type[SearchSpace] = catalog.resolve("space", space)
        self.domains: Domains = self.space.describe(spec)
        self.latencies: Mapping[str, Mapping[str, float]] = {}

    @abstractmethod
    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the accuracy in [0, 1] that a search sees: that of one training.

        Args:
            arch: the architecture.
            dataset: one of ``datasets``.
            epochs: one of ``lengths``.
            seed: the search's seed, which chooses among the trainings of each architecture.
        """

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the accuracies that a search sees, of all longest trainings that are known.

        A table that holds several for an architecture tells them all, always in the same order.
        """
        return (self.validation(arch, dataset, self.lengths[-1], 0),)

    @abstractmethod
    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return the device-seconds of one training; 0 where no times are known."""

    @abstractmethod
    def test(self, arch: Arch, dataset: str) -> float:
        """Return the test accuracy in [0, 1], the mean over the longest trainings."""

    @abstractmethod
    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs``."""

    def costs(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params``, ``macs``, and ``latency_ms`` where latencies were added."""
        found = self.sizes(arch, dataset)
        if dataset in self.latencies:
            found["latency_ms"] = self.latencies[dataset][self.space.text(arch)]
        return found

    def check(self, dataset: str) -> None:
        """Raise unless the table has ``dataset``.

        Raises:
            UserError: it has not; tells those it has.
        """
        if dataset not in self.datasets:
            raise unknown(f"dataset of {self.name}", dataset, self.datasets)
