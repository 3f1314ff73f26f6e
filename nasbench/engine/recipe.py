"""A configuration as the parts that the training loop takes."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import nn

from nasbench.config import NetworkConfig, TrainingConfig
from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.nn.processes import Place
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from nasbench.training.supervised import Supervised, SupervisedConfig

EVALUATION_BATCH = 500  # images per process in a batch that is only looked at


class Where(Protocol):
    """Where a training computes, such as a session."""

    @property
    def device(self) -> torch.device:
        """The device of the network and its batches."""

    @property
    def place(self) -> Place:
        """This process among those of the run."""


def supervised(
    network: nn.Module,
    train: ImageSet,
    held_out: ImageSet | None,
    augmentation: Augmentation,
    config: NetworkConfig,
    seed: int,
    where: Where,
) -> Supervised:
    """Return the training of a plain network.

    Args:
        network: already on its device.
        train: the images to train on.
        held_out: those to measure on after every epoch, or ``None``.
        augmentation: of the task; the configuration's cutout is added.
        config: how to train.
        seed: of the batches.
        where: device and place.
    """
    augmentation = augmentation.with_cutout(config.cutout)
    batches = train_batches(train, augmentation, config.batch_size, seed, where)
    return Supervised(
        network,
        SupervisedConfig(
            optimizer(config, len(batches)),
            objective(config, config.auxiliary_weight),
            config.drop_path,
            config.ema,
        ),
        batches,
        None if held_out is None else evaluation_batches(held_out, augmentation, where),
        config.epochs,
    )


def optimizer(config: TrainingConfig, steps: int) -> OptimizerConfig:
    """Return optimizer and schedule of the weights; ``steps`` are those of an epoch."""
    return OptimizerConfig(
        optimizer=config.optimizer,
        lr=config.lr,
        final_lr=config.final_lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        schedule=config.schedule,
        warmup=config.warmup,
        drop_steps=config.step_every * steps,
        step_factor=config.step_factor,
        plateau_patience=config.plateau_patience,
        grad_clip=config.grad_clip,
        grad_clip_value=config.grad_clip_value,
    )


def objective(config: TrainingConfig, auxiliary_weight: float = 0.4) -> Objective:
    """Return the loss."""
    return Objective(config.label_smoothing, auxiliary_weight, config.precision)


def train_batches(
    images: ImageSet, augmentation: Augmentation, batch_size: int, seed: int, where: Where
) -> Batches:
    """Return shuffled and augmented batches on the run's device."""
    return Batches(
        images.to(where.device),
        batch_size,
        seed=seed,
        augmentation=augmentation,
        train=True,
        rank=where.place.rank,
        world=where.place.world,
    )


def evaluation_batches(images: ImageSet, augmentation: Augmentation, where: Where) -> Batches:
    """Return plain batches in order on the run's device."""
    return Batches(
        images.to(where.device),
        EVALUATION_BATCH * where.place.world,
        seed=0,
        augmentation=augmentation,
        train=False,
        rank=where.place.rank,
        world=where.place.world,
    )
