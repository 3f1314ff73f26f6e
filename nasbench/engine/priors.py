"""What a search begins with: architectures to try first, and trials of earlier searches."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import NetworkConfig, SearchConfig, TaskConfig, TrainingConfig
from nasbench.engine import joint
from nasbench.engine.joint import Joint
from nasbench.engine.problem import Problem, inputs
from nasbench.errors import UserError, one_line
from nasbench.space import Arch
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import number, table
from nasbench.store.runs import RunFolder, every_run, find, located

EVENT = "priors"
MOST = 1_000
"""Trials that a search learns from."""

_ENDED = ("done", "stopped", "failed")
_READ = tuple(entry.name for entry in fields(TaskConfig))
# What the score of a trial depends on besides its architecture, its seed and the tuned options.
_SHAPING = (
    *(
        entry.name
        for entry in fields(TrainingConfig)
        if entry.metadata["scope"] == "result" and entry.name not in (*_READ, "preset")
    ),
    "val_fraction",
)


@dataclass(frozen=True)
class Learned:
    """A trial of an earlier search.

    Attributes:
        run: the name of its run.
        arch: its architecture, with the options of training that this search tunes.
        score: of its validation, more is better.
        metrics: the scores of further metrics, by name.
    """

    run: str
    arch: Arch
    score: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Priors:
    """What a search begins with.

    Attributes:
        starts: architectures to try first.
        trials: of earlier searches.
        notes: lines for the user: what is learned from, and which runs are not.
    """

    starts: tuple[Arch, ...] = ()
    trials: tuple[Learned, ...] = ()
    notes: tuple[str, ...] = ()

    def content(self, decisions: Joint) -> dict[str, Any]:
        """Return it as plain values, for the journal."""

        def plain(arch: Arch) -> dict[str, Any]:
            return {"arch": dict(decisions.network(arch)), "tuned": decisions.tuned(arch)}

        return {
            "starts": [plain(arch) for arch in self.starts],
            "trials": [
                {
                    "run": one.run,
                    **plain(one.arch),
                    "score": one.score,
                    "metrics": dict(one.metrics),
                }
                for one in self.trials
            ],
        }

    @classmethod
    def of_content(cls, content: Mapping[str, Any], decisions: Joint) -> Priors:
        """Return what :meth:`content` returned.

        Raises:
            UserError: an architecture is none of the space, or something is missing.
        """
        try:
            return cls(
                tuple(decisions.arch(one["arch"], one["tuned"]) for one in content["starts"]),
                tuple(
                    Learned(
                        one["run"],
                        decisions.arch(one["arch"], one["tuned"]),
                        one["score"],
                        one["metrics"],
                    )
                    for one in content["trials"]
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"the journal's event {EVENT!r} is incomplete: {error!r}") from error

    def summary(self, decisions: Joint) -> dict[str, Any]:
        """Return what a configuration and a record say of it; ``{}`` for nothing."""
        if not (self.starts or self.trials):
            return {}
        text = json.dumps(self.content(decisions), sort_keys=True)
        return {
            "starts": len(self.starts),
            "trials": len(self.trials),
            "runs": list(dict.fromkeys(one.run for one in self.trials)),
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


def gather(config: SearchConfig, problem: Problem) -> Priors:
    """Return what ``--start-from`` and ``--learn-from`` name.

    Args:
        config: the options of the search.
        problem: its task and space.

    Raises:
        UserError: a checkpoint is of another space, or a run of another task, space, metric or
            training.
    """
    decisions = Joint(problem.domains, config.tuned)
    starts = tuple(_start(name, config, decisions) for name in _names(config.start_from))
    trials: dict[Arch, Learned] = {}
    notes: list[str] = []
    for name in _names(config.learn_from):
        if (Path(name) / "runs").is_dir():
            found, note = _of_folder(Path(name), config, problem, decisions)
            notes.append(note)
        else:
            run = find(config.out, name, "--learn-from", ("search",), _ENDED)
            if why := _unfit(run, config, problem):
                raise UserError(f"--learn-from {name}: {why}")
            found = list(_trials(run, config, decisions))
            if not found:
                raise UserError(
                    f"--learn-from {name}: has no finished trial that this search could have made"
                )
            notes.append(f"learns from {_count(len(found), 'trial')} of {run.name}")
        for one in found:
            trials.setdefault(one.arch, one)
    kept = tuple(trials.values())[:MOST]
    if len(kept) < len(trials):
        notes.append(f"learns from the first {MOST:,} of {len(trials):,} trials")
    return Priors(tuple(dict.fromkeys(starts)), kept, tuple(notes))


def _names(given: str | None) -> list[str]:
    names = [] if given is None else [name.strip() for name in given.split(",")]
    return [name for name in names if name]


def _start(name: str, config: SearchConfig, decisions: Joint) -> Arch:
    """Return the architecture of a checkpoint, with its options of training or this search's."""
    found = Checkpoint.read(Path(located(name, config.out, ("search", "hpo"))))
    space, known = str(found.space["name"]), found.space.get("sha256")
    if not _same_code(space, known, config.space, catalog.fingerprint(config.space)):
        raise UserError(
            f"--start-from {name}: is a network of the space {space!r}, and this search's is "
            f"{config.space!r}"
        )
    options = {**_fixed(config.to_json()), **found.training, **found.hyperparameters}
    try:
        return decisions.nearest(found.arch, options)
    except UserError as error:
        raise UserError(f"--start-from {name}: {error}") from error


