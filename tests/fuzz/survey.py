"""Counts what mutated inputs do: ``python tests/fuzz/survey.py 3000 [SEED] [FORMAT]``.

It prints, for every format and for the options of every command, the inputs, those that were
refused in one line, and those that broke a rule, with an example of each way in which they did.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="nasbench-fuzz-")

from commands import CHECKED, command_lines, groups
from formats import TAKEN, Format, formats
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from probing import Verdict, probe

Check = Callable[[Verdict, str], None]
Job = Callable[[int, int, Check], None]


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Work in a new folder, deep enough for ``../../``, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="nasbench-fuzz-") as top:
        folder = Path(top) / "a" / "b" / "c"
        folder.mkdir(parents=True)
        (folder / TAKEN).write_text("a file")
        with contextlib.chdir(folder):
            yield folder


def fuzz(strategy: st.SearchStrategy, count: int, number: int, run: Callable) -> None:
    """Call ``run`` with ``count`` examples, the same for the same ``number``."""
    checks = list(HealthCheck)
    phases = (Phase.generate, Phase.shrink)
    options = settings(
        max_examples=count, database=None, deadline=None, suppress_health_check=checks,
        phases=phases, report_multiple_bugs=False,
    )  # fmt: skip
    seed(number)(options(given(strategy)(run)))()


def of_format(format: Format, count: int, number: int, check: Check) -> None:
    """Have ``check`` judge what the commands of a format do with ``count`` mutants."""
    with workspace() as folder:
        format.needs(folder)
        path = folder / format.file

        def one(drawn: tuple[bytes, str]) -> None:
            content, command = drawn
            if format.begun is not None:
                shutil.rmtree("results", ignore_errors=True)
                shutil.copytree(format.begun(), "results")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            shutil.rmtree("made", ignore_errors=True)
            Path("made").mkdir()
            words = command.replace("{}", format.file).split()
            verdict = probe(words, [path.name, "results", TAKEN, *words[2:]], folder)
            check(verdict, f"{command}\n{content[:3000]!r}")

        fuzz(st.tuples(format.mutants, st.sampled_from(format.commands)), count, number, one)


def of_commands(names: Sequence[str], count: int, number: int, check: Check) -> None:
    """Have ``check`` judge ``count`` lines of some commands with changed options."""
    with workspace() as folder:
        for name in names:
            CHECKED[name].needs(folder)

        def one(words: list[str]) -> None:
            shutil.rmtree("made", ignore_errors=True)
            Path("made").mkdir()
            check(probe(words, [*words, TAKEN], folder), " ".join(words)[:3000])

        fuzz(command_lines(names), count, number, one)


def jobs() -> dict[str, tuple[float, Job]]:
    """Return the weight of each kind of input, and what tries it."""
    files = {name: (one.weight, partial(of_format, one)) for name, one in formats().items()}
    options = {
        f"options of {group}": (
            sum(CHECKED[name].weight for name in names),
            partial(of_commands, names),
        )
        for group, names in groups().items()
    }
    return {**files, **options}


def survey(total: int, number: int, only: str = "") -> int:
    """Print the counts of about ``total`` inputs and return how many broke a rule."""
    every = {name: job for name, job in jobs().items() if only in name}
    weights = sum(weight for weight, _ in every.values())
    sums: Counter[str] = Counter()
    _say("| input | inputs | refused | tracebacks | other faults |\n|---|---|---|---|---|")
    for name, (weight, job) in every.items():
        verdicts: list[tuple[Verdict, str]] = []

        def note(verdict: Verdict, words: str, found: list[Any] = verdicts) -> None:
            found.append((verdict, words))

        job(max(1, round(total * weight / weights)), number, note)
        broken = Counter(verdict.broken for verdict, _ in verdicts if verdict.broken)
        counts = {
            "inputs": len(verdicts),
            "refused": sum(verdict.status == 2 for verdict, _ in verdicts),
            "tracebacks": broken["traceback"],
            "other": broken.total() - broken["traceback"],
        }
        sums.update(counts)
        _say(f"| {name} | {' | '.join(map(str, counts.values()))} |")
        shown = set[str]()
        for verdict, words in verdicts:
            key = f"{verdict.broken}: {verdict.detail[-60:]}"
            if verdict.broken and key not in shown:
                shown.add(key)
                sys.stderr.write(
                    f"    {verdict.broken}: {verdict.detail}\n        {words[:400]}\n"
                )
    _say(f"| **all** | {' | '.join(map(str, sums.values()))} |")
    return sums["tracebacks"] + sums["other"]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("error")
    words = [*sys.argv[1:], *("3000", "0", "")[len(sys.argv) - 1 :]]
    sys.exit(1 if survey(int(words[0]), int(words[1]), words[2]) else 0)
