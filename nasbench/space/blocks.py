"""The blocks of a network, recognized in its trace.

A convolution with its norm and activation is one box; a depthwise and a 1x1 convolution are one,
and an inverted residual too. A sum of a few boxes and their input is a shortcut around them. A
module whose layers do not follow each other, such as a cell or attention, is a box of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from torch import nn

from nasbench.graph import Arc, Box, Network, Part
from nasbench.space.arch import Arch
from nasbench.space.choices import Choice, Repeat
from nasbench.space.folding import folded
from nasbench.space.trace import Call, Node, Trace

LONGEST_SHORTCUT = 5  # boxes; what spans more is drawn as an arc
LARGEST_BOX = 0.6  # of all layers; a module with more is opened even if it is no chain
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)  # but not their subclasses


@dataclass
class Item:
    """A box or a part under construction: which nodes it covers, and what it is.

    Attributes:
        nodes: their numbers.
        boxes: to draw.
        role: what patterns ask for: ``pw``, ``dw``, ``conv``, ``pool``, ``se``, ``add``, ….
        skip: as in :class:`Part`.
        tag: label of the decision that picked an input.
        given: channels of its input.
    """

    nodes: frozenset[int]
    boxes: tuple[Box, ...]
    role: str
    skip: str | None = None
    tag: str = ""
    given: int = 0


class Blocks:
    """Finds the blocks of a trace.

    Args:
        trace: of a network.
        arch: the architecture, for the values of its decisions.
    """

    def __init__(self, trace: Trace, arch: Arch) -> None:
        self.trace = trace
        self.arch = arch
        self.readers: dict[int, set[int]] = {n: set() for n in range(len(trace.nodes))}
        for number in sorted(trace.used):
            for source in trace.nodes[number].inputs:
                self.readers[source].add(number)
        self.first = _channels_first(trace.nodes)

    def network(self, title: str) -> Network:
        """Return the network's blocks."""
        items = self._opened(self.trace.root)
        parts = [Part(item.boxes, item.skip, self._said(item.tag)) for item in items]
        arcs, cut = self._arcs(items)
        groups, arcs, cut = folded(parts, arcs, cut)
        shown = {text for part in parts for box in part.boxes for text in box.chosen}
        shown |= {part.chosen for part in parts} | {arc.chosen for arc in arcs}
        hidden = {label for call in _calls(self.trace.root) for label in self._inside(call)}
        rest = [
            said
            for label in self.arch
            if label not in hidden and (said := self._said(label)) not in shown
        ]
        shape = "×".join(map(str, self.trace.nodes[0].shape[1:]))
        return Network(title, shape, groups, arcs, cut, tuple(rest))

    def _said(self, label: str) -> str:
        if not label:
            return ""
        value = self.arch.get(label)
        return f"{label}: {', '.join(map(str, value)) if isinstance(value, tuple) else value}"

    def _inside(self, call: Call) -> list[str]:
        """Return the labels of decisions in a call that is one box: the cell shows them."""
        if not _title(call.module):
            return []
        return [one.label for one in call.module.modules() if isinstance(one, Choice)]

    def _opened(self, call: Call) -> list[Item]:
        """Return the items of a call: its own, or one box for all of them."""
        own = [
            item
            for one in call.inside
            if not isinstance(one, int) or one in self.trace.used
            for item in ([self._item(one)] if isinstance(one, int) else self._opened(one))
        ]
        named = _title(call.module)
        if call is self.trace.root or not own:
            return self._simplified(own)
        if named:
            return [self._box(call, own, named)]
        items = self._decided(call, self._simplified(own))
        everything = sum(len(item.nodes) for item in items)
        if everything > LARGEST_BOX * len(self.trace.nodes) or self._is_chain(items):
            return items
        if type(call.module) in _CONTAINERS or isinstance(call.module, Choice):
            return items  # has no name of its own: the module around it
        return [self._box(call, items, "")]

    def _item(self, number: int) -> Item:
        node = self.trace.nodes[number]
        box, role = _described(node, self.first[number])
        chosen = tuple(f"{label}: {value}" for label, value in node.choices.items())
        given = _channels(node.given, self.first[number])
        return Item(
            frozenset((number,)), (replace(box, chosen=chosen),), role, None, node.tag, given
        )

    def _decided(self, call: Call, items: list[Item]) -> list[Item]:
        """Note the decisions of a module that were asked for nothing, such as not to skip."""
        children = [
            child for child in call.module.children() if isinstance(child, Choice | nn.ModuleList)
        ]
        labels = [
            child.label
            for child in children
            if isinstance(child, Choice) and child not in call.asked
        ]
        if isinstance(call.module, Repeat):
            labels.append(call.module.label)
        if len(items) != 1 or not labels:
            return items
        if items[0].skip is not None and not items[0].tag:
            items[0].tag = labels.pop(0)
        return [self._with(items[0], tuple(map(self._said, labels)))]

    def _with(self, item: Item, chosen: Sequence[str]) -> Item:
        if not chosen:
            return item
        first = item.boxes[0]
        more = tuple(dict.fromkeys((*first.chosen, *chosen)))
        item.boxes = (replace(first, chosen=more), *item.boxes[1:])
        return item

    def _sources(self, item: Item) -> set[int]:
        """Return the nodes outside that an item reads."""
        read = {source for number in item.nodes for source in self.trace.nodes[number].inputs}
        return read - item.nodes

    def _read_by(self, item: Item) -> set[int]:
        """Return the nodes outside that read an item."""
        return {reader for number in item.nodes for reader in self.readers[number]} - item.nodes

    def _follows(self, one: Item, other: Item) -> bool:
        """Return whether ``other`` reads ``one`` alone, and nothing else reads ``one``."""
        return self._sources(other) <= one.nodes and self._read_by(one) <= other.nodes

    def _is_chain(self, items: Sequence[Item]) -> bool:
        """Return whether each item reads the one before and nothing else."""
        if any(not self._sources(other) <= one.nodes for one, other in pairwise(items)):
            return False
        return len(self._sources(items[0])) <= 1 or items[0].role == "concat"

    def _simplified(self, items: list[Item]) -> list[Item]:
        """Return the items with known patterns as one each."""
        items = list(items)
        place = 0
        while place < len(items):
            found = self._gate(items, place) or self._shortcut(items, place)
            if found is None:
                place += 1
                continue
            used, item = found
            position = min(n for n, one in enumerate(items) if one.nodes & used)
            items = [one for one in items if not one.nodes & used]
            items.insert(position, item)
            items = self._chained(items)
            place = 0
        return self._chained(items)

    def _chained(self, items: list[Item]) -> list[Item]:
        """Return the items with convolutions that belong together as one."""
        place, out = 0, list(items)
        while place < len(out):
            if (length := self._inverted(out[place : place + 4])) or (
                length := self._separable(out[place : place + 3])
            ):
                run = out[place : place + length]
                out[place : place + length] = [_mobile(run)]
            place += 1
        return out

    def _inverted(self, run: list[Item]) -> int:
        """Return how many items are an inverted residual's layers: 3, 4 with a gate, or 0."""
        roles = [item.role for item in run]
        for pattern in (("pw", "dw", "pw"), ("pw", "dw", "se", "pw")):
            if tuple(roles[: len(pattern)]) == pattern and self._is_run(run[: len(pattern)]):
                return len(pattern)
        return 0

    def _separable(self, run: list[Item]) -> int:
        roles = [item.role for item in run]
        for pattern in (("dw", "pw"), ("dw", "se", "pw")):
            if tuple(roles[: len(pattern)]) == pattern and self._is_run(run[: len(pattern)]):
                return len(pattern)
        return 0

    def _is_run(self, run: list[Item]) -> bool:
        alike = len({item.boxes[0].chosen for item in run}) == 1
        return alike and all(self._follows(one, other) for one, other in pairwise(run))

    def _back(self, items: Sequence[Item], node: int) -> tuple[list[Item], int | None]:
        """Return the chain that ends in ``node``, and the node that it starts from."""
        chain: list[Item] = []
        while True:
            item = next((one for one in items if node in one.nodes), None)
            if item is None or len(sources := self._sources(item)) != 1:
                return chain, node
            readers = self._read_by(item)
            used = chain[0].nodes if chain else readers
            if chain and not readers <= used:
                return chain, node
            if not chain and len(readers) > 1:
                return chain, node
            chain.insert(0, item)
            (node,) = sources

    def _gate(self, items: Sequence[Item], place: int) -> tuple[frozenset[int], Item] | None:
        """Return squeeze-and-excitation: a product of a tensor and what its mean gives."""
        item = items[place]
        if item.role != "mul" or len(sources := sorted(self._sources(item))) != 2:
            return None
        for node, gate in (sources, reversed(sources)):
            chain, start = self._back(items, gate)
            if chain and start == node and len(chain) <= 4:
                nodes = item.nodes.union(*(one.nodes for one in chain))
                name = "SE" if chain[0].role == "pool" else "gate"
                box = replace(item.boxes[0], name=name, kind="other")
                return nodes, Item(nodes, (box,), "se")
        return None

    def _shortcut(self, items: Sequence[Item], place: int) -> tuple[frozenset[int], Item] | None:
        """Return boxes with a shortcut around them: a sum of them and their input."""
        item = items[place]
        if item.role != "add" or len(sources := sorted(self._sources(item))) != 2:
            return None
        (one, start), (other, also) = (self._back(items, node) for node in sources)
        if start != also:
            return self._from_inside(items, item, sources)
        plain = (all(map(_is_projection, one)), all(map(_is_projection, other)))
        longer = _length(one) >= _length(other) if plain[0] == plain[1] else plain[1]
        main, short = (one, other) if longer else (other, one)
        return self._part(item, main, short)

    def _from_inside(
        self, items: Sequence[Item], item: Item, sources: Sequence[int]
    ) -> tuple[frozenset[int], Item] | None:
        """Return a shortcut whose start lies within the chain of the other input."""
        for node, start in (sources, reversed(sources)):
            chain, _ = self._back(items, node)
            while chain:
                if self._sources(chain[0]) == {start}:
                    return self._part(item, chain, [])
                chain = chain[1:]
        return None

    def _part(
        self, item: Item, main: list[Item], short: list[Item]
    ) -> tuple[frozenset[int], Item] | None:
        projection = all(map(_is_projection, short))
        fits = 0 < _length(main) <= LONGEST_SHORTCUT and _length(short) <= 2
        nested = any(one.skip is not None for one in (*main, *short))
        if not fits or nested or not projection:
            return None
        if short and all(map(_is_projection, main)):
            return None  # two branches of equal standing
        nodes = item.nodes.union(*(one.nodes for one in (*main, *short)))
        boxes = tuple(box for one in main for box in one.boxes)
        words = " + ".join(box.name for one in short for box in one.boxes if one.role != "skip")
        tag = item.tag or next((one.tag for one in (*main, *short) if one.tag), "")
        return nodes, Item(nodes, boxes, "part", words, tag)

    def _box(self, call: Call, items: Sequence[Item], named: str) -> Item:
        """Return a call as one box; its stride is that from its smallest input."""
        nodes = frozenset(call.nodes()) & self.trace.used
        every = sorted(nodes)
        read = [number for number in every if self.readers[number] - nodes]
        last = read[-1] if read else every[-1]
        node = self.trace.nodes[last]
        products = any(self.trace.nodes[number].op in ("product", "attention") for number in every)
        name = named or _words(type(call.module).__name__)
        heads = next((h for a in _HEADS if (h := getattr(call.module, a, None))), None)
        if products and isinstance(heads, int):
            name += f", {heads} heads"
        size = _size(node.shape, self.first[last])
        outside = {
            source for number in every for source in self.trace.nodes[number].inputs
        } - nodes
        ratios = [
            _ratio(self.trace.nodes[source].shape, node.shape, self.first[last])
            for source in outside
        ]
        stride = min(ratios, default=1)
        kind = "attention" if products else "cell"
        contents = "" if named or products else _summary(items)
        channels = _channels(node.shape, self.first[last])
        box = Box(name, kind, channels, size, stride, (), contents)
        return Item(nodes, (box,), "box")

    def _arcs(self, items: Sequence[Item]) -> tuple[tuple[Arc, ...], frozenset[int]]:
        """Return the connections besides those to the next item, and where that one is lacking."""
        owner = {number: place for place, item in enumerate(items) for number in item.nodes}
        arcs, cut = dict[tuple[int, int], Arc](), set[int]()
        for place, item in enumerate(items):
            before = {owner.get(source, -1) for source in self._sources(item)}
            if before and place - 1 not in before:
                cut.add(place)
            for source in sorted(before - {place - 1}):
                chosen = self._said(item.tag) if item.role in ("add", "concat") else ""
                arcs[source, place] = Arc(source, place, chosen)
        return tuple(arcs.values()), frozenset(cut)


