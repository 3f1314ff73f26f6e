"""A search from its configuration to ``checkpoint.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.config import SearchConfig
from nasbench.engine import oneshot, sampled, unused
from nasbench.engine.auto_batch import run_with_auto_batch
from nasbench.engine.presets import search_defaults
from nasbench.engine.problem import Problem, load_space, load_task
from nasbench.engine.session import Outcome, Session, session
from nasbench.errors import UserError
from nasbench.report.drawing import draw
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal


@dataclass(frozen=True)
class Found:
    """A finished search.

    Attributes:
        folder: the run folder.
        checkpoint: the path of ``checkpoint.json``.
        text: the architecture as people write it.
        drawings: paths of its pictures.
        note: one line about the drawing, or ``""``.
        outcome: architecture, metrics and cost.
        front: the paths of further checkpoints, where the result is a Pareto front.
    """

    folder: RunFolder
    checkpoint: Path
    text: str
    drawings: tuple[Path, ...]
    note: str
    outcome: Outcome
    front: tuple[Path, ...] = ()


def configure(given: dict[str, Any], assignments: dict[str, Any]) -> SearchConfig:
    """Return the whole configuration: defaults, then the preset, then what the user gave.

    Args:
        given: options by name, ``None`` where the user left them alone.
        assignments: the ``-o key=value`` arguments.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range.
    """
    asked = SearchConfig.from_layers(given)
    strategy, space = load_strategy(asked.strategy), load_space(asked.space)
    catalog.check("task", asked.task)
    own, network = arguments.split(
        assignments,
        strategy=arguments.of_dataclass(strategy.Options),
        space=arguments.of_space(space),
    )
    sampled = issubclass(strategy, SampledStrategy)
    if sampled and asked.auto_batch:
        raise UserError(f"--auto-batch: is for one-shot strategies, and {asked.strategy} is none")
    defaults = search_defaults(asked.preset, asked.strategy, asked.task, sampled)
    options = strategy.Options(
        **{**defaults.pop("strategy_options"), **asked.strategy_options, **own}
    )
    if not sampled:
        unused.refuse(asked, options, own)
    by_preset = space.search_arguments.get(asked.preset, {})
    network = {**by_preset, **asked.space_arguments, **network}
    network = arguments.complete(space, network)
    return SearchConfig.from_layers(
        defaults, given, {"strategy_options": asdict(options), "space_arguments": network}
    )


def load_strategy(name: str) -> type[OneShotStrategy] | type[SampledStrategy]:
    """Return the strategy of that name.

    Raises:
        UserError: it is unknown, or follows neither protocol.
    """
    found = catalog.resolve("strategy", name)
    if not (isinstance(found, type) and issubclass(found, OneShotStrategy | SampledStrategy)):
        raise UserError(f"strategy {name!r}: must be a OneShotStrategy or SampledStrategy")
    return found


def run_search(
    config: SearchConfig,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Found:
    """Search, and write ``checkpoint.json`` and its drawing into the run folder.

    Args:
        config: the options.
        callback: receives the events of the run.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the run folder to continue, or ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: something that the user can mend.
    """
    strategy, space = load_strategy(config.strategy), load_space(config.space)
    problem = Problem.of(load_task(config, config.task), space, config.space_arguments)
    if not problem.domains:
        raise UserError(f"space {config.space!r} has no choices: there is nothing to search")
    name, short = catalog.short(config.strategy), catalog.short(config.task)
    with session("search", name, short, config, stop, resumed, command) as running:
        outcome, config = _drive(strategy, problem, config, running, callback)
        path, text = running.folder.path / "checkpoint.json", space.text(outcome.arch)
        if not running.leads:
            return Found(running.folder, path, text, (), "", outcome)
        found = _checkpoint(outcome, problem, config, running)
        found.write(path)
        front = _write_front(found, outcome, running)
        running.folder.update(cost=found.cost, metrics=outcome.metrics)
        drawing = draw(space.graphs(outcome.arch), path.with_name("architecture"))
        note = drawing.note or ""
        return Found(running.folder, path, text, drawing.paths, note, outcome, front)


def _drive(
    strategy: type[OneShotStrategy] | type[SampledStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    callback: Callback,
) -> tuple[Outcome, SearchConfig]:
    """Hand the search to the driver of its protocol; return the options that were used, too."""
    if issubclass(strategy, OneShotStrategy):
        return run_with_auto_batch(
            lambda wanted: oneshot.search(strategy, problem, wanted, running, callback),
            lambda wanted: oneshot.try_step(strategy, problem, wanted, running),
            config,
            running,
            callback,
        )
    return sampled.search(strategy, problem, config, running, callback), config


def _checkpoint(
    outcome: Outcome, problem: Problem, config: SearchConfig, running: Session
) -> Checkpoint:
    spec = problem.task.spec
    space = {"name": config.space, "arguments": dict(problem.arguments)}
    return Checkpoint(
        space={**space, "sha256": catalog.fingerprint(config.space)},
        arch=dict(outcome.arch),
        data=asdict(spec),
        strategy={"name": config.strategy, "options": config.strategy_options},
        task=config.task,
        seed=config.seed,
        search=config.compared(),
        metrics=outcome.metrics,
        cost={"device_seconds": outcome.seconds, "evaluations": outcome.evaluations},
        watch=dict(outcome.watch),
        curve=outcome.curve,
        run=running.folder.name,
        provenance=running.started,
    )


def _write_front(found: Checkpoint, outcome: Outcome, running: Session) -> tuple[Path, ...]:
    """Write a checkpoint for each architecture of a Pareto front."""
    if len(outcome.front) < 2:
        return ()
    paths = []
    for number, (arch, metrics) in enumerate(outcome.front, start=1):
        paths.append(running.folder.path / f"checkpoint-{number}.json")
        replace(found, arch=dict(arch), metrics=dict(metrics)).write(paths[-1])
    return tuple(paths)
