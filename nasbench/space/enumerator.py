"""ArchEnumerator: counts, samples and lists the architectures of a space exactly."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate

import numpy as np

from nasbench.space.domain import Condition, Domain, Value

State = frozenset[Condition]
Move = tuple[Value | None, State]  # the value, None if the decision is inactive; the next state


class ArchEnumerator:
    """All assignments of values to decisions that agree with ``fixed``.

    Decisions are ordered so that each follows those its conditions name. While walking along
    this order, the remaining decisions depend on the past only through the set of conditions that
    hold. That set is the state of a dynamic program, so counting is cheap even for huge spaces.

    Args:
        domains: the decisions, parents first.
        fixed: values that are already decided; inactive labels are ignored.
    """

    def __init__(
        self, domains: Sequence[Domain], fixed: Mapping[str, Value] | None = None
    ) -> None:
        self.domains = domains
        self.fixed = fixed or {}
        self._asked: list[State] = [frozenset()]
        for domain in reversed(domains):
            own = {condition for site in domain.sites for condition in site}
            self._asked.append(self._asked[-1] | own)
        self._asked.reverse()
        self._move_cache: dict[tuple[int, State], tuple[Move, ...]] = {}
        self._cumulative_cache: dict[tuple[int, State], list[float]] = {}

    def _moves(self, position: int, state: State) -> tuple[Move, ...]:
        """Return the moves at ``position``, one for each allowed value."""
        key = position, state
        if key in self._move_cache:
            return self._move_cache[key]
        domain, asked = self.domains[position], self._asked[position + 1]
        moves: list[Move] = []
        if any(all(condition in state for condition in site) for site in domain.sites):
            fixed = self.fixed.get(domain.label)
            for value in domain.options if fixed is None else (fixed,):
                held = {c for c in asked if c.label == domain.label and value in c.values}
                moves.append((value, (state & asked) | held))
        else:
            moves.append((None, state & asked))
        self._move_cache[key] = tuple(moves)
        return self._move_cache[key]

    def _cumulative(self, position: int, state: State) -> list[float]:
        """Return the cumulative probability of each move under a uniform distribution.

        Quotients of integers are correctly rounded, and the last one is exactly 1.
        """
        key = position, state
        if key not in self._cumulative_cache:
            counts = self._counts[position + 1]
            ways = list(accumulate(counts[after] for _, after in self._moves(position, state)))
            self._cumulative_cache[key] = [way / ways[-1] for way in ways]
        return self._cumulative_cache[key]

    @cached_property
    def _counts(self) -> list[dict[State, int]]:
        """``_counts[i][state]``: the number of ways to decide domains ``i`` and later."""
        reached: list[set[State]] = [{frozenset()}]
        for position in range(len(self.domains)):
            reached.append({s for r in reached[-1] for _, s in self._moves(position, r)})
        counts: list[dict[State, int]] = [{frozenset(): 1}]
        for position in reversed(range(len(self.domains))):
            after = counts[-1]
            counts.append(
                {r: sum(after[s] for _, s in self._moves(position, r)) for r in reached[position]}
            )
        return counts[::-1]

    @property
    def size(self) -> int:
        """The exact number of assignments."""
        return self._counts[0][frozenset()]

    def sample(self, generator: np.random.Generator) -> dict[str, Value]:
        """Return one assignment, drawn uniformly."""
        chosen: dict[str, Value] = {}
        state: State = frozenset()
        for position, domain in enumerate(self.domains):
            moves = self._moves(position, state)
            pick = 0
            if len(moves) > 1:
                pick = bisect(self._cumulative(position, state), generator.random())
            value, state = moves[pick]
            if value is not None:
                chosen[domain.label] = value
        return chosen

    def at(self, index: int) -> dict[str, Value]:
        """Return the assignment at position ``index`` of the iteration order.

        Args:
            index: in ``[0, size)``.
        """
        chosen: dict[str, Value] = {}
        state: State = frozenset()
        for position, domain in enumerate(self.domains):
            for value, after in self._moves(position, state):  # noqa: B007
                ways = self._counts[position + 1][after]
                if index < ways:
                    break
                index -= ways
            state = after
            if value is not None:
                chosen[domain.label] = value
        return chosen

    def __iter__(self) -> Iterator[dict[str, Value]]:
        yield from self._walk(0, frozenset(), {})

    def _walk(
        self, position: int, state: State, chosen: dict[str, Value]
    ) -> Iterator[dict[str, Value]]:
        if position == len(self.domains):
            yield dict(chosen)
            return
        label = self.domains[position].label
        for value, after in self._moves(position, state):
            more = chosen if value is None else {**chosen, label: value}
            yield from self._walk(position + 1, after, more)
