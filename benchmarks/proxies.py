"""Measures how well each zero-cost proxy ranks the networks of NAS-Bench-201.

Every proxy scores the same untrained networks, sampled from a published table of proxies
(NAS-Bench-Suite-Zero: Krishnakumar et al., NeurIPS 2022). The scores are compared with the
networks' CIFAR-10 test accuracies after 200 epochs, and with the ranking of the same networks by
that table's columns.

As in that table, the weights have PyTorch's default initialisation, and the batch has 64 training
images, here without augmentation. The norms of the weights in the table confirm that its source
uses the default initialisation too.

python benchmarks/proxies.py [--archs N] [--seed S] [--data-dir FOLDER]

Writes results/published/zero_cost_nas-bench-201.json and .md. An interrupted run is resumed. The
tables are read from $NASBENCH_DATA or ../shared/data, and CIFAR-10 from where `--task cifar10`
finds it.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # each process has one core

import argparse
import csv
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

import nasbench.proxies
from nasbench import provenance
from nasbench.catalog import PROXIES
from nasbench.engine.problem import Problem
from nasbench.engine.proxies import BATCH, Scorer, proxy
from nasbench.interop.nasbench201 import parse
from nasbench.seeding import derive, generator
from nasbench.tabular.nasbench201 import load
from nasbench.tasks.base import Task
from nasbench.tasks.cifar10 import load_cifar10
from search_spaces.nasbench201 import NasBench201

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("NASBENCH_DATA", ROOT.parent / "shared" / "data")) / "nas-bench-201"
NAME = "zero_cost_nas-bench-201"
PARTIAL = ROOT / "results" / "runs" / f"{NAME}.jsonl"
COLUMNS = {"macs": "flops", "naswot": "nwot", "epe": "epe_nas"}  # others have the same name
PROCESSES, RESAMPLES = 2, 1000

Row = dict[str, Any]
ready: dict[str, Any] = {}  # the state of a worker process


@cache
def published() -> dict[str, dict[str, str]]:
    """Return the published table, which maps the string of a cell to its row."""
    path = DATA / "nb201_zero_cost_proxies_cifar10.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {line["arch_str"]: line for line in csv.DictReader(file)}


def drawn(number: int, seed: int) -> list[str]:
    """Return the strings of ``number`` random cells."""
    texts = list(published())
    stream = np.random.default_rng(derive(seed, NAME))
    return [texts[i] for i in stream.permutation(len(texts))[:number]]


def small_task(seed: int, data_dir: Path | None) -> Task:
    """Return CIFAR-10 with only the images of the batch, to save memory in the processes."""
    task = load_cifar10(data_dir, download=False)
    order = torch.randperm(len(task.train), generator=generator(seed, NAME, "batch"))
    return replace(task, train=task.train.subset(order[:BATCH]))


def begin(seed: int, task: Task) -> None:
    """Initialise a worker process."""
    torch.set_num_threads(1)
    problem = Problem.of(task, NasBench201, {})
    ready["domains"] = problem.domains
    ready["scorer"] = Scorer(problem, lambda: task.train, seed, torch.device("cpu"))


def measure(known: Row) -> Row:
    """Return the scores and seconds of all proxies for a cell; those in ``known`` are kept."""
    text, scorer = known["arch"], ready["scorer"]
    network, batch = scorer.network(ready["domains"].arch(parse(text))), scorer.batch
    scores, seconds = dict(known["scores"]), dict(known["seconds"])
    for name in PROXIES.keys() - scores.keys():
        since = time.perf_counter()
        scores[name] = proxy(name)(network, *batch)
        seconds[name] = time.perf_counter() - since
    return {"arch": text, "scores": scores, "seconds": seconds}


def measured(texts: list[str], seed: int, data_dir: Path | None) -> list[Row]:
    """Return the rows of all cells, reusing those of an interrupted run."""
    rows = dict(taken_over(seed))
    known = [rows.get(text, {"arch": text, "scores": {}, "seconds": {}}) for text in texts]
    todo = [row for row in known if row["scores"].keys() != PROXIES.keys()]
    if not todo:
        return [rows[text] for text in texts]
    initargs = (seed, small_task(seed, data_dir))
    since = time.perf_counter()
    with (
        PARTIAL.open("a", encoding="utf-8") as file,
        multiprocessing.get_context("spawn").Pool(PROCESSES, begin, initargs) as pool,
    ):
        for number, row in enumerate(pool.imap_unordered(measure, todo), start=1):
            rows[row["arch"]] = row
            file.write(json.dumps(row) + "\n")
            file.flush()
            if number % 5 == 0 or number == len(todo):
                left = (time.perf_counter() - since) / number * (len(todo) - number)
                sys.stderr.write(f"{number} of {len(todo)}, {left / 60:.0f} min left\n")
    return [rows[text] for text in texts]


def taken_over(seed: int) -> Iterator[tuple[str, Row]]:
    """Yield the rows of interrupted runs with the same seed.

    A score is reused if the code of its proxy is unchanged; a file of another seed is discarded.
    """
    head = {"seed": seed, "code": {name: code_of(name) for name in PROXIES}}
    lines = PARTIAL.read_text(encoding="utf-8").splitlines() if PARTIAL.exists() else []
    before = json.loads(lines[0]) if lines else {}
    same = {name for name in PROXIES if before.get("code", {}).get(name) == head["code"][name]}
    rows = list(read(lines[1:])) if before.get("seed") == seed else []
    for row in rows:
        for figures in (row["scores"], row["seconds"]):
            for name in figures.keys() - same:
                del figures[name]
    PARTIAL.parent.mkdir(parents=True, exist_ok=True)
    PARTIAL.write_text("".join(json.dumps(row) + "\n" for row in [head, *rows]), encoding="utf-8")
    for row in rows:
        yield row["arch"], row


def code_of(name: str) -> str:
    """Return a digest of the code of a proxy and of the code that all proxies share."""
    folder = Path(nasbench.proxies.__file__).parent
    return hashlib.sha256(
        b"".join((folder / f"{n}.py").read_bytes() for n in ("base", name))
    ).hexdigest()


def read(lines: list[str]) -> Iterator[Row]:
    """Yield the rows in file order; the last row of a cell is the valid one."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:  # the last line of a run that was killed
            continue


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


