"""What every run shares: a device, a folder, signals, and a status when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist

from nasbench import catalog, known_code, provenance
from nasbench.config import TrainingConfig, flag
from nasbench.devices import pick
from nasbench.errors import UserError
from nasbench.faults import MachineError, fault_of, in_one_line
from nasbench.nn.processes import Place, place
from nasbench.space import Arch
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.code import keep
from nasbench.store.runs import RunFolder
from nasbench.tasks import sources
from nasbench.training.distributed import join
from nasbench.training.stopping import Stopped, StopSignal

OWN = ("out", "data_dir", "device")  # options that may differ from machine to machine


class Options(Protocol):
    """What a run needs to know of its options."""

    @property
    def seed(self) -> int:
        """The seed in the name of its folder."""

    @property
    def device(self) -> str:
        """Where it computes."""

    @property
    def out(self) -> Path:
        """The results folder."""

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""


@dataclass
class Session:
    """A run under way.

    Attributes:
        folder: where it writes.
        device: where it computes.
        place: this process among those of the run.
        stop: set by Ctrl-C and SIGTERM.
        started: the provenance, collected at the start.
    """

    folder: RunFolder
    device: torch.device
    place: Place
    stop: StopSignal
    started: dict[str, Any] = field(default_factory=dict)

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.place.rank == 0

    def note_length(self, examples: int, config: TrainingConfig) -> None:
        """Write to ``run.json`` how long a training is, which a preset may have chosen.

        Args:
            examples: what it trains on.
            config: its options.
        """
        if self.leads:
            size, epochs = config.batch_size, config.epochs
            length = {"examples": examples, "batch_size": size, "epochs": epochs}
            self.folder.update(training={**length, "steps": epochs * (examples // size)})


@dataclass(frozen=True)
class Outcome:
    """The result of a search.

    Attributes:
        arch: the architecture.
        metrics: as the search measured them, such as ``val_accuracy`` in [0, 1].
        seconds: device-seconds.
        evaluations: architectures that were trained and measured.
        curve: ``[device-seconds, best validation accuracy so far]`` wherever the best grew.
        watch: signs of a collapse of a one-shot search, and the ``verdict``.
        front: the architectures of a Pareto front with their metrics; one or none elsewhere.
        training: the options of training that were searched, by their names in the configuration.
        front_training: these of each architecture of the front.
    """

    arch: Arch
    metrics: dict[str, float]
    seconds: float
    evaluations: int
    curve: list[list[float]] = field(default_factory=list)
    watch: Mapping[str, Any] = field(default_factory=dict)
    front: tuple[tuple[Arch, Mapping[str, float]], ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    front_training: tuple[Mapping[str, Any], ...] = ()


@contextmanager
def session(
    verb: str,
    name: str,
    task: str,
    config: Options,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
    checkpoint: Checkpoint | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> Iterator[Session]:
    """Open a run; its status in ``run.json`` says how it ended.

    Args:
        verb: ``search``, ``hpo``, ``retrain`` or ``specialize``.
        name: the strategy's name.
        task: the task's name.
        config: the run's options, written to ``run.json``.
        stop: set by Ctrl-C and SIGTERM, which are listened to in here.
        resumed: the folder of the run to continue, or ``None`` for a new one.
        command: the command line for the provenance; ``sys.argv`` by default.
        checkpoint: what a new run retrains, written to its folder.
        inputs: fingerprints of its data and code, kept with the provenance.

    Raises:
        UserError: the device is not here, the folder cannot be made, several processes were
            given different options, the data have changed since the run began, or a file names a
            Ray cluster.
    """
    known_code.check_cluster(getattr(config, "address", None))
    known_code.remember_places(sources.places(config.to_json()))
    device = pick(config.device)
    join(device)
    _check_same(config)
    with stop.listening():
        now = provenance.collect(command)
        info = run_info(task, config, {**now, **(inputs or {})})
        folder = resumed or _shared_folder(config.out, verb, name, info, checkpoint)
        # The first start counts as the origin; later ones are listed beside it.
        parts = [*folder.info.get("continued", []), now] if resumed else []
        began = folder.info.get("provenance", now)
        started = {**began, **_merged(began, inputs or {}, folder), "continued": parts}
        running = Session(folder, device, place(), stop, started)
        with folder.held() if running.leads else nullcontext():
            if running.leads:
                keep(folder.path, _own_code(config, checkpoint))
            more = _budget(folder, config)
            # A folder that was made for a worker has no fingerprints before the run begins.
            if lacking := (inputs or {}).keys() - began.keys():
                known = {name: (inputs or {})[name] for name in lacking}
                more["provenance"] = {**began, **known}
            _note(running, status="running", error=None, continued=parts, **more)
            with _status(running):
                yield running


def _budget(folder: RunFolder, config: Options) -> dict[str, Any]:
    """Return the options to write if a continued run got another budget."""
    before, budget = folder.info["config"], getattr(config, "budget", None)
    return {} if before.get("budget") == budget else {"config": {**before, "budget": budget}}


def _own_code(config: Options, checkpoint: Checkpoint | None) -> list[str]:
    """Return the names of the user's own code that a run reads, in files."""
    names = list(catalog.fingerprints(config.to_json()))
    if checkpoint is not None:
        named = {"space": checkpoint.space["name"], "task": checkpoint.task}
        names += catalog.fingerprints(named)
    return names


