"""Measures how fast the page shows 1,000 runs with 10,000 trials, and a new value.

python benchmarks/board.py [--repeats N]

Creates a results folder with 989 retrainings of 20 epochs, ten tunings of 500 trials and one of
5,000, and 1,000 records. Each repeat starts a new server, which has nothing cached, and measures
the times in Chromium from the navigation to the first content and to the table. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from nasbench import provenance
from nasbench.board import page as own

RUNS, TUNINGS, TRIALS, MANY = 1000, 10, 500, 5000
CHROMIUM = "/usr/bin/chromium"


def write_run(
    root: Path, number: int, verb: str, events: list[dict[str, Any]], **config: Any
) -> Path:
    """Write one run folder and return it."""
    path = root / "runs" / f"20260101-{number:06}-{verb}-tpe-digits-s0"
    path.mkdir(parents=True)
    info = {
        "format": "nasbench-run/1",
        "verb": verb,
        "name": ("darts", "random", "tpe")[number % 3],
        "status": "done",
        "task": "digits",
        "seed": number % 10,
        "config": {"space": "darts", **config},
        "provenance": provenance.collect([]) if number == 0 else {},
    }
    (path / "run.json").write_text(json.dumps(info))
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (path / "journal.jsonl").write_text(lines)
    return path


def epochs(count: int) -> list[dict[str, Any]]:
    """Return the events of a training."""
    time = "2026-01-01T00:00:00+00:00"
    shared = {"event": "epoch", "time": time, "loss": 1.0, "accuracy": 0.5, "seconds": 9.0}
    return [{**shared, "epoch": n + 1, "val_accuracy": n / count} for n in range(count)]


def trials(count: int) -> list[dict[str, Any]]:
    """Return the events of a tuning."""
    found = []
    for number in range(count):
        share = number * 0.618 % 1
        parameters = {"lr": 10 ** (-4 * share), "momentum": share, "optimizer": "abc"[number % 3]}
        about = {"number": number, "parameters": parameters, "error": None}
        found.append({"event": "trial", "score": 1 - share**2, "seconds": 1.0, **about})
    return found


def record(root: Path, run: str, number: int) -> None:
    """Write one record, of 50 methods with 20 seeds each."""
    content = {
        "format": "nasbench-record/1",
        "run": run,
        "method": f"method {number % 50}",
        "task": "digits",
        "space": "darts",
        "arch_id": f"{number:08x}",
        "search_run": f"s{number}",
        "search_seed": number // 50,
        "retrain_seed": 0,
        "search_config": {},
        "retrain_config": {},
        "test_accuracy": 0.9 + number % 97 / 1000,
        "val_accuracy": 0.9,
        "params": 10_000 + number,
        "macs": 100_000,
        "latency_ms": 1.0,
        "search_seconds": 100.0,
        "search_evaluations": 10,
        "retrain_seconds": 50.0,
        "test_openings": 1,
        "test_examples": 360,
        "curve": [[step * 10.0, step / 11] for step in range(1, 11)],
    }
    (root / "records" / f"{number:06}.json").write_text(json.dumps(content))


def fill(root: Path) -> None:
    """Write the results folder."""
    (root / "records").mkdir(parents=True)
    for number in range(RUNS - TUNINGS - 1):
        write_run(root, number, "retrain", epochs(20), epochs=20)
    for number in range(RUNS - TUNINGS - 1, RUNS):
        count = MANY if number == RUNS - 1 else TRIALS
        write_run(root, number, "hpo", trials(count), budget=f"{count} trials")
    for number in range(RUNS):
        record(root, f"20260101-{number:06}-retrain-tpe-digits-s0", number)


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Start the server; yield its address."""
    command = [sys.executable, "-m", "nasbench", "board", str(root), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[0]
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def opened(page: Page, address: str, wanted: str) -> dict[str, float]:
    """Return the seconds until the first content, and until the selector ``wanted`` matches."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(wanted)
    whole = "performance.now() / 1000"
    first = "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
    return {"first": page.evaluate(first), "whole": page.evaluate(whole)}


def new_value(page: Page, address: str, path: Path) -> float:
    """Return the seconds from the end of an epoch until the page shows it."""
    page.goto(address)
    page.wait_for_selector("text=20 of 20")
    changed = json.loads((path / "run.json").read_text())
    changed["config"]["epochs"] = 30
    (path / "run.json").write_text(json.dumps(changed))
    with (path / "journal.jsonl").open("a") as file:
        file.write(json.dumps(epochs(21)[-1]) + "\n")
    start = time.perf_counter()
    page.wait_for_selector("text=21 of 30")
    return time.perf_counter() - start


def measure(root: Path, page: Page) -> dict[str, float]:
    """Return all times of one repeat."""
    found: dict[str, float] = {}
    with served(root) as address:
        for name, place, wanted in (
            ("leaderboard", "#/0/leaderboard", "td"),
            ("runs", "#/0/runs", "td"),
        ):
            times = opened(page, address + place, wanted)
            found |= {f"{name}, {part}": value for part, value in times.items()}
        rows = page.evaluate("fetch('data/place-0.json').then(a => a.json()).then(a => a.runs)")
        times = opened(page, f"{address}#/0/run/{rows[0]['key']}", "td")
        found |= {f"a run of {MANY:,} trials, {part}": value for part, value in times.items()}
        first = root / "runs" / rows[-1]["name"]
        kept = {name: (first / name).read_bytes() for name in ("run.json", "journal.jsonl")}
        found["a new value"] = new_value(page, f"{address}#/0/run/{rows[-1]['key']}", first)
        for name, content in kept.items():
            (first / name).write_bytes(content)
    return found


def main() -> None:
    """Print the times as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder) / "results"
        fill(root)
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        measured = [measure(root, page) for _ in range(repeats)]
        browser.close()
    times = {
        name: {
            "median_s": round(statistics.median(each[name] for each in measured), 2),
            "min_s": round(min(each[name] for each in measured), 2),
            "max_s": round(max(each[name] for each in measured), 2),
        }
        for name in measured[0]
    }
    weight = sum(path.stat().st_size for path in own.FOLDER.iterdir())
    facts = {"runs": RUNS, "trials": TUNINGS * TRIALS + MANY, "records": RUNS, "n": repeats}
    report = {**facts, "page_bytes": weight, "times": times, "provenance": provenance.collect()}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
