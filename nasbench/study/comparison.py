"""``nasbench compare``: methods on one task with equal budgets, written as a study's file."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from nasbench import arguments, catalog, known_code
from nasbench.budget import Budget
from nasbench.config import CompareConfig, TaskConfig, flag
from nasbench.engine import pace
from nasbench.engine.hpo import Tuning
from nasbench.engine.search import Search, is_sampled
from nasbench.errors import UserError, one_line
from nasbench.report.quantities import duration
from nasbench.store.atomic import write_text
from nasbench.study.file import Study
from nasbench.study.overrides import keys, owners, shared_out
from nasbench.study.plan import Plan, Step, opened
from nasbench.study.scale import Scale
from nasbench.tasks import sources

HPO = "hpo:"
JOINT = "+tune"
TUNE = "lr,weight_decay,batch_size"
"""What a joint search tunes unless the user says otherwise."""

ALLOWED = "a strategy, STRATEGY+tune, hpo:MODEL or hpo:MODEL@TUNER"
FILE = "study.yaml"
RETRAINED = "{}, retrained"
_OF_SEARCHES = ("space", "val_fraction", "max_params", "max_macs", "max_latency")
_OF_TUNINGS = ("val_fraction", "search_space", "assessor")
# Options that are of no use unless there is a method with the verb.
_ONE_KIND = (
    ("search", "a strategy", ("space", "max_params", "max_macs", "max_latency")),
    ("hpo", "hpo:MODEL", ("search_space", "assessor")),
)
_SEEDS = re.compile(r"^seeds: .*$", re.MULTILINE)


@dataclass(frozen=True)
class Method:
    """One of the compared methods.

    Attributes:
        spelled: as the user wrote it.
        verb: ``search`` or ``hpo``.
        target: the strategy, or the network that is tuned.
        tuner: of a tuning.
        tunes: whether a search tunes options of training as well.
    """

    spelled: str
    verb: str
    target: str
    tuner: str = ""
    tunes: bool = False

    @classmethod
    def parse(cls, text: str) -> Method:
        """Return the method in ``darts``, ``tpe+tune``, ``hpo:resnet18`` or ``hpo:resnet18@gp``.

        Raises:
            UserError: a name in it is unknown, or a one-shot strategy should tune.
        """
        if text in (HPO, HPO[:-1]):
            raise UserError(f"{text}: which network? write hpo:MODEL or hpo:MODEL@TUNER")
        if not text.startswith(HPO):
            strategy = text.removesuffix(JOINT)
            catalog.check("strategy", strategy)
            if strategy == text:
                return cls(text, "search", text)
            known_code.remember(strategy)
            if not is_sampled(strategy):
                raise UserError(
                    f"{text}: {strategy} trains one supernet and tunes nothing: allowed: a "
                    "sampled strategy"
                )
            return cls(text, "search", strategy, tunes=True)
        network, at, tuner = text.removeprefix(HPO).rpartition("@")
        network, tuner = (network, tuner) if at else (tuner, "tpe")
        if network not in catalog.SPACES:
            catalog.check("baseline", network)
        catalog.check("tuner", tuner)
        for name in (network, tuner):  # which the user has typed, as a part of a word
            known_code.remember(name)
        return cls(text, "hpo", network, tuner)

    @property
    def name(self) -> str:
        """The name of its entry."""
        short = catalog.short(self.target)
        if self.verb == "search":
            return short + JOINT * self.tunes
        return f"{HPO}{short}@{catalog.short(self.tuner)}"

    def owners(self, config: CompareConfig) -> dict[str, arguments.Parameters]:
        """Return what takes ``-o`` arguments, as in ``nasbench search`` and ``nasbench hpo``."""
        return owners(self.verb, self.target, config.space, self.tuner, config.assessor)


@dataclass(frozen=True)
class Comparison:
    """Methods with equal budgets.

    Attributes:
        methods: at least two.
        config: their options.
        assigned: the ``-o`` arguments.
        seeds: how often each method runs.
    """

    methods: tuple[Method, ...]
    config: CompareConfig
    assigned: Mapping[str, Any]
    seeds: tuple[int, ...]

    @classmethod
    def of(
        cls,
        methods: Sequence[str],
        config: CompareConfig,
        assigned: Mapping[str, Any],
        seeds: int,
    ) -> Comparison:
        """Return the comparison that a user asks for.

        Raises:
            UserError: a name is unknown, a method is given twice, or there is one only.
        """
        found = tuple(Method.parse(text) for text in methods)
        if len(found) < 2:
            only = f": got {found[0].spelled} alone" if found else ""
            raise UserError(f"a comparison needs two METHODs or more{only}: allowed: {ALLOWED}")
        names = [method.name for method in found]
        for method in found:
            if names.count(method.name) > 1:
                raise UserError(f"{method.spelled}: is given twice")
        if config.tune is not None and not any(method.tunes for method in found):
            raise UserError(
                f"--tune {config.tune}: no method tunes it: write STRATEGY{JOINT}, such as "
                f"tpe{JOINT}"
            )
        verbs = {method.verb for method in found}
        for verb, allowed, options in _ONE_KIND:
            for name in options if verb not in verbs else ():
                if (value := getattr(config, name)) != getattr(CompareConfig(), name):
                    raise UserError(
                        f"{flag(name)} {value}: no method takes it: allowed: with {allowed}"
                    )
        if config.budget is None:
            raise UserError("which --budget? device time (30min), trials (20) or '40 epochs'")
        sources.check(config.task)
        first = config.seed
        return cls(found, config, assigned, tuple(range(first, first + seeds)))

    @property
    def budget(self) -> Budget:
        """What each search and each tuning may spend."""
        assert self.config.budget is not None
        return Budget.parse(self.config.budget)

    @property
    def spending(self) -> str:
        """The budget in words."""
        budget = self.budget
        return duration(budget.amount) if budget.unit == "seconds" else str(budget)

    @property
    def name(self) -> str:
        """The study's name: the same command, whatever its number of seeds, has the same."""
        options = self.config.to_json()
        place = self.config.placing() | {"task"}
        shaped = {name: value for name, value in options.items() if name not in place}
        if self.config.tune is None:  # comparisons of before keep their names
            del shaped["tune"]
        what = [sorted(one.name for one in self.methods), sources.located(self.config.task)]
        text = json.dumps([*what, shaped, dict(self.assigned)], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:6]
        task = sources.short(self.config.task)[:40]
        return f"compare-{task}-{''.join(str(self.config.budget).split())}-{digest}"

    @property
    def folder(self) -> Path:
        """Where its runs, its table and its file are."""
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", self.name)
        return self.config.out / "studies" / name

    @property
    def file(self) -> Path:
        """The study's file."""
        return self.folder / FILE

    @property
    def command(self) -> str:
        """The command that goes on with the study's file."""
        plain = CompareConfig()
        words = ["nasbench", "study", str(self.file)]
        for name in ("out", "data_dir", "device"):
            if (value := getattr(self.config, name)) != getattr(plain, name):
                words += [flag(name), str(value)]
        return shlex.join(words)

    @property
    def given(self) -> dict[str, Any]:
        """The options that a study takes from its command line."""
        return {"data_dir": self.config.data_dir, "device": self.config.device}

    def content(self) -> dict[str, Any]:
        """Return the fields of the study's file, without the epochs of one-shot strategies.

        Raises:
            UserError: no method has an argument.
        """
        shared = {name: getattr(self.config, name) for name in self._shared()}
        plain = CompareConfig()
        entries: dict[str, dict[str, Any]] = {}
        own = self._arguments()
        for method in self.methods:
            entry: dict[str, Any] = {method.verb: method.target}
            names = _OF_SEARCHES if method.verb == "search" else _OF_TUNINGS
            if method.verb == "hpo":
                entry["tuner"] = method.tuner
            if method.tunes:
                entry["tune"] = self._tune
            for name in names:
                value = getattr(self.config, name)
                if name == "space" or value != getattr(plain, name):
                    entry[name] = str(value.absolute()) if isinstance(value, Path) else value
            if own[method.name]:
                entry["options"] = own[method.name]
            entries[method.name] = entry
        for method in self.methods:
            entries[RETRAINED.format(method.name)] = {"retrain": method.name}
        *most, last = (method.name for method in self.methods)
        return {
            "name": self.name,
            "about": f"Which of {', '.join(most)} and {last} is better with {self.spending} each?",
            "task": sources.located(self.config.task),
            "seeds": list(self.seeds),
            "budget": self.config.budget,
            "defaults": {k: v for k, v in shared.items() if v not in (None, False)},
            "entries": entries,
        }

    @property
    def _tune(self) -> str:
        """What joint searches tune; a file by its whole path, since a study may be elsewhere."""
        tune = self.config.tune or TUNE
        return str(Path(tune).absolute()) if Path(tune).is_file() else tune

    def _shared(self) -> list[str]:
        return ["preset", "limit_train", *(entry.name for entry in fields(TaskConfig))]

    def _arguments(self) -> dict[str, dict[str, Any]]:
        """Return the ``-o`` arguments of each method: those that it knows.

        Raises:
            UserError: none knows one of them.
        """
        if not self.assigned:
            return {method.name: {} for method in self.methods}
        known = {method.name: keys(method.owners(self.config)) for method in self.methods}
        return shared_out(self.assigned, known)


