"""The final evaluation: the one place that opens the test set."""

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
        openings: how often this run opened the test set.
        examples: the size of the test set.
        network: the network as read back from its file.
        model: the weights' file.
    """

    accuracy: float
    openings: int
    examples: int
    network: SearchSpace
    model: Path


def evaluate(
    network: nn.Module, task: Task, found: Architecture, config: RetrainConfig, running: Session
) -> Evaluation:
    """Write the weights, open the test set, and measure before and after reading them back.

    Args:
        network: the trained network.
        task: whose test set is opened.
        found: builds the network anew.
        config: of the retraining.
        running: the session; its journal counts the opening.

    Raises:
        UserError: the network read back answers otherwise than the one that was written.
    """
    folder = running.folder
    if running.leads:
        save_weights(network, folder.path)
    wait()
    model = find_weights(folder.path)
    assert model is not None
    loss = objective(config, config.auxiliary_weight)
    images = task.open_test(lambda: _note_opening(running))
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
    return Evaluation(measured, openings, len(images), rebuilt, model)


def _note_opening(running: Session) -> None:
    if running.leads:
        running.folder.journal.append("test opened")
