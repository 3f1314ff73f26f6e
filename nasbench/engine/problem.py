"""A task and a space put together, and the parts of their training: batches, loss, optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from nasbench import catalog
from nasbench.config import HpoConfig, NetworkConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.data.split import stratified_split
from nasbench.engine.presets import Amount
from nasbench.errors import UserError
from nasbench.nn.processes import Place, place
from nasbench.nn.sync_batchnorm import synchronize
from nasbench.seeding import derive
from nasbench.space import DataSpec, Domains, SearchSpace
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.tasks.loading import load
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from nasbench.training.supervised import Supervised, SupervisedConfig

EVALUATION_BATCH = 500  # images per process in a batch that is evaluated without gradients


class Data:
    """The task that a run names, read at its first use and kept for the next seeds.

    Args:
        name: of the task; see :mod:`nasbench.tasks.sources`.
        config: how the data are read and judged, and where they are.
        task: the task itself if it is already here.
    """

    def __init__(self, name: str, config: TrainingConfig, task: Task | None = None) -> None:
        self.name = name
        self._config = config
        self._task = task

    @property
    def task(self) -> Task:
        """The whole task.

        Raises:
            UserError: it is unknown, its data cannot be had, or an option does not fit it.
        """
        if self._task is None:
            self._task = load(self.name, self._config, self._config.data_dir)
        return self._task

    def part(self, config: TrainingConfig) -> Task:
        """Return the task with ``--limit-train`` applied, which depends on the seed.

        Raises:
            UserError: as for :attr:`task`; or it has fewer images than the limit, or no images
                for a cutout.
        """
        task = self.task
        check_cutout(config, task.spec.shape)
        limit, n = config.limit_train, len(task.train)
        if limit is None or limit == n:
            return task
        if limit > n:
            raise UserError(f"--limit-train {limit}: the task {self.name} has {n} training images")
        _, kept = stratified_split(task.train.labels, limit / n, derive(config.seed, "limit"))
        return task.part(kept)

    def check_smoothing(self, asked: TrainingConfig) -> None:
        """Raise if the user asks for label smoothing, and the loss takes none.

        Args:
            asked: the options that the user gave, without a preset's.

        Raises:
            UserError: it is one of numbers, or the user's own.
        """
        if asked.label_smoothing and not self.task.loss.smooths:
            raise UserError(
                f"--label-smoothing {asked.label_smoothing:g}: the loss {self.task.loss.name} "
                "takes none: leave it out"
            )

    def amount(
        self, config: SearchConfig | HpoConfig | RetrainConfig, always: bool = False
    ) -> Amount | None:
        """Return how much a run trains on, from which a preset counts its steps.

        The data are read for it only if they are the user's own: the presets know the others.

        Args:
            config: the options that the user gave; ``batch_size`` is left out.
            always: whether it is also counted for a whole built-in task, which is read for that.
        """
        own = sources.kind(self.name) != "table"
        if not own and self._task is None and not always:
            if config.limit_train is None:
                return None
            return Amount(config.limit_train, _trained_share(config), own=False)
        train, held_out = self.task.train, self.task.held_out
        apart = None if held_out is None else len(held_out) / len(train)
        images = min(config.limit_train or len(train), len(train))
        return Amount(images, _trained_share(config, apart), own=own)


def check_cutout(config: TrainingConfig, shape: tuple[int, ...]) -> None:
    """Raise if a cutout is asked for, and the examples are no images.

    Args:
        config: the options of a training.
        shape: of an example.

    Raises:
        UserError: they are none.
    """
    side = getattr(config, "cutout", 0)
    if side and len(shape) != 3:
        raise UserError(f"--cutout {side}: is for images, and an example has the shape {shape}")


def _trained_share(
    config: SearchConfig | HpoConfig | RetrainConfig, apart: float | None = None
) -> float:
    """Return the share of the training images that a run trains on.

    Args:
        config: the options.
        apart: share of the validation images of a task that has some.
    """
    if isinstance(config, RetrainConfig) and config.folds is not None:
        return 1 - 1 / config.folds
    if config.val_fraction and apart:
        return 1 - apart
    return 1 - config.val_fraction


def load_task(config: TrainingConfig, name: str) -> Task:
    """Return the task of that name, with ``--limit-train`` applied.

    Raises:
        UserError: it is unknown, its data cannot be had, or it has fewer images than the limit.
    """
    return Data(name, config).part(config)


def inputs(task: Task, /, **plugins: str | None) -> dict[str, Any]:
    """Return fingerprints of what a run reads, for its provenance.

    Args:
        task: the data.
        plugins: the names of the plug-ins by kind, ``None`` for one that the run does without.

    Returns:
        ``data``; ``classes``: the number of training examples of each; ``metric``: how the
        leading one is read; and ``code``: the SHA-256 of each plug-in that is a user's own, by
        kind, the metrics and the loss among them.
    """
    named = {kind: name for kind, name in plugins.items() if name is not None}
    own = {"metric": task.metric.source, "loss": task.loss.source}
    named |= {kind: name for kind, name in own.items() if name}
    return {
        "data": task.fingerprint,
        "classes": task.class_counts(task.train),
        "metric": task.metric.measure.to_json(),
        "code": catalog.code(named),
    }


def load_space(name: str) -> type[SearchSpace]:
    """Return the space of that name.

    Raises:
        UserError: it is unknown, or no ``SearchSpace``.
    """
    space = catalog.resolve("space", name)
    if not (isinstance(space, type) and issubclass(space, SearchSpace)):
        raise UserError(f"space {name!r}: must be a subclass of nasbench.space.SearchSpace")
    return space


def describe(space: type[SearchSpace], spec: DataSpec, arguments: Mapping[str, Any]) -> Domains:
    """Return the decisions of a space.

    Args:
        space: the class of networks.
        spec: the shape of the data.
        arguments: keyword arguments of the space.

    Raises:
        UserError: the space refuses its arguments or the data's shape.
    """
    try:
        return space.describe(spec, **arguments)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"space {space.__name__}: {error}") from error


@dataclass(frozen=True)
class Problem:
    """A space with its arguments, and the data of a task.

    Attributes:
        task: the data.
        space: the class of networks.
        arguments: keyword arguments of the space.
        domains: the decisions of the space.
    """

    task: Task
    space: type[SearchSpace]
    arguments: Mapping[str, Any]
    domains: Domains

    @classmethod
    def of(cls, task: Task, space: type[SearchSpace], arguments: Mapping[str, Any]) -> Problem:
        """Put them together.

        Raises:
            UserError: the space refuses its arguments or the data's shape.
        """
        domains = describe(space, task.spec, arguments)
        return cls(task, space, arguments, domains)


Network = TypeVar("Network", bound=SearchSpace)


def on_device(network: Network, device: torch.device) -> Network:
    """Move ``network`` to ``device``, and into channels-last memory where its space allows it.

    Among several processes its BN and dropout see the global batch from then on.
    """
    network = network.to(device)
    if place().world > 1:
        synchronize(network)
    return network.to(memory_format=torch.channels_last) if network.channels_last else network


def halves(task: Task, seed: int, val_fraction: float) -> tuple[ImageSet, ImageSet]:
    """Return the images that a search trains on, and those that it selects architectures on.

    Both come from the task's training set.

    Args:
        task: the data.
        seed: of the run; the split follows from it.
        val_fraction: share of the second part, in (0, 1).
    """
    return task.search_split(derive(seed, "halves"), val_fraction)


class Placement(Protocol):
    """Where a training runs, such as a session."""

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
    objective: Objective,
    seed: int,
    where: Placement,
) -> Supervised:
    """Return the training of a plain network.

    Args:
        network: already on its device.
        train: the images to train on.
        held_out: those to measure on after every epoch, or ``None``.
        augmentation: of the task; the configuration's cutout is added.
        config: how to train.
        objective: the loss and the metric.
        seed: of the batches.
        where: device and place.
    """
    check_cutout(config, train.shape)
    augmentation = augmentation.with_cutout(config.cutout)
    batches = train_batches(train, augmentation, config.batch_size, seed, where)
    return Supervised(
        network,
        SupervisedConfig(
            optimizer(config, len(batches)),
            objective,
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
        nesterov=config.nesterov,
        weight_decay=config.weight_decay,
        schedule=config.schedule,
        warmup=config.warmup,
        drop_steps=config.step_every * steps,
        step_factor=config.step_factor,
        plateau_patience=config.plateau_patience,
        grad_clip=config.grad_clip,
        grad_clip_value=config.grad_clip_value,
    )


def objective(task: Task, config: TrainingConfig, auxiliary_weight: float = 0.4) -> Objective:
    """Return the task's loss and leading metric, in the precision of a run."""
    return Objective(
        config.label_smoothing, auxiliary_weight, config.precision, task.loss, task.metric
    )


def train_batches(
    images: ImageSet, augmentation: Augmentation, batch_size: int, seed: int, where: Placement
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
        device=where.device,
    )


def evaluation_batches(images: ImageSet, augmentation: Augmentation, where: Placement) -> Batches:
    """Return plain batches in order on the run's device."""
    return Batches(
        images.to(where.device),
        EVALUATION_BATCH * where.place.world,
        seed=0,
        augmentation=augmentation,
        train=False,
        rank=where.place.rank,
        world=where.place.world,
        device=where.device,
    )
