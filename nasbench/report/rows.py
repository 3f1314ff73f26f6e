"""The rows of the leaderboard: records grouped by method and configuration, over their seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any, TypeVar

from nasbench.measures import ACCURACY, Measure
from nasbench.report.chance import constant, record_at_chance
from nasbench.report.identity import Identity, identities, is_tuned_jointly
from nasbench.report.statistics import FEWEST_PAIRS, bootstrap_interval, mean_of_means
from nasbench.report.wording import Named, variants
from nasbench.store.records import Record

Points = tuple[tuple[float, float], ...]
"""An anytime curve: device-seconds spent so far, and the best validation result as measured."""

PUBLISHED = "\N{DAGGER}"
"""Marks the rows of results that come with nasbench."""

BY_HAND = "by hand"
"""The method of networks that nothing searched and nothing tuned."""

_MARKED = {"hpo": "HPO {}", "joint": "joint {}"}
_ROUNDING = 1e-11  # of the values compared: far below one test image, far above rounding errors


@dataclass(frozen=True)
class Difference:
    """How a row's mean result differs from another row's of the same metric.

    Attributes:
        points: difference of the means, in the unit of the results: percentage points of a
            share. If paired, it is taken over the search seeds that both rows have.
        interval: its 95 % bootstrap interval, or ``None`` if one of the rows is a single run.
        paired: whether the rows' common search seeds were redrawn jointly.
        seeds: search seeds that the interval was drawn from, of the row with fewer.
        at_chance: whether no network of either row is shown to be above the largest class.
        measure: the metric; its direction says which sign is better.
        size: of the values compared, for what counts as rounding.
    """

    points: float
    interval: tuple[float, float] | None
    paired: bool
    seeds: int
    at_chance: bool = False
    measure: Measure = ACCURACY
    size: float = 100.0

    @property
    def first_is_better(self) -> bool:
        """Whether the first row has the better mean."""
        return self.measure.score(self.points) > 0

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes zero."""
        if self.interval is None:
            return False
        low, high = self.interval
        return low > _ROUNDING * self.size or high < -_ROUNDING * self.size

    @property
    def shown(self) -> bool:
        """Whether one row is shown to be better."""
        return self.excludes_zero and self.seeds >= FEWEST_PAIRS and not self.at_chance

    @property
    def why_not(self) -> str:
        """Why no difference is shown although the interval excludes zero, ``""`` otherwise."""
        if self.shown or not self.excludes_zero:
            return ""
        if self.at_chance:
            return "all networks are at chance level"
        if self.seeds == 1:
            return "one search seed is too few"
        return f"{self.seeds} {'pairs' if self.paired else 'search seeds'} are too few"


