"""A configuration as the parts that the training loop takes."""

from __future__ import annotations

from nasbench.config import TrainingConfig
from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.engine.session import Session
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

EVALUATION_BATCH = 500  # images per process in a batch that is only looked at


def optimizer(config: TrainingConfig) -> OptimizerConfig:
    """Return optimizer and schedule of the weights."""
    return OptimizerConfig(
        optimizer=config.optimizer,
        lr=config.lr,
        final_lr=config.final_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        schedule=config.schedule,
        warmup=config.warmup,
        grad_clip=config.grad_clip,
    )


def objective(config: TrainingConfig, auxiliary_weight: float = 0.4) -> Objective:
    """Return the loss."""
    return Objective(config.label_smoothing, auxiliary_weight, config.precision)


def train_batches(
    images: ImageSet, augmentation: Augmentation, batch_size: int, seed: int, running: Session
) -> Batches:
    """Return shuffled and augmented batches on the run's device."""
    return Batches(
        images.to(running.device),
        batch_size,
        seed=seed,
        augmentation=augmentation,
        train=True,
        rank=running.place.rank,
        world=running.place.world,
    )


def evaluation_batches(images: ImageSet, augmentation: Augmentation, running: Session) -> Batches:
    """Return plain batches in order on the run's device."""
    return Batches(
        images.to(running.device),
        EVALUATION_BATCH * running.place.world,
        seed=0,
        augmentation=augmentation,
        train=False,
        rank=running.place.rank,
        world=running.place.world,
    )
