"""Non-dominated sorting and crowding of points with any number of objectives, all minimized.

Deb, Pratap, Agarwal and Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
IEEE TEC 6(2), 2002, sections III-A and III-B.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def ranks(points: Points) -> npt.NDArray[np.intp]:
    """Return the number of each point's front, 0 for those that no other one dominates.

    A point dominates another if it is no worse in any objective and better in one.

    Args:
        points: shape ``(points, objectives)``.
    """
    one, other = points[:, None], points[None, :]
    dominates: npt.NDArray[np.bool_] = np.all(one <= other, axis=2) & np.any(one < other, axis=2)
    dominators = dominates.sum(axis=0)
    found = np.zeros(len(points), dtype=np.intp)
    number = 0
    while (front := dominators == 0).any():
        found[front] = number
        dominators -= dominates[front].sum(axis=0)
        dominators[front] = -1
        number += 1
    return found


def crowding(points: Points) -> Points:
    """Return the crowding distance of each point of a front, shape ``(points,)``.

    It is the sum over the objectives of the gap between the two neighbors, as a share of the
    front's extent; infinite for the ends.
    """
    room = np.zeros(len(points))
    for values in points.T:
        order = np.argsort(values, kind="stable")
        extent = values[order[-1]] - values[order[0]]
        if extent > 0:
            room[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / extent
        room[order[[0, -1]]] = np.inf
    return room


def crowded_order(points: Points) -> list[int]:
    """Return the numbers of the points, best first: by front, then the least crowded.

    Equal points stay in the order given.
    """
    rank = ranks(points)
    room = np.zeros(len(points))
    for number in range(rank.max(initial=-1) + 1):
        room[rank == number] = crowding(points[rank == number])
    return [int(i) for i in np.lexsort((-room, rank))]