@dataclass(frozen=True)
class Row:
    """A method on a task over its search seeds and retrain seeds.

    Attributes:
        task: the task's name.
        kind: what was searched: ``"nas"``, ``"hpo"``, ``"joint"`` or, if nothing was, ``"plain"``.
        method: the strategy, tuner or baseline.
        space: the search space, or the baseline that was tuned.
        search_config: configuration of the search.
        retrain_config: configuration of the retraining, without values that a tuner chose.
        identity: everything that its records have in common.
        given: the name of an architecture that the user chose, ``""`` if it has none.
        measure: the leading metric, which all its records share.
        seed_numbers: the search seeds, ascending.
        results: the metric on the test set, in percent if it is a share; one inner tuple per
            search seed.
        curves: the anytime curve of each search seed, empty if its records have none.
        runs: records in the row.
        mean: mean of the search seeds' mean results, in their unit.
        interval: 95 % bootstrap interval of the mean, or ``None`` for a single run.
        params: median parameter count.
        macs: median multiply-adds per example.
        latency_ms: median latency of one example.
        device: the device of the latency, ``""`` if no record says.
        search_seconds: device-seconds of one search, mean over search seeds.
        search_evaluations: architectures or settings evaluated by one search, mean over search
            seeds.
        retrain_seconds: device-seconds of one retraining, mean over records.
        test_openings: how often the records opened the test set, in all.
        reopened: whether some record opened it more than once.
        chance: the metric of the best answer that does not depend on the example, in the unit of
            the results; of the accuracy, the share of the test set's largest class. ``None`` if
            unknown.
        at_chance: records that are not shown to be better.
        torch: the versions of torch that retrained the networks, as far as they are known.
        variant: what distinguishes the row from others of its method and space, or ``""``.
        versus_random: the comparison with random search, or ``None``.
        uncounted: operations of some network that ``macs`` leaves out, by name.
        run_names: of its records, in their order.
        published: whether its records come with nasbench.
        rank: its place in its table; rows of one mean share the best of their places.
    """

    task: str
    kind: str
    method: str
    space: str
    search_config: Mapping[str, Any]
    retrain_config: Mapping[str, Any]
    identity: Identity
    given: str
    measure: Measure
    seed_numbers: tuple[int, ...]
    results: tuple[tuple[float, ...], ...]
    curves: tuple[Points, ...]
    runs: int
    mean: float
    interval: tuple[float, float] | None
    params: int
    macs: int
    latency_ms: float
    device: str
    search_seconds: float
    search_evaluations: float
    retrain_seconds: float
    test_openings: int
    reopened: bool
    chance: float | None
    at_chance: int
    torch: tuple[str, ...]
    variant: str = ""
    versus_random: Difference | None = None
    uncounted: tuple[str, ...] = ()
    run_names: tuple[str, ...] = ()
    published: bool = False
    rank: int = 0

    @property
    def seeds(self) -> str:
        """Search seeds times retrain seeds, or for example ``"2 (5 runs)"`` if they differ."""
        sizes = [len(group) for group in self.results]
        if len(set(sizes)) == 1:
            return f"{len(sizes)}\N{MULTIPLICATION SIGN}{sizes[0]}"
        return f"{len(sizes)} ({sum(sizes)} runs)"

    @property
    def only_chance(self) -> bool:
        """Whether none of its networks is shown to be better than a constant answer."""
        return self.at_chance == self.runs

    @property
    def score(self) -> float:
        """The mean as a number of which more is better."""
        return self.measure.score(self.mean)

    @property
    def name(self) -> str:
        """The method, a tuner marked as such, with what distinguishes the row in parentheses."""
        return self._with(self._method)

    @property
    def title(self) -> str:
        """The name with the space."""
        return self._with(self.on_space)

    @property
    def label(self) -> str:
        """The method, its space and what distinguishes the row: ``darts on darts, 20 epochs``.

        A dagger marks a row that was published.
        """
        words = ", ".join(filter(None, (self.on_space, self.variant)))
        return f"{words} {PUBLISHED}" if self.published else words

    @property
    def _method(self) -> str:
        return marked(self.kind, self.method)

    @property
    def on_space(self) -> str:
        """The method and its space: ``darts on nas-bench-201``, ``resnet18 by hand``."""
        if self.kind == "plain" and self.method == BY_HAND:
            return f"{self.space} {BY_HAND}"
        return f"{self._method} on {self.space}"

    def _with(self, name: str) -> str:
        details = [self.variant, "published" * self.published]
        words = ", ".join(filter(None, details))
        return f"{name} ({words})" if words else name

    @property
    def searched(self) -> bool:
        """Whether the row has a search; a baseline or an imported network has none."""
        return self.search_seconds > 0 or self.search_evaluations > 0

    @property
    def repeats(self) -> int:
        """Number of records that repeat the seeds and the architecture of another one."""
        return self.runs - sum(len(group) for group in self.results)


_Key = TypeVar("_Key", bound=Hashable)


def marked(kind: str, method: str) -> str:
    """Return a method's name with the kind of its search, unless that is of architectures."""
    return _MARKED.get(kind, "{}").format(method)


def make_rows(records: Iterable[Record], published: Iterable[Record] = ()) -> list[Row]:
    """Group records by everything that their results depend on but seeds, one row per group.

    Args:
        records: of the user.
        published: records that come with nasbench; they have rows of their own.
    """
    own, ours = list(records), list(published)
    every = [*own, *ours]
    groups: dict[tuple[Any, ...], tuple[Identity, bool, list[Record]]] = {}
    for place, (record, identity) in enumerate(zip(every, identities(every), strict=True)):
        is_ours = place >= len(own)
        key = (is_ours, record.measure, *identity.key)
        groups.setdefault(key, (identity, is_ours, []))[2].append(record)
    return [
        replace(_row(identity, group), published=is_ours)
        for identity, is_ours, group in groups.values()
    ]


