"""Drives a sampled search: each proposed architecture is trained briefly and measured."""

from __future__ import annotations

from nasbench.budget import Budget
from nasbench.config import SearchConfig
from nasbench.data.images import ImageSet
from nasbench.engine import trials
from nasbench.engine.anytime import curve
from nasbench.engine.candidates import Candidates
from nasbench.engine.limits import Limits
from nasbench.engine.problem import Problem, halves
from nasbench.engine.proxies import Scorer
from nasbench.engine.session import Outcome, Session
from nasbench.engine.trial import Context, TrialRunner
from nasbench.engine.trials import Spent
from nasbench.errors import UserError
from nasbench.strategies.sampled.base import SampledStrategy, Setting
from nasbench.training.loop import Callback


def search(
    kind: type[SampledStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    callback: Callback,
) -> Outcome:
    """Train what the strategy proposes until the budget is spent, and return the best.

    The journal holds every finished trial, and the strategy's state follows from them, so a
    continued search goes on with the trials that were under way.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, nothing keeps the limits, or every trial failed.
    """
    costs = Limits.of_search(problem, config, running)
    scorer = Scorer(problem, lambda: _training_half(problem, config), config.seed, running.device)
    setting = Setting(config.seed, config.epochs, violation=costs.violation, proxy=scorer)
    strategy = kind(problem.domains, kind.Options(**config.strategy_options), setting)
    source = Candidates(strategy, problem, config, costs, running, callback)
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
    return _outcome(strategy, costs, spent, scorer.seconds, running)


def _training_half(problem: Problem, config: SearchConfig) -> ImageSet:
    """Return the images that the trials train on."""
    half, _ = halves(problem.task, config.seed, config.val_fraction)
    return half


def _outcome(
    strategy: SampledStrategy, costs: Limits, spent: Spent, scoring: float, running: Session
) -> Outcome:
    if not strategy.results:
        raise costs.unmet()
    if spent.failed == spent.trials:
        raise UserError(
            "no trial gave a result: journal.jsonl in the run folder holds the reasons"
        )
    best = strategy.best()
    return Outcome(
        best.arch,
        {"val_accuracy": best.score},
        spent.seconds + scoring,
        evaluations=spent.trials - spent.failed,
        curve=curve(running.folder.journal.events("trial")),
        front=tuple((r.arch, {"val_accuracy": r.score, **r.costs}) for r in strategy.front()),
    )
