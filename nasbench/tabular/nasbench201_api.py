"""NAS-Bench-201 through its authors' packages: ``nats_bench``, or the older ``nas_201_api``.

Both answer ``query_index_by_arch``, ``query_by_index``, ``get_more_info`` and ``get_cost_info`` in
the same way; nothing else is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.tabular.base import Table
from nasbench.tabular.nasbench201 import CLASSES, LENGTHS, NAME, SPEC

# The validation accuracy of CIFAR-10 is that of a training on half of its training images.
SEARCHED = {"cifar10": "cifar10-valid", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
TESTED = {**SEARCHED, "cifar10": "cifar10"}

FOLDER = ".pbz2"  # a folder holds one such file for each architecture
# By the file's suffix: the module, and the distribution that holds it.
PACKAGES = {FOLDER: ("nats_bench", "nats_bench"), ".pth": ("nas_201_api", "nas-bench-201")}

Found = TypeVar("Found")


class Api201(Table):
    """The table behind an API object, which each process opens for itself when it is first asked.

    Answers are remembered, since the packages read a file for each architecture.

    Args:
        path: what the authors published: a folder or ``.pickle.pbz2`` for ``nats_bench``, a
            ``.pth`` for ``nas_201_api``.

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
        info = self._once(
            ("cost", index, dataset), lambda: self._open().get_cost_info(index, SEARCHED[dataset])
        )
        return {"params": float(round(1e6 * info["params"])), "macs": round(1e6 * info["flops"])}

    def _index(self, arch: Arch) -> int:
        text = self.space.text(arch)
        index: int = self._once(text, lambda: self._open().query_index_by_arch(text))
        if index < 0:
            raise UserError(f"{self.path}: lacks the architecture {text}")
        return index

    def _seeds(self, arch: Arch, dataset: str, epochs: int) -> list[int]:
        index, name, hp = self._index(arch), SEARCHED[dataset], str(epochs)
        return self._once(
            ("seeds", index, name, hp),
            lambda: sorted(self._open().query_by_index(index, name, hp=hp)),
        )

    def _info(self, arch: Arch, name: str, epochs: int, training: int | bool) -> dict[str, Any]:
        """Return what is known of one training by its seed, or of all by their mean (False)."""
        index, hp = self._index(arch), str(epochs)
        return self._once(
            ("info", index, name, hp, training),
            lambda: dict(self._open().get_more_info(index, name, hp=hp, is_random=training)),
        )

    def _once(self, key: Hashable, ask: Callable[[], Found]) -> Found:
        if key not in self._answers:
            self._answers[key] = ask()
        found: Found = self._answers[key]
        return found

    def _package(self) -> Any:
        module, distribution = PACKAGES[FOLDER if self.path.is_dir() else self.path.suffix]
        return require(module, str(self.path), distribution)

    def _open(self) -> Any:
        if self._api is None:
            path, package = str(self.path), self._package()
            if self.path.suffix == ".pth":
                self._api = package.NASBench201API(path, verbose=False)
            else:
                fast = self.path.is_dir()
                self._api = package.create(path, "tss", fast_mode=fast, verbose=False)
        return self._api
