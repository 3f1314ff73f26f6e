"""Measures whether a supernet ranks architectures as stand-alone training does.

Yu et al., "Evaluating the Search Phase of Neural Architecture Search", ICLR 2020; Yu et al., "How
to Train Your Super-Net: An Analysis of Training Heuristics in Weight-Sharing NAS", 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench import provenance
from nasbench.cost.macs import counted, depth
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.problem import Problem, halves
from nasbench.engine.proxies import Scorer, proxy
from nasbench.errors import UserError
from nasbench.proxies.aggregation import members, ranks, values
from nasbench.ranking.correlation import SUPERNET, agreements, position, verdict
from nasbench.ranking.ground_truth import GroundTruth, TableTruth, TrainedTruth
from nasbench.ranking.options import FEWEST, SAMPLES, RankingOptions
from nasbench.ranking.supernet import SearchedSupernet, SupernetMetric
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.store.atomic import write_json
from nasbench.strategies.sampled.proxy_scores import split
from nasbench.tabular.loading import load_table
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal

FORMAT = "nasbench-trust/1"


def run_ranking(
    run: Path, options: RankingOptions, callback: Callback, stop: StopSignal
) -> dict[str, Any]:
    """Measure, write ``trust.json`` into the run folder, and return its content.

    Args:
        run: folder of a one-shot search.
        options: ground truth and samples.
        callback: notified of the phases and of each training.
        stop: set by Ctrl-C and SIGTERM while this function runs.

    Raises:
        Stopped: a signal asked to stop; finished trainings are kept.
        UserError: the run or the ground truth does not fit.
    """
    searched = SearchedSupernet.load(run, options.device, options.data_dir)
    started = provenance.collect()
    with searched.folder.held(), stop.listening():
        truth: GroundTruth
        if options.table is not None:
            table = load_table(options.table, options.data_dir)
            truth = TableTruth(table, options.table, options.dataset, searched)
        else:
            size, space = searched.problem.domains.size, searched.config.space
            if options.train is not None and options.train > size:
                raise UserError(
                    f"--train {options.train}: the space {space} has {size:,} architectures"
                )
            truth = TrainedTruth(searched, options.epochs, options.repeats, callback, stop)
        report = _measure(options, searched, truth, callback, stop)
        write_json(run / "trust.json", {**report, "provenance": started})
    return report


def _measure(
    options: RankingOptions,
    searched: SearchedSupernet,
    truth: GroundTruth,
    callback: Callback,
    stop: StopSignal,
) -> dict[str, Any]:
    """Return the content of ``trust.json`` without the provenance."""
    names = split("--proxy ", options.proxy) if options.proxy is not None else ()
    proxies = [name for name in members(names) if name != SUPERNET]
    for name in proxies:
        proxy(name)
    count = options.train or options.samples or SAMPLES
    # The samples of a smaller count are the first ones of a larger count.
    stream = np.random.default_rng(derive(options.seed, "trust"))
    archs = searched.problem.domains.sample_distinct(count, stream)
    result = searched.result()
    shared = searched.problem.task.metric.measure
    alone = truth.measure
    measured = SupernetMetric(searched, options.images, options.seed)
    callback.phase(f"supernet {shared.words} of {len(archs)} architectures")
    scorer = _scorer(searched, options.seed)
    scored = [
        _score(arch, searched.problem, measured, stop)
        | {"proxies": {name: _finite(scorer(name, arch)) for name in proxies}}
        for arch in archs
    ]
    trainings = truth([*archs, *([] if result is None else [result])])
    rows = [
        {**row, "truth": float(np.mean(own)), "trainings": list(own)}
        for row, own in zip(scored, trainings, strict=False)
        if own
    ]
    if len(rows) < FEWEST:
        raise UserError(
            f"{searched.folder.path}: only {len(rows)} trainings gave a result: "
            f"needs at least {FEWEST}"
        )
    found = None
    if result is not None and trainings[-1]:
        place = position(float(np.mean(trainings[-1])), [row["truth"] for row in rows], alone)
        found = {"arch": dict(result), SUPERNET: measured(result), **place}
    counts = (SUPERNET, "parameters", "multiply-adds", "depth")
    # A baseline that cannot be counted for one architecture ranks none.
    known = [name for name in counts if all(row[name] is not None for row in rows)]
    scores = {name: [float(row[name]) for row in rows] for name in known}
    # Rankings are of scores, of which more is better; the report holds values of the metric.
    scores[SUPERNET] = [shared.score(value) for value in scores[SUPERNET]]
    columns = {SUPERNET: np.array(scores[SUPERNET])}
    for name in proxies:
        found_scores = [row["proxies"][name] for row in rows]
        columns[name] = np.array([-np.inf if one is None else one for one in found_scores])
    scores |= {name: ranks(values(name, columns)).tolist() for name in names if name != SUPERNET}
    trained = [[alone.score(value) for value in row["trainings"]] for row in rows]
    ranked = agreements(scores, trained, derive(options.seed, "bootstrap"))
    config = searched.config
    return {
        "format": FORMAT,
        "run": searched.folder.name,
        **{name: getattr(config, name) for name in ("strategy", "space", "task")},
        "epochs": searched.epochs,
        "seed": options.seed,
        "truth": truth.description,
        "metric": shared.to_json(),
        "truth_metric": alone.to_json(),
        "images": measured.images,
        "failed": len(archs) - len(rows),
        "agreement": {name: one.to_json() for name, one in ranked.items()},
        "verdict": verdict(ranked, len(rows), shared.words),
        "found": found,
        "architectures": rows,
    }


def _scorer(searched: SearchedSupernet, seed: int) -> Scorer:
    """Return what scores plain networks on images of the training half."""
    problem, config = searched.problem, searched.config
    return Scorer(
        problem,
        lambda: halves(problem.task, config.seed, config.val_fraction)[0],
        seed,
        searched.device,
    )


def _finite(score: float) -> float | None:
    return float(score) if np.isfinite(score) else None


def _score(
    arch: Arch, problem: Problem, measured: SupernetMetric, stop: StopSignal
) -> dict[str, Any]:
    """Return an architecture with its metric in the supernet and its sizes."""
    if stop.requested:
        raise Stopped("while the supernet was measured", stop.number)
    spec = problem.task.spec
    with torch.random.fork_rng(devices=[]):
        network = problem.space.freeze(arch, problem.task.spec, **problem.arguments)
    macs = counted(network, spec)
    return {
        "arch": dict(arch),
        SUPERNET: measured(arch),
        "parameters": inference_parameter_count(network, network.training_only),
        "multiply-adds": None if macs.uncounted else macs.total,
        "uncounted": list(macs.uncounted),
        "depth": depth(network, spec),
    }