def _merged(
    began: Mapping[str, Any], inputs: Mapping[str, Any], folder: RunFolder
) -> dict[str, Any]:
    """Return the fingerprints of a run that may have begun earlier.

    Code that has changed since counts as neither of the two texts.

    Raises:
        UserError: the data have changed: what was learned from others is no part of this run.
    """
    merged = dict(inputs)
    if "data" in inputs and began.get("data", inputs["data"]) != inputs["data"]:
        raise UserError(
            f"{folder.path}: the run began with other data than these: give it its own with "
            "--data-dir, or start a new run"
        )
    if isinstance(before := began.get("code"), dict):
        merged["code"] = {
            kind: now if before.get(kind, now) == now else f"{before[kind]}+{now}"
            for kind, now in inputs.get("code", {}).items()
        }
    return merged


def run_info(task: str, config: Options, started: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``run.json`` says of a new run.

    Args:
        task: the task's name.
        config: the run's options.
        started: the provenance.
    """
    options = config.to_json()
    code = catalog.fingerprints(options)
    seed = config.seed
    return {"task": task, "seed": seed, "config": options, "code": code, "provenance": started}


def _check_same(config: Options) -> None:
    """Raise, in every process, if two processes were given different options.

    Raises:
        UserError: they differ in an option that shapes the result.
    """
    if place().world == 1:
        return
    every: list[dict[str, Any]] = [{} for _ in range(place().world)]
    dist.all_gather_object(every, config.to_json())
    for key, value in every[0].items():
        others = {json.dumps(one.get(key)) for one in every} - {json.dumps(value)}
        if others and key not in OWN:
            raise UserError(
                f"{flag(key)}: the processes were given {json.dumps(value)} and "
                f"{', '.join(sorted(others))}: all must be given the same"
            )


def _note(running: Session, **fields: Any) -> None:
    if running.leads:
        running.folder.update(**fields)


@contextmanager
def _status(running: Session) -> Iterator[None]:
    """Write the run's last status.

    Raises:
        MachineError: in place of any error of the machine; it names the run to continue.
    """
    run = str(running.folder.path)
    try:
        yield
        _note(running, status="done", error=None)
    except (Stopped, KeyboardInterrupt) as stopped:
        if isinstance(stopped, Stopped):
            stopped.run = run
        _note_end(running, "stopped", str(stopped) or "interrupted")
        raise
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            _note_end(running, "failed", f"{type(error).__name__}: {error}")
            raise
        told = MachineError(in_one_line(error), fault)
        told.run = run
        _note_end(running, "stopped", str(told))
        raise told from error


def _note_end(running: Session, status: str, reason: str) -> None:
    """Write how the run ended; on a full disk even that fails, and the first reason counts."""
    with suppress(MachineError):
        _note(running, status=status, error=reason)


def _shared_folder(
    out: Path, verb: str, name: str, info: dict[str, Any], checkpoint: Checkpoint | None
) -> RunFolder:
    """Let the first process make the folder and the others open it."""
    made = RunFolder.create(out, verb, name, info, checkpoint) if place().rank == 0 else None
    if place().world > 1:
        path = [made.path if made else None]
        dist.broadcast_object_list(path)
        assert path[0] is not None
        made = made or RunFolder(path[0])
    assert made is not None
    return made
