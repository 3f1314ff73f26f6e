"""Measures --task images/ on 100,000 PNGs of 32x32 and on 5,000 of about 500x500.

python benchmarks/own_images.py [--scale 1.0] [--sets 32x32 500x500] [--pictures FOLDER]

Makes both folders of pictures, then measures in fresh processes: the first start (decoding), the
second start (from the cache), both with the memory of the process and its decoders; the examples
per second of an epoch of batches, in memory and mapped from the disk; and the pictures per second
of torchvision's ImageFolder in a DataLoader with as many workers, which decodes in every epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = 10
SETS = {"32x32": (100_000, 32, 32), "500x500": (5_000, 460, 540)}
SIZES = {"32x32": 32, "500x500": 224}
POLL_S = 0.02


def make(folder: Path, first: int, count: int, least: int, most: int) -> None:
    """Write pictures that compress like photographs: smooth colors under a little noise."""
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        width, height = (int(side) for side in rng.integers(least, most + 1, 2))
        coarse = rng.integers(0, 256, (9, 9, 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = rng.integers(-6, 7, (height, width, 3))
        pixels = (np.asarray(smooth, np.int16) + noise).clip(0, 255).astype(np.uint8)
        path = folder / f"class{number % CLASSES}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, compress_level=3)


def make_all(folder: Path, count: int, least: int, most: int, workers: int) -> None:
    """Write ``count`` pictures with several processes."""
    step = 200
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        jobs = [
            pool.submit(make, folder, at, min(step, count - at), least, most)
            for at in range(0, count, step)
        ]
        for job in jobs:
            job.result()


def memory(root: int) -> tuple[int, int]:
    """Return the bytes of a process and its children: their own, and with mapped files."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    alone = whole = 0
    waiting = [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            lines = (Path("/proc") / str(process) / "status").read_text().splitlines()
        except OSError:
            continue
        found = {line.partition(":")[0]: line.split() for line in lines}
        if "RssAnon" in found:
            alone += int(found["RssAnon"][1]) * 1024
            whole += int(found["VmRSS"][1]) * 1024
    return alone, whole


def measured(code: str, *words: str, **environment: str) -> dict[str, Any]:
    """Run code in a fresh process; return what it prints as JSON, its seconds and its memory."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    peaks = [0, 0]

    def watch() -> None:
        while process.poll() is None:
            peaks[:] = map(max, peaks, memory(process.pid))
            time.sleep(POLL_S)

    watcher = threading.Thread(target=watch)
    since = time.perf_counter()
    watcher.start()
    printed = process.communicate()[0]
    seconds = time.perf_counter() - since
    watcher.join()
    if process.returncode:
        raise SystemExit(f"status {process.returncode}: {code}")
    return {**json.loads(printed), "process_s": seconds, "alone": peaks[0], "rss": peaks[1]}


START = """
import json, sys, time, torch
from nasbench.config import SearchConfig
from nasbench.tasks import loading, own_data
own_data.MAPPED_FROM = int(sys.argv[3])
since = time.perf_counter()
task = loading.load(sys.argv[1], SearchConfig(size=int(sys.argv[2])))
seconds = time.perf_counter() - since
from nasbench.data.batches import Batches
rate = 0.0
if len(sys.argv) > 4:
    batches = Batches(task.train, 128, seed=0, augmentation=task.augmentation, train=True)
    since, count = time.perf_counter(), 0
    for images, labels in batches.epoch(0):
        count += len(images)
    rate = count / (time.perf_counter() - since)
print(json.dumps({"start_s": seconds, "rate": rate, "n": len(task.train),
                  "decoded": task.train.images.nbytes}))
"""

NOTHING = """
import json
import torch
from nasbench.tasks import loading
print(json.dumps({}))
"""

TORCHVISION = """
import json, sys, time
from torch.utils.data import DataLoader
from torchvision import datasets, transforms as T
size, workers = int(sys.argv[2]), int(sys.argv[3])
how = T.Compose([T.Resize(size), T.CenterCrop(size), T.RandomHorizontalFlip(), T.ToTensor(),
                 T.Normalize((0.5,) * 3, (0.25,) * 3)])
since = time.perf_counter()
data = datasets.ImageFolder(sys.argv[1], how)
listed = time.perf_counter() - since
loader = DataLoader(data, 128, shuffle=True, drop_last=True, num_workers=workers)
since, count = time.perf_counter(), 0
for images, labels in loader:
    count += len(images)
print(json.dumps({"start_s": listed, "rate": count / (time.perf_counter() - since)}))
"""

NOTES = (
    "*start* is the time until the task is there, without the import of torch. *memory* is what",
    "the process and its children hold for themselves (RssAnon), above a process that has only",
    "imported nasbench. *RSS* also counts pages of mapped files, which the system takes back when",
    "it needs them. ImageFolder decodes in every epoch, nasbench in the first start alone.",
)
IN_MEMORY, MAPPED = str(2**60), "1"


def measure(name: str, folder: Path, workers: int, scratch: Path) -> list[str]:
    """Return the lines of a table for one set of pictures."""
    size, cache = str(SIZES[name]), str(scratch / f"cache-{name}")
    idle = measured(NOTHING)
    first = measured(START, str(folder), size, MAPPED, XDG_CACHE_HOME=cache)
    second = measured(START, str(folder), size, MAPPED, XDG_CACHE_HOME=cache)
    mapped = measured(START, str(folder), size, MAPPED, "epoch", XDG_CACHE_HOME=cache)
    held = measured(START, str(folder), size, IN_MEMORY, "epoch", XDG_CACHE_HOME=cache)
    theirs = measured(TORCHVISION, str(folder), size, str(workers))
    count = sum(1 for _ in folder.rglob("*.png"))
    decoded = first["decoded"] * count / first["n"]

    def row(what: str, found: dict[str, Any]) -> str:
        rate = f"{found['rate']:,.0f}" if found["rate"] else ""
        own = (found["alone"] - idle["alone"]) / 2**20
        cells = (
            what,
            f"{found['start_s']:.2f}",
            rate,
            f"{own:,.0f}",
            f"{found['rss'] / 2**20:,.0f}",
        )
        return f"| {' | '.join(cells)} |"

    return [
        f"## {count:,} PNGs of {name}, as {size}x{size}",
        "",
        f"Decoded, they take {decoded / 2**20:,.0f} MB. The first start decodes "
        f"{count / first['start_s']:,.0f} pictures per second with {workers} processes.",
        "",
        "| | start, s | examples/s of an epoch | memory, MB | RSS, MB |",
        "|---|---|---|---|---|",
        row("first start", first),
        row("second start", second),
        row("an epoch, mapped from the disk", mapped),
        row("an epoch, in memory", held),
        row(f"ImageFolder, {workers} workers", theirs),
        "",
    ]


def main() -> None:
    """Make the pictures, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the pictures")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=Path("results/published/own_images.md"))
    parser.add_argument("--folder", type=Path, help="where to work; needs 3 GB")
    parser.add_argument(
        "--pictures", type=Path, help="keep the pictures here, and take those that are here"
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--make", action="store_true", help="only make the pictures")
    given = parser.parse_args()
    import torch
    import torchvision

    scratch = Path(tempfile.mkdtemp(prefix="own-images-", dir=given.folder))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.workers])  # of all processes
    machine = platform.processor() or platform.machine()
    versions = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    lines = [
        "# Pictures of one's own: time and memory",
        "",
        f"`python {' '.join(sys.argv)}`, {time.strftime('%Y-%m-%d')}; {given.workers} cores of "
        f"{machine}, Python {platform.python_version()}, {versions}.",
        "",
        *NOTES,
        "",
    ]
    try:
        for name in given.sets:
            count, least, most = SETS[name]
            many = max(200, round(count * given.scale))
            folder = (given.pictures or scratch) / f"{name}-{many}"
            if not folder.is_dir():
                made = folder.with_name(f"{folder.name}-half")
                make_all(made, many, least, most, given.workers)
                made.rename(folder)
            if not given.make:
                lines += measure(name, folder, given.workers, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if given.make:
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    sys.stdout.write(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
