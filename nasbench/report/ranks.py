"""Mean ranks of methods over many results, with Nemenyi's critical difference.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006: Friedman's
test (with Iman and Davenport's correction) says whether the methods differ at all, and two methods
whose mean ranks are farther apart than the critical difference differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.report.plots import COLOURS, in_lines, rendered
from nasbench.store.atomic import write

Floats = NDArray[np.float64]
LEVEL = 0.05
FEWEST_BLOCKS = 5
"""Blocks below which ranks are shown without a verdict."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Methods by their mean ranks, the best first.

    Attributes:
        names: of the methods.
        ranks: mean ranks, ascending; 1 is the best. Shape ``(methods,)``.
        blocks: number of results of each method.
        p_value: of Friedman's test that all methods are equal.
        distance: the critical difference at 5 %.
    """

    names: tuple[str, ...]
    ranks: Floats
    blocks: int
    p_value: float
    distance: float

    @property
    def conclusive(self) -> bool:
        """Whether there are enough results, and Friedman's test rejects that all are equal."""
        return self.blocks >= FEWEST_BLOCKS and self.p_value < LEVEL

    def groups(self) -> list[tuple[int, int]]:
        """Return the largest groups of methods of which no two differ, as first and last place."""
        found: list[tuple[int, int]] = []
        for first, rank in enumerate(self.ranks):
            last = int(np.searchsorted(self.ranks, rank + self.distance)) - 1
            if last > first and not (found and found[-1][1] >= last):
                found.append((first, last))
        return found

    def sentence(self) -> str:
        """Return what the ranks show, in words."""
        if self.blocks < FEWEST_BLOCKS:
            return f"{self.blocks} results of each are too few to compare ranks"
        if not self.conclusive:
            return f"no difference shown (Friedman's test, p = {self.p_value:.2g})"
        equal = int(np.searchsorted(self.ranks, self.ranks[0] + self.distance))
        best = f"{self.names[0]} has the best mean rank, {self.ranks[0]:.2f}"
        if equal == len(self.names):
            return f"{best}; no other is farther than the critical difference {self.distance:.2f}"
        if equal > 1:
            best += f"; {', '.join(self.names[1:equal])} cannot be told from it"
        worse = ", ".join(self.names[equal:])
        are = "is" if len(self.names) - equal == 1 else "are"
        return f"{best}; {worse} {are} worse (critical difference {self.distance:.2f})"

    def to_json(self) -> dict[str, Any]:
        """Return the ranking as plain values."""
        return {
            "mean_ranks": dict(zip(self.names, self.ranks.round(4).tolist(), strict=True)),
            "blocks": self.blocks,
            "friedman_p": self.p_value,
            "critical_difference": round(self.distance, 4),
            "level": LEVEL,
        }


def ranking(results: Mapping[str, Floats], *, higher_is_better: bool) -> Ranking | None:
    """Return the ranking of methods; equal results share the mean of their ranks.

    Args:
        results: method to its results, each of shape ``(blocks,)`` and in the same order: a block
            is one problem that all methods solved, such as a data set with a seed.
        higher_is_better: whether the largest result of a block has rank 1.

    Returns:
        ``None`` with fewer than two methods or two blocks.
    """
    from scipy import stats  # a second of imports, for the end of a benchmark

    table = np.stack(list(results.values()), axis=1) if results else np.empty((0, 0))
    blocks, methods = table.shape
    if methods < 2 or blocks < 2:
        return None
    every = stats.rankdata(-table if higher_is_better else table, axis=1)
    means = every.mean(axis=0)
    order = np.argsort(means, kind="stable")
    names = list(results)
    return Ranking(
        tuple(names[i] for i in order),
        means[order],
        blocks,
        friedman(every),
        critical_difference(methods, blocks),
    )


