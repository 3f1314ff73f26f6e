"""Shared by searches, tunings and retrainings: layers of options, seeds, resuming."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nasbench import catalog, known_code
from nasbench.config import TrialsConfig, flag, read_yaml
from nasbench.errors import UserError
from nasbench.options import Config
from nasbench.tasks import sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nasbench.store.runs import RunFolder
    from nasbench.training.loop import Callback
    from nasbench.training.stopping import StopSignal

# Options of a run's place that a resumed run keeps: its batch, its search space, and the number
# of processes, on which the last bits of its sums depend.
_NOT_WITH_RESUME = {"auto_batch", "search_space", "processes"}
_NOT_WITH_RESUME |= {"tune", "start_from", "learn_from"}

Options = TypeVar("Options", bound=Config)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Surroundings:
    """Who runs something: the command line, or a program that imports nasbench.

    Attributes:
        callback: receives the progress.
        stop: set by Ctrl-C and SIGTERM.
        note: called with a line for the user.
        command: the command line for the provenance; ``sys.argv`` by default.
    """

    callback: Callback
    stop: StopSignal
    note: Callable[[str], None]
    command: Sequence[str] | None = None


def layers(
    given: Mapping[str, Any], file: Path | None, assignments: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options by name and the plug-ins' arguments; the user's win over the file's.

    Args:
        given: options by name, ``None`` for one that was not given.
        file: a YAML file of options.
        assignments: arguments of the plug-ins by name.

    Raises:
        UserError: the file cannot be read.
    """
    content = read_yaml(file) if file is not None else {}
    inside = content.pop("options", {})
    if not isinstance(inside, dict):
        raise UserError(f"--config {file}: 'options' must hold 'key: value' lines")
    for key in ("strategy_options", "space_arguments", "tuner_options", "assessor_options"):
        if key in content or key.replace("_", "-") in content:
            raise UserError(f"--config {file}: {key}: write arguments under 'options:'")
    named = {key.replace("-", "_"): value for key, value in content.items()}
    set_by_user = {key: value for key, value in given.items() if value is not None}
    known_code.check_places({"weights": named.get("weights")}, set_by_user)
    from_file = {str(key): value for key, value in inside.items()}
    return {**named, **set_by_user}, {**from_file, **assignments}


def to_resume(
    verb: str,
    kind: type[Options],
    run: str,
    given: Mapping[str, Any],
    more: Mapping[str, Any],
) -> tuple[RunFolder, Options]:
    """Return the folder of the run to continue, and its options.

    A run keeps its own options. The user may say where it goes on, and must say so if the folder
    names a place that this user never named: it may come from elsewhere.

    Args:
        verb: of the command.
        kind: the class of its options.
        run: what the user wrote.
        given: the options that the user gave, ``None`` for those that were not given.
        more: further arguments of the command, by their spelling.

    Raises:
        UserError: there is no such run, it cannot be continued, or options were given that decide
            its result.
    """
    from nasbench.engine.scheduler import check_more
    from nasbench.engine.start import has_copy
    from nasbench.store.code import located
    from nasbench.store.runs import find

    own = {key: value for key, value in given.items() if value is not None}
    where = kind.placing() - _NOT_WITH_RESUME
    budget = own.get("budget")
    where |= {"budget"} if issubclass(kind, TrialsConfig) else set()
    extra = [flag(key) for key in own if key not in where]
    extra += [name for name, value in more.items() if value]
    if extra:
        raise UserError(f"--resume continues with the run's own options: leave out {extra[0]}")
    results = Path(own.pop("out", "results"))
    latest = ("stopped", "failed") if budget is None else ("stopped", "failed", "done")
    folder = find(results, run, "--resume", (verb,), latest)
    config = folder.info.get("config")
    if not isinstance(config, dict):
        raise UserError(f"--resume {run}: its run.json lacks the field 'config'")
    if folder.info.get("verb") != verb:
        raise UserError(f"--resume {run}: continue it with nasbench {folder.info.get('verb')}")
    config = located(folder.path, config, folder.info.get("code"))
    _check_known(config)
    if config.get("engine") == "nni":
        raise UserError(f"--resume {run}: NNI's manager ran it: start it anew")
    with_trials = _has_trials(verb, config)
    if folder.status == "running" or (folder.status == "done" and budget is None):
        hint = ", or done with a larger --budget" if with_trials else ""
        raise UserError(
            f"--resume {run}: the run is {folder.status}: allowed: stopped, failed{hint}"
        )
    if budget is not None:
        if not with_trials:
            raise UserError(f"--budget {budget}: {config.get('strategy')} has no trials")
        check_more(folder, str(budget))
    if config.get("processes", "auto") == "auto" and "processes" in kind.placing():
        config = {**config, "processes": "1"}  # it began with a single one
    if "engine" in own:  # the cluster of another engine
        config = {key: value for key, value in config.items() if key != "address"}
    options = kind.from_layers(config, own, {"out": folder.path.parent.parent})
    kept = {"weights"} if has_copy(folder) else set()  # the copy is read, not the place
    known_code.check_places(sources.places(options.to_json()), {*own, *kept})
    return folder, options


def _has_trials(verb: str, config: Mapping[str, Any]) -> bool:
    """Return whether a run trains its candidates one by one, and so can have more of them."""
    from nasbench.engine.search import is_sampled

    return verb == "hpo" or (verb == "search" and is_sampled(str(config.get("strategy"))))


def _check_known(config: Mapping[str, Any]) -> None:
    """Raise if a run folder names code that this user never named.

    The catalog refuses it as well; here nothing has been loaded yet.
    """
    model = str(config.get("model", ""))
    if model.endswith((".yml", ".yaml")):
        if not known_code.known(f"{model}:trial"):
            raise UserError(
                f"the experiment {model} has changed or was never run here: "
                f"name it yourself with --config {model}"
            )
        return  # its tuner is NNI's, its task its own name
    own = {key: config.get(key) for key in ("metric", "loss")}
    also = str(config.get("also") or "").split(",")
    for kind, name in [*own.items(), *(("metric", one.strip()) for one in also)]:
        if ":" in str(name or ""):
            catalog.check_known(kind, str(name))
    for key in ("strategy", "space", "task", "tuner", "assessor", "model"):
        named = config.get(key)
        if not named or (key == "model" and ":" not in model):
            continue
        if key == "task":
            sources.check_known(str(named))
        else:
            catalog.check_known("space" if key == "model" else key, str(named))


def each_seed(
    around: Surroundings, first: int, count: int, run: Callable[[int], Result]
) -> list[Result]:
    """Run consecutive seeds and return what each gave.

    Args:
        around: a signal ends the series; which seeds did not run is then noted.
        first: the first seed.
        count: the number of seeds.
        run: runs one seed.

    Raises:
        Stopped: a signal came while a seed ran to its end; there is no run to resume.
    """
    from nasbench.training.stopping import Stopped

    stop, last, found = around.stop, first + count - 1, list[Result]()
    for seed in range(first, last + 1):
        try:
            found.append(run(seed))
        finally:
            if stop.requested and seed < last:
                left = f"--seed {seed + 1} --seeds {last - seed}"
                around.note(f"seeds {seed + 1} to {last} did not run: {left}")
        if stop.requested and seed < last:
            raise Stopped(f"after seed {seed}", stop.number)
    return found