def _row(identity: Identity, records: Sequence[Record]) -> Row:
    first = records[0]
    seeds = _grouped(records, lambda record: record.search_seed)
    numbers = tuple(sorted(seeds))
    results, measure = [], first.measure
    for number in numbers:
        # A retraining run twice with one seed is no second draw, which would narrow the interval:
        # repeated runs of a seed are averaged.
        cells = _grouped(seeds[number], lambda record: (record.retrain_seed, record.arch_id))
        means = (fmean(record.result for record in cells[key]) for key in sorted(cells))
        results.append(tuple(measure.scale * mean for mean in means))
    constants = [value for record in records if (value := constant(record)) is not None]
    chance = measure.scale * constants[0] if constants else None
    devices = {str(record.provenance.get("device") or "") for record in records}
    return Row(
        task=first.task,
        kind=first.kind,
        method=first.method,
        space=" or ".join(sorted({record.space for record in records})),
        search_config=first.search_config,
        retrain_config=_untuned(first.retrain_config, first),
        identity=identity,
        given=" = ".join(sorted({record.given for record in records} - {""})),
        seed_numbers=numbers,
        measure=measure,
        results=tuple(results),
        curves=tuple(_curve(seeds[number]) for number in numbers),
        runs=len(records),
        mean=mean_of_means(results),
        interval=bootstrap_interval(results),
        params=round(median(record.params for record in records)),
        macs=round(median(record.macs for record in records)),
        latency_ms=median(record.latency_ms for record in records),
        device=" + ".join(sorted(devices - {""})),
        search_seconds=_per_seed(seeds.values(), lambda record: record.search_seconds),
        search_evaluations=_per_seed(seeds.values(), lambda record: record.search_evaluations),
        retrain_seconds=fmean(record.retrain_seconds for record in records),
        test_openings=sum(record.test_openings for record in records),
        reopened=any(record.test_openings > 1 for record in records),
        uncounted=tuple(dict.fromkeys(name for record in records for name in record.uncounted)),
        chance=chance,
        at_chance=sum(record_at_chance(record) for record in records),
        torch=tuple(sorted({_torch(record) for record in records} - {""})),
        run_names=tuple(record.run for record in records),
    )


def _untuned(config: Mapping[str, Any], record: Record) -> Mapping[str, Any]:
    """Return a configuration without the values that a tuner chose."""
    if record.kind == "joint":
        return {k: v for k, v in config.items() if not is_tuned_jointly(record, k, v)}
    if record.kind != "hpo":
        return config
    return {
        name: _untuned(value, record) if isinstance(value, Mapping) else value
        for name, value in config.items()
        if name not in record.arch
    }


def _torch(record: Record) -> str:
    versions = record.provenance.get("versions")
    return str(versions.get("torch") or "") if isinstance(versions, dict) else ""


def _per_seed(seeds: Iterable[Sequence[Record]], quantity: Callable[[Record], float]) -> float:
    return fmean(fmean(map(quantity, records)) for records in seeds)


def _curve(records: Sequence[Record]) -> Points:
    """Return one search seed's curve up to the search's end, of the first record that has one."""
    for record in records:
        if record.curve:
            points = [(float(seconds), float(best)) for seconds, best in record.curve]
            end = max(points[-1][0], record.search_seconds)
            return (*points, (end, points[-1][1]))
    return ()


def _grouped(records: Iterable[Record], key: Callable[[Record], _Key]) -> dict[_Key, list[Record]]:
    groups: dict[_Key, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups


def with_variants(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with what distinguishes those of one method and space, in few words."""
    named = [Named(row.identity, row.on_space, row.published, row.given) for row in rows]
    words = variants(named)
    return [replace(row, variant=variant) for row, variant in zip(rows, words, strict=True)]