def friedman(ranks: Floats) -> float:
    """Return the p-value of Friedman's test with Iman and Davenport's correction.

    Args:
        ranks: of the methods in each block, shape ``(blocks, methods)``; ties share a mean rank.
    """
    from scipy import stats

    blocks, methods = ranks.shape
    between = blocks * ((ranks.mean(axis=0) - (methods + 1) / 2) ** 2).sum()
    within = ((ranks - (methods + 1) / 2) ** 2).sum() / (blocks * (methods - 1))
    if within == 0:  # every block is a tie
        return 1.0
    statistic = between / within  # chi-square with methods - 1 degrees of freedom; ties corrected
    rest = blocks * (methods - 1) - statistic
    if rest <= 1e-12:  # all blocks have the same ranks
        return 0.0
    corrected = (blocks - 1) * statistic / rest
    return float(stats.f.sf(corrected, methods - 1, (methods - 1) * (blocks - 1)))


def critical_difference(methods: int, blocks: int, level: float = LEVEL) -> float:
    """Return Nemenyi's critical difference of mean ranks (Demšar 2006, section 3.2.2)."""
    from scipy import stats

    quantile = float(stats.studentized_range.ppf(1 - level, methods, np.inf)) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * blocks)))


_ROW, _INK, _BAR = 0.24, "#222222", COLOURS[0]  # inches; colors


def draw_ranks(found: Ranking, path: Path, title: str = "") -> Path:
    """Draw the critical-difference diagram, write it to a file, and return its path.

    Bars join methods that do not differ.

    Args:
        found: the ranking.
        path: the file; its suffix, ``.svg`` or ``.png``, is its format.
        title: of the picture.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    count, groups = len(found.names), found.groups() if found.conclusive else []
    half = (count + 1) // 2
    labels = [
        in_lines(f"{name} {rank:.2f}" if place < half else f"{rank:.2f} {name}")
        for place, (name, rank) in enumerate(zip(found.names, found.ranks, strict=True))
    ]
    left, right = labels[:half], labels[half:]  # of which the last is on top
    heights = [*_middles(left), *reversed(_middles(right[::-1]))]
    top, bars = 2.2, 0.6 * len(groups)  # rows above the axis; rows of the bars below it
    rows = top + bars + 1.2 + max(sum(map(len, side)) for side in (left, right))

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        axes.set(xlim=(1 - 0.42 * count, count + 0.42 * count), ylim=(-(rows - top), top))
        axes.axis("off")
        axes.set_title(title, fontsize=10)
        ink = {"color": _INK, "linewidth": 1, "solid_capstyle": "butt"}
        axes.plot([1, count], [0, 0], **ink)
        for rank in range(1, count + 1):
            axes.plot([rank, rank], [0, 0.25], **ink)
            axes.text(rank, 0.35, str(rank), ha="center", va="bottom", fontsize=9)
        axes.plot([1, 1 + found.distance], [1.5, 1.5], color=_INK, linewidth=2)
        words = f"critical difference {found.distance:.2f}"
        axes.text(1, 1.65, words, ha="left", va="bottom", fontsize=9)
        for number, (first, last) in enumerate(groups):
            y = -0.45 - 0.6 * number
            ends = [found.ranks[first] - 0.06, found.ranks[last] + 0.06]
            axes.plot(ends, [y, y], color=_BAR, linewidth=3.5, solid_capstyle="round")
        placed = zip(labels, heights, found.ranks, strict=True)
        for place, (label, row, rank) in enumerate(placed):
            before = place < half
            y, x = -(bars + 1.0 + row), 0.8 if before else count + 0.2
            axes.plot([rank, rank, x], [0, y, y], color="#888888", linewidth=0.8)
            side = "right" if before else "left"
            axes.text(
                x + (-0.08 if before else 0.08),
                y,
                "\n".join(label),
                ha=side,
                va="center",
                multialignment=side,
                fontsize=9,
            )

    kind = path.suffix.lower().removeprefix(".")
    made = rendered(fill, kind, (7.2, 0.5 + _ROW * rows), "drawing", dpi=120)
    write(path, lambda file: file.write(made))
    return path


def _middles(labels: Sequence[Sequence[str]]) -> list[float]:
    """Return the rows in the middle of labels of several lines, one below the other."""
    below = itertools.accumulate(map(len, labels))
    return [end - (len(label) + 1) / 2 for label, end in zip(labels, below, strict=True)]