@dataclass(frozen=True)
class Planned:
    """A comparison that can start.

    Attributes:
        plan: the study.
        folder: of the study.
        file: the study's file, which need not exist yet.
        command: goes on with that file.
        lines: what each method may spend, for the user.
        text: what to write to the file; ``None`` if it is there as it should be.
    """

    plan: Plan
    folder: Path
    file: Path
    command: str
    lines: tuple[str, ...]
    text: str | None

    def write(self) -> None:
        """Write the study's file.

        Raises:
            UserError: it cannot be written.
        """
        if self.text is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.file, self.text)


def planned(wanted: Comparison, command: str) -> Planned:
    """Return the study of a comparison: that of an earlier start, or a new one.

    The epochs of a one-shot strategy are measured once, so that all its seeds have the same.

    Args:
        wanted: what is compared.
        command: what the file says it was made with.

    Raises:
        UserError: an option is invalid, the budget is too small, or the earlier file was changed
            so that it cannot be read.
    """
    if wanted.file.exists():
        return _begun(wanted)
    content = wanted.content()
    study = Study.of(content, wanted.name)
    plan = opened(study, Scale(), wanted.given, wanted.folder)
    lines = _fit(wanted, plan, content)
    plan = replace(plan, study=Study.of(content, wanted.name))
    head = [
        one_line(command),
        "The same command goes on where it stopped. To change something, edit this file and run",
        f"  {one_line(wanted.command)}",
        *(line.strip() for line in lines),
    ]
    text = "".join(f"# {line}\n" for line in head) + "\n" + _dumped(content)
    return Planned(plan, wanted.folder, wanted.file, wanted.command, tuple(lines), text)


