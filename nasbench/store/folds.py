"""Results of cross-validations, which use no test set and are not on the leaderboard."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.measures import Measure
from nasbench.store.atomic import write_json

FORMAT = "nasbench-folds/1"


@dataclass(frozen=True)
class Fold:
    """One training on all folds but one, evaluated on that one.

    Attributes:
        fold: its number, from 1.
        seed: of this training, derived from the run's and the number.
        result: the task's leading metric on the fold after the last epoch.
        val_examples: size of the fold.
        seconds: device-seconds of the training.
    """

    fold: int
    seed: int
    result: float
    val_examples: int
    seconds: float


@dataclass(frozen=True)
class CrossValidation:
    """The result of a cross-validation of one architecture.

    Attributes:
        run: the run folder's name; unique, and the file's name.
        method: the strategy's or tuner's name.
        task: the task's name.
        space: the search space's name; for hyperparameters, the baseline's.
        arch_id: short id of the architecture.
        arch: label to the chosen value, and the tuned hyperparameters.
        search_run: name of the search run that found it, or ``""``.
        search_seed: the seed of that search.
        seed: of the split, and of the seeds of the folds.
        retrain_config: options of the training.
        folds: every fold's result, in order.
        mean: of the folds' results.
        interval: the 95 % t-interval of the mean; its ends may lie outside of the metric's range.
        params: parameters of the network, without those used only in training.
        provenance: version, commit, command, hardware, libraries, times.
        classes: the number of training images of each class; empty if unknown.
        metric: the name of the results' metric.
        larger_is_better: its direction.
        is_share: whether it lies in [0, 1] and is shown in percent.
    """

    run: str
    method: str
    task: str
    space: str
    arch_id: str
    arch: dict[str, Any]
    search_run: str
    search_seed: int
    seed: int
    retrain_config: dict[str, Any]
    folds: list[Fold]
    mean: float
    interval: tuple[float, float]
    params: int
    provenance: dict[str, Any] = field(default_factory=dict)
    classes: list[int] = field(default_factory=list)
    metric: str = "accuracy"
    larger_is_better: bool = True
    is_share: bool = True

    @property
    def measure(self) -> Measure:
        """How the results are read."""
        return Measure(self.metric, self.larger_is_better, self.is_share)


def read_folds(path: Path) -> CrossValidation:
    """Return the cross-validation in a file of :func:`write_folds`.

    Raises:
        UserError: it cannot be read, or has another format.
    """
    try:
        content = plain_json.read(path)
        if content.pop("format") != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        low, high = content["interval"]
        folds = [Fold(**_fold(fold)) for fold in content["folds"]]
        return CrossValidation(**{**content, "folds": folds, "interval": (low, high)})
    except (UserError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def _fold(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a fold; before other metrics, its result was an accuracy by name."""
    old = {"val_accuracy": "result"}
    return {old.get(name, name): value for name, value in content.items()}


def write_folds(results: Path, found: CrossValidation) -> Path:
    """Write ``found`` under ``results/folds`` and return its path.

    Raises:
        UserError: it cannot be written.
    """
    path = results / "folds" / f"{found.run}.json"
    write_json(path, {"format": FORMAT, **asdict(found)})
    return path
