"""What a row's records have in common: everything that their results depend on but seeds.

Two records belong to one row if they agree in task, kind, method and space, and in every *part*:
the options of search and retraining, the architecture where the user chose it, the text of the
user's own code, and the data. How a run is carried out (device, folders, versions of libraries)
and the name of its preset, whose options are parts themselves, are none.

A record may lack an option that came later. It then means what the option's default was when it
came: the earliest record that knows the option says so.

Records of versions before 30 November 2026 know neither their data nor their code. Data sets that
everybody has alike are taken to be those of the other records of their task, if these have one;
own data and own code, once unknown, equal only what is unknown as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nasbench.config import ALIASES, HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.store import older
from nasbench.store.records import TUNED, Record

SEARCH, RETRAIN = "search", "retrain"
ARCHITECTURE = ("", "architecture")
UNKNOWN = "unknown"

Parts = Mapping[tuple[str, str], Any]
"""Stage (``search``, ``retrain`` or ``""``) and name of a part to its value."""

_SEARCHES: dict[str, type[TrainingConfig]] = {
    "nas": SearchConfig,
    "hpo": HpoConfig,
    "joint": SearchConfig,
}
_NAMES_ONLY = ("preset",)  # its options are compared one by one
_NAMES = ("strategy", "space", "task", "tuner")  # what lacks these does not mean their default
_FINGERPRINTS = ("data", "code of", "weights")


@dataclass(frozen=True)
class Identity:
    """What distinguishes the records of one row from all others.

    Attributes:
        task: the task's name.
        kind: ``nas``, ``hpo``, ``joint`` or ``plain``.
        method: the strategy, tuner or baseline.
        space: the search space, or the network that was tuned or trained.
        parts: everything else.
    """

    task: str
    kind: str
    method: str
    space: str
    parts: Parts

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What a table names in any case."""
        return self.task, self.kind, self.method, self.space

    @cached_property
    def texts(self) -> dict[tuple[str, str], str]:
        """The parts as texts, to be compared."""
        return {part: _text(value) for part, value in self.parts.items()}

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for two records of the same row."""
        return (*self.name, json.dumps(sorted(self.texts.items())))

    @property
    def data(self) -> str:
        """The fingerprint of the data, or ``unknown``."""
        return str(self.parts[RETRAIN, "data"])


def differences(one: Identity, other: Identity) -> list[tuple[str, str]]:
    """Return the parts whose values differ, sorted."""
    return sorted({part for part, _ in one.texts.items() ^ other.texts.items()})


def is_fingerprint(name: str) -> bool:
    """Return whether a part of this name holds a fingerprint, or several joined by ``+``."""
    return name.startswith(_FINGERPRINTS)


def identities(records: Sequence[Record]) -> list[Identity]:
    """Return the identity of each record among all of them, which tell what some leave out."""
    known = _Known(records)
    return [_identity(record, known) for record in records]


class _Known:
    """What the records of a board tell about those that know less.

    Args:
        records: of the board.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.defaults: dict[tuple[str, str], dict[str, Any]] = {}
        self.data: dict[str, set[str]] = {}
        for record in sorted(records, key=lambda one: str(one.provenance.get("started", ""))):
            for stage in (SEARCH, RETRAIN):
                options = record.defaults.get(stage)
                for name, value in flat(options if isinstance(options, dict) else {}).items():
                    owner = _owner(record, stage, name)
                    self.defaults.setdefault((stage, owner), {}).setdefault(name, value)
            if (found := _data(record)) != UNKNOWN:
                self.data.setdefault(record.task, set()).add(found)

    def of(self, record: Record, stage: str) -> dict[str, Any]:
        """Return the default of each option that a record may lack."""
        found = {**older.DEFAULTS.get((stage, record.kind), {})}
        for owner in _owners(record, stage):
            found = {**self.defaults.get((stage, owner), {}), **found}
        config = RetrainConfig if stage == RETRAIN else _SEARCHES.get(record.kind, RetrainConfig)
        first = {"revision": 1} if stage == SEARCH else {}
        every = {**first, **flat(config.defaults()), **found}
        return {name: value for name, value in every.items() if name not in _NAMES}

    def data_of(self, task: str, found: str) -> str:
        """Return the fingerprint of a task's data, which may be known from other records."""
        others = self.data.get(task, set())
        if found == UNKNOWN and task in older.FIXED_DATA and len(others) == 1:
            return next(iter(others))
        return found