def _fixed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of all trials of a search, apart from those that it tunes.

    Args:
        options: of the search, which lacks some of those of a trial.
    """
    return {**NetworkConfig().to_json(), **options}


def _of_folder(
    folder: Path, config: SearchConfig, problem: Problem, decisions: Joint
) -> tuple[list[Learned], str]:
    """Return the trials of all runs that fit, and a line about all runs."""
    found: list[Learned] = []
    left_out: Counter[str] = Counter()
    used = 0
    for path in every_run(folder):
        try:
            run = RunFolder(path)
        except UserError:
            left_out["cannot be read"] += 1
            continue
        if run.info.get("verb") != "search":
            continue
        why = _unfit(run, config, problem)
        trials = [] if why else list(_trials(run, config, decisions))
        if trials:
            found, used = found + trials, used + 1
        else:
            left_out[why or "has no finished trial that this search could have made"] += 1
    note = f"learns from {_count(len(found), 'trial')} of {_count(used, 'run')} in {folder}"
    if left_out:
        reasons = "; ".join(f"{count}: {why}" for why, count in left_out.most_common(3))
        note += f"; {_count(left_out.total(), 'run')} left out ({reasons})"
    return found, one_line(note)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _unfit(run: RunFolder, config: SearchConfig, problem: Problem) -> str:
    """Return why a run's trials say nothing about this search, ``""`` if they do."""
    info, task = run.info, problem.task
    if run.status not in _ENDED:
        return f"is {run.status}"
    if info.get("verb") != "search":
        return f"is a run of nasbench {info.get('verb')}, not of nasbench search"
    began = table(info.get("provenance"))
    try:
        other = SearchConfig.from_layers(table(info.get("config")))
    except UserError:
        return "its options are of another version"
    own = inputs(task, space=config.space, task=config.task)
    code, mine = table(began.get("code")), own["code"]
    if other.table is not None:
        return "is a search on a table"
    if not _same_code(other.task, code.get("task"), config.task, mine.get("task")):
        return f"its task is {other.task!r}, and this search's is {config.task!r}"
    if began.get("data") != own["data"]:
        return f"its task {other.task!r} had other data"
    if began.get("metric") != own["metric"] or other.metric != config.metric:
        name = table(began.get("metric")).get("name")
        return f"its metric is {name!r}, and this search's is {task.metric.name!r}"
    if not _same_code(other.space, code.get("space"), config.space, mine.get("space")):
        return f"its space is {other.space!r}, and this search's is {config.space!r}"
    if other.space_arguments != config.space_arguments:
        return "its space has other arguments"
    # Its trials say what they had of the options that it tuned itself.
    varied = {*joint.names(config.tuned), *joint.names(other.tuned), "also"}
    for name in (*_SHAPING, *_READ):
        if name not in varied and getattr(other, name) != getattr(config, name):
            return (
                f"it trained with {name}={getattr(other, name)}, and this search trains with "
                f"{getattr(config, name)}"
            )
    return ""


def _same_code(name: str, digest: Any, ours: str, mine: Any) -> bool:
    """Return whether two plug-ins are the same; the file of a user's own may have been moved.

    Args:
        name: of the other one.
        digest: of its file, ``None`` if it has none.
        ours: the name of this search's.
        mine: the digest of its file.
    """
    if digest is None and mine is None:
        return name == ours
    return bool(digest == mine) and name.rpartition(":")[2] == ours.rpartition(":")[2]


def _trials(run: RunFolder, config: SearchConfig, decisions: Joint) -> Iterator[Learned]:
    """Yield the trials of a run that this search could have made, trained to the full length."""
    fixed = _fixed(config.to_json())
    before = _fixed(table(run.info.get("config")))
    varied = {*joint.names(config.tuned), *joint.names(table(before.get("tuned")))}
    for event in run.journal.events("trial"):
        score = number(event.get("score"))
        if score is None or event.get("known") or event.get("epochs") != config.epochs:
            continue
        tuned = {
            str(label).rpartition("/")[2]: value
            for label, value in table(event.get("tuned")).items()
        }
        theirs = {**before, **tuned}
        try:
            arch = decisions.nearest(table(event.get("arch")), theirs, inside=True)
        except UserError:
            continue
        # What it does not choose, this search would have trained with its own value.
        left = varied - decisions.training(arch).keys()
        if any(theirs.get(name) != fixed.get(name) for name in left):
            continue
        yield Learned(run.name, arch, score, _numbers(event.get("metrics")))


def _numbers(value: Any) -> dict[str, float]:
    """Return the finite numbers of a table."""
    found = {str(name): number(one) for name, one in table(value).items()}
    return {name: one for name, one in found.items() if one is not None}
