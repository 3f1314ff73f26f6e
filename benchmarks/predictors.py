"""Predictors of performance on NAS-Bench-201: how well they rank, and how well they search.

python benchmarks/predictors.py [--only rank|search] [--seeds FROM:TO] [--trials 100|300]
python benchmarks/predictors.py --report

Ranking: each predictor is trained on 32, 128 and 512 networks with the validation accuracy of one
training each, and ranks 2,000 others, whose mean test accuracy is the truth. Searching: the test
accuracy of strategies with and without predictors by the number of trained networks, paired by
seed. No zero-cost proxy is used: predictors see the cell alone.

Finished jobs are kept in results/predictors_nas-bench-201/, one file for each range of seeds, so
that an interrupted run goes on and several processes share the seeds. With --report, nothing is
computed: what all files hold is written to results/published/predictors_nas-bench-201.json and
.md. The table is read from $NASBENCH_DATA or ../shared/data.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from nasbench import provenance
from nasbench.budget import Budget
from nasbench.catalog import PREDICTORS
from nasbench.report.ranking_quality import ndcg
from nasbench.report.statistics import FEWEST_PAIRS, bootstrap_band
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.store.journal import Journal
from nasbench.strategies.predictors.base import Encoding, normal_scores
from nasbench.strategies.sampled.bananas import BananasOptions, BananasStrategy
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.prediction import predictor
from nasbench.tabular.base import Table
from nasbench.tabular.benchmark_report import made_by, markdown_table
from nasbench.tabular.loading import load_table
from nasbench.tabular.parallel import Kept
from nasbench.tabular.search import TableSearch

ROOT = Path(__file__).resolve().parent.parent
NAME = "predictors_nas-bench-201"
OUT, KEPT = ROOT / "results" / "published", ROOT / "results" / NAME
SIZES, OTHERS, TOP = (32, 128, 512), 2000, 50
RANKED = [name for name in PREDICTORS if name != "paper"]  # ten layers take too long
AT = {100: (25, 50, 100), 300: (200, 300)}
"""Networks of a search to the numbers at which it is reported."""


NETWORKS = {"predictor": "small", "acquisition": "ts", "choose": "score"}
GP = {"predictor": "gp", "acquisition": "ei", "choose": "score"}
ENSEMBLE, WITH, SMOOTHED = (
    "bananas " + " ".join(f"-o {key}={value}" for key, value in options.items())
    for options in (NETWORKS, GP, {**GP, "choose": "smoothed"})
)
BEFORE = ("random", "evolution", "local-search", "tpe", ENSEMBLE)
FILTER = "-o predictor=gp"
FILTERED = ("evolution", "local-search")
"""Searches that take a predictor as a filter."""

Floats = np.ndarray[Any, np.dtype[np.float64]]
Jobs = dict[tuple[Any, ...], Any]


class Truth:
    """The architectures of a table and their results, each looked up once."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.archs = list(table.domains.enumerate())
        self.number = {arch: number for number, arch in enumerate(self.archs)}
        self.test = {
            dataset: np.array([table.test(arch, dataset) for arch in self.archs])
            for dataset in table.datasets
        }


def rank(truth: Truth, seed: int, kept: Kept) -> None:
    """Train and measure every predictor on the networks that this seed draws."""
    table = truth.table
    encoding = Encoding(table.domains, table.space.graphs)
    order = np.random.default_rng(derive(seed, NAME)).permutation(len(truth.archs))
    for name in RANKED:
        kind = predictor(name)
        for dataset in table.datasets:
            for size in SIZES:
                key = json.dumps(["rank", name, dataset, size, seed])
                if kept.get(key) is not None:
                    continue
                rows = order[size : size + OTHERS]
                seen = [truth.archs[i] for i in order[:size]]
                scores = np.array([validation(table, arch, dataset, seed) for arch in seen])
                made, begin = kind(encoding, seed), time.process_time()
                made.fit(seen, normal_scores(scores) if kind.on_ranks else scores)
                fitted = time.process_time()
                mean, _ = made.predict([truth.archs[i] for i in rows])
                ended, results = time.process_time(), truth.test[dataset][rows]
                found = {
                    "kendall": float(stats.kendalltau(mean, results).statistic),
                    "ndcg": float(ndcg(mean.astype(np.float64), results, k=TOP)[0]),
                    "fit": round(fitted - begin, 4),
                    "predict": round(ended - fitted, 4),
                }
                kept.put(key, found)


