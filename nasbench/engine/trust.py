"""Whether to believe a one-shot search: do the shared weights rank as trainings do?

Yu et al., "Evaluating the Search Phase of Neural Architecture Search", ICLR 2020; Yu et al., "How
to Train Your Super-Net: An Analysis of Training Heuristics in Weight-Sharing NAS", 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nasbench import provenance
from nasbench.cost.depth import depth
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import inference_parameter_count
from nasbench.engine.problem import Problem
from nasbench.engine.searched import Searched, load_searched
from nasbench.engine.supernet_accuracy import SupernetAccuracy
from nasbench.engine.trust_asked import SAMPLES, Asked
from nasbench.engine.trust_ranks import FEWEST, SUPERNET, agreements, standing, verdict
from nasbench.engine.trust_truth import TableTruth, TrainedTruth, Truth
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.store.atomic import write_json
from nasbench.tabular.loading import load_table
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal

FORMAT = "nasbench-trust/1"


def run_trust(asked: Asked, callback: Callback, stop: StopSignal) -> dict[str, Any]:
    """Measure, write ``trust.json`` into the run folder, and return what it holds.

    Raises:
        Stopped: a signal asked to stop; trainings that ended are kept.
        UserError: the run or the truth does not fit.
    """
    searched = load_searched(asked.run, asked.device, asked.data_dir)
    started = provenance.collect()
    with searched.folder.held(), stop.listening():
        truth = _truth(asked, searched, callback, stop)
        report = _measured(asked, searched, truth, callback, stop)
        write_json(asked.run / "trust.json", {**report, "provenance": started})
    return report


def _truth(asked: Asked, searched: Searched, callback: Callback, stop: StopSignal) -> Truth:
    if asked.table is not None:
        table = load_table(asked.table, asked.data_dir)
        return TableTruth(table, asked.table, asked.dataset, searched)
    size = searched.problem.domains.size
    if asked.train is not None and asked.train > size:
        space = searched.config.space
        raise UserError(f"--train {asked.train}: the space {space} has {size:,} architectures")
    return TrainedTruth(searched, asked.epochs, asked.repeats, callback, stop)


def drawn(domains: Domains, count: int, seed: int) -> list[Arch]:
    """Return so many different architectures, uniformly drawn; all where there are no more.

    Of two counts below the size, the smaller one's are the first of the larger one's.
    """
    return domains.sample_distinct(count, np.random.default_rng(derive(seed, "trust")))


def _measured(
    asked: Asked, searched: Searched, truth: Truth, callback: Callback, stop: StopSignal
) -> dict[str, Any]:
    """Return all that ``trust.json`` holds but the provenance."""
    count = asked.train or asked.samples or SAMPLES
    archs = drawn(searched.problem.domains, count, asked.seed)
    found = searched.found()
    accuracy = SupernetAccuracy(searched, asked.images, asked.seed)
    callback.phase(f"supernet accuracies of {len(archs)} architectures")
    rows = [_row(arch, searched.problem, accuracy, stop) for arch in archs]
    more = [] if found is None else [found]
    trainings = truth([*archs, *more])
    rows = [
        {**row, "truth": float(np.mean(own)), "trainings": list(own)}
        for row, own in zip(rows, trainings, strict=False)
        if own
    ]
    if len(rows) < FEWEST:
        raise UserError(f"{asked.run}: only {len(rows)} trainings gave a result: needs {FEWEST}")
    own_trainings = trainings[-1] if more else ()
    return {
        "format": FORMAT,
        "run": searched.folder.name,
        **_of_search(searched),
        "seed": asked.seed,
        "truth": truth.words,
        "images": accuracy.images,
        "failed": len(archs) - len(rows),
        **_ranked(rows, asked.seed),
        "found": _found(found, own_trainings, rows, accuracy),
        "architectures": rows,
    }


def _of_search(searched: Searched) -> dict[str, Any]:
    config = searched.config
    names = ("strategy", "space", "task")
    return {**{name: getattr(config, name) for name in names}, "epochs": searched.epochs}


def _row(
    arch: Arch, problem: Problem, accuracy: SupernetAccuracy, stop: StopSignal
) -> dict[str, Any]:
    """Return an architecture with its supernet accuracy and its sizes."""
    if stop.requested:
        raise Stopped("while supernet accuracies were measured", stop.number)
    shape = problem.task.spec.shape
    with torch.random.fork_rng(devices=[]):
        network = problem.space.freeze(arch, problem.task.spec, **problem.arguments)
    return {
        "arch": dict(arch),
        SUPERNET: accuracy(arch),
        "parameters": inference_parameter_count(network, network.training_only),
        "multiply-adds": multiply_adds(network, shape),
        "depth": depth(network, shape),
    }


def _ranked(rows: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    names = (SUPERNET, "parameters", "multiply-adds", "depth")
    scores = {name: [float(row[name]) for row in rows] for name in names}
    found = agreements(scores, [row["trainings"] for row in rows], derive(seed, "bootstrap"))
    return {
        "agreement": {name: one.to_json() for name, one in found.items()},
        "verdict": verdict(found),
    }


def _found(
    arch: Arch | None,
    trainings: Sequence[float],
    rows: Sequence[dict[str, Any]],
    accuracy: SupernetAccuracy,
) -> dict[str, Any] | None:
    """Return where the search's own architecture stands, ``None`` where that is not known."""
    if arch is None or not trainings:
        return None
    place = standing(float(np.mean(trainings)), [row["truth"] for row in rows])
    return {"arch": dict(arch), SUPERNET: accuracy(arch), **place}
