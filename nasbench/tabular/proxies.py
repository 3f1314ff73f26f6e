"""Benchmark of zero-cost proxies on a table of finished trainings (``nasbench bench proxies``)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nasbench import catalog, provenance
from nasbench.engine.problem import Problem
from nasbench.engine.proxies import BATCH, Scorer, batch_of, proxy
from nasbench.errors import UserError
from nasbench.executors import Report, Work
from nasbench.proxies.aggregation import AGGREGATES, members, values
from nasbench.report.panels import Dot
from nasbench.report.ranking_quality import (
    Measure,
    kendall,
    mean_and_interval,
    ndcg,
    spearman,
)
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.tabular.base import Table
from nasbench.tabular.benchmark_report import aligned, made_by, markdown_table
from nasbench.tabular.loading import load_table
from nasbench.tabular.parallel import Kept, Parallel, code_digest, job_key
from nasbench.tabular.search import OwnCodeError, own_code

Floats = NDArray[np.float64]
CPU = torch.device("cpu")
SLOW = ("grasp",)
"""Proxies that are computed only if they are named: each takes as long as all others together."""

MEASURES: Mapping[str, Measure] = {
    "kendall": kendall,
    "spearman": spearman,
    "ndcg_10": partial(ndcg, k=10),
    "ndcg_50": partial(ndcg, k=50),
}


@dataclass(frozen=True, eq=False)
class ProxyBenchmark:
    """Scores of proxies, and results of the same architectures.

    Attributes:
        table: the table of results.
        task: whose images the networks saw.
        results: data set to results in [0, 1], shape ``(archs,)``.
        scores: proxy or aggregate to scores, shape ``(seeds, archs)``; -inf where undefined.
        seconds: proxy to its mean time for a network; of an aggregate, that of its proxies.
        batch: images that a network saw.
    """

    table: Table
    task: str
    results: Mapping[str, Floats]
    scores: Mapping[str, Floats]
    seconds: Mapping[str, float]
    batch: int = BATCH

    @cached_property
    def figures(self) -> dict[str, dict[str, dict[str, tuple[float, float, float]]]]:
        """Return mean over the seeds and 95 % interval by proxy, data set and measure.

        Proxies are in the order of Kendall's tau, the mean over the data sets, the best first.
        """
        found = {
            name: {
                dataset: {
                    measure: mean_and_interval(of, scores, results)
                    for measure, of in MEASURES.items()
                }
                for dataset, results in self.results.items()
            }
            for name, scores in self.scores.items()
        }

        def worth(name: str) -> float:
            return -float(np.mean([one["kendall"][0] for one in found[name].values()]))

        return {name: found[name] for name in sorted(found, key=worth)}


def run_proxies(
    proxies: Sequence[str],
    table: str,
    datasets: Sequence[str],
    archs: int | Sequence[Arch],
    seeds: int,
    task: str = "cifar10",
    data_dir: Path | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    kept: Path | None = None,
    batch: int = BATCH,
) -> ProxyBenchmark:
    """Score untrained networks of a table's architectures.

    Args:
        proxies: names of proxies and aggregates; if empty, those of the catalog that are not slow.
        table: its name, or ``NAME=PATH``.
        datasets: some of the table's data sets; if empty, all of them.
        archs: the architectures, or the number of those to draw by seed 0; at least 2.
        seeds: number of seeds, each of which draws a batch and all weights; at least 1.
        task: whose images the networks see.
        data_dir: folder of the images.
        jobs: number of processes.
        progress: called with a line now and then.
        kept: a file of finished scores: those of an interrupted benchmark are taken over.
        batch: images in a batch, at least 2.

    Raises:
        UserError: a name is unknown, the table or the images cannot be had, or the user's own
            proxy fails.
    """
    found = load_table(table)
    for dataset in datasets:
        found.check(dataset)
    names = [*dict.fromkeys(proxies or default())]
    single = members(names)
    codes = {name: _code(name) for name in single}
    if isinstance(archs, int):
        stream = np.random.default_rng(derive(0, "bench proxies"))
        archs = found.domains.sample_distinct(min(archs, found.domains.size), stream)
    tasks = {seed: batch_of(task, seed, data_dir, batch) for seed in range(seeds)}
    scored = _Scores(archs, seeds, single, Kept(kept), progress)
    data = [task, tasks[0].fingerprint, *([batch] if batch != BATCH else [])]
    scored.run((found.space, tasks, batch), [codes, *data], jobs)
    results = {
        dataset: np.array([found.test(arch, dataset) for arch in archs])
        for dataset in datasets or found.datasets
    }
    each = {name: scored.array(name, 0) for name in single}
    times = {name: float(scored.array(name, 1).mean()) for name in single}
    return ProxyBenchmark(
        found,
        task,
        results,
        {
            shortened(name): np.array(
                [values(name, {one: each[one][seed] for one in single}) for seed in range(seeds)]
            )
            for name in names
        },
        {shortened(name): sum(times[one] for one in members([name])) for name in names},
        batch,
    )


def default() -> list[str]:
    """Return the proxies that are not slow, and the aggregates."""
    return [*(name for name in catalog.PROXIES if name not in SLOW), *AGGREGATES]


def shortened(name: str) -> str:
    """Return a name or terms with plus signs between them, without the folders of files."""
    return "+".join(map(catalog.short, name.split("+")))


class _Scores:
    """Scores and seconds by architecture, seed and proxy."""

    def __init__(
        self,
        archs: Sequence[Arch],
        seeds: int,
        names: Sequence[str],
        kept: Kept,
        progress: Callable[[str], None],
    ) -> None:
        self.archs, self.seeds, self.names = archs, seeds, names
        self.kept, self.progress = kept, progress
        self.found: dict[tuple[int, int, str], Sequence[Any]] = {}

    def run(self, context: Any, same: Sequence[Any], jobs: int) -> None:
        """Compute what is not kept.

        Args:
            context: of :func:`worker`.
            same: all that a score depends on besides its architecture and its seed.
            jobs: number of processes.
        """
        codes, *data = same
        missing: list[tuple[int, int, list[str]]] = []
        for number, arch in enumerate(self.archs):
            for seed in range(self.seeds):
                keys = {name: job_key(dict(arch), seed, codes[name], *data) for name in self.names}
                for name, key in keys.items():
                    if (value := self.kept.get(key)) is not None:
                        self.found[number, seed, name] = value
                lacking = [one for one in keys if (number, seed, one) not in self.found]
                if lacking:
                    missing.append((number, seed, lacking))
        total = len(self.archs) * self.seeds
        if len(missing) < total:
            self.progress(
                f"{total - len(missing):,} of {total:,} networks are in {self.kept.path}"
            )
        payloads = [(dict(self.archs[n]), seed, names) for n, seed, names in missing]
        begin = said = time.monotonic()
        processes = max(1, min(jobs, len(missing)))
        with Parallel(f"{__name__}:{worker.__name__}", context, processes) as pool:
            for done, (job, result) in enumerate(pool.run(payloads), 1):
                if isinstance(result, UserError):
                    raise result
                number, seed, _ = missing[job]
                for name, value in result.items():
                    key = job_key(dict(self.archs[number]), seed, codes[name], *data)
                    self.kept.put(key, value)
                    self.found[number, seed, name] = value
                if time.monotonic() - said > 10 or done == len(missing):
                    said = time.monotonic()
                    left = (said - begin) / done * (len(missing) - done)
                    when = f", about {left / 60:.0f} min left" if done < len(missing) else ""
                    self.progress(f"{done:,} of {len(missing):,} networks scored{when}")

    def array(self, name: str, which: int) -> Floats:
        """Return the scores (0) or seconds (1) of a proxy, shape ``(seeds, archs)``."""
        rows = [
            [self.found[number, seed, name][which] for number in range(len(self.archs))]
            for seed in range(self.seeds)
        ]
        return np.array([[-math.inf if one is None else one for one in row] for row in rows])


def _code(name: str) -> str:
    """Return what identifies the code of a proxy."""
    return job_key(
        catalog.short(name), code_digest(proxy(name), "nasbench.proxies"), code_digest(Scorer)
    )


def worker(context: tuple[type, Mapping[int, Any], int]) -> Work:
    """Return the work of a process.

    Args:
        context: the space, the task of each seed, and the images in a batch.
    """
    space, tasks, size = context
    problem = Problem.of(tasks[0], space, {})
    scorers = {
        seed: Scorer(problem, partial(getattr, task, "train"), seed, CPU, size)
        for seed, task in tasks.items()
    }

    def work(payload: tuple[Mapping[str, Any], int, Sequence[str]], report: Report) -> Any:
        choices, seed, names = payload
        arch, scorer = problem.domains.arch(choices), scorers[seed]
        found = {}
        with one_thread():
            for name in names:
                begin = time.process_time()
                try:
                    with own_code("proxy", name):
                        score = scorer(name, arch)
                except OwnCodeError as error:
                    return error
                found[name] = [score, round(time.process_time() - begin, 4)]
        return found

    return work


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: as many processes as cores would compete for them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def summary(found: ProxyBenchmark) -> str:
    """Return what the command prints: Kendall's tau by data set, and means over the data sets."""
    lines = [["proxy", *found.results, "rho", "nDCG@10", "nDCG@50", "s"]]
    for name, by_dataset in found.figures.items():
        cells = [f"{one['kendall'][0]:.3f}" for one in by_dataset.values()]
        for measure in ("spearman", "ndcg_10", "ndcg_50"):
            cells.append(f"{np.mean([one[measure][0] for one in by_dataset.values()]):.3f}")
        lines.append([name, *cells, f"{found.seconds[name]:.2f}"])
    what = "Kendall's tau by data set; Spearman's rho and nDCG: means over the data sets"
    return f"{_about(found)}\n{what}\n{aligned(lines)}\n"


