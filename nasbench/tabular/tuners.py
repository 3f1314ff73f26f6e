"""Benchmark of tuners on tables of hyperparameters (``nasbench bench tuners``)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasbench import catalog
from nasbench.errors import UserError, unknown
from nasbench.executors import Report, Work
from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.base import Tuner
from nasbench.report.ranks import Ranking, ranking
from nasbench.tabular import package
from nasbench.tabular.hpo_tables import FAMILIES, FORMS, families, hpo_table
from nasbench.tabular.parallel import Kept, Parallel, code_digest, job_key
from nasbench.tabular.search import OwnCodeError, own_code

Floats = NDArray[np.float64]
BASELINE = "random"
CODE = ("nasbench.hpo", "nasbench.tabular")
SLOW = ("gp",)
"""Tuners that run only if they are named: their runs take a hundred times longer."""


class Run(NamedTuple):
    """One run of a tuner on a table."""

    family: str
    dataset: str
    tuner: str
    seed: int
    form: str
    trials: int


@dataclass(frozen=True, eq=False)
class TunerBenchmark:
    """Runs of several tuners.

    Attributes:
        form: of the search spaces; see :meth:`Family.space`.
        trials: of each run.
        seeds: number of runs of each tuner on each data set.
        datasets: as ``(family, name)``.
        regrets: tuner to the regret of its best trial so far in units, shape
            ``(seeds, data sets, trials)``; ``random`` first.
        cpu_ms: tuner to its CPU time of a trial, look-up included.
        refused: tuners that cannot tune these tables, with their reasons.
    """

    form: str
    trials: int
    seeds: int
    datasets: Sequence[tuple[str, str]]
    regrets: Mapping[str, Floats] = field(default_factory=dict)
    cpu_ms: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def ranks(self) -> Ranking | None:
        """Return the ranks by regret at the end; a block is a data set with a seed."""
        ends = {name: runs[..., -1].ravel() for name, runs in self.regrets.items()}
        return ranking(ends, higher_is_better=False)


def run_tuners(
    tuners: Sequence[str],
    tables: Sequence[str],
    datasets: Sequence[str],
    seeds: int,
    trials: int,
    form: str = "choice",
    jobs: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    kept: Path | None = None,
) -> TunerBenchmark:
    """Run every tuner with its default options on tables of hyperparameters.

    Args:
        tuners: their names; if empty, those of the catalog that are not slow.
        tables: names of families; if empty, all.
        datasets: some of their data sets; if empty, all.
        seeds: number of runs of each tuner on each data set, at least 1.
        trials: of each run, at least 1.
        form: of the search spaces, one of ``FORMS``.
        jobs: number of processes.
        progress: called with a line after each tuner.
        kept: a file of finished runs: those of an interrupted benchmark are taken over.

    Raises:
        UserError: a name is unknown, the package is missing, every tuner refuses, or the user's
            own one fails.
    """
    if form not in FORMS:
        raise unknown("--form", form, FORMS)
    names = [*dict.fromkeys(tuners or (name for name in catalog.TUNERS if name not in SLOW))]
    for name in names:
        _tuner(name)
    names.sort(key=lambda name: (name != BASELINE, name in catalog.TUNERS))
    places = [(one, data) for one in families(tables) for data in FAMILIES[one].datasets]
    known = [data for _, data in places]
    for name in datasets:
        if name not in known:
            raise unknown("data set of hyperparameters", name, known)
    places = [place for place in places if not datasets or place[1] in datasets]
    for place in places:
        hpo_table(*place)  # fills the cache before the processes read it
    runs = [
        Run(family, data, name, seed, form, trials)
        for name in names
        for family, data in places
        for seed in range(seeds)
    ]
    results, refused = _all_results(runs, jobs, progress, Kept(kept))
    found = TunerBenchmark(form, trials, seeds, places, refused=refused)
    regrets, cpu_ms = {}, {}
    for name in names:
        mine = [results[run] for run in runs if run.tuner == name and run in results]
        if catalog.short(name) in refused:
            continue
        curves = np.array([one["regret"] for one in mine])
        shape = (len(places), seeds, trials)
        regrets[catalog.short(name)] = curves.reshape(shape).swapaxes(0, 1)
        cpu_ms[catalog.short(name)] = (
            1000 * float(np.mean([one["cpu_s"] for one in mine])) / trials
        )
    if not regrets:
        raise UserError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    return TunerBenchmark(form, trials, seeds, places, regrets, cpu_ms, found.refused)


def _all_results(
    runs: Sequence[Run], jobs: int, progress: Callable[[str], None], kept: Kept
) -> tuple[dict[Run, Any], dict[str, str]]:
    """Return the results of all runs, and the reasons of tuners that refuse."""
    keys = {run: job_key(*run[:2], catalog.short(run.tuner), *run[3:], _code(run)) for run in runs}
    results = {run: value for run in runs if (value := kept.get(keys[run])) is not None}
    missing = [run for run in runs if run not in results]
    if results:
        progress(f"{len(results):,} of {len(runs):,} runs are in {kept.path}")
    refused: dict[str, str] = {}
    left = {name: sum(run.tuner == name for run in missing) for name in {r.tuner for r in missing}}
    with Parallel(f"{__name__}:{worker.__name__}", None, max(1, min(jobs, len(missing)))) as pool:
        for done, (number, result) in enumerate(pool.run(missing), 1 + len(runs) - len(missing)):
            run = missing[number]
            left[run.tuner] -= 1
            if isinstance(result, OwnCodeError):
                raise result
            if isinstance(result, UserError):
                refused[catalog.short(run.tuner)] = str(result)
            else:
                kept.put(keys[run], result)
                results[run] = result
            if not left[run.tuner]:
                progress(f"{catalog.short(run.tuner)}: {done:,} of {len(runs):,} runs")
    return results, refused


def _tuner(name: str) -> type[Tuner]:
    """Return the tuner of that name.

    Raises:
        UserError: it is unknown, or no tuner.
    """
    found = catalog.resolve("tuner", name)
    if not (isinstance(found, type) and issubclass(found, Tuner)):
        raise UserError(f"tuner {name!r}: must be a subclass of nasbench.hpo.tuners.base.Tuner")
    return found


def _check(space: ParameterSpace, params: Mapping[str, Any], name: str) -> None:
    """Raise if a tuner of the user suggests something that is not in the space."""
    if name not in catalog.TUNERS:
        try:
            space.check(params)
        except UserError as error:
            raise OwnCodeError(f"tuner {catalog.short(name)} suggests {error}") from error


def _code(run: Run) -> str:
    """Return a digest of the code of a tuner and of the table."""
    code = code_digest(_tuner(run.tuner), *CODE)
    table = package.SHA256[f"{FAMILIES[run.family].folder}/{run.dataset}"]
    return hashlib.sha256((code + table).encode()).hexdigest()


def worker(context: None) -> Work:
    """Return the work of a process: a run, or the error with which its tuner refuses."""

    def work(payload: Run, report: Report) -> dict[str, Any] | UserError:
        begin = time.process_time()
        try:
            regret = regrets(payload)
        except UserError as refusal:
            return refusal
        return {"regret": regret, "cpu_s": round(time.process_time() - begin, 5)}

    return work


def regrets(run: Run) -> list[float]:
    """Return the regret of the best trial so far after each trial, in units.

    The tuner sees the result of one training of each configuration, which the seed chooses. A
    tuner without further suggestions keeps its last regret.

    Raises:
        UserError: the tuner refuses, or the user's own one fails.
    """
    table, kind = hpo_table(run.family, run.dataset), _tuner(run.tuner)
    family = table.family
    sign = -1.0 if family.maximize else 1.0
    best, curve = np.inf, list[float]()
    with own_code("tuner", run.tuner):
        tuner = kind(family.space(run.form), kind.Options(), run.seed, maximize=family.maximize)
        for number in range(run.trials):
            params = tuner.suggest(number)
            if params is None:
                if not curve:
                    raise UserError(f"{catalog.short(run.tuner)} suggests nothing")
                curve += [curve[-1]] * (run.trials - number)
                break
            _check(tuner.space, params, run.tuner)
            place = family.place(params, run.form)
            value = float(table.values[place][run.seed % table.values.shape[-1]])
            tuner.learn(number, params, value)
            if sign * value < best:
                best, regret = sign * value, float(table.regrets[place])
            curve.append(round(regret, 6))
    return curve