_HEADS = ("num_heads", "heads", "n_heads", "n_head", "nhead")


def _length(chain: Iterable[Item]) -> int:
    return sum(len(item.boxes) for item in chain)


def _is_projection(item: Item) -> bool:
    narrow = item.role == "conv" and item.boxes[0].name.endswith("conv 1×1")
    return item.role in ("pw", "pool", "skip") or narrow


def _calls(call: Call) -> Iterable[Call]:
    yield call
    for one in call.inside:
        if isinstance(one, Call):
            yield from _calls(one)


def _title(module: nn.Module) -> str:
    """Return the name that a module gives itself in drawings, ``""`` if it gives none."""
    name = getattr(module, "drawn_as", "")
    return name if isinstance(name, str) else ""


def _words(name: str) -> str:
    """Return a class's name as words: ``_DenseBlock`` is ``dense block``."""
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    words = [part if part.isupper() and len(part) > 1 else part.lower() for part in parts]
    return " ".join(words) or name


def _summary(items: Sequence[Item]) -> str:
    """Return what a box contains: ``3 conv 3×3, 1 max pool``."""
    counts: dict[str, int] = {}
    for item in items:
        for box in item.boxes:
            if item.role not in ("add", "mul", "concat", "skip", "product"):
                counts[box.name] = counts.get(box.name, 0) + 1
    texts = [f"{count} {name}" for name, count in counts.items()]
    return ", ".join(texts[:3]) + (", …" if len(texts) > 3 else "")


