"""A sampled search: each proposed architecture is trained briefly and evaluated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nasbench.budget import Budget
from nasbench.config import SearchConfig
from nasbench.engine import joint, scheduler
from nasbench.engine.callbacks import CallbackList, journaled
from nasbench.engine.joint import Joint
from nasbench.engine.limits import Limits
from nasbench.engine.priors import EVENT, Priors, gather
from nasbench.engine.problem import Problem, halves
from nasbench.engine.proxies import Scorer
from nasbench.engine.scheduler import TotalCost, Trial, TrialCost
from nasbench.engine.session import Outcome, Session
from nasbench.engine.trial import Context, Request, TrialResult, TrialRunner, remove_states
from nasbench.engine.trial_events import TrialEvents
from nasbench.errors import UserError
from nasbench.executors import Finished, Reported
from nasbench.space import Arch
from nasbench.strategies.sampled.ask_tell import propose_new
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SampledStrategy
from nasbench.tasks.base import Task
from nasbench.training.distributed import wait
from nasbench.training.loop import Callback


def search(
    kind: type[SampledStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    callback: Callback,
    priors: Priors | None = None,
) -> Outcome:
    """Train the strategy's proposals until the budget is spent, and return the best one.

    The journal holds every finished trial, and the strategy's state follows from them, so a
    resumed search continues with the trials that were under way.

    Args:
        kind: the strategy's class.
        problem: task and space.
        config: the options of the search.
        running: the run.
        callback: receives the progress.
        priors: what it begins with; ``None`` for what the journal of a continued run says.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, no architecture is within the limits, or every trial
            failed.
    """
    costs = Limits.of_search(problem, config, running)
    scorer = Scorer(
        problem,
        lambda: halves(problem.task, config.seed, config.val_fraction)[0],
        config.seed,
        running.device,
    )
    decisions = Joint(problem.domains, config.tuned)
    setting = SampledContext(
        config.seed,
        config.epochs,
        violation=lambda arch: costs.violation(decisions.network(arch)),
        proxy=lambda name, arch: scorer(name, decisions.network(arch)),
        metrics=tuple(one.name for one in (problem.task.metric, *problem.task.also)),
        # Features of cells alone would not see the options of training.
        graphs=problem.space.graphs if problem.space.draws_cells() and not config.tuned else None,
    )
    strategy = kind(decisions.domains, kind.Options(**config.strategy_options), setting)
    source = ArchitectureTrials(strategy, problem, decisions, config, costs, running, callback)
    source.begin(_begun(priors, problem, decisions, config, running, callback))
    total = source.replay()
    folder, beside = running.folder.path, strategy.beside
    context = Context.of(problem.task, config, config.val_fraction, folder, beside)
    running.note_length(len(context.train.labels), config)
    if config.budget is None:
        raise UserError("--budget is required: how much the search may spend, such as 20 or 15min")
    with scheduler.open_trial_executor(
        config,
        running,
        "nasbench.engine.trial:setup",
        context,
        source.keeps,
        lambda: TrialRunner(context, source.epoch_callback, running.stop),
    ) as executor:
        scheduler.run_trials(source, executor, Budget.parse(config.budget), total, running)
    remove_states(running)
    if not strategy.results:
        raise costs.unmet()
    if 0 < total.trials == total.failed:
        raise scheduler.no_result()
    best, metric = strategy.best(), problem.task.metric
    name, front = f"val_{metric.name}", strategy.front()
    return Outcome(
        decisions.network(best.arch),
        {name: metric.score(best.score)},
        total.seconds + scorer.seconds,
        evaluations=total.trials - total.failed,
        curve=scheduler.anytime_curve(
            [*source.learned, *running.folder.journal.events("trial")], metric
        ),
        front=tuple((decisions.network(one.arch), values_of(one, problem.task)) for one in front),
        training=decisions.training(best.arch),
        front_training=tuple(decisions.training(one.arch) for one in front),
    )


def values_of(result: Result, task: Task) -> dict[str, float]:
    """Return the metrics of a result as they are measured, ``val_accuracy`` first; and its costs.

    Args:
        result: of a trial.
        task: gives the metrics.
    """
    scores = {task.metric: result.score}
    scores |= {one: result.metrics[one.name] for one in task.also if one.name in result.metrics}
    return {**{f"val_{one.name}": one.score(s) for one, s in scores.items()}, **result.costs}


def _begun(
    priors: Priors | None,
    problem: Problem,
    decisions: Joint,
    config: SearchConfig,
    running: Session,
    callback: Callback,
) -> Priors:
    """Return what the search begins with, from the journal if the run has begun before.

    Raises:
        UserError: the run was killed before it noted what it begins with, and that has changed.
    """
    if not config.priors:
        return Priors()
    journal = running.folder.journal
    if noted := journal.events(EVENT):
        return Priors.of_content(noted[0], decisions)
    if priors is None:
        priors = gather(config, problem)
        if priors.summary(decisions) != config.priors:
            raise UserError(
                f"{running.folder.path}: the runs that it learns from have changed since it "
                "began: start a new run"
            )
    wait()  # no process writes before all have read
    if running.leads:
        for line in priors.notes:
            journal.append("note", text=line)
        journal.append(EVENT, **priors.content(decisions))
    for line in priors.notes:
        callback.phase(line)
    return priors


class ArchitectureTrials:
    """A source of trials: each trains an architecture that the strategy proposes.

    Args:
        strategy: proposes architectures and learns from their results.
        problem: task and space.
        decisions: those of the space, and the options of training beside them.
        config: the options of the search.
        costs: parameters, multiply-adds and latency of architectures.
        running: the run, whose journal holds the finished trials.
        callback: receives the progress.

    Attributes:
        epoch_callback: receives the epochs of trials that run in this process.
    """

    def __init__(
        self,
        strategy: SampledStrategy,
        problem: Problem,
        decisions: Joint,
        config: SearchConfig,
        costs: Limits,
        running: Session,
        callback: Callback,
    ) -> None:
        self.strategy = strategy
        self.problem = problem
        self.decisions = decisions
        self.config = config
        self.costs = costs
        self.running = running
        self.callback = callback
        self.share = scheduler.device_share(config)
        self.inline = config.concurrency == 1 and config.engine is None
        self._under_way: dict[int, Proposal] = {}
        self._seconds: dict[str, float] = {}  # of each training so far, by its key
        self._current = self._next = 0
        self._starts: list[Arch] = []
        self._learned: list[Result] = []
        self.events = TrialEvents(running, problem.task.metric.name)
        journal = journaled(running, callback, lambda: {"trial": self._current})
        self.epoch_callback = CallbackList([journal, self.events])

    def begin(self, priors: Priors) -> None:
        """Let the search begin with given architectures, and with trials of earlier searches.

        Trials whose architecture is over a limit, or that lack a metric of the strategy, are left
        out.

        Raises:
            UserError: a given architecture is over a limit.
        """
        for arch in priors.starts:
            if not self.strategy.fits(arch):
                network = self.decisions.network(arch)
                raise UserError(
                    f"--start-from: the architecture {network.id} is over {self.costs}"
                )
        self._starts = [*priors.starts]
        self._learned = [
            Result(
                one.arch,
                one.score,
                self.config.epochs,
                self._measures(one.arch),
                metrics=one.metrics,
            )
            for one in priors.trials
            if self.strategy.fits(one.arch) and set(self.strategy.beside) <= one.metrics.keys()
        ]
        if self._learned:
            self.strategy.update(self._learned)

    def replay(self) -> TotalCost:
        """Update the strategy with the trials in the journal, and return their cost."""
        total = TotalCost()
        for event in self.running.folder.journal.events("trial"):
            arch = self.decisions.arch(event["arch"], event.get("tuned", {}))
            failed = event.get("error") is not None
            score = 0.0 if failed else event["score"]
            beside = event.get("metrics", {})
            result = Result(arch, score, event["epochs"], event["costs"], failed, beside)
            self.strategy.update([result])
            if not event["known"]:
                total.trials, total.failed = total.trials + 1, total.failed + failed
                total.epochs += event["more_epochs"]
                total.seconds += event["seconds"]
                # Concurrent trials end out of order: a lower number may be lost for good.
                self._next = max(self._next, event["number"] + 1)
                if not failed:
                    self._seconds[self._key(arch, event["number"])] = event["total_seconds"]
        return total

    def ask(self) -> Trial | None:
        """Return a trial for the strategy's next proposal that needs a training."""
        proposal = propose_new(
            self.strategy,
            list(self._under_way.values()),
            self._known,
            lambda result: self._learn(result, self._next, known=True, seconds=0.0),
        )
        if proposal is None:
            return None
        proposal = self._or_start(proposal)
        if self._is_under_way(proposal):
            return None
        number, arch = self._next, proposal.arch
        self._next += 1
        self._under_way[number] = proposal
        self._current = number
        if self.inline:  # trials in workers are announced when they end
            self.callback.phase(f"trial {number}: architecture {self._named(arch)}")
        request = Request(
            self._key(arch, number),
            self.config.space,
            dict(self.decisions.network(arch)),
            dict(self.problem.arguments),
            self.decisions.training(arch),
            proposal.epochs,
            kept=proposal.epochs < self.config.epochs,
        )
        return Trial(number, request, proposal.epochs - self._trained(arch))

    def _or_start(self, proposal: Proposal) -> Proposal:
        """Return the proposal of a new architecture with one to start from in its place."""
        known = self.strategy.known(list(self._under_way.values()))
        left = [arch for arch in self._starts if arch not in known]
        return replace(proposal, arch=left[0]) if left and proposal.arch not in known else proposal

    @property
    def learned(self) -> list[dict[str, Any]]:
        """The trials of earlier searches, as events without cost."""
        return [{"score": result.score, "seconds": 0.0} for result in self._learned]

    def tell(self, finished: Finished) -> TrialCost:
        """Update the strategy with a trial's result and write it to the journal."""
        number = finished.number
        proposal = self._under_way.pop(number)
        arch, trained = proposal.arch, self._trained(proposal.arch)
        if finished.error is not None:
            cost = TrialCost(proposal.epochs - trained, finished.seconds * self.share)
            result = Result(arch, 0.0, proposal.epochs, failed=True)
            self._learn(
                result,
                number,
                seconds=cost.seconds,
                more_epochs=cost.epochs,
                error=finished.error,
            )
            self.events.discard()
            self.callback.phase(f"trial {number} failed: {finished.error}")
            return cost
        measured: TrialResult = finished.value
        key = self._key(arch, number)
        cost = TrialCost(
            measured.epochs - trained, measured.seconds * self.share - self._seconds.get(key, 0.0)
        )
        self._seconds[key] = (measured.seconds - measured.measuring) * self.share
        measures = self._measures(arch)
        self._learn(
            Result(arch, measured.score, measured.epochs, measures, metrics=measured.metrics),
            number,
            seconds=cost.seconds,
            total_seconds=self._seconds[key],
            more_epochs=cost.epochs,
            network=measured.network,
            latency_ms=measured.latency_ms,
        )
        value = self.problem.task.metric.score(measured.score)
        network = self.decisions.network(arch)
        self.events.write(number, {"architecture": network.id, **arch}, value)
        if not self.inline:
            said = self._words(measured.score)
            self.callback.phase(f"trial {number}: {self._named(arch)}: {said}")
        return cost

    def _measures(self, arch: Arch) -> dict[str, float]:
        """Return the costs of an architecture that the strategy asks for."""
        network = self.decisions.network(arch)
        return {name: self.costs.cost(network, name) for name in self.strategy.measures}

    def _named(self, arch: Arch) -> str:
        """Return the network's id, and the options of training if they are searched."""
        tuned = joint.words(self.decisions.training(arch))
        return f"{self.decisions.network(arch).id}, {tuned}" if tuned else arch.id

    def _words(self, score: float) -> str:
        metric = self.problem.task.metric
        return metric.measure.text(metric.score(score))

    def keeps(self, number: int, reported: Reported) -> bool:
        """Return ``True``: a strategy stops no trial early."""
        return True

    def _key(self, arch: Arch, number: int) -> str:
        return f"{arch.id}-{number}" if self.config.train_again else arch.id

    def _trained(self, arch: Arch) -> int:
        """Return for how many epochs ``arch`` has been trained."""
        if self.config.train_again:
            return 0
        done = [r.epochs for r in self.strategy.results if r.arch == arch and not r.failed]
        return max(done, default=0)

    def _is_under_way(self, proposal: Proposal) -> bool:
        """Return whether the architecture is being trained, so that its result is awaited."""
        pending = (one.arch for one in self._under_way.values())
        return not self.config.train_again and proposal.arch in pending

    def _known(self, proposal: Proposal) -> Result | None:
        """Return the result of an equal training, unless it is repeated or under way."""
        if self.config.train_again or self._is_under_way(proposal):
            return None
        same = (r for r in self.strategy.results if r.arch == proposal.arch)
        return next((r for r in same if r.failed or r.epochs >= proposal.epochs), None)

    def _learn(self, result: Result, number: int, **fields: Any) -> None:
        self.strategy.update([result])
        if self.running.leads:
            recorded = {"known": False, "total_seconds": 0.0, "more_epochs": 0, **fields}
            network, tuned = self.decisions.network(result.arch), self.decisions.tuned(result.arch)
            if tuned:
                recorded["tuned"] = tuned
            self.running.folder.journal.append(
                "trial",
                number=number,
                arch=dict(network),
                arch_id=network.id,
                score=None if result.failed else result.score,
                epochs=result.epochs,
                costs=dict(result.costs),
                **({"metrics": dict(result.metrics)} if result.metrics else {}),
                **recorded,
            )
