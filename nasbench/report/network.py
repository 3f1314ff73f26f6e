"""Lays a network out: columns of boxes from top to bottom, shortcuts at their right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from nasbench.graph import Arc, Box, Group, Network, Part
from nasbench.report.canvas.scene import Circle, Line, Rect, Scene, Text, shortened, text_width

FONT, SMALL, TITLE = 7.0, 6.2, 8.0
BOX, DETAIL, GAP, JOIN = 12.5, 7.5, 8.5, 6.0
LANE, EDGE = 7.0, 1.0  # between lines at the right; around the picture
WIDEST = 150.0  # a box
MOST_BOXES = 240  # the middle of a longer network is left out
TALLEST = 1.25  # times the width: then another column begins
SHORT = 190.0  # a column that stays one


def network_scene(network: Network, width: float) -> Scene:
    """Return the picture of a network.

    Args:
        network: to draw.
        width: of the page in points; as many columns are used as it has room for.
    """
    network = shorter(network)
    column = _Column.of(network)
    rows = [_block(number, group, network, column) for number, group in _numbered(network)]
    breaks = _breaks(rows, network, _columns(rows, column, width))
    scene = Scene()
    _draw_columns(scene, network, column, rows, breaks)
    _caption(scene, network, max(width, scene.width))
    return scene


@dataclass(frozen=True)
class _Column:
    """Sizes of a column: the labels at its left, its boxes, the lanes at their right."""

    left: float
    box: float
    lanes: int
    right: float

    @classmethod
    def of(cls, network: Network) -> _Column:
        boxes = [box for part in network.parts for box in part.boxes]
        texts = [
            _text_size(box) + (_times_width(group) if _is_single(group) else 0.0)
            for group in network.groups
            for part in group.parts
            for box in part.boxes
        ] or [0.0]
        sizes = [text_width(box.size, SMALL) for box in boxes] or [0.0]
        lanes = max(_lanes(network.arcs).values(), default=-1) + 1
        skips = any(part.skip is not None for part in network.parts)
        words = [text_width(line, SMALL) for part in network.parts for line in _skip_lines(part)]
        times = [_times_width(group) for group in network.groups if not _is_single(group)]
        right = LANE * skips + max(words, default=0.0) + max(times, default=0.0)
        box = min(WIDEST, max(max(texts) + 10, 44.0))
        return cls(max(sizes) + 5, box, lanes, right + 5 + LANE * lanes)

    @property
    def width(self) -> float:
        """Of everything."""
        return self.left + self.box + self.right

    @property
    def spine(self) -> float:
        """Where the line through the boxes runs."""
        return self.left + self.box / 2


def shorter(network: Network) -> Network:
    """Return the network without its middle if it has too many boxes to be seen."""
    counts = [sum(len(part.boxes) for part in group.parts) for group in network.groups]
    if sum(counts) <= MOST_BOXES:
        return network
    first, last, total = 0, len(counts), MOST_BOXES
    while total > 0 and first < last - 1:
        total -= counts[first] + counts[last - 1]
        first, last = first + 1, last - 1
    left_out = sum(
        group.times * count
        for group, count in zip(network.groups[first:last], counts[first:last], strict=True)
    )
    gap = Group((Part((Box(f"… {left_out} more …", "none"),)),))
    groups = (*network.groups[:first], gap, *network.groups[last:])
    return replace(network, groups=groups, arcs=(), cut=frozenset())


def _numbered(network: Network) -> Iterator[tuple[int, Group]]:
    """Yield each group with the number of its first part."""
    number = 0
    for group in network.groups:
        yield number, group
        number += len(group.parts)


def _text_size(box: Box) -> float:
    mark = 7.0 if box.chosen else 0.0  # at both sides, since texts are centered
    return mark + max(
        text_width(box.text, FONT), min(text_width(box.contents, SMALL), WIDEST - 10)
    )


def _is_single(group: Group) -> bool:
    """Return whether a group is one box, which then says itself how often it is repeated."""
    return len(group.parts) == 1 and len(group.parts[0].boxes) == 1


def _times_width(group: Group) -> float:
    return text_width(f"×{group.times}", FONT, True) + 5 if group.times > 1 else 0.0


def _skip_lines(part: Part) -> list[str]:
    return part.skip.split(" + ") if part.skip else []


def _lanes(arcs: Sequence[Arc]) -> dict[Arc, int]:
    """Return a lane for each arc, so that no two in one lane overlap."""
    ends: list[int] = []
    found: dict[Arc, int] = {}
    for arc in sorted(arcs, key=lambda arc: (arc.source, arc.source - arc.target)):
        lane = next((n for n, end in enumerate(ends) if end <= arc.source), len(ends))
        ends[lane:] = [arc.target, *ends[lane + 1 :]]
        found[arc] = lane
    return found


@dataclass
class _Rows:
    """A group as marks from y = 0 on, and where its parts begin and end."""

    first: int
    scene: Scene = field(default_factory=Scene)
    tops: list[float] = field(default_factory=list)
    bottoms: list[float] = field(default_factory=list)
    entries: list[float] = field(default_factory=list)
    sizes: list[tuple[float, str]] = field(default_factory=list)

    @property
    def height(self) -> float:
        """Of everything, with the line to the next group."""
        return self.scene.height


def _block(number: int, group: Group, network: Network, column: _Column) -> _Rows:
    """Return a group's boxes; each begins with the line that leads to it."""
    rows, y = _Rows(number), 0.0
    several = group.times > 1 and not _is_single(group)
    times = group.times if _is_single(group) else 1
    y += 2.5 * several
    for place, part in enumerate(group.parts, number):
        y = _part(rows, part, y, column, times, connected=place not in network.cut)
    if several:
        _times(rows, group, y, column)
    rows.scene.height = y + 2.5 * several
    return rows


