"""The ask-and-tell loop behind every search: with trials, benchmark tables and shared weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from nasbench.strategies.sampled.base import Proposal, Result, SampledStrategy

KNOWN_IN_A_ROW = 1000  # known architectures in a row after which a search counts as converged

JobOut = TypeVar("JobOut", covariant=True)
JobIn = TypeVar("JobIn", contravariant=True)
DoneOut = TypeVar("DoneOut", covariant=True)
DoneIn = TypeVar("DoneIn", contravariant=True)
J = TypeVar("J")
D = TypeVar("D")


class Source(Protocol[JobOut, DoneIn]):
    """Proposes jobs and learns from their outcomes."""

    def ask(self) -> JobOut | None:
        """Return the next job; ``None`` if there is none until another one ends."""

    def tell(self, done: DoneIn) -> None:
        """Learn how a job ended."""


class Evaluator(Protocol[JobIn, DoneOut]):
    """Runs up to ``slots`` jobs at once."""

    @property
    def slots(self) -> int:
        """The number of jobs that may be under way."""

    def submit(self, job: JobIn) -> None:
        """Start a job."""

    def next(self) -> DoneOut:
        """Wait for the next job that ends and return its outcome."""


def ask_and_tell(
    source: Source[J, D], evaluator: Evaluator[J, D], may_begin: Callable[[], bool]
) -> None:
    """Keep the evaluator's slots filled until no job may begin or the source has none left.

    Jobs that are under way at that time are waited for.

    Args:
        source: proposes jobs and learns from their outcomes.
        evaluator: runs them.
        may_begin: called before each job; ``False`` once the budget is spent.
    """
    under_way = 0
    while True:
        while under_way < evaluator.slots and may_begin():
            job = source.ask()
            if job is None:
                break
            evaluator.submit(job)
            under_way += 1
        if not under_way:
            return
        done = evaluator.next()
        under_way -= 1
        source.tell(done)


def propose_new(
    strategy: SampledStrategy,
    pending: Sequence[Proposal],
    known: Callable[[Proposal], Result | None],
    learn: Callable[[Result], None],
) -> Proposal | None:
    """Return the strategy's next proposal without a known result.

    Args:
        strategy: proposes architectures.
        pending: proposals under way.
        known: returns the result of a proposal that need not be evaluated again.
        learn: receives each known result and updates the strategy with it.

    Returns:
        ``None`` if the strategy proposes nothing, or only known architectures many times in a row.
    """
    for _ in range(KNOWN_IN_A_ROW):
        proposals = strategy.suggest(1, pending)
        if not proposals:
            return None
        result = known(proposals[0])
        if result is None:
            return proposals[0]
        learn(result)
    return None


Evaluated = tuple[Proposal, Result]


class Proposals:
    """A sampled strategy as the source of an ask-and-tell loop.

    Args:
        strategy: the strategy.
        known: returns the result of a proposal that need not be evaluated again.
    """

    def __init__(
        self,
        strategy: SampledStrategy,
        known: Callable[[Proposal], Result | None] = lambda proposal: None,
    ) -> None:
        self.strategy = strategy
        self.known = known
        self.pending: list[Proposal] = []

    def ask(self) -> Proposal | None:
        """Return the next proposal without a known result."""
        proposal = propose_new(
            self.strategy, self.pending, self.known, lambda result: self.strategy.update([result])
        )
        if proposal is not None:
            self.pending.append(proposal)
        return proposal

    def tell(self, done: Evaluated) -> None:
        """Update the strategy with a result."""
        proposal, result = done
        self.pending.remove(proposal)
        self.strategy.update([result])


class Function:
    """Evaluates one proposal at a time by a function.

    Args:
        function: returns the result of a proposal.
    """

    slots = 1

    def __init__(self, function: Callable[[Proposal], Result]) -> None:
        self.function = function
        self._submitted: list[Proposal] = []

    def submit(self, job: Proposal) -> None:
        """Keep the proposal until :meth:`next` is called."""
        self._submitted.append(job)

    def next(self) -> Evaluated:
        """Evaluate the proposal."""
        proposal = self._submitted.pop()
        return proposal, self.function(proposal)
