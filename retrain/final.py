"""The final evaluation, the only code that opens the test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

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
from nasbench.training.metrics import ACCURACY, Metric, confusion_matrix
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


def evaluate(
    network: nn.Module, task: Task, found: Architecture, config: RetrainConfig, running: Session
) -> Evaluation:
    """Write preprocessing and weights, open the test set, and measure before and after reading.

    Args:
        network: the trained network.
        task: its test set is opened.
        found: the architecture, which is built a second time.
        config: of the retraining.
        running: the session; its journal counts the opening.

    Raises:
        UserError: the network read back has another result than the one that was written.
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
    again = predictions(rebuilt.eval(), batches.epoch(0), judge, running.device)
    metric = task.metric
    before, after = metric.value(*measured), metric.value(*again)
    if before != after:
        raise UserError(
            f"{model} answers otherwise than the network it was written from: {metric.words} "
            f"{after:.6g} instead of {before:.6g}; do not use this result"
        )
    single = task.target == "class"
    every = (metric, *task.also, *((ACCURACY,) if single else ()))
    return Evaluation(
        metric,
        {one.name: one.value(*measured) for one in every},
        confusion_matrix(*measured, task.spec.outputs).tolist() if single else [],
        task.class_names,
        len(folder.journal.events("test opened")),
        len(examples),
        rebuilt,
        model,
        tuple(task.class_counts(examples)),
        examples.fingerprint(),
    )