def validation(table: Table, arch: Arch, dataset: str, seed: int) -> float:
    """Return what a search with this seed sees."""
    return table.validation(arch, dataset, table.lengths[-1], seed)


def search(truth: Truth, seed: int, trials: int, kept: Kept) -> None:
    """Run every strategy with this seed."""
    runs: Mapping[str, tuple[str, Mapping[str, Any]]] = {
        **{name: (name, {}) for name in BEFORE},
        ENSEMBLE: ("bananas", NETWORKS),
        WITH: ("bananas", GP),
        **{f"{name} {FILTER}": (name, {"predictor": "gp"}) for name in FILTERED},
    }
    for label, (strategy, options) in runs.items():
        for dataset in truth.table.datasets:
            key = json.dumps(["search", label, dataset, trials, seed])
            if kept.get(key) is not None:
                continue
            begin = time.process_time()
            budget = Budget.parse(str(trials))
            one = TableSearch.of(truth.table, dataset, strategy, options, budget, {})
            found = one.run(truth.table, seed)
            kept.put(
                key,
                {
                    "archs": [truth.number[arch] for arch in found.archs],
                    "test": [float(value) for value in found.test],
                    "seconds": round(time.process_time() - begin, 2),
                },
            )


def smoothed(truth: Truth, dataset: str, seed: int, archs: list[int], at: int) -> int:
    """Return what the search chooses with ``choose=smoothed``, which proposes the same."""
    strategy = BananasStrategy(
        truth.table.domains,
        BananasOptions(predictor="gp", acquisition="ei", choose="smoothed"),
        SampledContext(seed, graphs=truth.table.space.graphs),
    )
    seen = [truth.archs[number] for number in archs[:at]]
    strategy.update([Result(one, validation(truth.table, one, dataset, seed)) for one in seen])
    return truth.number[strategy.best().arch]


def collected() -> Jobs:
    """Return the results of all jobs that the files hold."""
    found: Jobs = {}
    for path in sorted(KEPT.glob("*.jsonl")):
        for event in Journal(path).events("job"):
            found[tuple(json.loads(event["key"]))] = event["value"]
    return found


def rankings(jobs: Jobs) -> dict[str, Any]:
    """Return values by data set, predictor, number of networks and measure."""
    found: dict[str, Any] = {}
    for (_, name, dataset, size, _), value in jobs.items():
        sizes = found.setdefault(dataset, {}).setdefault(name, {}).setdefault(str(size), {})
        for measure, number in value.items():
            sizes.setdefault(measure, []).append(number)
    return found


def regrets(jobs: Jobs, truth: Truth, trials: int) -> dict[str, dict[str, Floats]]:
    """Return regrets in points by data set and search, shape ``(seeds, points)``.

    Only seeds that every search of a data set has are taken.
    """
    labels, found = (*BEFORE, WITH), {}
    amounts = AT[trials]
    for dataset in truth.table.datasets:
        by_seed = {
            seed: [jobs.get(("search", label, dataset, trials, seed)) for label in labels]
            for seed in sorted({key[-1] for key in jobs})
        }
        whole = {
            seed: [one for one in every if one is not None]
            for seed, every in by_seed.items()
            if all(every)
        }
        best = truth.test[dataset].max()
        rows: dict[str, list[list[float]]] = {label: [] for label in (*labels, SMOOTHED)}
        for seed, every in whole.items():
            for label, one in zip(labels, every, strict=True):
                rows[label].append([100 * (best - one["test"][at - 1]) for at in amounts])
            archs = every[-1]["archs"]
            chosen = [smoothed(truth, dataset, seed, archs, at) for at in amounts]
            rows[SMOOTHED].append([100 * (best - truth.test[dataset][one]) for one in chosen])
        found[dataset] = {label: np.array(values) for label, values in rows.items()}
    return found


