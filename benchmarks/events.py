"""Measures speed and memory use of making an image from a text file of events.

The baseline is a loop over the rows of `np.loadtxt` that adds each event to the image, as in plain
scripts. Both read the same synthetic file alternately, several times, and must give the same
image. The times of one thread are CPU times, the minimum of all repetitions. Then one process per
core makes the images of a folder, as `nasbench data gait` does: its files are links to that one,
and the wall time includes the start of the processes.

The memory is the peak of a new process that reads a large file, and its peak after the imports.

python benchmarks/events.py [--rows N] [--files N] [--megabytes N] [--repeats N] [--out FILE]

Writes results/published/events.json. The large file is written to a temporary folder ($TMPDIR).
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # one thread is measured

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasbench import provenance
from nasbench.events.convert import ImageOptions, convert_recordings
from nasbench.events.formats import parts
from nasbench.events.images import Window, images
from nasbench.events.recordings import Recording

ROOT = Path(__file__).resolve().parent.parent
SIDE = 128
MEGABYTE = 10**6
PROBE = "--probe"


def synthetic_lines(rows: int, start: int, stream: np.random.Generator) -> bytes:
    """Return lines `t x y p` of about 100,000 events per second, beginning after `start`."""
    times = start + np.cumsum(stream.integers(0, 20, rows))
    pixels = stream.integers(0, SIDE, (rows, 2))
    table = np.column_stack([times, pixels, stream.integers(0, 2, rows)])
    return "".join(f"{t} {x} {y} {p}\n" for t, x, y, p in table.tolist()).encode()


def write(path: Path, size: int) -> None:
    """Write a file of at least `size` bytes with ascending times."""
    stream = np.random.default_rng(0)
    written, start = 0, 0
    with path.open("wb") as file:
        while written < size:
            block = synthetic_lines(200_000, start, stream)
            start = int(block[block.rindex(b"\n", 0, -1) + 1 :].split()[0])
            written += file.write(block)


def ours(path: Path) -> np.ndarray:
    """Return the image (4, 128, 128) as `nasbench data gait` makes it."""
    (image,) = images(parts(path), str(path), Window())
    return image.pixels


def loop(path: Path) -> np.ndarray:
    """Return the same image, adding one event at a time."""
    rows = np.loadtxt(path)
    image = np.zeros((4, SIDE, SIDE))
    first, span = rows[0][0], rows[-1][0] - rows[0][0]
    for row in rows:
        x, y = int(row[1]), int(row[2])
        if row[3] == 1:
            image[0, y, x] += 1
            image[2, y, x] = (row[0] - first) / span
        else:
            image[1, y, x] += 1
            image[3, y, x] = (row[0] - first) / span
    return image.astype(np.float32)


def seconds(work: Callable[[Path], np.ndarray], path: Path) -> tuple[float, np.ndarray]:
    """Return the CPU time of one call, and its result."""
    start = time.process_time()
    image = work(path)
    return time.process_time() - start, image


def speed(folder: Path, rows: int, repeats: int) -> dict[str, Any]:
    """Compare both implementations on one file."""
    path = folder / "speed.txt"
    path.write_bytes(synthetic_lines(rows, 0, np.random.default_rng(1)))
    times: dict[str, list[float]] = {"ours": [], "loop": []}
    for _ in range(repeats):
        took, image = seconds(ours, path)
        times["ours"].append(took)
        took, truth = seconds(loop, path)
        times["loop"].append(took)
        if not np.array_equal(image, truth):
            raise SystemExit("the two images differ")
    best = {name: min(found) for name, found in times.items()}
    return {
        "rows": rows,
        "bytes": path.stat().st_size,
        "repeats": repeats,
        "ours_ns_per_row": round(best["ours"] / rows * 1e9, 1),
        "loop_ns_per_row": round(best["loop"] / rows * 1e9, 1),
        "speed_up": round(best["loop"] / best["ours"], 1),
        "images_equal": True,
    }


def folder_speed(folder: Path, files: int, loop_ns: float, rows: int) -> dict[str, Any]:
    """Convert a folder of links to the file that :func:`speed` wrote, on all cores."""
    links = folder / "links"
    links.mkdir()
    for number in range(files):
        (links / f"{number}.txt").symlink_to(folder / "speed.txt")
    recordings = [Recording(path, "one", path.stem) for path in sorted(links.iterdir())]
    jobs = os.cpu_count() or 1
    start = time.perf_counter()
    made = sum(
        len(one.stated) for one in convert_recordings(recordings, ImageOptions(), folder, jobs)
    )
    took = time.perf_counter() - start
    if made != files:
        raise SystemExit(f"{files} files gave {made} images")
    ns = took / (files * rows) * 1e9
    return {
        "files": files,
        "processes": jobs,
        "seconds": round(took, 2),
        "ours_ns_per_row": round(ns, 1),
        "speed_up": round(loop_ns / ns, 1),
    }


def memory(folder: Path, size: int) -> dict[str, Any]:
    """Read a large file in a separate process."""
    path = folder / "large.txt"
    write(path, size)
    command = [sys.executable, __file__, PROBE, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found = json.loads(done.stdout)
    return {"megabytes": round(path.stat().st_size / MEGABYTE, 1), **found}


def probe(path: Path) -> None:
    """Print as JSON the memory after the imports, the peak memory and the time."""
    before = _peak()
    took, image = seconds(ours, path)
    report = {
        "peak_rss_mb_after_imports": before,
        "peak_rss_mb": _peak(),
        "seconds": round(took, 2),
        "events": int(image[:2].sum(dtype=np.int64)),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def _peak() -> float:
    """Return the peak memory of this process in megabytes, which Linux reports in KiB.

    `getrusage` would report that of the parent if it is larger.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(line.split()[1]) * 1024 / MEGABYTE, 1)


def main() -> None:
    """Measure, print, and write the report."""
    if sys.argv[1:2] == [PROBE]:
        probe(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the timed file")
    parser.add_argument("--files", type=int, default=400, help="files in the folder")
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the large file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "published" / "events.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="events-") as folder:
        one = speed(Path(folder), args.rows, args.repeats)
        loop_ns = one["loop_ns_per_row"]
        report = {
            "one_thread": one,
            "all_cores": folder_speed(Path(folder), args.files, loop_ns, args.rows),
            "memory": memory(Path(folder), args.megabytes * MEGABYTE),
            "provenance": provenance.collect(),
        }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