def _begun(wanted: Comparison) -> Planned:
    study, text = Study.read(wanted.file), None
    if study.seeds != wanted.seeds:
        before = wanted.file.read_text(encoding="utf-8")
        text, count = _SEEDS.subn(_seeds_line(wanted.seeds), before)
        if count != 1:
            raise UserError(f"{wanted.file}: has other seeds: change its field 'seeds' itself")
        study = replace(study, seeds=wanted.seeds)
    plan = opened(study, Scale(), wanted.given, wanted.folder)
    lines = (f"goes on with {wanted.file}",)
    return Planned(plan, wanted.folder, wanted.file, wanted.command, lines, text)


def _dumped(content: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in content.items() if name not in ("seeds",)}
    text = yaml.safe_dump(rest, sort_keys=False, allow_unicode=True, width=96)
    return text.replace("\nbudget:", f"\n{_seeds_line(content['seeds'])}\nbudget:", 1)


def _seeds_line(seeds: Iterable[int]) -> str:
    return f"seeds: {json.dumps(list(seeds))}"


def _fit(wanted: Comparison, plan: Plan, content: dict[str, Any]) -> list[str]:
    """Set the epochs of one-shot strategies in ``content``; return what each method may spend.

    Raises:
        UserError: one epoch costs more than the budget, or no method has trials to count.
    """
    seconds, told = _seconds(wanted, plan)
    seeds = "one seed" if len(wanted.seeds) == 1 else f"{len(wanted.seeds)} seeds"
    lines = [f"{wanted.name}: {len(wanted.methods)} methods, {seeds} each"]
    for method in wanted.methods:
        entry = content["entries"][method.name]
        if not _is_oneshot(method):
            lines.append(f"  {method.name}: {wanted.spending}{told}")
            continue
        assert seconds is not None
        search = _job(plan, method)
        assert isinstance(search, Search)
        found = pace.of_supernet(search, wanted.config.out)
        epochs = int(seconds / found.epoch)
        if epochs < 1:
            raise UserError(
                f"--budget {wanted.config.budget}: an epoch of {method.name} takes about "
                f"{duration(found.epoch)} ({found.source}): allowed: at least as much, a smaller "
                "supernet, or a smaller --limit-train"
            )
        entry["epochs"] = epochs
        lines.append(
            f"  {method.name}: {epochs} epochs of {found.epoch:.2g} s, {found.steps} steps each "
            f"({found.source}): {duration(epochs * found.epoch)}"
        )
    if seconds is not None:
        runs = len(wanted.methods) * len(wanted.seeds)
        lines.append(
            f"  in all about {duration(runs * seconds)} of device time, then {runs} retrainings"
        )
    return lines


def _seconds(wanted: Comparison, plan: Plan) -> tuple[float | None, str]:
    """Return the budget in device-seconds, and in words if it was measured.

    Trials are counted as those of the first method that has some. Without a one-shot strategy
    nothing is measured.
    """
    budget = wanted.budget
    if budget.unit == "seconds":
        return budget.amount, ""
    with_trials = [method for method in wanted.methods if not _is_oneshot(method)]
    if not with_trials:
        raise UserError(
            f"--budget {wanted.config.budget}: none of these methods has trials: "
            "give a time such as 30min"
        )
    if len(with_trials) == len(wanted.methods):
        return None, ""
    job = _job(plan, with_trials[0])
    found = pace.of_trial(job)
    epochs = job.config.epochs if budget.unit == "trials" else 1
    seconds = budget.amount * epochs * found.epoch
    return seconds, f", about {duration(seconds)} ({found.source} for {with_trials[0].name})"


def _is_oneshot(method: Method) -> bool:
    return method.verb == "search" and not is_sampled(method.target)


def _job(plan: Plan, method: Method) -> Search | Tuning:
    """Return a method's search or tuning of the first seed."""
    step = Step(plan.study.entries[method.name], plan.study.seeds[0])
    config: Any = plan.configure(step, None).config
    kind = Search if method.verb == "search" else Tuning
    return kind.of(config, plan.open(config))
