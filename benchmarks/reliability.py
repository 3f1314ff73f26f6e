"""Kills every verb before each of its file events, and fills the disk at each of them.

python benchmarks/reliability.py [VERB ...]

Continues what is left each time, and compares it bit for bit with a run that nobody disturbed.
Writes two sections of results/published/reliability.md, and exits with status 1 if anything
differs. The verbs and the means are those of the tests: tests/verbs.py, tests/killing.py,
tests/breaking.py.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "tests")]

from breaking import Breaker, Tally  # noqa: E402
from killing import FULL, ONCE, SHORT, room  # noqa: E402
from verbs import VERBS, Bench, given  # noqa: E402

from nasbench.provenance import cpu_model, git_commit  # noqa: E402

# Of these, which have the most events, most of them those of the verbs above, so many are tried.
MOST = {"study": 30, "trust": 4}
PAGE, COUNTS = (HERE / "results" / "published" / f"reliability.{kind}" for kind in ("md", "json"))
HEAD = """\
# Reliability

The harnesses are tests: small counts by default, larger ones with `pytest -m ''`, and all of them
with the commands below.
"""
KILLS = """\
`python benchmarks/reliability.py`: each verb, with a task that takes a moment, is killed before
every file event: a folder or file that is made, opened for writing, written, flushed to the disk,
renamed or removed. What the kill left is continued with `--resume`, or the same command is given
again, and every file must be equal bit for bit to that of a run that nobody disturbed, but for
times. Between events nothing on the disk changes; kills that leave the same files count once.
"""
DISKS = """\
`python benchmarks/reliability.py`: at every file event that needs space the disk is full from then
on, at every write also after half of its bytes, and at eight events for the event alone (of a
study and of `trust`, whose events are mostly those of the other verbs, at up to 30 and 4 of each
kind). The command must end with status 2 and one line of at most 500 characters that names the
file (or succeed, where the file is optional: the memory of the code that the user has named),
never with a traceback, and what it left must be continued to the same result as above.
"""


def table(heads: tuple[str, ...], rows: dict[str, list[int]]) -> str:
    """Return counts by verb as a table with their sums."""
    sums = [sum(column) for column in zip(*rows.values(), strict=True)]
    lines = [f"| verb | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for name, counts in {**rows, "all": sums}.items():
        lines.append(f"| {name} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def machine() -> str:
    """Return hardware, versions and date in one sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{os.cpu_count()} virtual cores of {cpu_model()}, {memory:.0f} GB, no GPU, one thread; "
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {version('numpy')}, "
        f"{platform.system()} {kernel}; commit {(git_commit(HERE) or '?')[:8]}; "
        f"{datetime.now(UTC):%d %B %Y}."
    )


def write(title: str, text: str) -> None:
    """Replace one section of the page, and leave the others."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    section = f"## {title}\n\n{text.strip()}\n"
    found = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if found.search(page):
        page = found.sub(lambda _: f"{section}\n", page)
    else:
        page = f"{page.rstrip()}\n\n{section}"
    PAGE.write_text(f"{page.rstrip()}\n", encoding="utf-8")


def counts(tally: Tally) -> list[int]:
    """Return the numbers of file events, of interruptions, and of equal ends."""
    return [tally.events, tally.broken, tally.broken - len(tally.wrong)]


def main() -> int:
    """Run the verbs, write the page, and return the exit status."""
    found = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary, room(Path(temporary)) as folder:
        bench = Bench(folder, given(folder / "given"))
        for name in sys.argv[1:] or VERBS:
            begin = time.monotonic()
            breaker = Breaker(bench, name)
            kills, disks = breaker.kills(), breaker.full_disks(MOST.get(name), (FULL, SHORT))
            once = breaker.full_disks(min(8, MOST.get(name, 8)), (ONCE,))
            disks.broken, disks.wrong = disks.broken + once.broken, disks.wrong + once.wrong
            seconds = round(time.monotonic() - begin)
            found[name] = {"kills": counts(kills), "disks": counts(disks), "seconds": seconds}
            COUNTS.write_text(json.dumps({**found, "machine": machine()}, indent=1) + "\n")
            print(f"{name}: {found[name]}", flush=True)  # noqa: T201
            for line in (*kills.wrong, *disks.wrong):
                wrong += 1
                print(f"  {line}", flush=True)  # noqa: T201
    write_page(found)
    return int(wrong > 0)


def write_page(found: dict[str, Any]) -> None:
    """Write the two sections of what was found by verb."""
    rows = {name: found[name] for name in VERBS if name in found}
    seconds = sum(row["seconds"] for row in rows.values())
    about = f"{machine()} Both sections took {seconds / 60:.0f} minutes."
    heads = ("file events", "kills that leave other files", "equal")
    tables = table(heads, {name: row["kills"] for name, row in rows.items()})
    write("Kills", f"{KILLS}\n{tables}\n\n{about}")
    heads = ("file events", "full disks", "refused in one line, then equal")
    tables = table(heads, {name: row["disks"] for name, row in rows.items()})
    write("Full disks", f"{DISKS}\n{tables}\n\n{about}")


if __name__ == "__main__":
    sys.exit(main())
