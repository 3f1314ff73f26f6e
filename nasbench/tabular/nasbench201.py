"""NAS-Bench-201 from a CSV file (Dong and Yang, ICLR 2020).

Its columns: ``arch_str``; the validation accuracy in percent of each of the 2 or 3 trainings of
200 epochs, ``;`` between, in ``{c10,c100,in16}_valid_seeds``; their mean test accuracy in
``*_test``; the single training of 12 epochs in ``*_valid_ep12``; ``params_c10_M``,
``flops_c10_M``; and ``train_time_c10_200ep_s``, which may be empty where it was not measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch, DataSpec
from nasbench.tabular.base import Table
from nasbench.tabular.files import Columns, check_complete, locate, numbers, read_columns
from nasbench.tabular.latency import PREFIXES
from nasbench.tabular.times import completed

NAME = "nas-bench-201"
FILES = ("nas-bench-201/nasbench201.csv", "nasbench201.csv")
ARCHIVES = ("NATS-tss-v1_0-3ffb9-simple", "NAS-Bench-201-v1_1-096897.pth")
SPEC = DataSpec(3, 32, 32, 10)
LENGTHS = (12, 200)

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16-120": 120}
SIDES = {"cifar10": 32, "cifar100": 32, "imagenet16-120": 16}
# Images that a training for the validation accuracy sees. By the authors' own rule an epoch takes
# time in proportion to them. The column of times is of trainings on all 50,000 of CIFAR-10.
IMAGES = {"cifar10": 25_000, "cifar100": 50_000, "imagenet16-120": 151_700}
TIMED_IMAGES = 50_000
FEATURES = 64  # that the classifier sees; it has a bias


class Csv201(Table):
    """The table from the columns of a CSV file.

    Which of an architecture's trainings a search sees follows from the search's seed: the same
    one for all architectures that have as many. The training of 12 epochs has a schedule of its
    own, and there is only one of it.

    Raises:
        UserError: the file cannot be used; tells why.
    """

    name = NAME
    datasets = tuple(CLASSES)
    lengths = LENGTHS

    def __init__(self, path: Path) -> None:
        super().__init__(NAME, SPEC)
        per_dataset = ("valid_seeds", "valid_ep12", "test")
        sizes = ("params_c10_M", "flops_c10_M")
        time = "train_time_c10_200ep_s"
        wanted = [f"{prefix}_{name}" for prefix in PREFIXES.values() for name in per_dataset]
        columns = read_columns(path, ["arch_str", *wanted, *sizes, time])
        self.path = path
        self._rows = {text: row for row, text in enumerate(columns["arch_str"])}
        if len(self._rows) < self.domains.size:
            check_complete(path, self.space, self.domains, self._rows)
        self._short, self._tests, self._long, self._ends = {}, {}, {}, {}
        for dataset, prefix in PREFIXES.items():
            self._short[dataset] = _accuracies(path, columns, f"{prefix}_valid_ep12")
            self._tests[dataset] = _accuracies(path, columns, f"{prefix}_test")
            each = _each_training(path, columns, f"{prefix}_valid_seeds")
            self._long[dataset], self._ends[dataset] = each
        self._params, self._flops = (1e6 * numbers(path, columns, name) for name in sizes)
        operations = next(iter(self.domains.values())).selectable
        times = numbers(path, columns, time, empty=True)
        self._times = completed(columns["arch_str"], times, [str(op) for op in operations])
        self.timed = bool(np.isfinite(self._times).all())
        if self.timed and (estimated := int(np.isnan(times).sum())):
            self.note = f"{estimated:,} of {len(times):,} training times are estimated"

    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the accuracy of one training on the validation images."""
        row = self._row(arch)
        if epochs == LENGTHS[0]:
            return float(self._short[dataset][row])
        first, end = self._ends[dataset][row : row + 2]
        return float(self._long[dataset][first + derive(seed, "training") % (end - first)])

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the validation accuracies of the 2 or 3 trainings of 200 epochs."""
        row = self._row(arch)
        first, end = self._ends[dataset][row : row + 2]
        return tuple(self._long[dataset][first:end].tolist())

    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return the training time, without that of the evaluation."""
        if not self.timed:
            return 0.0
        share = IMAGES[dataset] / TIMED_IMAGES * epochs / LENGTHS[-1]
        return float(self._times[self._row(arch)]) * share

    def test(self, arch: Arch, dataset: str) -> float:
        """Return the mean test accuracy of the trainings of 200 epochs."""
        return float(self._tests[dataset][self._row(arch)])

    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs`` of the network for ``dataset``'s images and classes."""
        row = self._row(arch)
        more = (FEATURES + 1) * (CLASSES[dataset] - CLASSES["cifar10"])
        head = (FEATURES + 1) * CLASSES["cifar10"]
        area = (SIDES[dataset] / SIDES["cifar10"]) ** 2
        macs = (self._flops[row] - head) * area + head + more
        return {"params": float(round(self._params[row] + more)), "macs": float(round(macs))}

    def _row(self, arch: Arch) -> int:
        row = self._rows.get(self.space.text(arch))
        if row is None:
            raise UserError(f"{self.path}: lacks the architecture {self.space.text(arch)}")
        return row


def load(path: Path | None = None, data_dir: Path | None = None) -> Table:
    """Return the table from a CSV file, or through the authors' package from their own files.

    Args:
        path: a ``.csv`` with the columns above, the unpacked ``NATS-tss-v1_0-3ffb9-simple`` or
            its ``.pickle.pbz2`` for the package ``nats_bench``, or ``NAS-Bench-201-*.pth`` for
            ``nas_201_api``.
        data_dir: where to look without ``path``; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: there is no such file, its package is missing, or it cannot be used.
    """
    found = locate(NAME, (*FILES, *ARCHIVES), path, data_dir)
    if found.suffix == ".csv":
        return Csv201(found)
    from nasbench.tabular.nasbench201_api import Api201

    return Api201(found)


def _accuracies(path: Path, columns: Columns, name: str) -> NDArray[np.float64]:
    """Return a column of percentages as shares."""
    return _shares(path, name, numbers(path, columns, name))


def _each_training(
    path: Path, columns: Columns, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return all trainings' accuracies as shares, and where those of each architecture begin.

    Those of row ``i`` are ``accuracies[begins[i]:begins[i + 1]]``.
    """
    texts = columns[name]
    sizes = [text.count(";") + 1 for text in texts]
    every = numbers(path, {name: ";".join(texts).split(";")}, name)
    return _shares(path, name, every), np.cumsum([0, *sizes])


def _shares(path: Path, name: str, percent: NDArray[np.float64]) -> NDArray[np.float64]:
    outside = percent[(percent < 0) | (percent > 100)]
    if outside.size:
        raise UserError(f"{path}: column {name}: {outside[0]:g} is no accuracy in percent")
    return percent / 100
