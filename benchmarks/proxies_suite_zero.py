"""Compares zero-cost proxies with a published table of their scores on NAS-Bench-201.

Every proxy scores the same untrained networks, sampled from a published table of proxies
(NAS-Bench-Suite-Zero: Krishnakumar et al., NeurIPS 2022). The scores are compared with the
networks' CIFAR-10 test accuracies after 200 epochs, and with the ranking of the same networks by
that table's columns.

As in that table, the weights have PyTorch's default initialization, and the batch has 64 training
images, here without augmentation. The norms of the weights in the table confirm that its source
uses the default initialization too.

python benchmarks/proxies_suite_zero.py [--archs N] [--data-dir FOLDER]

`nasbench bench proxies` computes the scores; this script adds the comparison with the published
table, and writes results/published/zero_cost_suite-zero.json and .md. An interrupted run goes
on. The tables are read from $NASBENCH_DATA or ../shared/data, and CIFAR-10 from where
`--task cifar10` finds it.
"""

import argparse
import csv
import json
import os
import sys
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from nasbench import provenance
from nasbench.catalog import PROXIES
from nasbench.engine.proxies import BATCH
from nasbench.interop.nasbench201 import parse
from nasbench.seeding import derive
from nasbench.tabular.loading import load_table
from nasbench.tabular.proxies import ProxyBenchmark, run_proxies

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("NASBENCH_DATA", ROOT.parent / "shared" / "data")) / "nas-bench-201"
NAME = "zero_cost_suite-zero"
OUT = ROOT / "results" / "published"
COLUMNS = {"macs": "flops", "naswot": "nwot", "epe": "epe_nas"}  # others have the same name
PROCESSES, RESAMPLES = 2, 1000

Row = dict[str, Any]


@cache
def published() -> dict[str, dict[str, str]]:
    """Return the published table, which maps the string of a cell to its row."""
    path = DATA / "nb201_zero_cost_proxies_cifar10.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {line["arch_str"]: line for line in csv.DictReader(file)}


def names() -> list[str]:
    """Return the proxies that the published table has, and ``zico``."""
    line = next(iter(published().values()))
    return [name for name in PROXIES if COLUMNS.get(name, name) in line or name == "zico"]


def drawn(number: int) -> list[str]:
    """Return the strings of ``number`` random cells."""
    texts = list(published())
    stream = np.random.default_rng(derive(0, NAME))
    return [texts[i] for i in stream.permutation(len(texts))[:number]]


def figures(ours: np.ndarray, theirs: np.ndarray | None, accuracies: np.ndarray) -> Row:
    """Return rank correlations with the accuracies, and their 95 % bootstrap intervals."""
    stream = np.random.default_rng(0)
    picks = stream.integers(len(ours), size=(RESAMPLES, len(ours)))

    def spearman(values: np.ndarray, rows: Any = slice(None)) -> float:
        return float(stats.spearmanr(values[rows], accuracies[rows]).statistic)

    def kendall(rows: Any = slice(None)) -> float:
        return float(stats.kendalltau(ours[rows], accuracies[rows]).statistic)

    resampled = np.array([spearman(ours, rows) for rows in picks])
    found: Row = {
        "spearman": spearman(ours),
        "spearman_interval": interval(resampled),
        "kendall": kendall(),
        "kendall_interval": interval(np.array([kendall(rows) for rows in picks])),
        "without_score": int(np.isinf(ours).sum()),
    }
    if theirs is None:
        return found
    differences = resampled - [spearman(theirs, rows) for rows in picks]
    return found | {
        "published_spearman": spearman(theirs),
        "difference": found["spearman"] - spearman(theirs),
        "difference_interval": interval(differences),
        "agreement": float(stats.spearmanr(ours, theirs).statistic),
    }


def interval(values: np.ndarray) -> list[float]:
    """Return the 95 % percentile interval."""
    return [float(end) for end in np.quantile(values, [0.025, 0.975])]


def summary(texts: list[str], found: ProxyBenchmark) -> list[Row]:
    """Return the figures of each proxy, the best first."""
    lines = [published()[text] for text in texts]
    rows = []
    for name in names():
        column = COLUMNS.get(name, name)
        theirs = np.array([float(line[column]) for line in lines]) if column in lines[0] else None
        one = figures(found.scores[name][0], theirs, found.results["cifar10"])
        rows.append({"proxy": name, "seconds": found.seconds[name]} | one)
    return sorted(rows, key=lambda one: -one["spearman"])


def cells(row: Row) -> list[str]:
    """Return one line of the Markdown table."""

    def bracketed(name: str) -> str:
        low, high = row[f"{name}_interval"]
        return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]"

    theirs = ["", "", ""]
    if "difference" in row:
        theirs = [f"{row['published_spearman']:.3f}", bracketed("difference")]
        theirs.append(f"{row['agreement']:.3f}")
    own = [bracketed("spearman"), bracketed("kendall")]
    return [f"`{row['proxy']}`", *own, *theirs, f"{row['seconds']:.2f}"]


def markdown(report: Row) -> str:
    """Return the report as Markdown."""
    heads = ["proxy", "Spearman", "Kendall", "published", "difference", "agreement", "s"]
    facts, parts = report["provenance"], (__doc__ or "").split("\n\n")
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    lines = [
        "# Zero-cost proxies on NAS-Bench-201",
        "",
        f"{report['architectures']:,} architectures. {parts[1]}",
        "",
        parts[2],
        "",
        "- Spearman, Kendall: rank correlation with the test accuracy, with its 95 % bootstrap",
        "  interval over the architectures",
        "- published: Spearman of the published column on the same architectures",
        "- difference: Spearman minus the published one, both from the same resamples",
        "- agreement: Spearman between our scores and the published ones",
        "- s: mean seconds per network, on one core",
        "",
        f"| {' | '.join(heads)} |",
        f"|---|{'---:|' * (len(heads) - 1)}",
        *(f"| {' | '.join(cells(row))} |" for row in report["rows"]),
        "",
        f"Made with `{report['command']}`, {PROCESSES} processes on {facts['cores']} cores of "
        f"{facts['cpu']}, {facts['platform']}, without a GPU; Python {facts['python']}, "
        f"{versions}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Score all networks, write both files and print the Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--archs", type=int, default=1000, help="number of networks")
    parser.add_argument("--data-dir", type=Path, help="folder of cifar-10-batches-py")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write into")
    given = parser.parse_args()
    facts = provenance.collect()
    facts["versions"]["scipy"] = metadata.version("scipy")
    texts, table = drawn(given.archs), f"nas-bench-201={DATA / 'nasbench201.csv'}"
    domains = load_table(table).domains
    archs = [domains.arch(parse(text)) for text in texts]
    found = run_proxies(
        names(),
        table,
        ["cifar10"],
        archs,
        seeds=1,
        data_dir=given.data_dir,
        jobs=PROCESSES,
        progress=partial(print, file=sys.stderr),
        kept=ROOT / "results" / "bench" / f"{NAME}.scores.jsonl",
    )
    report = {
        "command": "python benchmarks/proxies_suite_zero.py",
        "architectures": len(texts),
        "batch": BATCH,
        "rows": summary(texts, found),
        "provenance": facts,
    }
    text = json.dumps(report, indent=1) + "\n"
    (given.out / f"{NAME}.json").write_text(text, encoding="utf-8")
    (given.out / f"{NAME}.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))


if __name__ == "__main__":
    main()
