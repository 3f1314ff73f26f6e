"""NAS-Bench-Macro from its JSON file (Su et al., CVPR 2021).

``{"02012100": {"test_acc": [float, float, float], "mean_acc": float, "std": float, "params": int,
"flops": int}, ...}``, accuracies in percent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.interop.macro import canonical
from nasbench.space import Arch, DataSpec
from nasbench.tabular.base import Table, split
from nasbench.tabular.files import check_complete, locate

NAME = "nas-bench-macro"
FILES = ("nas-bench-macro/nas-bench-macro_cifar10.json", "nas-bench-macro_cifar10.json")
SPEC = DataSpec(3, 32, 32, 10)
KEYS = {"test_acc", "mean_acc", "params", "flops"}


class MacroTable(Table):
    """The table from its JSON file; a missing architecture is looked up in canonical form.

    Raises:
        UserError: the file cannot be used.
    """

    name = NAME
    datasets = ("cifar10",)
    lengths = (50,)
    timed = False
    seen = "test accuracy"
    result = "test accuracy of unseen trainings"
    note = (
        "the table has no validation accuracies: a search sees the test accuracy of one of three "
        "trainings, and its result is the mean of the other two"
    )

    def __init__(self, path: Path) -> None:
        super().__init__(NAME, SPEC)
        try:
            found = plain_json.read(path)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        if not isinstance(found, dict):
            raise UserError(f"{path}: must be an object with an entry for each architecture")
        every = (self.space.text(arch) for arch in self.domains.enumerate())
        entries = {text: found.get(text, found.get(canonical(text))) for text in every}
        self._entries = {text: _checked(path, text, e) for text, e in entries.items() if e}
        check_complete(path, self.space, self.domains, self._entries)

    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        """Return the accuracy of one of the three trainings, which ``seed`` chooses."""
        return split(self.trainings(arch, dataset), seed)[0]

    def trainings(self, arch: Arch, dataset: str) -> tuple[float, ...]:
        """Return the accuracies of the three trainings."""
        return tuple(value / 100 for value in self._entry(arch)["test_acc"])

    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        """Return 0, since the table has no times."""
        return 0.0

    def test(self, arch: Arch, dataset: str) -> float:
        """Return the mean accuracy of the trainings."""
        return float(self._entry(arch)["mean_acc"]) / 100

    def outcome(self, arch: Arch, dataset: str, seed: int) -> float:
        """Return the mean accuracy of the trainings that the search did not see."""
        return split(self.trainings(arch, dataset), seed)[1]

    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        """Return ``params`` and ``macs``."""
        entry = self._entry(arch)
        return {"params": float(entry["params"]), "macs": float(entry["flops"])}

    def _entry(self, arch: Arch) -> dict[str, Any]:
        return self._entries[self.space.text(arch)]


def load(path: Path | None = None, data_dir: Path | None = None) -> Table:
    """Return the table.

    Args:
        path: the JSON file.
        data_dir: where to look if ``path`` is ``None``; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: the file does not exist or cannot be used.
    """
    return MacroTable(locate(NAME, FILES, path, data_dir))


def _checked(path: Path, text: str, entry: Any) -> dict[str, Any]:
    """Return the entry of an architecture after checking its values."""
    missing = sorted(KEYS - set(entry)) if isinstance(entry, dict) else sorted(KEYS)
    if missing:
        raise UserError(f"{path}: {text}: missing {', '.join(missing)}")
    trainings = entry["test_acc"]
    if not isinstance(trainings, list) or not trainings:
        raise UserError(f"{path}: {text}: test_acc must be a list of accuracies")
    for value in (*trainings, entry["mean_acc"]):
        if not (isinstance(value, int | float) and 0 <= value <= 100):
            raise UserError(f"{path}: {text}: {value!r} must be a percentage between 0 and 100")
    for key in ("params", "flops"):
        if not (isinstance(entry[key], int | float) and entry[key] > 0):
            raise UserError(f"{path}: {text}: {key} {entry[key]!r} must be a number above 0")
    return dict(entry)