def with_interval(values: Floats) -> list[str]:
    """Return the mean of each column with its interval."""
    low, high = bootstrap_band(values)
    return [
        f"{m:.2f} [{a:.2f}, {b:.2f}]" for m, a, b in zip(values.mean(0), low, high, strict=True)
    ]


def rank_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the part of the report on rankings."""
    lines = ["## How well they rank"]
    for dataset, names in found.items():
        rows = [["predictor", *(f"tau, {size}" for size in SIZES), f"nDCG@{TOP}, {SIZES[-1]}"]]
        rows[0].append(f"s to fit {SIZES[-1]}")
        for name, sizes in names.items():
            cells = []
            for measure, size in [*(("kendall", size) for size in SIZES), ("ndcg", SIZES[-1])]:
                values = np.array(sizes[str(size)][measure])[:, None]
                (low,), (high,) = bootstrap_band(values)
                cells.append(f"{values.mean():.3f} [{low:.3f}, {high:.3f}]")
            cells.append(f"{np.mean(sizes[str(SIZES[-1])]['fit']):.2f}")
            rows.append([f"`{name}`", *cells])
        lines += [f"### {dataset}", markdown_table(rows)]
    return lines


def search_lines(
    found: Mapping[str, Mapping[str, Floats]],
    amounts: tuple[int, ...],
    seconds: Mapping[str, float],
) -> list[str]:
    """Return the part of the report on searches of one length."""
    trials = max(amounts)
    times = ", ".join(f"`{label}` {value:.1f} s" for label, value in seconds.items())
    lines = [
        f"## How well they search: {trials} networks",
        f"CPU time of a search, with its look-ups: {times}.",
    ]
    for dataset, by_label in found.items():
        seeds = len(next(iter(by_label.values())))
        if seeds < FEWEST_PAIRS:
            continue
        rows = [["regret, points / networks", *map(str, amounts)]]
        rows += [[f"`{label}`", *with_interval(values)] for label, values in by_label.items()]
        lines += [f"### {dataset}, {seeds} seeds", markdown_table(rows)]
        verdicts = []
        for label in (WITH, SMOOTHED):
            for column, at in enumerate(amounts):
                before = min(BEFORE, key=lambda one: float(by_label[one][:, column].mean()))
                difference = (by_label[label] - by_label[before])[:, [column]]
                (low,), (high,) = bootstrap_band(difference)
                verdict = "below" if high < 0 else "above" if low > 0 else "no difference from"
                verdicts.append(
                    f"- `{label}` after {at}: {verdict} the best without it (`{before}`): "
                    f"{signed(difference.mean())} [{signed(low)}, {signed(high)}]"
                )
        lines.append("\n".join(verdicts))
    return lines


def signed(value: float) -> str:
    """Return a difference in points, with a minus as in text."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def filter_lines(jobs: Jobs, truth: Truth, trials: int) -> list[str]:
    """Return the part of the report on predictors as filters, paired with searches without."""
    rows = [["difference of regret, points / networks", "seeds", *map(str, AT[trials])]]
    for name in FILTERED:
        for dataset in truth.table.datasets:
            pairs = []
            for key, value in jobs.items():
                if key[:4] == ("search", f"{name} {FILTER}", dataset, trials):
                    before = jobs.get(("search", name, dataset, trials, key[-1]))
                    if before is not None:
                        pairs.append(
                            [100 * (before["test"][i - 1] - value["test"][i - 1])
                             for i in AT[trials]]
                        )  # fmt: skip
            if len(pairs) >= FEWEST_PAIRS:
                values = np.array(pairs)
                low, high = bootstrap_band(values)
                cells = [
                    f"{signed(m)} [{signed(a)}, {signed(b)}]"
                    for m, a, b in zip(values.mean(0), low, high, strict=True)
                ]
                rows.append([f"`{name} {FILTER}`, {dataset}", str(len(pairs)), *cells])
    what = "A search with the filter against the same search without it; below 0 it is better."
    return ["## As a filter", what, markdown_table(rows)] if len(rows) > 1 else []


