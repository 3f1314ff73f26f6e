"""The final evaluation, the only code that opens the test set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from nasbench.config import RetrainConfig
from nasbench.data import preprocessing
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.problem import evaluation_batches, objective, on_device
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.space import SearchSpace
from nasbench.store.atomic import write_json
from nasbench.store.weights import find_weights, load_weights, save_weights
from nasbench.tasks.base import Task
from nasbench.training.distributed import wait
from nasbench.training.metrics import (
    ACCURACY,
    Metric,
    confusion_matrix,
    constant_value,
    per_class,
)
from nasbench.training.objective import Objective
from nasbench.training.supervised import predictions


@dataclass(frozen=True)
class Evaluation:
    """The result on the test set.

    Attributes:
        metric: the leading metric.
        metrics: name to value: the leading metric, those recorded beside it and, of single
            classes, the accuracy.
        confusion: the number of test examples of each class by the class that the network says,
            ``(classes, classes)``; empty for other targets.
        class_names: names of the outputs, ``()`` if they have none.
        openings: number of times that this run opened the test set.
        examples: the size of the test set.
        network: the network with the weights read back from their file.
        model: the weights' file.
        classes: the number of test images of each class; empty for other targets.
        fingerprint: of the test set.
        per_class: figures of each class or label, see
            :func:`nasbench.training.metrics.per_class`; empty for numbers.
        constant: the leading metric of the best constant answer, ``None`` if it has none.
        train_result: the leading metric on training examples, at most :data:`MOST_TRAIN`, without
            augmentation; ``None`` if it has none.
        notes: why further metrics have no value.
    """

    metric: Metric
    metrics: dict[str, float]
    confusion: list[list[int]]
    class_names: tuple[str, ...]
    openings: int
    examples: int
    network: SearchSpace
    model: Path
    classes: tuple[int, ...]
    fingerprint: str
    per_class: list[dict[str, float]] = field(default_factory=list)
    constant: float | None = None
    train_result: float | None = None
    notes: tuple[str, ...] = ()


MOST_TRAIN = 2000
"""Training examples on which the trained network is measured beside the test set."""
MOST_CHECKED = 1000
"""Test examples on which the network read back from its file is compared with the trained one."""
TOLERANCE = 1e-3
"""Largest difference of outputs, relative to the largest one; a GPU may add in another order."""


def evaluate(
    network: nn.Module, task: Task, found: Architecture, config: RetrainConfig, running: Session
) -> Evaluation:
    """Write preprocessing and weights, open the test set, and measure.

    The network is read back from its file, and must answer as the one that was measured.

    Args:
        network: the trained network.
        task: its test set is opened.
        found: the architecture, which is built a second time.
        config: of the retraining.
        running: the session; its journal counts the opening.

    Raises:
        UserError: the network read back gives other outputs than the one that was written.
    """
    folder = running.folder
    if running.leads:
        if (about := task.preprocessing) is not None:
            write_json(folder.path / preprocessing.FILE, about.to_json())
        save_weights(network, folder.path)
    wait()
    model = find_weights(folder.path)
    assert model is not None
    judge = objective(task, config, config.auxiliary_weight)

    def record_opening() -> None:
        if running.leads:
            folder.journal.append("test opened")

    examples = task.open_test(record_opening)
    batches = evaluation_batches(examples, task.augmentation, running)
    measured = predictions(network, batches.epoch(0), judge, running.device)
    rebuilt = on_device(found.build(), running.device)
    rebuilt.load_state_dict(load_weights(model))
    rebuilt.eval()
    few = examples.subset(torch.arange(min(len(examples), MOST_CHECKED)))
    some = evaluation_batches(few, task.augmentation, running)
    _check(
        model,
        *(predictions(n, some.epoch(0), judge, running.device)[0] for n in (network, rebuilt)),
    )
    metric = task.metric
    single, targets = task.target == "class", task.train.labels
    values, notes = {metric.name: metric.value(*measured)}, []
    for one in (*task.also, *((ACCURACY,) if single else ())):
        try:
            values.setdefault(one.name, one.value(*measured))
        except UserError as error:  # it does not lead: the record is written without it
            notes.append(str(error))
    return Evaluation(
        metric,
        values,
        confusion_matrix(*measured, task.spec.outputs).tolist() if single else [],
        task.class_names,
        len(folder.journal.events("test opened")),
        len(examples),
        rebuilt,
        model,
        tuple(task.class_counts(examples)),
        examples.fingerprint(),
        per_class(*measured) if task.target != "numbers" else [],
        constant_value(metric, task.target, targets, measured[1], task.spec.outputs),
        _on_training(network, task, judge, running),
        tuple(notes),
    )


def _check(model: Path, before: Tensor, after: Tensor) -> None:
    """Raise if a network read back from its file answers otherwise than before.

    Args:
        model: the file.
        before: outputs ``(n, outputs)`` of the trained network.
        after: those of the network read back.

    Raises:
        UserError: outputs differ by more than :data:`TOLERANCE`.
    """
    largest = float(before.nan_to_num(0, 0, 0).abs().max())
    if not torch.allclose(before, after, rtol=0, atol=TOLERANCE * largest, equal_nan=True):
        apart = float((before - after).nan_to_num(0, 0, 0).abs().max())
        raise UserError(
            f"{model} answers otherwise than the network it was written from: outputs differ by "
            f"up to {apart:.3g}, where the largest is {largest:.3g}; do not use this result"
        )


def _on_training(
    network: nn.Module, task: Task, judge: Objective, running: Session
) -> float | None:
    """Return the leading metric on evenly spaced training examples, without augmentation."""
    n = len(task.train)
    few = min(n, MOST_TRAIN)
    rows = torch.arange(few) * n // few
    batches = evaluation_batches(task.train.subset(rows), task.augmentation, running)
    found = predictions(network, batches.epoch(0), judge, running.device)
    try:
        return task.metric.value(*found)
    except UserError:
        return None
