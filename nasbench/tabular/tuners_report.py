"""The report of a benchmark of tuners: text, Markdown, JSON and curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import provenance
from nasbench.report.plots import Curve
from nasbench.report.statistics import bootstrap_band
from nasbench.tabular.benchmark_report import aligned, made_by, markdown_table, wrapped
from nasbench.tabular.package import FULL_NAME
from nasbench.tabular.tuners import BASELINE, TunerBenchmark

Floats = NDArray[np.float64]
ABOUT = (
    "The tables hold the results of all configurations of a small network, for four seeds each on "
    "the data sets of FCNet (Klein and Hutter, 2019) and five on those of HPOBench (Eggensperger "
    "et al., 2021). A tuner sees the result of one of the seeds.",
    "Regret: how far the mean result of the chosen configuration over all seeds is from the best "
    "mean of the table. One unit is the regret of the configuration at the best 1 % of the table, "
    "so that all data sets weigh the same.",
    "Intervals: bootstrap over the seeds, 10,000 resamples, 95 %; differences are paired by seed.",
)
FORM = {
    "choice": "Every parameter is a choice: a tuner cannot see the order of the values.",
    "steps": "Numeric parameters are `quniform` numbers: a tuner sees the order of the values.",
}


def _shown(trials: int) -> list[int]:
    """Return the numbers of trials that the tables show."""
    return sorted({max(1, trials // 4), max(1, trials // 2), trials})


def _by_seed(runs: Floats, trial: int) -> Floats:
    """Return the mean over the data sets for each seed, shape ``(seeds, 1)``."""
    return np.asarray(runs[:, :, trial - 1].mean(axis=1, keepdims=True))


def _interval(values: Floats) -> tuple[float, float, float]:
    low, high = bootstrap_band(values)
    return float(values.mean()), float(low[0]), float(high[0])


def _text(mean: float, low: float, high: float, *, sign: str = "") -> str:
    if np.isnan(low):
        return f"{mean:{sign}.2f}"
    return f"{mean:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"


def figures(found: TunerBenchmark) -> dict[str, dict[str, Any]]:
    """Return the figures of each tuner, the best mean rank first."""
    ranking = found.ranks()
    places = dict(zip(ranking.names, ranking.ranks, strict=True)) if ranking else {}
    random = found.regrets.get(BASELINE)
    made = {}
    for name in sorted(found.regrets, key=lambda name: places.get(name, 0.0)):
        runs = found.regrets[name]
        one: dict[str, Any] = {
            f"after_{n}": _interval(_by_seed(runs, n)) for n in _shown(found.trials)
        }
        one["median"] = float(np.median(runs[..., -1]))
        if random is not None and name != BASELINE:
            ahead = _by_seed(runs, found.trials) - _by_seed(random, found.trials)
            one["minus_random"] = _interval(ahead)
        one["mean_rank"] = float(places[name]) if name in places else None
        one["by_dataset"] = runs[..., -1].mean(axis=0).tolist()
        one["cpu_ms"] = found.cpu_ms[name]
        made[name] = one
    return made


def summary(found: TunerBenchmark) -> str:
    """Return what the command prints: the results, and what they show in words."""
    last = f"after_{found.trials}"
    lines = [["tuner", "regret", "median", "minus random", "mean rank", "CPU, ms"]]
    for name, one in figures(found).items():
        mean, low, high = one[last]
        half = "" if np.isnan(low) else f" ±{(high - low) / 2:.2f}"
        ahead = f"{one['minus_random'][0]:+.2f}" if "minus_random" in one else ""
        rank = "-" if one["mean_rank"] is None else f"{one['mean_rank']:.2f}"
        cells = [f"{mean:.2f}{half}", f"{one['median']:.2f}", ahead, rank, f"{one['cpu_ms']:.2f}"]
        lines.append([name, *cells])
    ranking = found.ranks()
    parts = [
        f"{len(found.datasets)} data sets, {found.seeds} seeds, {found.trials} trials; regret in "
        "units of the best 1 %",
        aligned(lines),
    ]
    parts += [wrapped(ranking.sentence())] if ranking else []
    parts += [
        wrapped(f"{name} cannot tune these tables: {why}") for name, why in found.refused.items()
    ]
    return "\n".join(parts) + "\n"


def page(found: TunerBenchmark, pictures: Mapping[str, str]) -> str:
    """Return the report.

    Args:
        found: the runs.
        pictures: file names of the pictures ``regret`` and ``ranks``, those that were drawn.
    """
    ranking, rows = found.ranks(), figures(found)
    shown = _shown(found.trials)
    heads = ["tuner", *(f"after {n}" for n in shown), "median", "minus random", "mean rank"]
    lines = [[*heads, "CPU, ms"]]
    for name, one in rows.items():
        cells = [_text(*one[f"after_{n}"]) for n in shown] + [f"{one['median']:.2f}"]
        cells.append(_text(*one["minus_random"], sign="+") if "minus_random" in one else "")
        cells.append("-" if one["mean_rank"] is None else f"{one['mean_rank']:.2f}")
        lines.append([f"`{name}`", *cells, f"{one['cpu_ms']:.2f}"])
    each = [["data set", *(f"`{name}`" for name in rows)]]
    for number, (family, dataset) in enumerate(found.datasets):
        values = [f"{one['by_dataset'][number]:.2f}" for one in rows.values()]
        each.append([f"{family}: {dataset}", *values])
    facts = [
        *ABOUT,
        FORM[found.form],
        f"{found.seeds} seeds of each tuner on each data set, with its default options, "
        f"{found.trials} trials.",
        "CPU: a tuner's time for a trial, with the look-up in the table.",
        f"Tables: {FULL_NAME}.",
    ]
    parts = [
        "# Regret of the tuners",
        "\n".join(f"- {fact}" for fact in facts),
        markdown_table(lines),
    ]
    if ranking is not None:
        parts.append(f"Ranks: {ranking.sentence()}.")
    if "regret" in pictures:
        parts += ["## Regret", f"![Regret of the tuners]({pictures['regret']})"]
    if ranking is not None and "ranks" in pictures:
        parts += [
            "## Mean ranks",
            f"![Critical differences]({pictures['ranks']})",
            f"Ranks of {ranking.blocks} blocks, each a data set with a seed; Friedman's test: "
            f"p = {ranking.p_value:.2g}. Tuners joined by a bar do not differ by Nemenyi's test "
            "at 5 % (Demšar, 2006).",
        ]
    parts += [f"## Regret after {found.trials} trials, by data set", markdown_table(each)]
    if found.refused:
        reasons = [f"- {name}: {why}" for name, why in found.refused.items()]
        parts.append("\n".join(["## Cannot tune these tables", "", *reasons]))
    return "\n\n".join([*parts, made_by("No GPU was used.")]) + "\n"


def curves(found: TunerBenchmark) -> dict[str, list[Curve]]:
    """Return the mean regret over the seeds after each trial, by data set."""
    trials = np.arange(1.0, found.trials + 1)
    return {
        dataset: [
            Curve(
                name, trials, runs[:, i].mean(axis=0), *bootstrap_band(runs[:, i], resamples=2000)
            )
            for name, runs in found.regrets.items()
        ]
        for i, (_, dataset) in enumerate(found.datasets)
    }


def to_json(found: TunerBenchmark) -> dict[str, Any]:
    """Return the benchmark as plain values."""
    ranking = found.ranks()

    def plain(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [plain(one) for one in value]
        if isinstance(value, float):
            return None if np.isnan(value) else round(value, 6)
        return value

    return {
        "unit": "regret of the configuration at the best 1 % of the table",
        "form": found.form,
        "trials": found.trials,
        "seeds": found.seeds,
        "datasets": [dataset for _, dataset in found.datasets],
        "ranks": None if ranking is None else ranking.to_json(),
        "tuners": {
            name: {key: plain(value) for key, value in one.items()}
            for name, one in figures(found).items()
        },
        "refused": dict(found.refused),
        "provenance": provenance.collect(),
    }
