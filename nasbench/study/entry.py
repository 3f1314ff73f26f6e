"""One entry of a study: what it runs, with which options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasbench import catalog
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.errors import UserError, unknown

#: The verbs of entries and the options of each.
VERBS: dict[str, type[TrainingConfig]] = {
    "search": SearchConfig,
    "hpo": HpoConfig,
    "retrain": RetrainConfig,
    "train": RetrainConfig,
}
# Set by the study or its command line.
NOT_OPTIONS = ("seed", "out", "device", "data_dir", "task", "strategy", "model")
REFUSED = {
    "weights": "a study trains from scratch: use nasbench retrain",
    "processes": "a study's run has one process: several runs at once are --concurrency",
}
"""Options of the commands that an entry cannot have, with the reason."""
# Arguments belong under "options", and a search space under "search_space".
WRITTEN_ELSEWHERE = (
    "strategy_options",
    "tuner_options",
    "assessor_options",
    "space_arguments",
    "space_content",
    "tuned",
    "priors",
)


@dataclass(frozen=True, eq=False)  # compared by identity, so that an entry can be a key
class Entry:
    """One entry of a study: a run for every seed.

    Attributes:
        name: the name of the entry.
        verb: one of :data:`VERBS`.
        target: the strategy (``search``), the network (``hpo``, ``train``), or the architecture
            (``retrain``): an entry or the path of a checkpoint. ``hpo`` takes an entry as well.
        options: the options of the command line, by name.
        arguments: the ``-o`` arguments.
        reported: a published result in percent, shown beside ours.
        note: a short description for the table.
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
        """Return the entry that ``content`` describes.

        Raises:
            UserError: it has no verb, several verbs, or an unknown option.
        """
        if not isinstance(content, dict):
            raise UserError(f"entry {name!r}: expected 'option: value' lines")
        try:
            return cls._of(name, with_underscores(content))
        except UserError as error:
            raise UserError(f"entry {name!r}: {error}") from error

    @classmethod
    def _of(cls, name: str, left: dict[str, Any]) -> Entry:
        verbs = [verb for verb in VERBS if verb in left]
        if len(verbs) != 1:
            found = ", ".join(verbs) or "none"
            raise UserError(f"needs exactly one of {', '.join(VERBS)}; found: {found}")
        (verb,) = verbs
        target, arguments = left.pop(verb), left.pop("options", {})
        if not isinstance(target, str) or not target:
            raise UserError(f"{verb} {target!r}: must be a name")
        if not isinstance(arguments, dict):
            raise UserError("'options' must hold 'key: value' lines")
        reported, note = left.pop("reported", None), str(left.pop("note", ""))
        if reported is not None:
            if type(reported) not in (int, float) or not math.isfinite(reported):
                raise UserError(f"reported {reported!r}: must be a number, percent")
            reported = float(reported)
        for option in left:
            if option in REFUSED:
                raise UserError(f"{option}: {REFUSED[option]}")
            if option in NOT_OPTIONS:
                raise UserError(f"{option}: is set for the whole study, not for an entry")
            if option in WRITTEN_ELSEWHERE:
                where = {
                    "space_content": "search_space",
                    "tuned": "tune",
                    "priors": "learn_from",
                }.get(option, "options")
                raise UserError(f"{option}: put its content under {where!r}")
        arguments = {str(key): value for key, value in arguments.items()}
        return cls(name, verb, target, normalized(left), arguments, reported, note)

    def over(self, defaults: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options merged over those ``defaults`` that apply to the verb."""
        known = VERBS[self.verb].__dataclass_fields__
        return {**{k: v for k, v in defaults.items() if k in known}, **self.options}

    def source(self, entries: Mapping[str, Entry]) -> Entry | None:
        """Return the entry whose result this entry uses, or ``None``."""
        return entries.get(self.target) if self.verb in ("hpo", "retrain") else None

    def check(self, entries: Mapping[str, Entry]) -> None:
        """Raise if a name or an option is unknown.

        Raises:
            UserError: the message starts with the entry's name.
        """
        target = self.target
        try:
            VERBS[self.verb].from_layers(self.options)
            if self.verb == "search":
                catalog.check("strategy", target)
            elif self.verb == "train" or (self.verb == "hpo" and target not in entries):
                # The name of a network; one in a user's own file is checked by the run.
                if target.endswith(".json"):
                    if self.verb == "train":
                        raise UserError(f"train {target}: is a checkpoint; use retrain: {target}")
                elif target not in catalog.SPACES:
                    catalog.check("baseline", target)
            elif target not in entries and not (
                target.endswith(".json") or ".py" in target or target.startswith("zoo:")
            ):
                raise unknown("entry", target, [*entries, "path/to/checkpoint.json"])
        except UserError as error:
            raise UserError(f"entry {self.name!r}: {error}") from error
        source = self.source(entries)
        if source is not None and source.verb in ("retrain", "train"):
            raise UserError(
                f"entry {self.name!r}: {self.target!r} is a {source.verb}, which finds nothing "
                f"to {self.verb}: allowed: an entry that searches or tunes"
            )


def with_underscores(content: Mapping[Any, Any]) -> dict[str, Any]:
    """Return options by their names, with underscores in place of dashes.

    Raises:
        UserError: an option is given with a dash and with an underscore.
    """
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = str(key).replace("-", "_")
        if name in found:
            raise UserError(f"{key}: duplicate key")
        found[name] = value
    return found


def normalized(options: dict[str, Any]) -> dict[str, Any]:
    """Return options in which a number may be a budget and a mapping a search space."""
    if type(budget := options.get("budget")) in (int, float):
        options = {**options, "budget": f"{budget:.15g}"}
    for name, content in (("search_space", "space_content"), ("tune", "tuned")):
        if isinstance(space := options.get(name), dict):
            options = {**options, name: None, content: space}
    return options