def _channels_first(nodes: Sequence[Node]) -> list[bool]:
    """Return of each node whether its channels are the first side of its output."""
    found: list[bool] = []
    for node in nodes:
        before = found[node.inputs[0]] if node.inputs else len(node.shape) > 2
        if node.op in ("conv", "upsample"):
            before = True
        elif node.op in ("linear", "attention", "embedding"):
            before = False
        found.append(before)
    return found


def _channels(shape: Sequence[int], first: bool) -> int:
    if len(shape) < 2:
        return 0
    return shape[1] if first else shape[-1]


def _sides(shape: Sequence[int], first: bool) -> Sequence[int]:
    return shape[2:] if first else shape[1:-1]


def _size(shape: Sequence[int], first: bool) -> str:
    sides = _sides(shape, first)
    return "×".join(map(str, sides)) if any(side > 1 for side in sides) else ""


def _ratio(given: Sequence[int], shape: Sequence[int], first: bool) -> int:
    """Return how much smaller the first side has become, rounded."""
    before, after = _sides(given, first), _sides(shape, first)
    if len(before) != len(after) or not before or not after[0]:
        return 1
    return max(1, round(before[0] / after[0]))


def _kernel(sides: Sequence[int]) -> str:
    return "×".join(map(str, sides))


def _described(node: Node, first: bool) -> tuple[Box, str]:
    """Return a node's box, and its role in patterns."""
    channels, size = _channels(node.shape, first), _size(node.shape, first)
    facts = node.facts
    if node.op == "conv":
        return _convolution(node, channels, size)
    if node.op == "pool":
        kind = str(facts["kind"])
        if "kernel" in facts:
            name = f"{kind} pool {_kernel(facts['kernel'])}"
            return Box(name, "pool", 0, size, max(facts["stride"])), "pool"
        name = f"global {kind} pool" if facts.get("whole") else f"{kind} pool to {size}"
        return Box(name, "pool", 0, size), "pool"
    if node.op == "attention":
        return Box(f"attention, {facts['heads']} heads", "attention", channels, size), "attention"
    if node.op == "skip":
        return Box(str(facts["name"]), "skip", 0, size), "skip"
    if node.op in ("add", "concat", "mul"):
        name = {"add": "+", "concat": "concat", "mul": "×"}[node.op]
        shown = channels if node.op == "concat" else 0
        return Box(name, "join", shown, size), node.op
    if node.op in ("linear", "embedding"):
        return Box(node.op, "linear", channels, size), "pw" if first else "linear"
    name = {"layer": facts.get("name", ""), "product": "product"}.get(node.op, node.op)
    return Box(str(name), "other", channels, size), node.op


