"""A search from its configuration to ``checkpoint.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.config import SearchConfig, TrialsConfig
from nasbench.engine import joint, oneshot, sampled
from nasbench.engine.auto_batch import run_with_auto_batch
from nasbench.engine.callbacks import write_graph
from nasbench.engine.joint import Joint
from nasbench.engine.limits import FLAGS, limits_of
from nasbench.engine.presets import (
    RANKING,
    Amount,
    network_arguments,
    paper_recipe,
    search_defaults,
)
from nasbench.engine.priors import Priors, gather
from nasbench.engine.problem import Data, Problem, inputs, load_space
from nasbench.engine.ranks import Ranks, beside
from nasbench.engine.session import Outcome, Session, session
from nasbench.errors import UserError
from nasbench.options import require_effect
from nasbench.report.drawing import draw
from nasbench.space import SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal

# Options that only a strategy with trials uses.
OF_TRIALS = (*(entry.name for entry in fields(TrialsConfig)), "train_again")
OF_TRIALS += ("tune", "tuned", "start_from", "learn_from")


@dataclass(frozen=True)
class Search:
    """A search to run: its options, with the names among them resolved.

    Attributes:
        config: the options.
        strategy: the strategy's class.
        space: the class of networks.
        data: the task; every seed uses the same.
        priors: what it begins with; ``None`` for a run to continue, whose journal says it.
    """

    config: SearchConfig
    strategy: type[OneShotStrategy] | type[SampledStrategy]
    space: type[SearchSpace]
    data: Data
    priors: Priors | None = None

    @classmethod
    def of(cls, config: SearchConfig, task: Task | None = None) -> Search:
        """Resolve the strategy and the space that the options name.

        Args:
            config: the options.
            task: the task that they name if it is already here.

        Raises:
            UserError: one of them is unknown, or is no strategy or space.
        """
        strategy, space = load_strategy(config.strategy), load_space(config.space)
        # Those of a run folder may be of an older version, or changed since.
        (own,) = arguments.split(
            config.strategy_options, strategy=arguments.of_dataclass(strategy.Options)
        )
        strategy.Options(**own)
        arguments.split(config.space_arguments, space=arguments.of_space(space))
        if config.tuned:
            joint.check(config.tuned, config)
        return cls(config, strategy, space, Data(config.task, config, task))

    @property
    def sampled(self) -> bool:
        """Whether the strategy trains its candidates one by one."""
        return issubclass(self.strategy, SampledStrategy)

    def with_seed(self, seed: int) -> Search:
        """Return the same search with another seed."""
        return replace(self, config=replace(self.config, seed=seed))


@dataclass(frozen=True)
class Found:
    """A finished search.

    Attributes:
        folder: the run folder.
        checkpoint: path of ``checkpoint.json``.
        text: the architecture in readable form.
        drawings: paths of its drawings.
        note: one line about the drawing, or ``""``.
        outcome: architecture, metrics and cost.
        front: paths of one checkpoint per architecture of a Pareto front.
    """

    folder: RunFolder
    checkpoint: Path
    text: str
    drawings: tuple[Path, ...]
    note: str
    outcome: Outcome
    front: tuple[Path, ...] = ()


def configure(
    given: dict[str, Any], assignments: dict[str, Any], task: Task | None = None
) -> Search:
    """Return the search with all its options: defaults, then the preset's, then the user's.

    Args:
        given: options by name; ``None`` for the default.
        assignments: the ``-o key=value`` arguments.
        task: the task that they name if it is already here.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range, or has no
            effect on this search.
    """
    search = Search.of(SearchConfig.from_layers(given), task)
    asked, strategy, space = search.config, search.strategy, search.space
    if task is None:
        sources.check(asked.task)
    own, network = arguments.split(
        assignments,
        strategy=arguments.of_dataclass(strategy.Options),
        space=arguments.of_space(space),
    )
    sampled = issubclass(strategy, SampledStrategy)
    if sampled and asked.auto_batch:
        raise UserError(f"--auto-batch: is for one-shot strategies, and {asked.strategy} is none")
    recipe = paper_recipe(strategy, asked.space)
    preset = asked.preset, asked.strategy, asked.task, sampled, recipe
    by_strategy = search_defaults(*preset)["strategy_options"]
    options = strategy.Options(**{**by_strategy, **asked.strategy_options, **own})
    if not sampled:
        _refuse_without_effect(asked, options, own)
    by_preset = network_arguments(space.search_arguments, asked.preset)
    if asked.preset == "paper":
        by_preset = {**by_preset, **recipe.network}
    network = arguments.complete(space, {**by_preset, **asked.space_arguments, **network})
    search.data.check_smoothing(asked)
    given = {**given, "task": sources.located(asked.task)}
    amount = _amount(search, given)
    config = SearchConfig.from_layers(
        search_defaults(*preset, amount, given),
        given,
        {"strategy_options": asdict(options), "space_arguments": network},
    )
    return _with_priors(replace(search, config=_with_tuned(config, amount)))


def _amount(search: Search, given: dict[str, Any]) -> Amount | None:
    """Return how much the search trains on, as far as its preset asks for it.

    Args:
        search: with the options that the user gave.
        given: the same options by name.
    """
    if search.config.preset != "ranking":
        return search.data.amount(search.config)
    split = {"val_fraction": RANKING["val_fraction"]}
    return search.data.amount(SearchConfig.from_layers(split, given), always=True)


def _with_priors(search: Search) -> Search:
    """Return the search with what it begins with, the same for all its seeds.

    Raises:
        UserError: an earlier run or checkpoint does not fit, or the strategy learns from none.
    """
    config, strategy = search.config, search.strategy
    if config.priors:
        raise UserError("priors: is what --start-from and --learn-from found: give these")
    if config.start_from is None and config.learn_from is None:
        return replace(search, priors=Priors())
    assert issubclass(strategy, SampledStrategy)
    if config.learn_from is not None and not strategy.takes_results:
        raise UserError(
            f"--learn-from {config.learn_from}: {config.strategy} compares trials of one rung "
            "alone and learns from no others: leave it out, or take --start-from"
        )
    problem = Problem.of(search.data.part(config), search.space, config.space_arguments)
    priors = gather(config, problem)
    summary = priors.summary(Joint(problem.domains, config.tuned))
    return replace(search, config=replace(config, priors=summary), priors=priors)


def _with_tuned(config: SearchConfig, amount: Amount | None) -> SearchConfig:
    """Return the configuration with the ranges of what ``--tune`` names.

    Raises:
        UserError: an option is unknown, or its range is empty or not allowed.
    """
    if config.tune is not None:
        config = replace(config, tuned=joint.content_of(config.tune, config.optimizer, amount))
    elif config.tuned:
        config = replace(config, tuned=joint.named(config.tuned))
    if config.tuned:
        joint.check(config.tuned, config)
    return config


def _refuse_without_effect(asked: SearchConfig, options: Any, given: Mapping[str, Any]) -> None:
    """Raise if an option has no effect on a one-shot search.

    Args:
        asked: the options of the search, without the preset's.
        options: the strategy's options.
        given: those of them that the user gave.

    Raises:
        UserError: one line names the option and what it is for.
    """
    plain = SearchConfig()
    for name in OF_TRIALS:
        if getattr(asked, name) != getattr(plain, name):
            raise UserError(
                f"{asked.shown(name)}: {asked.strategy} trains one supernet and "
                "has no trials: it is for sampled strategies"
            )
    require_effect(options, given)
    if "penalty" in given and not limits_of(asked):
        raise UserError(
            f"-o penalty={given['penalty']}: is for a search with limits: "
            f"give {', '.join(FLAGS.values())}, or leave it out"
        )


def ranks_of(search: Search) -> Ranks:
    """Return the processes that carry out a search with any seed."""
    return Ranks(int(search.config.processes), f"{__name__}:in_rank", search.config)


def in_rank(config: SearchConfig) -> Callable[[tuple[int, Path | None]], None]:
    """Return what searches in a process beside the first.

    Args:
        config: the options. The job is the seed, and the run folder to continue.
    """
    return beside(Search.of(config), run_search)


def load_strategy(name: str) -> type[OneShotStrategy] | type[SampledStrategy]:
    """Return the strategy of that name.

    Raises:
        UserError: it is unknown, or neither a one-shot nor a sampled strategy.
    """
    found = catalog.resolve("strategy", name)
    if not (isinstance(found, type) and issubclass(found, OneShotStrategy | SampledStrategy)):
        raise UserError(f"strategy {name!r}: must be a OneShotStrategy or SampledStrategy")
    return found


def is_sampled(name: str) -> bool:
    """Return whether a strategy trains its candidates one by one.

    Raises:
        UserError: it is unknown, or is no strategy.
    """
    return issubclass(load_strategy(name), SampledStrategy)


def run_search(
    search: Search,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Found:
    """Search, and write ``checkpoint.json`` and its drawing to the run folder.

    Args:
        search: the strategy, the space and the options.
        callback: receives the progress.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the folder of the run to continue; ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the task, the space and the options do not fit together, or nothing was found.
    """
    config, strategy, space = search.config, search.strategy, search.space
    problem = Problem.of(search.data.part(config), space, config.space_arguments)
    if not problem.domains:
        raise UserError(f"space {config.space!r} has no choices: there is nothing to search")
    if config.tuned:
        joint.check(config.tuned, config, problem.task)
    if not search.sampled and problem.domains.size < 2:
        raise UserError(
            f"space {config.space!r} has a single architecture: there is nothing to search"
        )
    name, short = catalog.short(config.strategy), sources.short(config.task)
    read = inputs(problem.task, strategy=config.strategy, space=config.space, task=config.task)
    with session("search", name, short, config, stop, resumed, command, inputs=read) as running:
        if issubclass(strategy, OneShotStrategy):
            outcome, config = run_with_auto_batch(
                lambda wanted: oneshot.search(strategy, problem, wanted, running, callback),
                lambda wanted: oneshot.try_step(strategy, problem, wanted, running),
                config,
                running,
                callback,
            )
        else:
            outcome = sampled.search(strategy, problem, config, running, callback, search.priors)
        path, text = running.folder.path / "checkpoint.json", space.text(outcome.arch)
        if not running.leads:
            return Found(running.folder, path, text, (), "", outcome)
        found = _checkpoint(outcome, problem, replace(search, config=config), running)
        found.write(path)
        front = _write_front(found, outcome, config, running)
        chosen = {"parameters": dict(outcome.training)} if config.tuned else {}
        running.folder.update(cost=found.cost, metrics=outcome.metrics, **chosen)
        built = partial(space.freeze, outcome.arch, problem.task.spec, **problem.arguments)
        write_graph(running, built, problem.task.spec)
        figures = space.figures(outcome.arch, problem.task.spec, problem.arguments)
        drawing = draw(figures.parts, path.with_name("architecture"))
        note = drawing.note or figures.note
        return Found(running.folder, path, text, drawing.paths, note, outcome, front)


def _checkpoint(
    outcome: Outcome, problem: Problem, search: Search, running: Session
) -> Checkpoint:
    spec, config, strategy = problem.task.spec, search.config, search.strategy
    space = {"name": config.space, "arguments": dict(problem.arguments)}
    return Checkpoint(
        space={**space, "sha256": catalog.fingerprint(config.space)},
        arch=dict(outcome.arch),
        data=spec.to_json(),
        strategy={"name": config.strategy, "options": config.strategy_options},
        task=config.task,
        seed=config.seed,
        search={**config.compared(), **revision(strategy)},
        defaults=defaults(search),
        metrics=outcome.metrics,
        cost={"device_seconds": outcome.seconds, "evaluations": outcome.evaluations},
        watch=dict(outcome.watch),
        curve=outcome.curve,
        run=running.folder.name,
        provenance=running.started,
        **_tuned(config, outcome.training),
    )


def _tuned(config: SearchConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a checkpoint whose search also tuned the training."""
    if not config.tuned:
        return {}
    training = joint.trained_with(config, found)
    return {"kind": "joint", "training": training, "hyperparameters": dict(found)}


def defaults(search: Search) -> dict[str, Any]:
    """Return what it means if a search's configuration lacks an option."""
    return {
        **SearchConfig.defaults(),
        "strategy_options": arguments.defaults_of(search.strategy.Options),
        "space_arguments": arguments.complete(search.space, {}),
    }


def revision(strategy: type[OneShotStrategy] | type[SampledStrategy]) -> dict[str, int]:
    """Return the number of the strategy's algorithm, which the first one leaves out."""
    return {"revision": strategy.revision} if strategy.revision > 1 else {}


def _write_front(
    found: Checkpoint, outcome: Outcome, config: SearchConfig, running: Session
) -> tuple[Path, ...]:
    """Write a checkpoint for each architecture of a Pareto front."""
    if len(outcome.front) < 2:
        return ()
    paths = []
    for number, (arch, metrics) in enumerate(outcome.front, start=1):
        paths.append(running.folder.path / f"checkpoint-{number}.json")
        given = f"number {number} of the front of {running.folder.name}"
        member = replace(found, arch=dict(arch), metrics=dict(metrics), given=given)
        if outcome.front_training:
            member = replace(member, **_tuned(config, outcome.front_training[number - 1]))
        member.write(paths[-1])
    return tuple(paths)
