"""What a study's file holds, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasbench import catalog
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.errors import UserError, unknown
from nasbench.study import options as written

#: What an entry may do, and the options that it may set.
VERBS: dict[str, type[TrainingConfig]] = {
    "search": SearchConfig,
    "hpo": HpoConfig,
    "retrain": RetrainConfig,
    "train": RetrainConfig,
}


@dataclass(frozen=True, eq=False)  # an entry is itself, and can be a key
class Entry:
    """One line of a study: a run for every seed.

    Attributes:
        name: of the entry.
        verb: of :data:`VERBS`.
        target: the strategy (``search``), the network (``hpo``, ``train``), or what is rebuilt
            (``retrain``): an entry or the path of a checkpoint. ``hpo`` takes an entry, too.
        options: by name, as on the command line.
        arguments: what ``-o`` gives.
        reported: a figure from elsewhere in percent, to stand beside ours.
        note: a few words for the table.
    """

    name: str
    verb: str
    target: str
    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    reported: float | None = None
    note: str = ""

    @classmethod
    def read(cls, name: str, content: Any) -> Entry:
        """Return the entry of that name.

        Raises:
            UserError: it does nothing, two things, or has an option that nobody knows.
        """
        if not isinstance(content, dict):
            raise UserError(f"entry {name!r}: expected 'option: value' lines")
        try:
            return cls._of(name, written.dashed(content))
        except UserError as error:
            raise UserError(f"entry {name!r}: {error}") from error

    @classmethod
    def _of(cls, name: str, left: dict[str, Any]) -> Entry:
        verbs = [verb for verb in VERBS if verb in left]
        if len(verbs) != 1:
            found = ", ".join(verbs) or "none"
            raise UserError(f"needs one of {', '.join(VERBS)}; it has {found}")
        (verb,) = verbs
        target, arguments = left.pop(verb), left.pop("options", {})
        if not isinstance(target, str) or not target:
            raise UserError(f"{verb} {target!r}: must be a name")
        if not isinstance(arguments, dict):
            raise UserError("'options' must hold 'key: value' lines")
        reported, note = written.percent(left.pop("reported", None)), str(left.pop("note", ""))
        written.check_places(left)
        arguments = {str(key): value for key, value in arguments.items()}
        return cls(name, verb, target, written.plain(left), arguments, reported, note)

    def over(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options, over those of the ``defaults`` that the verb knows."""
        known = VERBS[self.verb].__dataclass_fields__
        return {**{k: v for k, v in defaults.items() if k in known}, **self.options}

    def source(self, entries: Mapping[str, Entry]) -> Entry | None:
        """Return the entry whose finding this one uses, if there is one."""
        return entries.get(self.target) if self.verb in ("hpo", "retrain") else None

    def check(self, entries: Mapping[str, Entry]) -> None:
        """Raise where a name or an option is unknown.

        Raises:
            UserError: the entry's name stands before it.
        """
        try:
            VERBS[self.verb].from_layers(self.options)
            if self.verb == "search":
                catalog.check("strategy", self.target)
            elif self.verb == "train" or (self.verb == "hpo" and self.target not in entries):
                _check_network(self.verb, self.target)
            elif self.target not in entries and not _elsewhere(self.target):
                raise unknown("entry", self.target, [*entries, "path/to/checkpoint.json"])
        except UserError as error:
            raise UserError(f"entry {self.name!r}: {error}") from error
        source = self.source(entries)
        if source is not None and source.verb in ("retrain", "train"):
            raise UserError(
                f"entry {self.name!r}: {self.target!r} is a {source.verb}, which finds nothing "
                f"to {self.verb}: allowed: an entry that searches or tunes"
            )


def _elsewhere(target: str) -> bool:
    """Whether a target is an architecture that no entry finds: a file, or one of the zoo."""
    return target.endswith(".json") or ".py" in target or target.startswith("zoo:")


def _check_network(verb: str, name: str) -> None:
    """Raise unless a name is a network's; what is of a user's own file shows when it is run."""
    if name.endswith(".json"):
        if verb == "train":
            raise UserError(f"train {name}: is a checkpoint: write retrain: {name}")
    elif name not in catalog.SPACES:
        catalog.check("baseline", name)
