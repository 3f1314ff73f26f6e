"""One trial: trains a network for some epochs and evaluates it, here or in a worker process."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nasbench.config import NetworkConfig, TrainingConfig
from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.devices import pick
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import (
    evaluation_batches,
    halves,
    load_space,
    objective,
    on_device,
    supervised,
)
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.executors import Report, Restarted
from nasbench.nn.processes import Place, place
from nasbench.seeding import derive, seed_process
from nasbench.space import Arch, DataSpec, SearchSpace
from nasbench.store.state import StateFile
from nasbench.tasks.base import Task
from nasbench.training.distributed import agree
from nasbench.training.loop import Callback, Loop
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised, accuracy

_Split = tuple[npt.NDArray[np.uint8 | np.float32], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Context:
    """What all trials of a search share; picklable, for worker processes.

    Attributes:
        config: the training options.
        spec: the shape of the data.
        augmentation: of the task.
        train: training images and labels, ``(n, c, h, w)`` as in ``ImageSet`` and int64 ``(n,)``.
        val: validation images and labels.
        folder: the run folder, which holds the states of trials under way.
    """

    config: dict[str, Any]
    spec: DataSpec
    augmentation: Augmentation
    train: _Split
    val: _Split
    folder: str

    @classmethod
    def of(cls, task: Task, config: TrainingConfig, val_fraction: float, folder: Path) -> Context:
        """Return the context of a task whose training images are split by the seed.

        The test set is not part of it.

        Args:
            task: the task.
            config: the options of the search.
            val_fraction: share of the validation images, in (0, 1).
            folder: the run folder.
        """
        train, val = halves(task, config.seed, val_fraction)
        known = NetworkConfig().to_json()
        shared = {name: value for name, value in config.to_json().items() if name in known}
        return cls(
            shared,
            task.spec,
            task.augmentation,
            _arrays(train),
            _arrays(val),
            str(folder.resolve()),
        )


@dataclass(frozen=True)
class Request:
    """One trial to run; picklable, for worker processes.

    Attributes:
        key: names its random streams and its state; the same key continues the same training.
        space: the space's or baseline's name.
        arch: label to what was chosen.
        arguments: of the space.
        training: the trial's options, over those of the context.
        epochs: number of epochs before it is evaluated.
        watched: whether it is evaluated after every epoch, and may be stopped early.
        parent: key of the finished trial whose weights it starts from, or ``None``.
        kept: whether its state is kept after its last epoch.
    """

    key: str
    space: str
    arch: dict[str, Any]
    arguments: dict[str, Any]
    training: dict[str, Any]
    epochs: int
    watched: bool = False
    parent: str | None = None
    kept: bool = False


@dataclass
class TrialResult:
    """The result of a trial.

    Attributes:
        score: validation accuracy in [0, 1].
        seconds: device-seconds of the whole training, earlier parts included, and of the final
            evaluation.
        epochs: number of epochs trained; fewer than requested if the trial was stopped early.
        measuring: the part of ``seconds`` that the evaluation took.
        reports: validation accuracy after each epoch of a watched trial.
    """

    score: float
    seconds: float
    epochs: int
    measuring: float = 0.0
    reports: list[float] = field(default_factory=list)


def setup(context: Context) -> TrialRunner:
    """Return what runs the trials of ``context`` in a worker process."""
    return TrialRunner(context)


class TrialRunner:
    """Runs one trial after another; the images stay on the device.

    Args:
        context: what the trials share.
        callback: receives every epoch.
        stop: when to stop and save, or ``None`` for never.
    """

    def __init__(
        self, context: Context, callback: Callback | None = None, stop: StopSignal | None = None
    ) -> None:
        self.context = context
        self.device = pick(context.config.get("device", "auto"))
        self.place: Place = place()
        self.train, self.val = _images(context.train), _images(context.val)
        self.train, self.val = self.train.to(self.device), self.val.to(self.device)
        self.callback = callback or NullCallback()
        self.stop = stop or StopSignal()
        self._spaces: dict[str, type[SearchSpace]] = {}

    def __call__(self, request: Request, report: Report) -> TrialResult:
        """Train and evaluate.

        Raises:
            UserError: an option is out of range, or the loss is not finite.
            Stopped: a signal asked to stop; the state is saved.

        The trial's state is removed unless ``kept``. If the run is killed before the result is
        written, the training is repeated with the same result.
        """
        config = NetworkConfig.from_layers(self.context.config, request.training)
        unit = self._unit(request, config)
        state = self._state(request.key)
        if request.parent is not None and state.load() is None:
            self._inherit(unit, request.parent)
        stopping = _EarlyStopping(report) if request.watched else None
        progress = Loop(unit, request.epochs, state, self.callback, self.stop, stopping).run()
        if stopping is not None:
            stopping.exhausted(progress.history)  # the loop does not ask after the last epoch
        since = time.perf_counter()
        score = self._score(unit, progress.history, config)
        spent = (time.perf_counter() - since) * self.place.world
        if self.place.rank == 0 and not request.kept:
            state.clear()
        reports = [epoch["val_accuracy"] for epoch in progress.history] if stopping else []
        measuring, trained = agree(spent, self.device), agree(progress.seconds, self.device)
        return TrialResult(score, trained + measuring, progress.epoch, measuring, reports)

    def _unit(self, request: Request, config: NetworkConfig) -> Supervised:
        seed_process(config.seed, "trial", request.key)
        if request.space not in self._spaces:
            self._spaces[request.space] = load_space(request.space)
        space, arch = self._spaces[request.space], Arch(request.arch)
        try:
            network = space.freeze(arch, self.context.spec, **request.arguments)
        except ValueError as error:
            raise UserError(f"{request.space}: {error}") from error
        return supervised(
            on_device(network, self.device),
            self.train,
            self.val if request.watched or config.schedule == "plateau" else None,
            self.context.augmentation,
            config,
            derive(config.seed, "trial", request.key),
            self,
        )

    def _score(
        self, unit: Supervised, history: Sequence[Mapping[str, float]], config: NetworkConfig
    ) -> float:
        """Return the accuracy after the last epoch, evaluated now unless the loop has done so."""
        if history and "val_accuracy" in history[-1]:
            return history[-1]["val_accuracy"]
        plain = evaluation_batches(self.val, self.context.augmentation, self)
        return accuracy(unit.finish(), plain, objective(config))

    def _inherit(self, unit: Supervised, parent: str) -> None:
        """Start from the weights of a finished trial.

        Raises:
            UserError: they are not here, or of a network of another shape.
        """
        state = self._state(parent).load()
        if state is None:
            raise UserError(
                f"the weights of trial {int(parent) + 1}, to continue from, are not in "
                f"{self.context.folder}: every node must see this folder"
            )
        try:
            unit.network.load_state_dict(state["unit"]["network"])
        except (RuntimeError, LookupError, TypeError) as error:
            raise UserError(
                f"cannot continue from the weights of trial {int(parent) + 1}: its network has "
                "another shape; tune options of training alone"
            ) from error

    def _state(self, key: str) -> StateFile:
        return StateFile(Path(self.context.folder) / f"trial-{key}.pt")


class _EarlyStopping:
    """Stops a training early if the report of an epoch is answered with ``False``."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._reported = 0
        self._continues = report(Restarted())

    def exhausted(self, history: Sequence[dict[str, float]]) -> bool:
        """Report new epochs; a resumed training reports its whole history again."""
        while self._continues and self._reported < len(history):
            self._continues = self._report(history[self._reported]["val_accuracy"])
            self._reported += 1
        return not self._continues


def remove_states(running: Session) -> None:
    """Remove the states that trials kept for others to continue from."""
    if running.leads:
        for path in running.folder.path.glob("trial-*.pt"):
            path.unlink()


def _arrays(images: ImageSet) -> _Split:
    return images.images.numpy(), images.labels.numpy()


def _images(split: _Split) -> ImageSet:
    with warnings.catch_warnings():
        # Arrays that several processes share cannot be written to, and nobody does.
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        images, labels = (torch.from_numpy(array) for array in split)
    return ImageSet(images, labels)
