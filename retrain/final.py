"""The final evaluation, the only code that opens the test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from nasbench.config import RetrainConfig
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.problem import evaluation_batches, objective, on_device
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.space import SearchSpace
from nasbench.store.weights import find_weights, load_weights, save_weights
from nasbench.tasks.base import Task
from nasbench.training.distributed import wait
from nasbench.training.supervised import accuracy


@dataclass(frozen=True)
class Evaluation:
    """The result on the test set.

    Attributes:
        accuracy: share of right answers, in [0, 1].
        openings: number of times that this run opened the test set.
        examples: the size of the test set.
        network: the network with the weights read back from their file.
        model: the weights' file.
        classes: the number of test images of each class.
        fingerprint: of the test set.
    """

    accuracy: float
    openings: int
    examples: int
    network: SearchSpace
    model: Path
    classes: tuple[int, ...]
    fingerprint: str


def evaluate(
    network: nn.Module, task: Task, found: Architecture, config: RetrainConfig, running: Session
) -> Evaluation:
    """Write the weights, open the test set, and measure before and after reading them back.

    Args:
        network: the trained network.
        task: its test set is opened.
        found: the architecture, which is built a second time.
        config: of the retraining.
        running: the session; its journal counts the opening.

    Raises:
        UserError: the network read back has another accuracy than the one that was written.
    """
    folder = running.folder
    if running.leads:
        save_weights(network, folder.path)
    wait()
    model = find_weights(folder.path)
    assert model is not None
    loss = objective(config, config.auxiliary_weight)

    def record_opening() -> None:
        if running.leads:
            folder.journal.append("test opened")

    images = task.open_test(record_opening)
    batches = evaluation_batches(images, task.augmentation, running)
    measured = accuracy(network, batches, loss)
    rebuilt = on_device(found.build(), running.device)
    rebuilt.load_state_dict(load_weights(model))
    again = accuracy(rebuilt.eval(), batches, loss)
    if again != measured:
        raise UserError(
            f"{model} answers otherwise than the network it was written from: "
            f"accuracy {again:.4%} instead of {measured:.4%}; do not use this result"
        )
    openings = len(folder.journal.events("test opened"))
    classes = tuple(map(int, images.labels.bincount(minlength=task.spec.classes)))
    digest = images.fingerprint()
    return Evaluation(measured, openings, len(images), rebuilt, model, classes, digest)
