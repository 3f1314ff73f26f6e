"""Drives a sampled search: each proposed architecture is trained briefly and measured."""

from __future__ import annotations

from typing import Any

from nasbench.budget import Budget
from nasbench.config import SearchConfig
from nasbench.engine import limits, trials
from nasbench.engine.anytime import curve
from nasbench.engine.limits import Limits
from nasbench.engine.observers import Several, Silent, ToJournal
from nasbench.engine.outcome import Outcome
from nasbench.engine.problem import Problem
from nasbench.engine.session import Session
from nasbench.engine.trial import Context, Measured, Request, TrialRunner
from nasbench.engine.trials import Asked, Spent
from nasbench.errors import UserError
from nasbench.executors.base import Finished
from nasbench.space import Arch
from nasbench.strategies.sampled.base import Proposal, Result, SampledStrategy, Setting
from nasbench.training.loop import Observer

KNOWN_IN_A_ROW = 1000  # proposals of known architectures after which a search has converged


def search(
    kind: type[SampledStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    observer: Observer,
) -> Outcome:
    """Train what the strategy proposes until the budget is spent, and return the best.

    The journal holds every finished trial, and the strategy's state follows from them, so a
    continued search goes on with the trials that were under way.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, nothing keeps the limits, or every trial failed.
    """
    costs = Limits(limits.asked(config), limits.measured(problem, running.device))
    costs.check_possible(problem.domains, config.seed)
    setting = Setting(config.seed, config.epochs, violation=costs.violation)
    strategy = kind(problem.domains, kind.Options(**config.strategy_options), setting)
    source = Candidates(strategy, problem, config, costs, running, observer)
    spent = source.replay()
    context = Context.of(problem.task, config, config.val_fraction, running.folder.path)
    if config.budget is None:
        raise UserError("--budget: how much may the search spend? such as 20, 15min")
    with trials.executor_of(
        config,
        running,
        "nasbench.engine.trial:setup",
        context,
        source.judge,
        lambda: TrialRunner(context, source.told, running.stop),
    ) as executor:
        trials.run(source, executor, Budget.parse(config.budget), spent, running)
    source.clear()
    return _outcome(strategy, spent, running)


def _outcome(strategy: SampledStrategy, spent: Spent, running: Session) -> Outcome:
    if all(result.failed for result in strategy.results):
        raise UserError(
            "no trial gave a result: journal.jsonl in the run folder holds the reasons"
        )
    best = strategy.best()
    return Outcome(
        best.arch,
        {"val_accuracy": best.score},
        spent.seconds,
        evaluations=len({(r.arch, r.epochs) for r in strategy.results}),
        curve=curve(running.folder.journal.events("trial")),
        front=tuple((r.arch, {"val_accuracy": r.score, **r.costs}) for r in strategy.front()),
    )


class Candidates:
    """The strategy's proposals as trials, and the trials' results for the strategy.

    Args:
        strategy: proposes and learns.
        problem: task and space.
        config: of the search.
        costs: of the architectures.
        running: the session, whose journal holds the finished trials.
        observer: who is told.
    """

    def __init__(
        self,
        strategy: SampledStrategy,
        problem: Problem,
        config: SearchConfig,
        costs: Limits,
        running: Session,
        observer: Observer,
    ) -> None:
        self.strategy = strategy
        self.problem = problem
        self.config = config
        self.costs = costs
        self.running = running
        self.observer = observer
        self.share = trials.device_share(config)
        self._under_way: dict[int, Proposal] = {}
        self._seconds: dict[str, float] = {}  # of each training so far, by its key
        self._current = self._next = 0
        self.told = self._epochs_told(observer)

    def replay(self) -> Spent:
        """Learn the trials in the journal again, and return what they spent."""
        spent = Spent()
        for event in self.running.folder.journal.events("trial"):
            arch = self.problem.domains.arch(event["arch"])
            failed = event.get("error") is not None
            score = 0.0 if failed else event["score"]
            result = Result(arch, score, event["epochs"], event["costs"], failed)
            self.strategy.update([result])
            if not event["known"]:
                spent.trials, spent.failed = spent.trials + 1, spent.failed + failed
                self._next = spent.trials
                spent.epochs += event["more_epochs"]
                spent.seconds += event["seconds"]
                self._seconds[self._key(arch, event["number"])] = event["total_seconds"]
        return spent

    def ask(self) -> Asked | None:
        """Return the next proposal that is worth a training."""
        for _ in range(KNOWN_IN_A_ROW):
            proposals = self.strategy.suggest(1, list(self._under_way.values()))
            if not proposals:
                return None
            proposal = proposals[0]
            known = self._known(proposal)
            if known is None:
                return self._begin(proposal)
            self._learn(known, self._next, known=True, seconds=0.0)
        return None

    def tell(self, finished: Finished) -> float:
        """Learn a trial's result and write it down."""
        proposal = self._under_way.pop(finished.number)
        key = self._key(proposal.arch, finished.number)
        if finished.error is not None:
            seconds = finished.seconds * self.share
            result = Result(proposal.arch, 0.0, proposal.epochs, failed=True)
            self._learn(result, finished.number, seconds=seconds, error=finished.error)
            self.observer.phase(f"trial {finished.number + 1} failed: {finished.error}")
            return seconds
        measured: Measured = finished.value
        total = measured.seconds * self.share
        seconds = total - self._seconds.get(key, 0.0)
        more = measured.epochs - self._trained(proposal.arch)
        self._seconds[key] = total
        measures = {name: self.costs.cost(proposal.arch, name) for name in self.strategy.measures}
        result = Result(proposal.arch, measured.score, measured.epochs, measures)
        self._learn(
            result, finished.number, seconds=seconds, total_seconds=total, more_epochs=more
        )
        if self.config.concurrency > 1 or self.config.engine is not None:
            self.observer.phase(
                f"trial {finished.number + 1}: {proposal.arch.id}: {measured.score:.2%}"
            )
        return seconds

    def judge(self, number: int, value: float) -> bool:
        """Let every trial go on: a strategy ends none."""
        return True

    def clear(self) -> None:
        """Remove what trials of partial length left behind."""
        if self.running.leads:
            for path in self.running.folder.path.glob("trial-*.pt"):
                path.unlink()

    def _begin(self, proposal: Proposal) -> Asked:
        number = self._next
        self._next += 1
        self._under_way[number] = proposal
        self._current = number
        arch = proposal.arch
        # Where trials run in workers, they are told of when they end.
        if self.config.concurrency == 1 and self.config.engine is None:
            self.observer.phase(f"trial {number + 1}: architecture {arch.id}")
        request = Request(
            self._key(arch, number),
            self.config.space,
            dict(arch),
            dict(self.problem.arguments),
            {},
            proposal.epochs,
            kept=proposal.epochs < self.config.epochs,
        )
        return Asked(number, request, proposal.epochs - self._trained(arch))

    def _key(self, arch: Arch, number: int) -> str:
        return f"{arch.id}-{number}" if self.config.train_again else arch.id

    def _trained(self, arch: Arch) -> int:
        """Return for how many epochs ``arch`` was trained already."""
        if self.config.train_again:
            return 0
        done = [r.epochs for r in self.strategy.results if r.arch == arch and not r.failed]
        return max(done, default=0)

    def _known(self, proposal: Proposal) -> Result | None:
        """Return the result of an equal training, unless it is to be trained again."""
        if self.config.train_again:
            return None
        same = (r for r in self.strategy.results if r.arch == proposal.arch)
        return next((r for r in same if r.failed or r.epochs >= proposal.epochs), None)

    def _learn(self, result: Result, number: int, **fields: Any) -> None:
        self.strategy.update([result])
        if self.running.leads:
            told = {"known": False, "total_seconds": 0.0, "more_epochs": 0, **fields}
            self.running.folder.journal.append(
                "trial",
                number=number,
                arch=dict(result.arch),
                arch_id=result.arch.id,
                score=None if result.failed else result.score,
                epochs=result.epochs,
                costs=dict(result.costs),
                **told,
            )

    def _epochs_told(self, observer: Observer) -> Observer:
        """Return who is told of the epochs of trials in this process."""
        if not self.running.leads:
            return Silent()
        journal = ToJournal(self.running.folder.journal, lambda: {"trial": self._current})
        return Several([journal, observer])
