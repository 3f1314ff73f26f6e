"""How near each tuner comes to the best configuration of a table in 100 trials.

The tables (FCNet of HPOBench: Klein and Hutter, 2019) hold the validation error of a small network
on four data sets, for all 62,208 configurations and four seeds each. A tuner sees the error of one
of the seeds and minimizes it. The regret of what it has chosen is the mean error over the four
seeds, less the smallest mean error in the table. One unit is the regret of the configuration at
the best 1 % of the table, so that the four data sets weigh alike.

Every tuner runs with 20 seeds on every data set. The Gaussian process, which is a hundred times
slower than the others, takes the data sets in turn, one for each seed.

python benchmarks/hpo_regret.py

Writes results/hpo_regret.json and results/hpo_regret.md. The data lies in $NASBENCH_DATA or in
../shared/data.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # two processes share two cores

import json
import multiprocessing
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from nasbench import provenance
from nasbench.catalog import resolve
from nasbench.hpo import SearchSpace
from nasbench.report.statistics import bootstrap_interval, paired_interval

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("NASBENCH_DATA", ROOT.parent / "shared" / "data"))
DATASETS = (
    "protein_structure",
    "slice_localization",
    "naval_propulsion",
    "parkinsons_telemonitoring",
)
TUNERS = (
    "random",
    "nni-random",
    "grid",
    "nni-grid",
    "qmc",
    "evolution",
    "pbt",
    "tpe",
    "optuna-tpe",
    "cma-es",
    "gp",
)
STEPPED = ("random", "tpe", "optuna-tpe", "cma-es")  # once more, with another form of the space
SLOW = ("gp",)
SEEDS, TRIALS, SHOWN = 20, 100, (25, 50, 100)
PROCESSES = 2


class Job(NamedTuple):
    """One run of a tuner."""

    form: str
    tuner: str
    dataset: str
    seed: int


@cache
def table() -> tuple[dict[str, list[Any]], dict[str, np.ndarray]]:
    """Return the values of every axis, and the errors of every data set."""
    with np.load(DATA / "hpo" / "hpolib_fcnet.npz") as file:
        described = json.loads(str(file["space_json"]))
        errors = {name: file[name].astype(float) for name in DATASETS}
    return {name: described["params"][name] for name in described["order"]}, errors


def space(form: str) -> SearchSpace:
    """Return the table's space.

    Args:
        form: ``choice`` takes the values as options without an order; ``steps`` takes the numeric
            axes as quniform numbers of the value.
    """
    axes, _ = table()
    return SearchSpace.of(
        {
            name: {"_type": "quniform", "_value": [0, len(values) - 1, 1]}
            if form == "steps" and not isinstance(values[0], str)
            else {"_type": "choice", "_value": values}
            for name, values in axes.items()
        }
    )


def place(params: dict[str, Any], form: str) -> tuple[int, ...]:
    """Return where in the table the point stands."""
    axes, _ = table()
    return tuple(
        axes[name].index(value) if form == "choice" or isinstance(value, str) else int(value)
        for name, value in params.items()
    )


def run(job: Job) -> tuple[Job, list[float], float]:
    """Return the regret of the best point so far after every trial, and CPU seconds per trial."""
    errors = table()[1][job.dataset]
    means = errors.mean(-1)
    regrets = (means - means.min()) / (np.quantile(means, 0.01) - means.min())
    cls = resolve("tuner", job.tuner)
    tuner = cls(space(job.form), cls.Options(), job.seed, maximize=False)
    best, curve, spent = np.inf, [], 0.0
    for number in range(TRIALS):
        begin = time.process_time()
        params = tuner.suggest(number)
        spent += time.process_time() - begin
        where = place(params, job.form)
        error = float(errors[where][job.seed % errors.shape[-1]])
        begin = time.process_time()
        tuner.learn(number, params, error)
        spent += time.process_time() - begin
        if error < best:
            best, regret = error, float(regrets[where])
        curve.append(regret)
    return job, curve, spent / TRIALS


def jobs() -> list[Job]:
    """Return all runs, the slow ones first."""
    pairs = [(dataset, seed) for seed in range(SEEDS) for dataset in DATASETS]
    forms = [("choice", tuner) for tuner in TUNERS] + [("steps", tuner) for tuner in STEPPED]
    found = [
        Job(form, tuner, dataset, seed)
        for form, tuner in forms
        for dataset, seed in pairs
        if tuner not in SLOW or dataset == DATASETS[seed % len(DATASETS)]
    ]
    return sorted(found, key=lambda job: job.tuner not in SLOW)


def rows(results: list[tuple[Job, list[float], float]]) -> list[dict[str, Any]]:
    """Return one row for every tuner and form, the best after all trials first."""
    by_key: dict[tuple[str, str], dict[tuple[int, str], tuple[list[float], float]]] = {}
    for job, curve, seconds in results:
        runs = by_key.setdefault((job.form, job.tuner), {})
        runs[job.seed, job.dataset] = (curve, seconds)
    made = [
        row(form, tuner, runs, by_key[form, "random"]) for (form, tuner), runs in by_key.items()
    ]
    return sorted(made, key=lambda one: (one["form"], one["regret"][str(TRIALS)]["mean"]))


def row(form: str, tuner: str, runs: dict[Any, Any], random: dict[Any, Any]) -> dict[str, Any]:
    """Return the figures of one tuner; every seed counts once, its data sets averaged."""
    regret = {}
    for trial in SHOWN:
        ours, theirs = grouped(runs, runs, trial), grouped(random, runs, trial)
        regret[str(trial)] = {
            "mean": fmean(value for (value,) in ours),
            "interval": bootstrap_interval(ours),
            "minus_random": fmean(a - b for (a,), (b,) in zip(ours, theirs, strict=True)),
            "minus_random_interval": paired_interval(ours, theirs),
        }
    last = {
        dataset: fmean(curve[-1] for (_, where), (curve, _) in runs.items() if where == dataset)
        for dataset in DATASETS
    }
    return {
        "form": form,
        "tuner": tuner,
        "runs": len(runs),
        "regret": regret,
        "regret_by_dataset": last,
        "cpu_ms_per_trial": 1000 * fmean(seconds for _, seconds in runs.values()),
        "curve": np.mean([curve for curve, _ in runs.values()], axis=0).round(5).tolist(),
    }


def grouped(runs: dict[Any, Any], keys: dict[Any, Any], trial: int) -> list[list[float]]:
    """Return one value for every seed: the mean over the data sets in ``keys``."""
    return [
        [fmean(runs[key][0][trial - 1] for key in keys if key[0] == seed)] for seed in range(SEEDS)
    ]


def markdown(report: dict[str, Any]) -> str:
    """Return the report as text."""
    facts = report["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        "# Regret of the tuners",
        "",
        *__doc__.split("\n\n")[1].splitlines(),
        "",
        *__doc__.split("\n\n")[2].splitlines(),
        "",
        "- regret: mean over the seeds; lower is better; in brackets the 95 % bootstrap interval",
        "- minus random: the difference from `random` after 100 trials, seeds and data sets paired",
        "- CPU: time of a tuner for one trial, suggestion and learning together",
        "",
        "## Every axis a choice",
        "",
        *lines_of([one for one in report["rows"] if one["form"] == "choice"]),
        "",
        "## Numeric axes as steps",
        "",
        "The six numeric axes are numbers of their values (`quniform`), so that a tuner can see",
        "their order.",
        "",
        *lines_of([one for one in report["rows"] if one["form"] == "steps"]),
        "",
        "## After 100 trials, by data set",
        "",
        "| tuner | " + " | ".join(DATASETS) + " |",
        "|---|" + "---:|" * len(DATASETS),
        *(by_dataset(one) for one in report["rows"] if one["form"] == "choice"),
        "",
        "## Where these figures come from",
        "",
        f"- command: `{report['command']}`, {report['seconds']:.0f} s in {PROCESSES} processes",
        f"- {facts['cores']} cores of {facts['cpu']}, {facts['platform']}, no GPU used",
        f"- Python {facts['python']}, {versions}",
        f"- data: `hpo/hpolib_fcnet.npz`",
    ]
    return "\n".join(lines) + "\n"


def lines_of(chosen: list[dict[str, Any]]) -> list[str]:
    """Return a table of some rows."""
    head = " | ".join(f"after {trial}" for trial in SHOWN)
    return [
        f"| tuner | runs | {head} | minus random | CPU, ms |",
        "|---|---:|" + "---:|" * (len(SHOWN) + 2),
        *map(line, chosen),
    ]


def line(one: dict[str, Any]) -> str:
    """Return one row of the main table."""
    cells = [with_interval(one["regret"][str(trial)], "mean", "interval") for trial in SHOWN]
    last = with_interval(one["regret"][str(TRIALS)], "minus_random", "minus_random_interval")
    last = "" if one["tuner"] == "random" else last
    cells = [f"`{one['tuner']}`", str(one["runs"]), *cells, last, f"{one['cpu_ms_per_trial']:.2f}"]
    return f"| {' | '.join(cells)} |"


def with_interval(figures: dict[str, Any], value: str, interval: str) -> str:
    """Return a number with its interval."""
    low, high = figures[interval]
    return f"{figures[value]:.2f} [{low:.2f}, {high:.2f}]"


def by_dataset(one: dict[str, Any]) -> str:
    """Return one row of the table by data set."""
    cells = " | ".join(f"{one['regret_by_dataset'][name]:.2f}" for name in DATASETS)
    return f"| `{one['tuner']}` | {cells} |"


def main() -> None:
    """Run all, write both files and print the text."""
    begin = time.perf_counter()
    facts = provenance.collect()
    versions = {name: metadata.version(name) for name in ("nni", "optuna", "cmaes", "scipy")}
    facts["versions"] = {**facts["versions"], **versions}
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        results = list(pool.imap_unordered(run, jobs(), chunksize=1))
    report = {
        "command": "python benchmarks/hpo_regret.py",
        "seeds": SEEDS,
        "trials": TRIALS,
        "unit": "regret of the configuration at the best 1 % of the table",
        "seconds": time.perf_counter() - begin,
        "rows": rows(results),
        "provenance": facts,
    }
    out = ROOT / "results"
    (out / "hpo_regret.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "hpo_regret.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))


if __name__ == "__main__":
    main()