def summary(rows: list[Row]) -> list[Row]:
    """Return the figures of each proxy, the best first."""
    table = load(DATA / "nasbench201.csv")
    archs = [table.domains.arch(parse(row["arch"])) for row in rows]
    accuracies = np.array([table.test(arch, "cifar10") for arch in archs])
    lines = [published()[row["arch"]] for row in rows]
    found = []
    for name in PROXIES:
        column = COLUMNS.get(name, name)
        ours = np.array([row["scores"][name] for row in rows])
        theirs = np.array([float(line[column]) for line in lines]) if column in lines[0] else None
        seconds = float(np.mean([row["seconds"][name] for row in rows]))
        found.append({"proxy": name, "seconds": seconds} | figures(ours, theirs, accuracies))
    return sorted(found, key=lambda one: -one["spearman"])


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
        f"{report['architectures']:,} architectures, seed {report['seed']}. {parts[1]}",
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
    parser.add_argument(
        "--seed", type=int, default=0, help="of the cells, the batch and the weights"
    )
    parser.add_argument("--data-dir", type=Path, help="folder of cifar-10-batches-py")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "published", help="folder to write into"
    )
    given = parser.parse_args()
    facts = provenance.collect()
    facts["versions"]["scipy"] = metadata.version("scipy")
    texts = drawn(given.archs, given.seed)
    rows = measured(texts, given.seed, given.data_dir)
    report = {
        "command": "python benchmarks/proxies.py",
        "seed": given.seed,
        "architectures": len(texts),
        "batch": BATCH,
        "core_seconds": sum(sum(row["seconds"].values()) for row in rows),
        "rows": summary(rows),
        "provenance": facts,
    }
    text = json.dumps(report, indent=1) + "\n"
    (given.out / f"{NAME}.json").write_text(text, encoding="utf-8")
    (given.out / f"{NAME}.md").write_text(markdown(report), encoding="utf-8")
    sys.stdout.write(markdown(report))


if __name__ == "__main__":
    main()
