"""Successive halving over epochs (Jamieson and Talwalkar, AISTATS 2016).

Hyperband shares its brackets and rungs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy


@dataclass(frozen=True)
class Rung:
    """One round of a bracket.

    Attributes:
        size: the number of architectures that reach it.
        epochs: the total epochs of their training at its end.
    """

    size: int
    epochs: int


Bracket = tuple[Rung, ...]


def bracket(size: int, eta: int, lengths: Sequence[int]) -> Bracket:
    """Return one rung for each of ``lengths``; at least one architecture reaches the last rung.

    Args:
        size: the architectures of the first rung, at least 1.
        eta: each rung keeps one architecture in ``eta``, at least 2.
        lengths: the epochs of each rung, ascending.
    """
    return tuple(Rung(max(1, size // eta**i), epochs) for i, epochs in enumerate(lengths))


def rung_lengths(least: int, eta: int, most: int) -> list[int]:
    """Return ``least * eta**k`` epochs for every ``k`` that stays below ``most``, and ``most``."""
    wanted, length = [most], least
    while length < most:
        wanted.append(length)
        length *= eta
    return wanted


def ladder(wanted: Iterable[int], context: SampledContext, needs: str) -> tuple[int, ...]:
    """Return the available lengths of training for those wanted, ascending.

    An unavailable length is replaced by the next longer one.

    Args:
        wanted: epochs, none above the full length.
        context: gives the available lengths.
        needs: the strategy's requirement, for the error.

    Raises:
        UserError: fewer than two lengths remain.
    """
    found = {next((had for had in context.lengths if had >= one), one) for one in wanted}
    if len(found) < 2:
        epochs = f"epochs={context.epochs}"
        given = f"lengths={list(context.lengths)}" if context.lengths else epochs
        raise UserError(f"{given} leaves nothing to halve: {needs}")
    return tuple(sorted(found))


class Halving(SampledStrategy):
    """Runs brackets one after another in rounds, each with new architectures.

    A rung is synchronous: the next one begins when all its results have arrived. The best of those
    that did not fail are promoted, the earlier one at a tie. If the space has too few new
    architectures, a bracket has fewer.

    Attributes:
        brackets: the brackets of one round, in order.
    """

    brackets: tuple[Bracket, ...]
    takes_results = False  # a member of a bracket that did not enter it would stop the bracket

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` trials of the rung under way; none while it waits for results."""
        # A bracket begins when the one before has ended, so the order in which architectures were
        # proposed determines the bracket of each.
        seen = [result.arch for result in self.results] + [one.arch for one in pending]
        begun = list(dict.fromkeys(seen))
        brackets = cycle(self.brackets)
        while True:
            rungs = next(brackets)
            size = rungs[0].size
            members, begun = begun[:size], begun[size:]
            if begun:
                continue
            stream, known = self.stream(pending), self.known(pending)
            new: list[Proposal] = []
            wanted = min(n, size - len(members))
            while len(new) < wanted and (arch := self.draw(stream, known)) is not None:
                known.add(arch)
                new.append(Proposal(arch, rungs[0].epochs))
            if new:
                return new
            lacking = self._lacking(rungs, members)
            if lacking or len(members) < size:
                return [one for one in lacking if one not in pending][:n]

    def _lacking(self, rungs: Bracket, members: Sequence[Arch]) -> list[Proposal]:
        """Return the trials of the present rung without a result; none at the bracket's end."""
        results = {(result.arch, result.epochs): result for result in self.results}
        for rung in rungs:
            trials = [Proposal(arch, rung.epochs) for arch in members[: rung.size]]
            lacking = [one for one in trials if (one.arch, one.epochs) not in results]
            if lacking:
                return lacking
            done = [results[one.arch, one.epochs] for one in trials]
            good = [result for result in done if not result.failed]
            good.sort(key=lambda result: result.score, reverse=True)
            members = [result.arch for result in good]
        return []


@dataclass(frozen=True)
class SuccessiveHalvingOptions(PluginOptions):
    """Options of ``successive-halving``."""

    eta: int = option(
        3, "A rung keeps one in eta architectures and trains it eta times as long.", low=2
    )
    initial: int = option(
        0,
        "Architectures that enter a bracket, at least eta; 0 for as many as leave one at the full "
        "length.",
        low=0,
    )
    min_epochs: int = option(1, "Epochs of the first rung.", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial != 0 and self.initial < self.eta:
            raise UserError(f"-o initial={self.initial}: must be 0 or at least eta={self.eta}")


class SuccessiveHalvingStrategy(Halving):
    """Trains many architectures briefly and the best of them longer and longer.

    The rungs are ``min_epochs * eta**k`` epochs, the last one the full length; an unavailable
    length is replaced by the next longer one. After a bracket another one follows with new
    architectures.

    Example:
        With ``epochs=9``, nine architectures are trained for 1 epoch, the best three of them to
        3 epochs, and the best of these to 9.
    """

    Options = SuccessiveHalvingOptions

    def __init__(
        self, domains: Domains, options: SuccessiveHalvingOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        eta = options.eta
        wanted = rung_lengths(options.min_epochs, eta, context.epochs)
        needs = f"successive-halving needs two lengths, from min_epochs={options.min_epochs} on"
        lengths = ladder(wanted, context, needs)
        size = options.initial or eta ** (len(lengths) - 1)
        self.brackets = (bracket(size, eta, lengths),)
