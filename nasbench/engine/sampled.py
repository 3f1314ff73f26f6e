"""Drives a sampled search: each suggested architecture is trained briefly and measured."""

from __future__ import annotations

import time
from typing import Any

from nasbench.config import SearchConfig
from nasbench.data.images import ImageSet
from nasbench.engine.observers import Several, Silent, ToJournal
from nasbench.engine.outcome import Outcome
from nasbench.engine.problem import Problem, on_device
from nasbench.engine.recipe import evaluation_batches, objective, optimizer, train_batches
from nasbench.engine.session import Session
from nasbench.seeding import derive, seed_process
from nasbench.space import Arch
from nasbench.store.state import StateFile
from nasbench.strategies.sampled.base import Result, SampledStrategy
from nasbench.training.loop import Loop, Observer
from nasbench.training.supervised import Supervised, SupervisedConfig, accuracy


def search(
    kind: type[SampledStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    observer: Observer,
) -> Outcome:
    """Train one suggestion after the other and return the best.

    The journal holds every finished trial, and the strategy's state follows from them, so a
    continued search goes on with the trial that was under way.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, or a loss is not finite.
    """
    options = kind.Options(**config.strategy_options)
    strategy = kind(problem.domains, options, config.seed)
    halves = problem.task.search_split(derive(config.seed, "halves"), config.val_fraction)
    done = running.folder.journal.events("trial")
    strategy.update([Result(problem.domains.arch(t["arch"]), t["score"]) for t in done])
    seconds = sum(t["seconds"] for t in done)
    while suggested := strategy.suggest(1):
        number = len(strategy.results)
        observer.phase(f"trial {number + 1}: architecture {suggested[0].id}")
        trial = Trial(suggested[0], number, problem, config, running)
        result, spent = trial.run(halves, observer)
        strategy.update([result])
        seconds += spent
    best = strategy.best()
    metrics = {"val_accuracy": best.score}
    return Outcome(best.arch, metrics, seconds, evaluations=len(strategy.results))


class Trial:
    """One architecture's brief training."""

    def __init__(
        self,
        arch: Arch,
        number: int,
        problem: Problem,
        config: SearchConfig,
        running: Session,
    ) -> None:
        self.arch = arch
        self.number = number
        self.problem = problem
        self.config = config
        self.running = running
        self.state = StateFile(running.folder.path / f"trial-{number}.pt")

    def run(self, halves: tuple[ImageSet, ImageSet], observer: Observer) -> tuple[Result, float]:
        """Train and measure; return the result and the device-seconds it took."""
        unit = self._unit(halves[0])
        loop = Loop(unit, self.config.epochs, self.state, self._told(observer), self.running.stop)
        progress = loop.run()
        since = time.perf_counter()
        plain = evaluation_batches(halves[1], self.problem.task.augmentation, self.running)
        score = accuracy(unit.finish(), plain, objective(self.config))
        seconds = progress.seconds + (time.perf_counter() - since) * self.running.place.world
        if self.running.leads:
            self._note(score, seconds)
        return Result(self.arch, score), seconds

    def _unit(self, train: ImageSet) -> Supervised:
        config, augmentation = self.config, self.problem.task.augmentation
        seed_process(config.seed, "trial", self.number)
        spec, arguments = self.problem.task.spec, self.problem.arguments
        network = on_device(
            self.problem.space.freeze(self.arch, spec, **arguments), self.running.device
        )
        seed = derive(config.seed, "trial", self.number)
        return Supervised(
            network,
            SupervisedConfig(optimizer(config), objective(config)),
            train_batches(train, augmentation, config.batch_size, seed, self.running),
            None,  # measured once, when it is trained
            config.epochs,
        )

    def _told(self, observer: Observer) -> Observer:
        if not self.running.leads:
            return Silent()
        trial: dict[str, Any] = {"trial": self.number}
        return Several([ToJournal(self.running.folder.journal, lambda: trial), observer])

    def _note(self, score: float, seconds: float) -> None:
        fields = {"number": self.number, "arch": dict(self.arch), "arch_id": self.arch.id}
        self.running.folder.journal.append("trial", **fields, score=score, seconds=seconds)
        self.state.clear()
