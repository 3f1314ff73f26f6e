"""One trial: trains a network for some epochs and evaluates it, here or in a worker process."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import torch
from torch import nn

from nasbench.config import NetworkConfig, TrainingConfig
from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import counted
from nasbench.cost.params import inference_parameter_count
from nasbench.data.augment import Augmentation
from nasbench.data.images import ImageSet
from nasbench.devices import pick
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import (
    evaluation_batches,
    halves,
    load_space,
    on_device,
    supervised,
)
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.executors import Report, Restarted
from nasbench.nn.processes import Place, devices, place
from nasbench.seeding import derive, seed_process
from nasbench.space import Arch, DataSpec, SearchSpace
from nasbench.store.state import StateFile
from nasbench.tasks.base import Task
from nasbench.training.distributed import agree
from nasbench.training.loop import Callback, Loop
from nasbench.training.metrics import Metric
from nasbench.training.objective import Objective
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised, evaluated_metric, predictions

Array = npt.NDArray[Any]

_RUNS = 7  # of which the latency is the median


@dataclass(frozen=True)
class Split:
    """Examples as arrays, which worker processes share; or the rows of a file that they map.

    Attributes:
        images: ``(n, *shape)``, ``None`` if they are mapped.
        labels: ``(n,)`` or ``(n, outputs)``.
        path: of the mapped file.
        rows: int64 ``(n,)`` of the mapped file.
    """

    images: Array | None
    labels: Array
    path: Path | None = None
    rows: Array | None = None

    @classmethod
    def of(cls, examples: ImageSet) -> Split:
        """Return the arrays of a set on the CPU."""
        labels = examples.labels.numpy()
        if examples.mapped is None:
            return cls(examples.images.numpy(), labels)
        return cls(None, labels, examples.mapped.path, examples.mapped.rows.numpy())

    def examples(self) -> ImageSet:
        """Return the set; groups are only needed to split it."""
        with warnings.catch_warnings():
            # Arrays that several processes share cannot be written to, and nobody does.
            warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
            labels = torch.from_numpy(self.labels)
            if self.images is not None:
                return ImageSet(torch.from_numpy(self.images), labels)
            assert self.path is not None
            assert self.rows is not None
            return ImageSet.map(self.path, labels, rows=torch.from_numpy(self.rows))


@dataclass(frozen=True)
class Context:
    """What all trials of a search share; picklable, for worker processes.

    Attributes:
        config: the training options.
        spec: the shape of the data.
        augmentation: of the task.
        train: the training examples.
        val: the validation examples.
        objective: the task's loss and metric.
        folder: the run folder, which holds the states of trials under way.
        also: metrics to measure beside the leading one.
    """

    config: dict[str, Any]
    spec: DataSpec
    augmentation: Augmentation
    train: Split
    val: Split
    objective: Objective
    folder: str
    also: tuple[Metric, ...] = ()

    @classmethod
    def of(
        cls,
        task: Task,
        config: TrainingConfig,
        val_fraction: float,
        folder: Path,
        beside: Collection[str] = (),
    ) -> Context:
        """Return the context of a task whose training images are split by the seed.

        The test set is not part of it.

        Args:
            task: the task.
            config: the options of the search.
            val_fraction: share of the validation images, in (0, 1).
            folder: the run folder.
            beside: names of the task's further metrics that a result must contain.
        """
        train, val = halves(task, config.seed, val_fraction)
        known = NetworkConfig().to_json()
        shared = {name: value for name, value in config.to_json().items() if name in known}
        return cls(
            shared,
            task.spec,
            task.augmentation,
            Split.of(train),
            Split.of(val),
            Objective(function=task.loss, metric=task.metric),
            str(folder.resolve()),
            tuple(one for one in task.also if one.name in beside),
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
        score: of the validation, more is better: the task's leading metric, with its sign changed
            if less is better.
        seconds: device-seconds of the whole training, earlier parts included, and of the final
            evaluation.
        epochs: number of epochs trained; fewer than requested if the trial was stopped early.
        measuring: the part of ``seconds`` that the evaluation took.
        reports: the score after each epoch of a watched trial.
        network: ``params`` and ``macs`` of the trained network, to be shown.
        latency_ms: of one example, also to be shown; ``None`` if it was not measured.
        metrics: scores of the metrics beside the leading one, by name.
    """

    score: float
    seconds: float
    epochs: int
    measuring: float = 0.0
    reports: list[float] = field(default_factory=list)
    network: dict[str, int] = field(default_factory=dict)
    latency_ms: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)


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
        self.train, self.val = context.train.examples(), context.val.examples()
        self.train, self.val = self.train.to(self.device), self.val.to(self.device)
        self.callback = callback or NullCallback()
        self.stop = stop or StopSignal()
        self._spaces: dict[str, type[SearchSpace]] = {}
        self._known: dict[tuple[str, Arch, str], tuple[dict[str, int], float]] = {}

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
        stopping = _EarlyStopping(report, self._reported) if request.watched else None
        progress = Loop(unit, request.epochs, state, self.callback, self.stop, stopping).run()
        if stopping is not None:
            stopping.exhausted(progress.history)  # the loop does not ask after the last epoch
        since = time.perf_counter()
        score = self._score(unit, progress.history, config)
        beside = self._beside(unit, config)
        spent = (time.perf_counter() - since) * devices()
        if self.place.rank == 0 and not request.kept:
            state.clear()
        reports = [self._reported(epoch) for epoch in progress.history] if stopping else []
        measuring, trained = agree(spent, self.device), agree(progress.seconds, self.device)
        cost, latency = self._costs(request, unit.network)
        seconds, epochs = trained + measuring, progress.epoch
        return TrialResult(score, seconds, epochs, measuring, reports, cost, latency, beside)

    def _costs(self, request: Request, network: nn.Module) -> tuple[dict[str, int], float]:
        """Return the costs and the latency of a network, which are measured once for each."""
        key = (request.space, Arch(request.arch), repr(request.arguments))
        if key not in self._known:
            spec, training_only = self.context.spec, getattr(network, "training_only", ())
            macs = counted(network, spec)
            costs = {"params": inference_parameter_count(network, training_only)}
            if not macs.uncounted:
                costs["macs"] = macs.total
            latency = measure_latency(network, spec, runs=_RUNS, warmup=2).median_ms
            self._known[key] = costs, latency
        return self._known[key]

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
            self._objective(config),
            derive(config.seed, "trial", request.key),
            self,
        )

    def _score(
        self, unit: Supervised, history: Sequence[Mapping[str, float]], config: NetworkConfig
    ) -> float:
        """Return the score after the last epoch, evaluated now unless the loop has done so."""
        metric = self.context.objective.metric
        if history and f"val_{metric.name}" in history[-1]:
            return self._reported(history[-1])
        plain = evaluation_batches(self.val, self.context.augmentation, self)
        return metric.score(evaluated_metric(unit.finish(), plain, self._objective(config)))

    def _beside(self, unit: Supervised, config: NetworkConfig) -> dict[str, float]:
        """Return the scores of the metrics beside the leading one."""
        if not self.context.also:
            return {}
        plain = evaluation_batches(self.val, self.context.augmentation, self)
        judge = self._objective(config)
        # Of the weights that give the score, and not of the best epoch's.
        found = predictions(unit.evaluated().eval(), plain.epoch(0), judge, self.device)
        return {one.name: one.score(one.value(*found)) for one in self.context.also}

    def _reported(self, epoch: Mapping[str, float]) -> float:
        """Return the score of an epoch with a validation."""
        metric = self.context.objective.metric
        return metric.score(epoch[f"val_{metric.name}"])

    def _objective(self, config: NetworkConfig) -> Objective:
        return replace(
            self.context.objective,
            label_smoothing=config.label_smoothing,
            auxiliary_weight=config.auxiliary_weight,
            precision=config.precision,
        )

    def _inherit(self, unit: Supervised, parent: str) -> None:
        """Start from the weights of a finished trial.

        Raises:
            UserError: they are not here, or of a network of another shape.
        """
        state = self._state(parent).load()
        if state is None:
            raise UserError(
                f"the weights of trial {parent}, to continue from, are not in "
                f"{self.context.folder}: every node must see this folder"
            )
        try:
            unit.network.load_state_dict(state["unit"]["network"])
        except (RuntimeError, LookupError, TypeError) as error:
            raise UserError(
                f"cannot continue from the weights of trial {parent}: its network has "
                "another shape; tune options of training alone"
            ) from error

    def _state(self, key: str) -> StateFile:
        return StateFile(Path(self.context.folder) / f"trial-{key}.pt")


class _EarlyStopping:
    """Stops a training early if the report of an epoch is answered with ``False``."""

    def __init__(self, report: Report, score: Callable[[Mapping[str, float]], float]) -> None:
        self._report = report
        self._score = score
        self._reported = 0
        self._continues = report(Restarted())

    def exhausted(self, history: Sequence[dict[str, float]]) -> bool:
        """Report new epochs; a resumed training reports its whole history again."""
        while self._continues and self._reported < len(history):
            self._continues = self._report(self._score(history[self._reported]))
            self._reported += 1
        return not self._continues


def remove_states(running: Session) -> None:
    """Remove the states that trials kept for others to continue from."""
    if running.leads:
        for path in running.folder.path.glob("trial-*.pt"):
            path.unlink()