def _part(
    rows: _Rows, part: Part, y: float, column: _Column, times: int, connected: bool
) -> float:
    """Add a part's boxes from ``y`` on and return where they end."""
    scene, spine, right = rows.scene, column.spine, column.left + column.box
    start = y + GAP / 2 - 1.2
    rows.tops.append(y)
    for place, box in enumerate(part.boxes):
        if connected or place:
            scene.add(Line(((spine, y), (spine, y + GAP)), arrow=True))
        y += GAP
        if not place:
            rows.entries.append(y + _height(box) / 2)
        _box(scene, box, y, column, times)
        rows.sizes.append((y + _height(box) / 2, box.size))
        y += _height(box)
    if part.skip is not None:
        edge, line = ("mark", 1.1) if part.chosen else ("line", 0.6)
        lane, join = right + LANE - 1, y + JOIN
        scene.add(Line(((spine, y), (spine, join - 2.6))))
        corner = ((spine, start), (lane, start), (lane, join), (spine + 2.6, join))
        scene.add(Circle(spine, start, 1.0, edge, "none"), Line(corner, edge, line, arrow=True))
        scene.add(*_sum(spine, join, 2.6))
        lines = _skip_lines(part)
        middle = (start + join) / 2 - 3.4 * (len(lines) - 1)
        for number, text in enumerate(lines):
            at = middle + 2.2 + 6.8 * number
            scene.add(Text(lane + 2.5, at, text, SMALL, "start", fill="faint"))
        y = join + 2.6
    rows.bottoms.append(y)
    return y


def _height(box: Box) -> float:
    if box.kind == "join" and not box.channels:
        return 8.0
    return BOX + (DETAIL if box.contents else 0.0)


def _sum(x: float, y: float, radius: float) -> tuple[Circle, Line, Line]:
    arm = radius * 0.6
    return (
        Circle(x, y, radius, "page", "line"),
        Line(((x - arm, y), (x + arm, y))),
        Line(((x, y - arm), (x, y + arm))),
    )


