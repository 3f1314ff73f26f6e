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
        size: how many architectures reach it.
        epochs: how long they have been trained when it is over.
    """

    size: int
    epochs: int


Bracket = tuple[Rung, ...]


def bracket(size: int, eta: int, lengths: Sequence[int]) -> Bracket:
    """Return one rung for each of ``lengths``: ``size`` enter, and each keeps one in ``eta``.

    At least one architecture reaches the last rung.
    """
    return tuple(Rung(max(1, size // eta**i), epochs) for i, epochs in enumerate(lengths))


def ladder(wanted: Iterable[int], context: SampledContext, needs: str) -> tuple[int, ...]:
    """Return the lengths of training that can be had for those wanted, ascending.

    Where only some can be had, the next longer one stands for each that is not there.

    Args:
        wanted: epochs, none above the full length.
        context: names the lengths that can be had.
        needs: what the strategy needs, for the error.

    Raises:
        UserError: fewer than two lengths are left.
    """
    found = {next((had for had in context.lengths if had >= one), one) for one in wanted}
    if len(found) < 2:
        epochs = f"epochs={context.epochs}"
        given = f"lengths={list(context.lengths)}" if context.lengths else epochs
        raise UserError(f"{given} leaves nothing to halve: {needs}")
    return tuple(sorted(found))


def check_eta(eta: int) -> None:
    """Raise unless a rung can keep one architecture in ``eta``.

    Raises:
        UserError: ``eta`` is below 2.
    """
    if eta < 2:
        raise UserError(f"-o eta={eta}: must be at least 2")


class Halving(SampledStrategy):
    """Runs brackets one after the other, each with new architectures, and begins again.

    A rung is synchronous: the next one begins when all its results are there. Then the best of
    those that did not fail go on, the earlier one at a tie. Where the space has too few new
    architectures, a bracket makes do with fewer.

    Attributes:
        brackets: the brackets of one round, in their order.
    """

    brackets: tuple[Bracket, ...]

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` trials of the rung under way; none while it waits for results."""
        # A bracket begins when the one before has ended, so that the order in which architectures
        # came up tells which bracket each belongs to.
        seen = [result.arch for result in self.results] + [one.arch for one in pending]
        begun = list(dict.fromkeys(seen))
        brackets = cycle(self.brackets)
        while True:
            rungs = next(brackets)
            size = rungs[0].size
            members, begun = begun[:size], begun[size:]
            if begun:
                continue
            if new := self._enter(min(n, size - len(members)), rungs[0].epochs, pending):
                return new
            lacking = self._lacking(rungs, members)
            if lacking or len(members) < size:
                return [one for one in lacking if one not in pending][:n]

    def _enter(self, n: int, epochs: int, pending: Sequence[Proposal]) -> list[Proposal]:
        """Return up to ``n`` new architectures for a first rung; fewer at the space's end."""
        stream, known = self.stream(pending), self.known(pending)
        new: list[Proposal] = []
        while len(new) < n and (arch := self.draw(stream, known)) is not None:
            known.add(arch)
            new.append(Proposal(arch, epochs))
        return new

    def _lacking(self, rungs: Bracket, members: Sequence[Arch]) -> list[Proposal]:
        """Return the trials without a result in the rung under way; none at the bracket's end."""
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

    The rungs are ``min_epochs * eta**k`` epochs, the last one the full length; where only some
    lengths can be had, the next longer ones of these. After a bracket follows another one with
    new architectures.

    Example:
        With ``epochs=9``, nine architectures are trained for 1 epoch, the best three of them to
        3 epochs, and the best of these to 9.
    """

    Options = SuccessiveHalvingOptions

    def __init__(
        self, domains: Domains, options: SuccessiveHalvingOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        eta, wanted = options.eta, [context.epochs]
        length = options.min_epochs
        while length < context.epochs:
            wanted.append(length)
            length *= eta
        needs = f"successive-halving needs two lengths, from min_epochs={options.min_epochs} on"
        lengths = ladder(wanted, context, needs)
        size = options.initial or eta ** (len(lengths) - 1)
        self.brackets = (bracket(size, eta, lengths),)