def _convolution(node: Node, channels: int, size: str) -> tuple[Box, str]:
    facts, before = node.facts, node.facts["channels"][0]
    kernel, stride, groups = facts["kernel"], max(facts["stride"]), facts["groups"]
    role, kind, words, after_kernel = "conv", "conv", "conv", ""
    if groups > 1 and groups == before:
        role, kind, words = "dw", "separable", "depthwise conv"
    elif groups > 1:
        after_kernel = f" g={groups}"
    elif max(kernel) == 1 and stride == 1:
        role = "pw"
    if facts["transposed"]:
        role, words, stride = "conv", f"transposed {words}", 1
    if max(facts["dilation"]) > 1:
        kind, words = "dilated", f"dilated {words}"
    box = Box(f"{words} {_kernel(kernel)}{after_kernel}", kind, channels, size, stride)
    return box, role


def _mobile(run: Sequence[Item]) -> Item:
    """Return a depthwise convolution with the 1x1 convolutions around it as one item."""
    boxes = [item.boxes[0] for item in run]
    depthwise = next(item for item in run if item.role == "dw").boxes[0]
    kernel = depthwise.name.rsplit(" ", 1)[-1]
    name = f"sep. conv {kernel}"
    if run[0].role == "pw":
        name = f"MBConv{_expansion(run)} {kernel}"
    if any(item.role == "se" for item in run):
        name += " SE"
    kind = "dilated" if depthwise.kind == "dilated" else "separable"
    box = replace(boxes[-1], name=name, kind=kind, stride=depthwise.stride, chosen=boxes[0].chosen)
    nodes = frozenset[int]().union(*(item.nodes for item in run))
    return Item(nodes, (box,), "mobile", tag=next((item.tag for item in run if item.tag), ""))


def _expansion(run: Sequence[Item]) -> str:
    """Return by how much the first of the layers widens its input."""
    return f"{run[0].boxes[0].channels / max(run[0].given, 1):.3g}"