def _box(scene: Scene, box: Box, y: float, column: _Column, times: int) -> None:
    """Add one box, with its marks, and how often it is repeated."""
    words = "; ".join((box.text, *box.chosen))
    if box.kind == "join" and not box.channels:
        if box.name == "+":
            scene.add(*_sum(column.spine, y + 4, 4))
        else:
            scene.add(Circle(column.spine, y + 4, 4, "page", "line"))
            scene.add(Text(column.spine, y + 6.2, box.name, SMALL))
        return
    inset = column.box * 0.2 if box.kind in ("join", "skip") else 0.0
    x, width, height = column.left + inset, column.box - 2 * inset, _height(box)
    fill, edge = f"fill:{box.kind}", f"edge:{box.kind}"
    dashed = box.kind in ("skip", "none")
    scene.add(Rect(x, y, width, height, fill, edge, 0.7, 2.2, dashed, words))
    if box.chosen:
        scene.add(Rect(x + 1.4, y + 1.8, 2.0, height - 3.6, "mark", "none", 0.0, 0.8))
    room, middle = width - 8, x + width / 2
    line = y + BOX / 2 + 2.4
    if times > 1:
        count = f"×{times}"
        taken = text_width(count, FONT, True) + 4
        scene.add(Text(x + width - 3, line, count, FONT, "end", True))
        room, middle = room - taken, middle - taken / 2
    scene.add(Text(middle, line, shortened(box.text, FONT, room), FONT))
    if box.contents:
        text = shortened(box.contents, SMALL, room)
        scene.add(Text(middle, line + DETAIL, text, SMALL, fill="faint"))


def _times(rows: _Rows, group: Group, y: float, column: _Column) -> None:
    """Add ``×3`` at the right of a group, and a frame around several boxes."""
    skips = any(part.skip is not None for part in group.parts)
    words = [text_width(text, SMALL) for part in group.parts for text in _skip_lines(part)]
    right = column.left + column.box + (LANE + 1.5 if skips else 1.0) + max(words, default=0.0)
    top, left = rows.tops[0] + GAP / 2 - 4.2, column.left - 3
    frame = Rect(left, top, right + 1 - left, y + 1.5 - top, "none", "faint", 0.5, 3, True)
    rows.scene.marks.insert(0, frame)
    count = Text(right + 2.5, (top + y) / 2 + 2.4, f"×{group.times}", FONT, "start", True)
    rows.scene.add(count)


