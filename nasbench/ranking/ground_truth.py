"""Ground truth of architectures: results of stand-alone trainings, looked up or trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from nasbench.engine.presets import TRIAL_EPOCHS, TRIAL_EPOCHS_ELSEWHERE
from nasbench.engine.trial import Context, Request, TrialRunner
from nasbench.errors import UserError
from nasbench.faults import MachineError
from nasbench.measures import ACCURACY, Measure
from nasbench.ranking.supernet import SearchedSupernet
from nasbench.space import Arch
from nasbench.store.journal import Journal
from nasbench.store.state import StateFile
from nasbench.tabular.base import Table
from nasbench.tasks import sources
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal

JOURNAL = "trust-trainings.jsonl"


class GroundTruth(Protocol):
    """Results of architectures trained alone."""

    @property
    def description(self) -> str:
        """One line that says which results these are."""

    @property
    def measure(self) -> Measure:
        """How they are read."""

    def __call__(self, archs: Sequence[Arch]) -> list[tuple[float, ...]]:
        """Return the metric on validation examples of the trainings of each architecture.

        Failed trainings are left out.
        """
        ...


class TableTruth:
    """Trainings in a table.

    Args:
        table: the table.
        name: as the user wrote it.
        dataset: of the table; if ``None``, the run's task if the table has it, else the table's
            first.
        searched: the run.

    Raises:
        UserError: the table has another space, or not this data set.
    """

    def __init__(
        self, table: Table, name: str, dataset: str | None, searched: SearchedSupernet
    ) -> None:
        config = searched.config
        # Spaces are compared by name: each load of a user's file makes a new class.
        theirs, ours = (
            (
                (one.space.__module__, one.space.__qualname__),
                {label: domain.candidates for label, domain in one.domains.items()},
            )
            for one in (table, searched.problem)
        )
        if theirs != ours:
            raise UserError(
                f"--table {name}: holds the architectures of {table.space.__name__}, but the run "
                f"searched {config.space}: allowed: a table of that space, or --train"
            )
        if dataset is not None:
            table.check(dataset)
        own = config.task if config.task in table.datasets else table.datasets[0]
        self.table = table
        self.measure = ACCURACY
        self.dataset = dataset or own
        self.description = (
            f"{table.name}, {self.dataset}: accuracy after {table.lengths[-1]} epochs, "
            "mean over seeds"
        )

    def __call__(self, archs: Sequence[Arch]) -> list[tuple[float, ...]]:
        """Look up the accuracies."""
        return [self.table.trainings(arch, self.dataset) for arch in archs]


class TrainedTruth:
    """Trainings as in a sampled search; a journal in the run folder stores their results.

    Args:
        searched: the run; the trainings use its options and its halves of the training images.
        epochs: of each training; those of a quick sampled search if ``None``.
        repeats: trainings of each architecture, at least 1.
        callback: notified of each training.
        stop: when to stop and save.
    """

    def __init__(
        self,
        searched: SearchedSupernet,
        epochs: int | None,
        repeats: int,
        callback: Callback,
        stop: StopSignal,
    ) -> None:
        task = sources.short(searched.config.task)
        self.epochs = epochs or TRIAL_EPOCHS.get(task, TRIAL_EPOCHS_ELSEWHERE)
        self.repeats = repeats
        times = f"mean over {repeats} seeds" if repeats > 1 else "one seed"
        self.metric = searched.problem.task.metric
        self.measure = self.metric.measure
        after = f"{self.measure.words} after {self.epochs} epochs"
        self.description = f"trained alone on {task}: {after}, {times}"
        self._searched = searched
        self._callback = callback
        self._stop = stop
        self._journal = Journal(searched.folder.path / JOURNAL)
        self._runner: TrialRunner | None = None

    def __call__(self, archs: Sequence[Arch]) -> list[tuple[float, ...]]:
        """Run the trainings that are not in the journal yet.

        Raises:
            Stopped: a signal asked to stop; a later call continues from there.
        """
        arch_of = self._searched.problem.domains.arch
        known: dict[tuple[Arch, int], float | None] = {
            (arch_of(event["arch"]), event["repeat"]): event.get("result", event.get("accuracy"))
            for event in self._journal.events("training")
            if event["epochs"] == self.epochs
        }
        keys = [(arch, repeat) for arch in archs for repeat in range(self.repeats)]
        for number, (arch, repeat) in enumerate(keys, start=1):
            if (arch, repeat) not in known:
                self._callback.phase(f"training {number} of {len(keys)}: {arch.id}")
                known[arch, repeat] = self._train(arch, repeat)
        found = [[known[arch, repeat] for repeat in range(self.repeats)] for arch in archs]
        return [tuple(one for one in row if one is not None) for row in found]

    def _train(self, arch: Arch, repeat: int) -> float | None:
        """Run one training, append it to the journal, and return its result or ``None``."""
        searched = self._searched
        if self._runner is None:
            config = replace(searched.config, epochs=self.epochs, device=str(searched.device))
            context = Context.of(
                searched.problem.task, config, config.val_fraction, searched.folder.path
            )
            self._runner = TrialRunner(context, self._callback, self._stop)
        request = Request(
            f"trust-{arch.id}-{self.epochs}-{repeat}",
            searched.config.space,
            dict(arch),
            dict(searched.problem.arguments),
            {},
            self.epochs,
        )
        result, seconds, error = None, 0.0, None
        try:
            measured = self._runner(request, lambda value: True)
            result, seconds = self.metric.score(measured.score), measured.seconds
        except MachineError:
            raise
        except UserError as reason:
            error = str(reason)
            self._callback.phase(f"architecture {arch.id} failed: {error}")
            StateFile(searched.folder.path / f"trial-{request.key}.pt").clear()
        self._journal.append(
            "training",
            arch=dict(arch),
            repeat=repeat,
            epochs=self.epochs,
            result=result,
            seconds=seconds,
            error=error,
        )
        return result
