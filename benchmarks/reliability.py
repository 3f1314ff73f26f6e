"""Kills every verb before each of its file events, and fills the disk at each of them.

python benchmarks/reliability.py [VERB ...]

Continues what is left each time, and compares it bit for bit with a run that nobody disturbed.
Writes two sections of results/reliability.md, and exits with status 1 if anything differs. The
verbs and the means are those of the tests: tests/verbs.py, tests/killing.py, tests/breaking.py.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "tests")]

from breaking import Breaker, Tally  # noqa: E402
from killing import room  # noqa: E402
from verbs import VERBS, Bench, given  # noqa: E402

from nasbench.provenance import cpu_model, git_commit  # noqa: E402

PAGE = HERE / "results" / "reliability.md"
HEAD = """\
# What a kill, a full disk or a broken file costs

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
`python benchmarks/reliability.py`: at every file event the disk is full: from then on, for this
event alone, or, in a write, after half of its bytes. The command must end with status 2 and one
line of at most 500 characters that names the file (or succeed, where the file is optional: the
memory of the code that the user has named), never with a traceback, and what it left must be
continued to the same result as above.
"""


def table(heads: tuple[str, ...], rows: dict[str, Tally]) -> str:
    """Return tallies as a table with their sums."""
    lines = [f"| verb | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    lines += [f"| `{name}` | {tally} |" for name, tally in rows.items()]
    total = Tally(0)
    for tally in rows.values():
        total.events += tally.events
        total.broken += tally.broken
        total.wrong += tally.wrong
    return "\n".join([*lines, f"| all | {total} |"])


def machine() -> str:
    """Return hardware, versions and date in one sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} virtual cores of {cpu_model()}, {memory:.0f} GB, no GPU, one thread; "
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {version('numpy')}, "
        f"{platform.system()} {platform.release()}; commit {(git_commit(HERE) or '?')[:8]}; "
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


def main() -> int:
    """Run, write the page, and return the exit status."""
    kills, disks, begin = dict[str, Tally](), dict[str, Tally](), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary, room(Path(temporary)) as folder:
        bench = Bench(folder, given(folder / "given"))
        for name in sys.argv[1:] or VERBS:
            breaker = Breaker(bench, name)
            kills[name], disks[name] = breaker.kills(), breaker.full_disks()
            print(f"{name}: {kills[name]}; {disks[name]}", flush=True)  # noqa: T201
            for line in (*kills[name].wrong, *disks[name].wrong):
                print(f"  {line}", flush=True)  # noqa: T201
    about = f"{machine()} Both sections took {(time.monotonic() - begin) / 60:.0f} minutes."
    heads = ("file events", "kills that leave other files", "equal")
    write("Kills", f"{KILLS}\n{table(heads, kills)}\n\n{about}")
    heads = ("file events", "full disks", "refused in one line, then equal")
    write("Full disks", f"{DISKS}\n{table(heads, disks)}\n\n{about}")
    return int(any(tally.wrong for tally in (*kills.values(), *disks.values())))


if __name__ == "__main__":
    sys.exit(main())
