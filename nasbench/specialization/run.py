"""Finds networks within bounds that take over a supernet's weights, and writes them.

A supernet is trained once, and networks are found for each device without a training: Cai et al.,
"Once-for-All: Train One Network and Specialize it for Efficient Deployment", ICLR 2020. The search
is that of Lu et al., "NSGANetV2", ECCV 2020: NSGA-II over the metrics with shared weights and the
costs. BN's statistics are computed anew for each architecture, as in SPOS (Guo et al., ECCV 2020,
section 3.4). Architectures are measured on the validation half alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from nasbench import catalog
from nasbench.config import SpecializeConfig
from nasbench.cost.macs import counted
from nasbench.data import preprocessing
from nasbench.engine.limits import Limits, limits_of
from nasbench.engine.problem import inputs, on_device
from nasbench.engine.ranks import started
from nasbench.engine.search import Search, defaults, revision
from nasbench.engine.session import Session, session
from nasbench.engine.start import fingerprint
from nasbench.errors import UserError
from nasbench.faults import fault_of
from nasbench.measures import Measure
from nasbench.ranking.supernet import SearchedSupernet, SupernetMetric
from nasbench.space import Arch, SearchSpace
from nasbench.store.atomic import write_json
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.code import keep
from nasbench.store.journal import table
from nasbench.store.runs import FORMAT, RunFolder
from nasbench.store.weights import save_weights
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.nsga2 import Nsga2Options, Nsga2Strategy
from nasbench.strategies.sampled.objectives import Objectives
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.tasks import sources
from nasbench.training.loop import Callback
from nasbench.training.metrics import METRICS
from nasbench.training.stopping import Stopped, StopSignal

VERB = "specialize"
EVENT = "network"  # of the journal: an architecture with what was measured of it
PHASES = 10  # lines of progress during the evolution


@dataclass(frozen=True)
class Network:
    """An architecture with the supernet's weights.

    Attributes:
        folder: with ``checkpoint.json``, ``model.safetensors`` and ``preprocessing.json``.
        arch: the architecture.
        metrics: on the validation half, ``val_accuracy`` among them; and the costs ``params``,
            ``macs`` (left out if an operation cannot be counted) and ``latency_ms``.
    """

    folder: Path
    arch: Arch
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        named = {"arch": dict(self.arch), "arch_id": self.arch.id}
        return {"folder": str(self.folder), **named, "metrics": dict(self.metrics)}


@dataclass(frozen=True)
class Specialized:
    """The result of a specialization.

    Attributes:
        folder: the run folder, which holds the most accurate network itself.
        networks: those that were written, by ascending costs.
        best: the place of the most accurate one among them.
        objectives: what was improved.
        evaluations: number of architectures evaluated with the shared weights.
        front: number of architectures of the Pareto front.
        images: number of validation images.
        seconds: device-seconds, without the supernet's training.
        measures: how the values of each metric are read, by its name.
    """

    folder: RunFolder
    networks: tuple[Network, ...]
    best: int
    objectives: tuple[str, ...]
    evaluations: int
    front: int
    images: int
    seconds: float
    measures: Mapping[str, Measure]


def run_specialize(
    config: SpecializeConfig,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Specialized:
    """Search the supernet's architectures within the bounds, and write the best with weights.

    Args:
        config: the search, the bounds and the evolution.
        callback: receives the progress.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the run folder to continue, or ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the run is no one-shot search or has lost its supernet's weights, an objective
            is unknown, no architecture is within the bounds, or the networks cannot take over the
            weights.
    """
    if started() > 1:
        raise UserError("nasbench specialize works in one process: start it without torchrun")
    searched = SearchedSupernet.load(Path(config.search), config.device, config.data_dir)
    found = _Specialization(searched, config)
    name, task = catalog.short(searched.config.strategy), sources.short(searched.config.task)
    began = table(resumed.info.get("provenance")).get("supernet") if resumed else None
    if resumed and began != found.inputs["supernet"]:
        raise UserError(
            f"{resumed.path}: the supernet {config.search} has other weights than when the run "
            "began: start a new run"
        )
    with session(VERB, name, task, config, stop, resumed, command, inputs=found.inputs) as running:
        return found.run(running, callback)


class _Specialization:
    """A supernet, and the search for its networks.

    Args:
        searched: the search that trained it.
        config: the bounds and the evolution.
    """

    def __init__(self, searched: SearchedSupernet, config: SpecializeConfig) -> None:
        self.searched = searched
        self.config = config
        whole = searched.problem
        # The costs are those of the networks as they are written.
        built = {**whole.arguments, **whole.space.inside_supernet}
        self.problem = replace(whole, arguments=built)
        task = whole.task
        every = {one.name: one for one in (task.metric, *task.also)}
        every |= {k: one for k, one in METRICS[task.target].items() if k not in every}
        given = config.objectives
        if given is None:
            bounded = [name for name in limits_of(config)] or ["params"]
            given = ",".join([task.metric.name, *bounded])
        self.objectives = Objectives.parse(given, list(every))
        beside = {one.name for one in task.also} | {*self.objectives.metrics}
        self.metrics = [one for one in every.values() if one is task.metric or one.name in beside]

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The fingerprints of the data, of the user's own code and of the supernet's weights."""
        config = self.searched.config
        named = {kind: getattr(config, kind) for kind in ("strategy", "space", "task")}
        weights = self.searched.strategy.relaxed.network.state_dict()
        return {**inputs(self.problem.task, **named), "supernet": fingerprint(weights)}

    def run(self, running: Session, callback: Callback) -> Specialized:
        """Search, and write the networks."""
        config = self.config
        costs = Limits.of_search(self.problem, config, running)
        measured = SupernetMetric(self.searched, config.images or 10**9, config.seed)
        strategy, spent = self._evolve(costs, measured, running, callback)
        if not strategy.results:
            raise costs.unmet()
        since = time.perf_counter()
        callback.phase("writing networks")
        front = strategy.front()
        chosen = self.objectives.spread(front, config.count)
        best = max(range(len(chosen)), key=lambda place: chosen[place].score)
        seconds = spent + time.perf_counter() - since
        cost = {"device_seconds": seconds, "evaluations": len(strategy.results)}
        networks = []
        for place, result in enumerate(chosen):
            folder = running.folder.path / str(place + 1)
            network = self._write(result, folder, costs, measured, running, cost)
            networks.append(network)
        self._write(chosen[best], running.folder.path, costs, measured, running, cost)
        name = self.problem.task.metric.name
        running.folder.update(
            metrics={f"val_{name}": networks[best].metrics[f"val_{name}"]},
            cost=cost,
            networks=[one.to_json() for one in networks],
            front=[
                {"arch": dict(one.arch), "arch_id": one.arch.id, **self._values(one, costs)}
                for one in front
            ],
        )
        return Specialized(
            running.folder,
            tuple(networks),
            best,
            self.objectives.names,
            len(strategy.results),
            len(front),
            measured.images,
            seconds,
            {one.name: one.measure for one in self.metrics},
        )

    def _evolve(
        self, costs: Limits, measured: SupernetMetric, running: Session, callback: Callback
    ) -> tuple[Nsga2Strategy, float]:
        """Evaluate architectures; return the strategy with its results, and device-seconds.

        The journal holds every evaluation, from which the strategy's state follows.

        Raises:
            Stopped: a signal asked to stop.
        """
        domains, config = self.problem.domains, self.config
        names = [one.name for one in self.metrics]
        strategy = Nsga2Strategy(
            domains,
            Nsga2Options(population=config.population, objectives=",".join(self.objectives.names)),
            SampledContext(config.seed, violation=costs.violation, metrics=tuple(names)),
        )
        seconds = 0.0
        for event in running.folder.journal.events(EVENT):
            known = domains.arch(event["arch"])
            strategy.update([self._result(known, event["scores"], event["costs"])])
            seconds += event["seconds"]
        callback.phase(f"evaluating {config.candidates} architectures with the shared weights")
        every = max(PHASES, config.candidates // PHASES)
        while (done := len(strategy.results)) < config.candidates:
            if running.stop.requested:
                raise Stopped(
                    f"after {done} of {config.candidates} architectures", running.stop.number
                )
            if (arch := self._next(strategy, costs)) is None:
                break
            since = time.perf_counter()
            found = measured.predictions(arch)
            scores = {one.name: one.score(one.value(*found)) for one in self.metrics}
            cost = {name: costs.cost(arch, name) for name in strategy.measures}
            event = {"arch": dict(arch), "scores": scores, "costs": cost}
            event |= {"arch_id": arch.id, "seconds": time.perf_counter() - since}
            running.folder.journal.append(EVENT, **event)
            strategy.update([self._result(arch, scores, cost)])
            seconds += event["seconds"]
            if (done + 1) % every == 0 and done + 1 < config.candidates:
                best, metric = strategy.best(), self.problem.task.metric
                text = metric.measure.text(metric.score(best.score))
                callback.phase(f"{done + 1} architectures, best {metric.words} {text}")
        return strategy, seconds

    def _next(self, strategy: Nsga2Strategy, costs: Limits) -> Arch | None:
        """Return what to evaluate; first what the search found, if it is within the bounds."""
        if not strategy.results:
            found = self.searched.result()
            if found is not None and costs.violation(found) == 0:
                return found
        proposals = strategy.suggest(1)
        return proposals[0].arch if proposals else None

    def _result(
        self, arch: Arch, scores: Mapping[str, float], costs: Mapping[str, float]
    ) -> Result:
        leading = self.problem.task.metric.name
        beside = {name: score for name, score in scores.items() if name != leading}
        return Result(arch, scores[leading], costs=costs, metrics=beside)

    def _values(self, result: Result, costs: Limits) -> dict[str, float]:
        """Return the metrics of a result with the shared weights, and all costs."""
        scores = {self.problem.task.metric.name: result.score, **result.metrics}
        values = {f"val_{one.name}": one.score(scores[one.name]) for one in self.metrics}
        return {**values, **self._costs(result.arch, costs)}

    def _costs(self, arch: Arch, costs: Limits) -> dict[str, float]:
        """Return parameters, multiply-adds if all can be counted, and latency in ms."""
        found = {"params": costs.cost(arch, "params")}
        macs = counted(self._plain(arch), self.problem.task.spec)
        if not macs.uncounted:
            found["macs"] = macs.total
        return {**found, "latency_ms": costs.cost(arch, "latency_ms")}

    def _plain(self, arch: Arch) -> SearchSpace:
        problem = self.problem
        with torch.random.fork_rng(devices=[]):  # its random values are replaced
            return problem.space.freeze(arch, problem.task.spec, **problem.arguments)

    def _network(self, arch: Arch) -> SearchSpace:
        """Return the plain network with the supernet's weights, on its device.

        Raises:
            UserError: the plain network is built in another way than inside the supernet.
        """
        network = self._plain(arch)
        try:
            inherit_weights(network, self.searched.strategy.relaxed.network, arch)
        except RuntimeError as error:
            if fault_of(error) is not None:
                raise
            raise UserError(
                f"{self.searched.folder.path}: the supernet's weights have another shape than the "
                "network's: allowed: a supernet whose candidates compute all channels"
            ) from error
        return on_device(network, self.searched.device)

    def _write(
        self,
        result: Result,
        folder: Path,
        costs: Limits,
        measured: SupernetMetric,
        running: Session,
        cost: Mapping[str, float],
    ) -> Network:
        """Write a network with weights and measure it as it is written."""
        arch, problem, config = result.arch, self.problem, self.searched.config
        network = self._network(arch)
        found = measured.calibrated(network)
        values = {f"val_{one.name}": one.value(*found) for one in self.metrics}
        metrics = {**values, **self._costs(arch, costs)}
        folder.mkdir(exist_ok=True)
        save_weights(network, folder)
        if (about := problem.task.preprocessing) is not None:
            write_json(folder / preprocessing.FILE, about.to_json())
        keep(folder, catalog.fingerprints({"space": config.space, "task": config.task}))
        self._checkpoint(arch, metrics, running, cost).write(folder / "checkpoint.json")
        if folder != running.folder.path:
            info = running.folder.info
            own = {key: info[key] for key in ("verb", "name", "task", "seed")}
            own |= {"format": FORMAT, "status": "done", "metrics": metrics}
            write_json(folder / "run.json", {**own, "provenance": running.started})
        return Network(folder, arch, metrics)

    def _checkpoint(
        self,
        arch: Arch,
        metrics: Mapping[str, float],
        running: Session,
        cost: Mapping[str, float],
    ) -> Checkpoint:
        """Return the checkpoint of a network; the search's own says how the supernet was found."""
        config, problem, options = self.searched.config, self.problem, self.config
        strategy = self.searched.strategy
        bounds = {key: getattr(options, key) for key in ("max_params", "max_macs", "max_latency")}
        how = {"objectives": ",".join(self.objectives.names), "candidates": options.candidates}
        how |= {"population": options.population, "count": options.count}
        if options.images is not None:
            how["images"] = options.images
        return Checkpoint(
            space={
                "name": config.space,
                "arguments": dict(problem.arguments),
                "sha256": catalog.fingerprint(config.space),
            },
            arch=dict(arch),
            data=problem.task.spec.to_json(),
            strategy={"name": config.strategy, "options": config.strategy_options},
            task=config.task,
            seed=config.seed,
            search={**config.compared(), **revision(type(strategy)), **bounds, VERB: how},
            defaults=defaults(Search.of(config)),
            metrics=dict(metrics),
            cost={**cost, "device_seconds": self.searched.seconds + cost["device_seconds"]},
            given=f"{arch.id} of {running.folder.name}",
            run=running.folder.name,
            provenance=running.started,
            weights=self.searched.folder.name,
        )
