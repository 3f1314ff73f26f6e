"""A strategy's proposals as trials, and the trials' results for the strategy."""

from __future__ import annotations

from typing import Any

from nasbench.config import SearchConfig
from nasbench.engine import trials
from nasbench.engine.callbacks import CallbackList, JournalCallback, NullCallback
from nasbench.engine.limits import Limits
from nasbench.engine.problem import Problem
from nasbench.engine.session import Session
from nasbench.engine.trial import Measured, Request
from nasbench.engine.trials import Asked, Spent, Used
from nasbench.executors import Finished, Reported
from nasbench.space import Arch
from nasbench.strategies.sampled.base import Proposal, Result, SampledStrategy
from nasbench.training.loop import Callback

KNOWN_IN_A_ROW = 1000  # proposals of known architectures after which a search has converged


class Candidates:
    """The strategy's proposals as trials, and the trials' results for the strategy.

    Args:
        strategy: proposes and learns.
        problem: task and space.
        config: of the search.
        costs: of the architectures.
        running: the session, whose journal holds the finished trials.
        callback: who is told.
    """

    def __init__(
        self,
        strategy: SampledStrategy,
        problem: Problem,
        config: SearchConfig,
        costs: Limits,
        running: Session,
        callback: Callback,
    ) -> None:
        self.strategy = strategy
        self.problem = problem
        self.config = config
        self.costs = costs
        self.running = running
        self.callback = callback
        self.share = trials.device_share(config)
        self.here = config.concurrency == 1 and config.engine is None
        self._under_way: dict[int, Proposal] = {}
        self._seconds: dict[str, float] = {}  # of each training so far, by its key
        self._current = self._next = 0
        self.told = self._epochs_told(callback)

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
                spent.epochs += event["more_epochs"]
                spent.seconds += event["seconds"]
                # Trials side by side end out of order: a lower number may be lost for good.
                self._next = max(self._next, event["number"] + 1)
                if not failed:
                    self._seconds[self._key(arch, event["number"])] = event["total_seconds"]
        return spent

    def ask(self) -> Asked | None:
        """Return the next proposal that is worth a training."""
        for _ in range(KNOWN_IN_A_ROW):
            proposals = self.strategy.suggest(1, list(self._under_way.values()))
            if not proposals or self._is_under_way(proposals[0]):
                return None
            proposal = proposals[0]
            known = self._known(proposal)
            if known is None:
                return self._begin(proposal)
            self._learn(known, self._next, known=True, seconds=0.0)
        return None

    def tell(self, finished: Finished) -> Used:
        """Learn a trial's result and write it down."""
        proposal = self._under_way.pop(finished.number)
        if finished.error is not None:
            return self._tell_failure(proposal, finished)
        measured: Measured = finished.value
        key, share = self._key(proposal.arch, finished.number), self.share
        used = Used(
            measured.epochs - self._trained(proposal.arch),
            measured.seconds * share - self._seconds.get(key, 0.0),
        )
        self._seconds[key] = (measured.seconds - measured.measuring) * share
        measures = {name: self.costs.cost(proposal.arch, name) for name in self.strategy.measures}
        self._learn(
            Result(proposal.arch, measured.score, measured.epochs, measures),
            finished.number,
            seconds=used.seconds,
            total_seconds=self._seconds[key],
            more_epochs=used.epochs,
        )
        if not self.here:
            self.callback.phase(
                f"trial {finished.number + 1}: {proposal.arch.id}: {measured.score:.2%}"
            )
        return used

    def judge(self, number: int, reported: Reported) -> bool:
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
        if self.here:  # where trials run in workers, they are told of when they end
            self.callback.phase(f"trial {number + 1}: architecture {arch.id}")
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

    def _tell_failure(self, proposal: Proposal, finished: Finished) -> Used:
        used = Used(proposal.epochs - self._trained(proposal.arch), finished.seconds * self.share)
        self._learn(
            Result(proposal.arch, 0.0, proposal.epochs, failed=True),
            finished.number,
            seconds=used.seconds,
            more_epochs=used.epochs,
            error=finished.error,
        )
        self.callback.phase(f"trial {finished.number + 1} failed: {finished.error}")
        return used

    def _key(self, arch: Arch, number: int) -> str:
        return f"{arch.id}-{number}" if self.config.train_again else arch.id

    def _trained(self, arch: Arch) -> int:
        """Return for how many epochs ``arch`` was trained already."""
        if self.config.train_again:
            return 0
        done = [r.epochs for r in self.strategy.results if r.arch == arch and not r.failed]
        return max(done, default=0)

    def _is_under_way(self, proposal: Proposal) -> bool:
        """Return whether the same architecture is being trained, so that its result is awaited."""
        pending = (one.arch for one in self._under_way.values())
        return not self.config.train_again and proposal.arch in pending

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

    def _epochs_told(self, callback: Callback) -> Callback:
        """Return who is told of the epochs of trials in this process."""
        if not self.running.leads:
            return NullCallback()
        journal = JournalCallback(self.running.folder.journal, lambda: {"trial": self._current})
        return CallbackList([journal, callback])