def _about(found: ProxyBenchmark) -> str:
    seeds, archs = next(iter(found.scores.values())).shape
    plural = "s" if seeds > 1 else ""
    return (
        f"{archs:,} networks of {found.table.name}, {seeds} seed{plural}; images of {found.task}"
    )


def page(found: ProxyBenchmark, pictures: Mapping[str, str]) -> str:
    """Return the report.

    Args:
        found: scores and results.
        pictures: file name of the picture ``kendall``, if it was drawn.
    """
    facts = [
        f"{_about(found)}.",
        "A proxy scores untrained networks, with PyTorch's default weights unless it draws its "
        f"own, on one batch of {found.batch} images. The results are those of the table: "
        f"{found.table.result}, the mean over the trainings.",
        "Kendall: tau-b; Spearman: rho; nDCG@k: discounted gain of the best k by score, where a "
        "result gains from 0 (the worst of the networks) to 1 (the best).",
        "An aggregate (`az-nas`, `vkdnw-agg`, `a+b`) sums the logarithms of the ranks of its "
        "proxies among these networks.",
        "Brackets: 95 % bootstrap interval over the networks, 1,000 resamples. s: mean seconds "
        "for a network, of one core.",
    ]
    if found.table.note:
        facts.append(f"Note: {found.table.note}.")
    parts = [
        f"# Zero-cost proxies on {found.table.name}",
        "\n".join(f"- {fact}" for fact in facts),
    ]
    if "kendall" in pictures:
        parts.append(f"![Kendall's tau of the proxies]({pictures['kendall']})")
    figures = found.figures
    for dataset in found.results:
        lines = [["proxy", "Kendall", "Spearman", "nDCG@10", "nDCG@50", "s"]]
        for name, by_dataset in figures.items():
            cells = [_text(*value) for value in by_dataset[dataset].values()]
            lines.append([f"`{name}`", *cells, f"{found.seconds[name]:.2f}"])
        parts += [f"## {dataset}", markdown_table(lines)]
    return "\n\n".join([*parts, made_by("No GPU was used.")]) + "\n"


def _text(mean: float, low: float, high: float) -> str:
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def dots(found: ProxyBenchmark) -> dict[str, list[Dot]]:
    """Return Kendall's tau by data set."""
    figures = found.figures
    return {
        dataset: [Dot(name, *one[dataset]["kendall"]) for name, one in figures.items()]
        for dataset in found.results
    }


def to_json(found: ProxyBenchmark) -> dict[str, Any]:
    """Return the benchmark as plain values."""
    seeds, archs = next(iter(found.scores.values())).shape
    return {
        "table": found.table.name,
        "result": found.table.result,
        "task": found.task,
        "architectures": archs,
        "seeds": seeds,
        "batch": found.batch,
        "proxies": {
            name: {
                "seconds": round(found.seconds[name], 4),
                "datasets": {
                    dataset: {k: [round(one, 5) for one in v] for k, v in values.items()}
                    for dataset, values in by_dataset.items()
                },
            }
            for name, by_dataset in found.figures.items()
        },
        "provenance": provenance.collect(),
    }
