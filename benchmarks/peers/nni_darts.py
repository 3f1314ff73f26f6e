"""NNI's DARTS strategy on NNI's own DARTS space, driven by its Lightning trainer.

Nothing that a search would log is logged, and the time to fetch a batch is not counted.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from peers.turns import Task, Turns

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it names modules that have moved since
    import pytorch_lightning
    from nni.nas.evaluator.pytorch.lightning import DataLoader, Lightning, LightningModule, Trainer
    from nni.nas.hub.pytorch import DARTS as Space
    from nni.nas.oneshot.pytorch.strategy import DARTS as Strategy


class Training(LightningModule):
    """The loss and the optimizer of the weights, with the paper's settings."""

    def training_step(self, batch: tuple[Tensor, Tensor], number: int) -> Tensor:
        """Return the loss of a batch."""
        return F.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer; the strategy takes the architecture parameters out."""
        return torch.optim.SGD(self.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)


class InTurn(pytorch_lightning.Callback):
    """Waits for the parent before every step, and reports after it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Tell that all is built."""
        alphas = {id(p) for p in module.arch_parameters()}
        self.turns.ready(sum(p.numel() for p in module.parameters() if id(p) not in alphas))

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
        """Wait for the turn."""
        self.turns.begin()

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int
    ) -> None:
        """Hand the turn back."""
        self.turns.end(outputs["loss"])


def run(task: Task, turns: Turns) -> None:
    """Take all steps."""
    warnings.simplefilter("ignore")  # advice about loaders and loggers
    for name in ("nni", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    strategy = Strategy(gradient_clip_val=5.0, log_prob_every_n_step=10**9)
    supernet = strategy.mutate_model(Space(task.channels, task.cells, "cifar"))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[InTurn(turns)],
    )
    # One loader for each half; a plain list would be taken for a collection of loaders.
    halves = (DataLoader([task.images(i)] * task.steps, batch_size=None) for i in (0, 1))
    evaluator = strategy.mutate_evaluator(Lightning(Training(), trainer, *halves))
    evaluator.evaluate(supernet)