def _columns(rows: Sequence[_Rows], column: _Column, width: float) -> int:
    """Return into how many columns the rows go: as few as do not get too tall."""
    most = max(1, int((width - 2 * EDGE) // column.width))
    total = sum(row.height for row in rows)
    needed = 1
    while needed < most and total / needed > max(TALLEST * needed * column.width, SHORT):
        needed += 1
    return needed


def _breaks(rows: Sequence[_Rows], network: Network, columns: int) -> list[int]:
    """Return the rows at which a new column begins, so that the tallest is as low as possible."""
    allowed = {
        place
        for place, row in enumerate(rows)
        if place
        and row.first not in network.cut
        and not any(arc.source < row.first <= arc.target for arc in network.arcs)
    }
    heights = [row.height for row in rows]
    limits = sorted(
        {sum(heights[a:b]) for a in range(len(rows)) for b in range(a + 1, len(rows) + 1)}
    )
    low, high = 0, len(limits) - 1
    while low < high:
        middle = (low + high) // 2
        if _filled(heights, allowed, limits[middle], columns) is None:
            low = middle + 1
        else:
            high = middle
    found = _filled(heights, allowed, limits[low], columns) if limits else []
    return found or []


def _filled(
    heights: Sequence[float], allowed: set[int], limit: float, columns: int
) -> list[int] | None:
    """Return where columns of at most ``limit`` begin, ``None`` if too few columns are there."""
    breaks, start, last = list[int](), 0, 0
    for place in range(1, len(heights) + 1):
        if place < len(heights) and place not in allowed:
            continue
        if sum(heights[start:place]) > limit + 1e-6:
            if last == start or sum(heights[last:place]) > limit + 1e-6:
                return None
            breaks.append(last)
            start = last
        last = place
    return breaks if len(breaks) < columns else None


def _draw_columns(
    scene: Scene, network: Network, column: _Column, rows: Sequence[_Rows], breaks: list[int]
) -> None:
    """Put the rows below each other, in columns, and connect them."""
    y0 = EDGE
    if network.title:
        scene.add(Text(EDGE, EDGE + TITLE, network.title, TITLE, "start", True))
        y0 += TITLE + 6
        scene.width = EDGE + text_width(network.title, TITLE, True)
    starts = [0, *breaks, len(rows)]
    places: dict[int, tuple[float, float, _Rows]] = {}
    bottoms = list[float]()
    size = ""
    for number, (first, end) in enumerate(pairwise(starts)):
        x, y = EDGE + number * column.width, y0
        if not number and network.input:
            words = f"input {network.input}"
            scene.add(Text(x + column.spine, y + 6.5, words, FONT, fill="faint"))
            y += 8.5
        for row in rows[first:end]:
            scene.place(row.scene, x, y)
            for at, text in row.sizes:
                if text and text != size:
                    scene.add(
                        Text(x + column.left - 4, y + at + 2.2, text, SMALL, "end", fill="faint")
                    )
                size = text or size
            for offset in range(len(row.tops)):
                places[row.first + offset] = (x, y, row)
            y += row.height
        bottoms.append(y)
        scene.width = max(scene.width, x + column.width + EDGE)
        scene.height = max(scene.height, y + EDGE)
    _connect(scene, column, bottoms, y0)
    _draw_arcs(scene, network, column, places)


def _connect(scene: Scene, column: _Column, bottoms: Sequence[float], top: float) -> None:
    """Lead the line from each column's end to the next one's beginning."""
    for number, bottom in enumerate(bottoms[:-1]):
        x = EDGE + number * column.width + column.spine
        across = EDGE + (number + 1) * column.width - 1.5
        after = x + column.width
        path = ((x, bottom), (x, bottom + 5), (across, bottom + 5), (across, top))
        scene.add(Line((*path, (after, top), (after, top + 1))))
        scene.height = max(scene.height, bottom + 6 + EDGE)


def _draw_arcs(
    scene: Scene,
    network: Network,
    column: _Column,
    places: dict[int, tuple[float, float, _Rows]],
) -> None:
    """Draw the connections that skip parts, each in its lane."""
    for arc, lane in _lanes(network.arcs).items():
        x, y, row = places[arc.target]
        offset = arc.target - row.first
        if arc.source >= 0:
            _, from_y, before = places[arc.source]
            start = from_y + before.bottoms[arc.source - before.first] + GAP / 2 - 1.5
        else:
            start = places[0][1] + GAP / 2 - 1.5
        joins = network.parts[arc.target].boxes[0]
        half = 4.0 if joins.kind == "join" and not joins.channels else column.box / 2
        if joins.kind in ("join", "skip") and joins.channels:
            half = column.box * 0.3
        edge, line = ("mark", 1.1) if arc.chosen else ("line", 0.6)
        right = x + column.width - 3 - LANE * lane
        spine, end = x + column.spine, y + row.entries[offset]
        path = ((spine, start), (right, start), (right, end), (spine + half, end))
        scene.add(Circle(spine, start, 1.0, edge, "none"), Line(path, edge, line, arrow=True))


def _caption(scene: Scene, network: Network, width: float) -> None:
    """Add what the marks mean, and the decisions that no box shows."""
    chosen = any(box.chosen for part in network.parts for box in part.boxes)
    shortcuts = any(part.chosen for part in network.parts) or any(
        arc.chosen for arc in network.arcs
    )
    y = scene.height + 9
    x = EDGE
    if chosen:
        scene.add(Rect(x, y - 6, 2.0, 7.5, "mark", "none", 0.0, 0.8))
        scene.add(Text(x + 5, y, "chosen by the search", SMALL, "start", fill="faint"))
        x += 5 + text_width("chosen by the search", SMALL) + 12
    if shortcuts:
        scene.add(Line(((x, y - 2), (x + 10, y - 2)), "mark", 1.1))
        scene.add(Text(x + 13, y, "chosen connection", SMALL, "start", fill="faint"))
        x += 13 + text_width("chosen connection", SMALL)
    scene.width = max(scene.width, x + EDGE if x > EDGE else 0)
    if chosen or shortcuts:
        scene.height = y + 3
    if network.decisions:
        words = "also chosen: " + ", ".join(text.replace(": ", " ") for text in network.decisions)
        room = max(scene.width, min(width, 240.0)) - 2 * EDGE
        for line in wrapped(words, SMALL, room):
            y = scene.height + 7.5
            scene.add(Text(EDGE, y, line, SMALL, "start", fill="faint"))
            scene.width = max(scene.width, EDGE * 2 + text_width(line, SMALL))
            scene.height = y + 2


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Return a text in lines of at most ``width`` points, at most five."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > 5:
        lines[4:] = [shortened(" ".join(lines[4:]), size, width)]
    return [shortened(line, size, width) for line in lines]
