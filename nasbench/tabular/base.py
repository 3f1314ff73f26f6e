"""The protocol of tables: what a search may query."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from statistics import fmean

from nasbench import catalog
from nasbench.errors import unknown
from nasbench.seeding import derive
from nasbench.space import Arch, DataSpec, Domains, SearchSpace


class Table(ABC):
    """The finished trainings of every architecture of a space.

    Args:
        space: the space's name in the catalog; its ``text`` is the table's name of an
            architecture.
        spec: the shape of the data.

    Attributes:
        name: the table's name.
        datasets: data sets of the trainings, the preferred one first.
        lengths: numbers of epochs with results, ascending.
        timed: whether training times are known.
        note: a caveat in one line, or ``""``.
        seen: what a search sees, :meth:`validation`, in words.
        result: what :meth:`test` and :meth:`outcome` return, in words.
        latencies: data set to architecture's text to milliseconds, once added.
        space: the class of the space.
    """

    name: str
    datasets: tuple[str, ...]
    lengths: tuple[int, ...]
    timed: bool = True
    note: str = ""
    seen: str = "validation accuracy"
    result: str = "test accuracy"
    space: type[SearchSpace] = SearchSpace

    def __init__(self, space: str, spec: DataSpec) -> None:
        self.space = catalog.resolve("space", space)
        self.domains: Domains = self.space.describe(spec)
        self.latencies: Mapping[str, Mapping[str, float]] = {}

    @abstractmethod
    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the validation accuracy of one training in [0, 1], which a search sees.

        Args:
            arch: the architecture.
            dataset: one of ``datasets``.
            epochs: one of ``lengths``.
            seed: seed of the search; it chooses among the trainings of each architecture.
        """

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the validation accuracies in [0, 1] of all longest trainings.

        A table with several trainings of an architecture returns all of them, always in the same
        order.
        """
        return (self.validation(arch, dataset, self.lengths[-1], 0),)

    @abstractmethod
    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return the device-seconds of one training; 0 if no times are known.

        Args:
            arch: the architecture.
            dataset: one of ``datasets``.
            epochs: one of ``lengths``.
        """

    @abstractmethod
    def test(self, arch: Arch, dataset: str) -> float:
        """Return the mean test accuracy in [0, 1] of the longest trainings.

        A table without test accuracies returns the mean validation accuracy, and its ``result``
        says so.
        """

    def outcome(self, arch: Arch, dataset: str, seed: int) -> float:
        """Return by what a search with this seed is judged, in [0, 1], read after its end.

        It is :meth:`test` where the table has test accuracies.
        """
        return self.test(arch, dataset)

    @abstractmethod
    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs``."""

    def costs(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params``, ``macs``, and ``latency_ms`` if latencies were added."""
        found = self.sizes(arch, dataset)
        if dataset in self.latencies:
            found["latency_ms"] = self.latencies[dataset][self.space.text(arch)]
        return found

    def check(self, dataset: str) -> None:
        """Raise unless the table has ``dataset``.

        Raises:
            UserError: it does not; the message lists its data sets.
        """
        if dataset not in self.datasets:
            raise unknown(f"dataset of {self.name}", dataset, self.datasets)


def split(trainings: Sequence[float], seed: int) -> tuple[float, float]:
    """Return the accuracy of one training, which a search sees, and the mean of the others.

    Args:
        trainings: of one architecture; a single one is both.
        seed: of the search; it chooses.
    """
    seen = derive(seed, "training") % len(trainings)
    others = [*trainings[:seen], *trainings[seen + 1 :]] or trainings
    return trainings[seen], fmean(others)
