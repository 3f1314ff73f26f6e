"""Choosing among many architectures with shared weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020,
section 3.4, algorithm 1: a sampled search in which a trial is an inference with inherited weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.oneshot.base import SearchData, Setting
from nasbench.strategies.oneshot.pathing import PathStrategy
from nasbench.strategies.sampled.ask_tell import Function, Proposals, ask_and_tell
from nasbench.strategies.sampled.base import Result, SampledStrategy
from nasbench.strategies.sampled.base import Setting as SampledSetting
from nasbench.strategies.sampled.evolution import EvolutionOptions, EvolutionStrategy
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy

SEARCHES = ("evolution", "random")


@dataclass(frozen=True)
class JudgingOptions(PluginOptions):
    """Options of every strategy that evaluates architectures with shared weights."""

    candidates: int = option(50, "Architectures evaluated after the training.", low=1)
    calibration: int = option(
        4, "Training batches from which each architecture's BN statistics are computed.", low=1
    )


@dataclass(frozen=True)
class SharedSearchOptions(JudgingOptions):
    """Options of a search with shared weights."""

    search: str = option(
        "evolution", "How architectures are proposed after the training.", allowed=SEARCHES
    )
    population: int = option(
        20,
        "Size of the evolution's population; half of it competes to be the parent.",
        low=1,
        only_with=("search", "evolution"),
    )


def at_least(least: int, name: str, value: int) -> None:
    """Raise unless an option is at least so large.

    Raises:
        UserError: it is smaller.
    """
    if value < least:
        raise UserError(f"-o {name}={value}: must be at least {least}")


def searcher(options: SharedSearchOptions, domains: Domains, setting: Setting) -> SampledStrategy:
    """Return the search that the options ask for; it proposes only what keeps the limits."""
    if options.search == "random":
        return uniform_search(domains, setting)
    sample = max(1, options.population // 2)
    evolution = EvolutionOptions(population=options.population, sample=sample)
    return EvolutionStrategy(domains, evolution, _told(setting))


def uniform_search(domains: Domains, setting: Setting) -> RandomStrategy:
    """Return uniform draws that keep the limits, none twice."""
    return RandomStrategy(domains, RandomOptions(), _told(setting))


def _told(setting: Setting) -> SampledSetting:
    return SampledSetting(setting.seed, violation=setting.violation)


def run(
    search: SampledStrategy,
    judge: Callable[[Arch], float],
    candidates: int,
    tick: Callable[[int, int], None],
) -> list[Result]:
    """Let ``search`` see so many architectures judged; fewer where the space has no more.

    Args:
        search: proposes and learns.
        judge: returns the accuracy of an architecture in [0, 1].
        candidates: how many to judge.
        tick: told before each judgement how many are done, and how many there are.

    Returns:
        The results in their order; none where nothing keeps the limits.
    """

    def may_begin() -> bool:
        done = len(search.results)
        if done < candidates:
            tick(done, candidates)
        return done < candidates

    evaluator = Function(lambda proposal: Result(proposal.arch, judge(proposal.arch)))
    ask_and_tell(Proposals(search), evaluator, may_begin)
    return search.results


class SharedSearchStrategy(PathStrategy):
    """Paths, then a search among architectures that inherit the weights."""

    Options = SharedSearchOptions
    options: SharedSearchOptions

    def select(self, data: SearchData) -> Arch:
        """Return the best on the validation half, BN calibrated; the earlier one at a tie."""
        images = self.calibration(data, self.options.calibration)
        search = searcher(self.options, self.domains, self.setting)
        results = run(
            search,
            lambda arch: self.judge(arch, images, data.validation()),
            self.options.candidates,
            data.tick,
        )
        return search.best().arch if results else self.derive()
