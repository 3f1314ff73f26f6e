"""Measures the regret of each tuner after 100 trials on tabular benchmarks.

The tables (FCNet of HPOBench: Klein and Hutter, 2019) hold the validation error of a small network
on four data sets, for all 62,208 configurations and four seeds each. A tuner sees the error of one
of the seeds and minimizes it. The regret of the chosen configuration is its mean error over the
four seeds minus the smallest mean error of the table. One unit is the regret at the 1 % quantile
of the table, so that all data sets have equal weight.

Every tuner runs with 20 seeds on every data set. The Gaussian process, which is a hundred times
slower than the others, runs on one data set per seed, in turn.

python benchmarks/hpo_regret.py

Writes hpo_regret.json and hpo_regret.md in results/published. The data is read from $NASBENCH_DATA
or ../shared/data.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # each process has one core

import json
import multiprocessing
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasbench import provenance
from nasbench.catalog import resolve
from nasbench.hpo.space import ParameterSpace
from nasbench.report.statistics import bootstrap_interval, paired_interval

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "results" / "published"
DATA = Path(os.environ.get("NASBENCH_DATA", ROOT.parent / "shared" / "data"))
DATASETS = (
    "protein_structure",
    "slice_localization",
    "naval_propulsion",
    "parkinsons_telemonitoring",
)
RANDOM, SLOW = "random", "gp"
TUNERS = (
    RANDOM,
    "nni-random",
    "grid",
    "nni-grid",
    "qmc",
    "evolution",
    "pbt",
    "nni-tpe",
    "tpe",
    "cma-es",
    SLOW,
)
STEPPED = (RANDOM, "nni-tpe", "tpe", "cma-es")  # again on a space with ordered axes
SEEDS, TRIALS, SHOWN = 20, 100, (25, 50, 100)
PROCESSES = 2


class Job(NamedTuple):
    """One run of a tuner; ``dataset`` counts from 0."""

    form: str
    tuner: str
    dataset: int
    seed: int


@cache
def table() -> tuple[dict[str, list[Any]], list[np.ndarray]]:
    """Return the values of every axis, and the errors of every data set."""
    with np.load(DATA / "hpo" / "hpolib_fcnet.npz") as file:
        described = json.loads(str(file["space_json"]))
        errors = [file[name].astype(float) for name in DATASETS]
    return {name: described["params"][name] for name in described["order"]}, errors


def space(form: str) -> ParameterSpace:
    """Return the search space of the table.

    Args:
        form: ``choice`` makes every axis a choice; ``steps`` makes the numeric ones a quniform
            over the indices of their values.
    """
    return ParameterSpace.of(
        {
            name: {"_type": "quniform", "_value": [0, len(values) - 1, 1]}
            if form == "steps" and not isinstance(values[0], str)
            else {"_type": "choice", "_value": values}
            for name, values in table()[0].items()
        }
    )


def place(params: dict[str, Any], form: str) -> tuple[int, ...]:
    """Return the index of a configuration in the table."""
    axes, _ = table()
    return tuple(
        axes[name].index(value) if form == "choice" or isinstance(value, str) else int(value)
        for name, value in params.items()
    )


def run(job: Job) -> tuple[Job, list[float], float]:
    """Return the regret of the best trial so far after each trial, and CPU seconds per trial."""
    errors = table()[1][job.dataset]
    means = errors.mean(-1)
    regrets = (means - means.min()) / (np.quantile(means, 0.01) - means.min())
    cls = resolve("tuner", job.tuner)
    tuner = cls(space(job.form), cls.Options(), job.seed, maximize=False)
    best, curve, begin = np.inf, [], time.process_time()
    for number in range(TRIALS):
        params = tuner.suggest(number)
        where = place(params, job.form)
        error = float(errors[where][job.seed % errors.shape[-1]])
        tuner.learn(number, params, error)
        if error < best:
            best, regret = error, float(regrets[where])
        curve.append(regret)
    return job, curve, (time.process_time() - begin) / TRIALS


def jobs() -> list[Job]:
    """Return all runs, the slow ones first, so that the processes end at about the same time."""
    forms = [("choice", tuner) for tuner in reversed(TUNERS)] + [("steps", t) for t in STEPPED]
    return [
        Job(form, tuner, dataset, seed)
        for form, tuner in forms
        for seed in range(SEEDS)
        for dataset in range(len(DATASETS))
        if tuner != SLOW or dataset == seed % len(DATASETS)
    ]


def rows(results: list[tuple[Job, list[float], float]]) -> list[dict[str, Any]]:
    """Return the figures of each tuner and form, sorted by the regret after all trials."""
    curves: dict[tuple[str, str], np.ndarray] = {}
    seconds: dict[tuple[str, str], list[float]] = {}
    for job, curve, spent in results:
        key = (job.form, job.tuner)
        nothing = np.full((SEEDS, len(DATASETS), TRIALS), np.nan)
        curves.setdefault(key, nothing)[job.seed, job.dataset] = curve
        seconds.setdefault(key, []).append(spent)
    made = [
        {"form": form, "tuner": tuner, "cpu_ms": 1000 * float(np.mean(seconds[form, tuner]))}
        | figures(runs, np.where(np.isnan(runs), np.nan, curves[form, RANDOM]))
        for (form, tuner), runs in curves.items()
    ]
    return sorted(made, key=lambda row: row[f"after_{TRIALS}"]["mean"])


def figures(ours: np.ndarray, random: np.ndarray) -> dict[str, Any]:
    """Return means and intervals over the seeds; shapes ``(seeds, data sets, trials)``."""
    found: dict[str, Any] = {"runs": int(np.isfinite(ours[..., -1]).sum())}
    for trial in SHOWN:
        mine, theirs = (np.nanmean(runs[..., trial - 1], axis=1) for runs in (ours, random))
        found[f"after_{trial}"] = {
            "mean": mine.mean(),
            "interval": bootstrap_interval(mine[:, None].tolist()),
            "minus_random": (mine - theirs).mean(),
            "minus_random_interval": paired_interval(
                mine[:, None].tolist(), theirs[:, None].tolist()
            ),
        }
    last = np.nanmean(ours[..., -1], axis=0).tolist()
    return {**found, "by_dataset": last, "curve": np.nanmean(ours, axis=(0, 1)).tolist()}


def cells(row: dict[str, Any]) -> list[str]:
    """Return one line of the Markdown table."""
    pairs = [(row[f"after_{trial}"], "mean", "interval") for trial in SHOWN]
    pairs.append((row[f"after_{TRIALS}"], "minus_random", "minus_random_interval"))
    texts = [f"{of[a]:.2f} [{of[b][0]:.2f}, {of[b][1]:.2f}]" for of, a, b in pairs]
    if row["tuner"] == RANDOM:
        texts[-1] = ""
    data = [f"{value:.2f}" for value in row["by_dataset"]]
    return [
        f"`{row['tuner']}`",
        row["form"],
        str(row["runs"]),
        *texts,
        *data,
        f"{row['cpu_ms']:.2f}",
    ]


def markdown(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    heads = ["tuner", "form", "runs", *(f"after {trial}" for trial in SHOWN), "minus random"]
    heads += [name.partition("_")[0] for name in DATASETS] + ["CPU, ms"]
    facts, parts = report["provenance"], (__doc__ or "").split("\n\n")
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = ["# Regret of the tuners", "", *parts[1:3], ""]
    lines += [
        "- form `choice`: every axis is a choice; `steps`: numeric axes are `quniform` numbers of",
        "  their values, so that a tuner can see their order",
        "- after N: regret after N trials, mean over the seeds, with its 95 % bootstrap interval",
        "- minus random: difference from `random` in the same form after 100 trials, with the",
        "  interval of a bootstrap that pairs seeds and data sets",
        "- protein, …: regret after 100 trials on each data set",
        "- CPU: a tuner's time per trial, including the look-up in the table",
        "",
        f"| {' | '.join(heads)} |",
        f"|---|---|{'---:|' * (len(heads) - 2)}",
        *(f"| {' | '.join(cells(row))} |" for row in report["rows"]),
        "",
        f"Made with `{report['command']}` in {report['seconds']:.0f} s, {PROCESSES} processes on "
        f"{facts['cores']} cores of {facts['cpu']}, {facts['platform']}, without a GPU; "
        f"Python {facts['python']}, {versions}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all tuners, write both files and print the Markdown."""
    begin, facts = time.perf_counter(), provenance.collect()
    facts["versions"] |= {
        name: metadata.version(name) for name in ("nni", "optuna", "cmaes", "scipy")
    }
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        results = list(pool.imap_unordered(run, jobs()))
    report = {
        "command": "python benchmarks/hpo_regret.py",
        "unit": "regret of the configuration at the best 1 % of the table",
        "datasets": DATASETS,
        "seeds": SEEDS,
        "trials": TRIALS,
        "seconds": time.perf_counter() - begin,
        "rows": rows(results),
        "provenance": facts,
    }
    text = json.dumps(report, indent=1) + "\n"
    (PUBLISHED / "hpo_regret.json").write_text(text, encoding="utf-8")
    (PUBLISHED / "hpo_regret.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))


if __name__ == "__main__":
    main()
