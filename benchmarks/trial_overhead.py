"""Measures the overhead of an engine: from submitting an empty trial to receiving its result.

The first trials, which start the workers, are not counted.

python benchmarks/trial_overhead.py
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from nasbench import provenance
from nasbench.executors import Executor, ExecutorOptions, Job, Report, open_executor
from nasbench.optional import available

TRIALS = 500
UNCOUNTED = 20
CASES = (("inline", 1), ("local", 1), ("local", 2), ("ray", 1), ("ray", 2))
LIMITS = {"local": 20.0, "ray": 50.0}  # ms
OUT = Path(__file__).resolve().parent.parent / "results" / "published" / "trial_overhead.json"


def setup(context: None) -> Callable[[int, Report], int]:
    """Return the work of a trial, which returns its payload."""
    return lambda payload, report: payload


def latencies(executor: Executor) -> list[float]:
    """Return the time of each trial in ms, with all slots busy, in the order of the results."""
    submitted: dict[int, float] = {}
    taken: list[float] = []
    for number in range(TRIALS + UNCOUNTED + executor.slots):
        if number >= executor.slots:
            finished = executor.next(lambda: False)
            assert finished is not None
            assert finished.value == finished.number
            taken.append((time.perf_counter() - submitted[finished.number]) * 1000)
        submitted[number] = time.perf_counter()
        executor.submit(Job(number, number))
    return taken[UNCOUNTED:]


def measure(engine: str, concurrency: int) -> dict[str, object]:
    """Return one row of the table."""
    options = ExecutorOptions(concurrency=concurrency)
    with open_executor(
        engine, "trial_overhead:setup", None, lambda number, value: True, options
    ) as executor:
        times = latencies(executor)
    return {
        "engine": engine,
        "concurrency": concurrency,
        "median_ms": round(statistics.median(times), 3),
        "p90_ms": round(statistics.quantiles(times, n=10)[-1], 3),
        "limit_ms": LIMITS.get(engine),
        "n": len(times),
    }


def main() -> None:
    """Print the table and write the report."""
    rows = []
    for engine, concurrency in CASES:
        if engine == "ray" and not available("ray"):
            sys.stdout.write("ray cannot be imported and is skipped\n")
            continue
        row = measure(engine, concurrency)
        rows.append(row)
        sys.stdout.write(
            f"{engine:7}concurrency {concurrency}   median {row['median_ms']:7.3f} ms   "
            f"p90 {row['p90_ms']:7.3f} ms   n {row['n']}\n"
        )
    report = {
        "command": "python benchmarks/trial_overhead.py",
        "rows": rows,
        "ray": metadata.version("ray") if available("ray") else None,
        "provenance": provenance.collect(),
    }
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