def _identity(record: Record, known: _Known) -> Identity:
    content = record.search_config.get("space_content")
    tunes_model = record.kind == "hpo" and "model" in _keys(content)
    parts: dict[tuple[str, str], Any] = {}
    configs = {SEARCH: record.search_config, RETRAIN: record.retrain_config}
    for stage, config in configs.items():
        missing = known.of(record, stage) if config or stage == RETRAIN else {}
        for name, value in {**missing, **flat(config)}.items():
            if name in _NAMES_ONLY:
                continue
            if stage == RETRAIN and (
                _tuned(record, name, value, tunes_model) or is_tuned_jointly(record, name, value)
            ):
                continue
            parts[stage, name] = value
    parts |= _code(record)
    parts[RETRAIN, "data"] = known.data_of(record.task, _data(record))
    if (searched := _searched_data(record)) is not None:
        parts[SEARCH, "data"] = searched
    if record.chosen:
        parts[ARCHITECTURE] = record.arch_id
    space = "several networks" if tunes_model else record.space
    return Identity(record.task, record.kind, record.method, space, parts)


def _tuned(record: Record, name: str, value: Any, tunes_model: bool) -> bool:
    """Return whether a retraining has the option from a tuner, and not from the user.

    An option below a choice that another seed made, such as the momentum of ``sgd`` where
    ``adam`` was best, is the tuner's as well.

    Args:
        record: of the retraining.
        name: of the option.
        value: of the option in the retraining.
        tunes_model: whether the tuning chose the network.
    """
    if record.kind != "hpo":
        return False
    if tunes_model and name.startswith("space_arguments."):
        return True
    own = name.rpartition(".")[2]
    if own in record.arch:
        return bool(record.arch[own] == value)
    searched = _keys(record.search_config.get("space_content"))
    return own in {ALIASES.get(one, one) for one in searched}


def is_tuned_jointly(record: Record, name: str, value: Any) -> bool:
    """Return whether a retraining has the option from a joint search, and not from the user.

    Args:
        record: of the retraining.
        name: of the option.
        value: of the option in the retraining.
    """
    if record.kind != "joint" or name not in _keys(record.search_config.get("tuned")):
        return False
    found = record.arch.get(f"{TUNED}{name}", value)  # one below an option that was not chosen
    return bool(found == value)


def _code(record: Record) -> dict[tuple[str, str], Any]:
    """Return the fingerprints of the user's own code; that of the search where it is another."""
    config, found = record.search_config, {}
    retrained = {"space": record.space, "task": record.task, **_judges(record.retrain_config)}
    named: dict[str, dict[str, str]] = {RETRAIN: retrained, SEARCH: {}}
    if record.kind != "plain":
        named[SEARCH] = {
            kind: str(config[kind])
            for kind in ("strategy", "space", "task", "tuner", "assessor")
            if config.get(kind)
        } | _judges(config)
    known = {RETRAIN: record.provenance, SEARCH: record.search_provenance}
    for stage, names in named.items():
        code = known[stage].get("code")
        for kind, name in names.items():
            if ":" in name:
                found[stage, f"code of {kind}"] = (
                    code.get(kind, UNKNOWN) if isinstance(code, dict) else UNKNOWN
                )
    return {
        (stage, kind): value
        for (stage, kind), value in found.items()
        if stage == RETRAIN or value != found.get((RETRAIN, kind))
    }


def _judges(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a user's own metric and loss."""
    return {kind: str(config[kind]) for kind in ("metric", "loss") if config.get(kind)}


def _data(record: Record) -> str:
    """Return one fingerprint of training and test data."""
    trained, tested = record.provenance.get("data"), record.provenance.get("test_data")
    if trained is None and tested is None:
        return UNKNOWN
    return hashlib.sha256(f"{trained} {tested}".encode()).hexdigest()


def _searched_data(record: Record) -> str | None:
    """Return the fingerprint of the search's data if they are others than the retraining's."""
    searched, trained = record.search_provenance.get("data"), record.provenance.get("data")
    if not record.search_config or searched == trained:
        return None
    if searched is None:
        fixed = record.search_config.get("task", record.task) in older.FIXED_DATA
        return None if fixed else UNKNOWN
    return str(searched)


_PLUGIN = ("strategy_options", "tuner_options", "assessor_options", "space_arguments")


def _owner(record: Record, stage: str, name: str) -> str:
    """Return whose option it is: another strategy may have one of the same name."""
    prefix = name.partition(".")[0]
    owners = dict(zip(("", *_PLUGIN), _owners(record, stage), strict=True))
    return owners[prefix if prefix in _PLUGIN else ""]


def _owners(record: Record, stage: str) -> tuple[str, ...]:
    method, assessor = f"method {record.method}", record.search_config.get("assessor")
    kind = record.kind if stage == SEARCH else ""
    return (f"run {kind}", method, method, f"assessor {assessor}", f"space {record.space}")


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the options with dotted names in place of nested ones; empty ones are left out."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _keys(content: Any) -> set[str]:
    """Return the names of a search space's parameters, those of nested choices included."""
    if isinstance(content, Mapping):
        return {*content, *(key for value in content.values() for key in _keys(value))}
    if isinstance(content, list):
        return {key for value in content for key in _keys(value)}
    return set()


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