def report(truth: Truth) -> None:
    """Write the page and the figures behind it."""
    jobs = collected()
    ranked = rankings({key: value for key, value in jobs.items() if key[0] == "rank"})
    searched = {trials: regrets(jobs, truth, trials) for trials in AT}
    seeds = {key[-1] for key in jobs if key[0] == "rank"}
    facts = [
        f"Ranking: each predictor saw the validation accuracy of one training of {SIZES[0]}, "
        f"{SIZES[1]} or {SIZES[2]} random networks, and ranked {OTHERS:,} others; truth is their "
        f"mean test accuracy. {len(seeds)} repetitions, the same networks for all predictors.",
        "Kendall: tau-b; nDCG: gains grow linearly from the worst of the networks to the best.",
        "Published for these features (GRAF, Kadlecová et al., ICML 2024): 0.82 and better with "
        "many networks; that paper leaves out networks with dead operations; here they count.",
        "Searching: regret is how far the test accuracy of the chosen network lies below the best "
        "of the table, in points. A search sees the validation accuracy of one training, which "
        "its seed chooses. All options but those named have their defaults.",
        "Differences are paired by seed. Brackets: 95 % bootstrap interval over repetitions or "
        "seeds, 10,000 resamples. The best without a predictor is chosen by the same seeds, which "
        "favours it.",
        "No zero-cost proxy, no parameters and no multiply-adds are used. `choose=smoothed` was "
        "designed on these data sets, with other seeds.",
    ]
    parts = ["# Predictors on nas-bench-201", "\n".join(f"- {fact}" for fact in facts)]
    parts += rank_lines(ranked)
    for trials, found in searched.items():
        times: dict[str, list[float]] = {}
        for key, value in jobs.items():
            if key[0] == "search" and key[3] == trials and key[1] in (*BEFORE, WITH):
                times.setdefault(key[1], []).append(value["seconds"])
        means = {label: float(np.mean(values)) for label, values in times.items()}
        parts += search_lines(found, AT[trials], means)
    parts += filter_lines(jobs, truth, 100)
    text = "\n\n".join([*parts, made_by("No GPU was used.")]) + "\n"
    plain = {
        "ranking": ranked,
        "searches": [
            {
                "networks": AT[trials],
                "regret_points": {
                    dataset: {label: values.round(4).tolist() for label, values in one.items()}
                    for dataset, one in found.items()
                },
            }
            for trials, found in searched.items()
        ],
        "provenance": provenance.collect(),
    }
    (OUT / f"{NAME}.md").write_text(text, "utf-8")
    (OUT / f"{NAME}.json").write_text(json.dumps(plain) + "\n", "utf-8")


def main() -> None:
    """Compute what the options say, or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("rank", "search"))
    parser.add_argument("--seeds", default="0:100", help="from the first to before the last")
    parser.add_argument("--trials", type=int, default=100, choices=AT, help="of each search")
    parser.add_argument("--report", action="store_true", help="write what is there")
    given = parser.parse_args()
    truth = Truth(load_table("nas-bench-201"))
    if given.report:
        report(truth)
    else:
        part = f"{given.only or 'all'}-{given.seeds.replace(':', '-')}-{given.trials}"
        kept = Kept(KEPT / f"{part}.jsonl")
        for seed in range(*map(int, given.seeds.split(":"))):
            if given.only != "search":
                rank(truth, seed, kept)
            if given.only != "rank":
                search(truth, seed, given.trials, kept)


if __name__ == "__main__":
    main()
