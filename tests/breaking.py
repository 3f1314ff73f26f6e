"""Breaks a verb at its file events, continues it, and compares it with the whole one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from killing import FULL, ONCE, SHORT, Ended, digest
from verbs import Bench, outcome, same

LONGEST = 500  # characters of an error's line
STOPPED = 2


@dataclass
class Tally:
    """How a verb did.

    Attributes:
        events: file events of the whole verb.
        broken: how many of them it was interrupted at.
        wrong: what was not as it has to be, one line each.
    """

    events: int
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


def spread(numbers: Sequence[int], most: int | None) -> list[int]:
    """Return at most so many numbers, spread evenly over all."""
    if most is None or most >= len(numbers):
        return list(numbers)
    return [numbers[(2 * n + 1) * len(numbers) // (2 * most)] for n in range(most)]


class Breaker:
    """Interrupts one verb.

    Args:
        bench: runs it.
        name: of the verb.
    """

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench, self.name = bench, name
        place = bench.begun(name, bench.folder / "whole")
        self.whole = bench.run(name, place)
        assert self.whole.status == 0, self.whole.err
        self.expected = outcome(place)
        shutil.rmtree(place)

    def kills(self, most: int | None = None, temporary: bool = True) -> Tally:
        """Kill before the file events, and continue what a kill leaves.

        Args:
            most: how many of the different states of the files are continued; all by default.
            temporary: whether states are different that differ in a temporary file alone.
        """
        snapshots = self.bench.folder / "snapshots"
        place = self.bench.begun(self.name, self.bench.folder / "taken")
        tally = Tally(self.bench.run(self.name, place, snapshots=snapshots).events)
        assert tally.events == self.whole.events, "the events are not the same in each repetition"
        shutil.rmtree(place)
        by_content = {
            digest(snapshots / str(number), temporary): number
            for number in sorted(int(path.name) for path in snapshots.glob("*"))
        }
        for number in spread(sorted(by_content.values()), most):
            tally.broken += 1
            if why := self._continued(snapshots / str(number)):
                tally.wrong.append(f"{self._where(number)}: {why}")
        shutil.rmtree(snapshots, ignore_errors=True)
        return tally

    def kills_in_a_row(self, moments: Sequence[int]) -> str:
        """Kill before the event of each number, the next time in what continues the one before.

        Returns:
            what is wrong in the end; ``""`` for nothing.
        """
        place = self.bench.begun(self.name, self.bench.folder / "row")
        self.bench.run(self.name, place, at=moments[0])
        for moment in moments[1:]:
            self.bench.end(self.name, place, at=moment)
        return self._continued(place)

    def full_disks(
        self,
        most: int | None = None,
        hows: Sequence[str] = (FULL, ONCE, SHORT),
        in_turn: bool = False,
    ) -> Tally:
        """Let the disk be full at the file events, and continue when it is not.

        Args:
            most: how many events are tried in each of the ways; all by default.
            hows: ways in which the disk is full.
            in_turn: try a single event in each way: an early one in the first, a late one in the
                last.
        """
        tally = Tally(self.whole.events)
        for turn, how in enumerate(hows):
            events = list(self._with_space(how))
            middle = (2 * turn + 1) * len(events) // (2 * len(hows))
            for number in [events[middle]] if in_turn else spread(events, most):
                tally.broken += 1
                place = self.bench.begun(self.name, self.bench.folder / "full")
                ended = self.bench.run(self.name, place, at=number, how=how)
                why = self._refused(ended, place) or self._continued(place, ended.status == 0)
                if why:
                    tally.wrong.append(f"{how}, {self._where(number)}: {why}")
        return tally

    def _with_space(self, how: str) -> Iterator[int]:
        """Yield the numbers of the events that a full disk prevents."""
        for number, line in enumerate(self.whole.log, start=1):
            kind = line.partition(" ")[0]
            if kind not in ("remove", "rmdir") and (how != SHORT or kind == "write"):
                yield number

    def _refused(self, ended: Ended, place: Path) -> str:
        """Return what is wrong with the end of a command that found the disk full."""
        lines = [line for line in ended.err.splitlines() if line.startswith("error: ")]
        if "Traceback" in ended.err:
            return f"a traceback: {ended.err[-300:]!r}"
        if ended.status == 0:
            return ""  # what was not written does not matter: the code that the user named
        if ended.status != STOPPED or len(lines) != 1:
            return f"status {ended.status}, {ended.err!r}"
        (line,) = lines
        if len(line) > LONGEST or str(place) not in line or "No space left on device" not in line:
            return f"the line {line!r}"
        return "" if ended.err.splitlines()[-1] == line else f"after the error: {ended.err!r}"

    def _continued(self, place: Path, ended: bool = False) -> str:
        """Continue what is in a place, and return in what the end differs from the whole one."""
        done = None if ended else self.bench.end(self.name, place)
        if done is not None and done.status:
            return f"cannot be continued: {done.err!r}"
        why = same(outcome(place), self.expected)
        shutil.rmtree(place)
        return why

    def _where(self, number: int) -> str:
        return f"{self.name}, event {number} ({self.whole.log[number - 1]})"
