"""Opens an architecture from wherever it is, and builds its network.

Sources are a checkpoint or run folder of nasbench, a file of another tool, a text, and the zoo.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog, known_code, plain_files, plain_json
from nasbench.config import RetrainConfig, TaskConfig, TrainingConfig
from nasbench.data.preprocessing import Preprocessing
from nasbench.engine.presets import paper_recipe
from nasbench.engine.problem import describe, load_space, load_task
from nasbench.engine.start import Start
from nasbench.errors import UserError
from nasbench.interop import foreign, genotype_text, zoo
from nasbench.interop.foreign import Foreign
from nasbench.interop.python_text import shown
from nasbench.seeding import seed_process
from nasbench.space import Arch, DataSpec, SearchSpace
from nasbench.space.domains import Domains
from nasbench.space.noise import noise
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.code import located
from nasbench.store.runs import RunFolder
from nasbench.store.runs import located as run_located
from nasbench.store.weights import find_weights, load_weights
from nasbench.strategies.recipe import Recipe
from nasbench.supernet.inherited_weights import recalibrate_bn
from nasbench.tasks import loading, sources
from nasbench.tasks.packing import OF_OWN_DATA

DEFAULT_TASK = "cifar10"
CIFAR10 = DataSpec(3, 32, 32, 10).to_json()
IMPORTED = "imported"
_CALIBRATION = 16  # images of noise


@dataclass(frozen=True)
class Architecture:
    """An architecture, checked against its space, with all that builds its network.

    Attributes:
        checkpoint: where it was read from.
        space: the class of networks.
        space_arguments: keyword arguments of the space.
        domains: the decisions of the space.
        arch: what was chosen; empty for a baseline.
        spec: the shape of the network's data.
        weights: the file of its trained weights, or ``None`` if it was not trained.
        about: what a trained network expects of its inputs; ``None`` if it is unknown.
        start: trained weights that a training takes over, ``None`` to start from scratch.
    """

    checkpoint: Checkpoint
    space: type[SearchSpace]
    space_arguments: Mapping[str, Any]
    domains: Domains
    arch: Arch
    spec: DataSpec
    weights: Path | None = None
    about: Preprocessing | None = None
    start: Start | None = None

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        space: str | type[SearchSpace] | None = None,
        spec: DataSpec | None = None,
        space_arguments: Mapping[str, Any] | None = None,
        may_be_open: bool = False,
    ) -> Architecture:
        """Return the architecture of a checkpoint.

        Args:
            checkpoint: names a space and what was chosen in it.
            space: the space itself, or where a user's own space is now: ``file.py:Class``.
            spec: the shape of the data; the checkpoint's by default.
            space_arguments: of the space; the checkpoint's by default.
            may_be_open: whether nothing need be chosen yet; the architecture is then empty.

        Raises:
            UserError: the space may not be run here, or something does not fit it.
        """
        kind = space if isinstance(space, type) else space_of(checkpoint, space)
        if space_arguments is None:
            given = checkpoint.space.get("arguments", {})
            (space_arguments,) = arguments.split(given, space=arguments.of_space(kind))
        spec = spec or DataSpec.from_json(checkpoint.data)
        domains = describe(kind, spec, space_arguments)
        if domains and not checkpoint.arch and may_be_open:
            return cls(checkpoint, kind, space_arguments, domains, Arch({}), spec)
        if domains and not checkpoint.arch:
            raise UserError(
                f"{checkpoint.space['name']!r} has open choices: search it with nasbench search, "
                "then give its checkpoint.json"
            )
        arch = domains.arch(checkpoint.arch)
        return cls(checkpoint, kind, space_arguments, domains, arch, spec)

    @property
    def name(self) -> str:
        """The name of the space or baseline, as the checkpoint has it."""
        return str(self.checkpoint.space["name"])

    @property
    def is_open(self) -> bool:
        """Whether the choices of the space are still to be made."""
        return bool(self.domains) and not self.arch

    def build(self) -> SearchSpace:
        """Return the plain network, freshly initialized from torch's global generator."""
        return self.space.freeze(self.arch, self.spec, **self.space_arguments)

    def network(self) -> SearchSpace:
        """Return the plain network in evaluation mode, with trained weights if there are any.

        Untrained weights are drawn by seed 0, and BN's statistics are those of a batch of noise.

        Raises:
            UserError: the weights do not fit the network.
        """
        seed_process(0, "network")
        network = self.build()
        if self.weights is not None:
            try:
                network.load_state_dict(load_weights(self.weights))
            except RuntimeError as error:
                line = " ".join(str(error).split())
                raise UserError(
                    f"{self.weights}: the weights do not fit the network: {line[:200]}"
                ) from error
        else:
            # With BN's initial statistics, features fade from cell to cell, the outputs hardly
            # depend on the image, and no check of them would show anything.
            recalibrate_bn(network, [noise(self.spec, _CALIBRATION)])
        return network.eval()

    @property
    def summary(self) -> str:
        """A few lines that describe the network."""
        weights = "untrained" if self.weights is None else "trained"
        name = self.checkpoint.strategy.get("name", IMPORTED)
        head = f"A network of the space {self.name}, {weights}; {name}."
        return f"{head}\n\n{self.space.text(self.arch)}\n\nInput: {self.spec}."


def space_of(checkpoint: Checkpoint, override: str | None = None) -> type[SearchSpace]:
    """Return the space that the checkpoint names, or the one given in its place.

    A checkpoint is data. The Python file that it names is run only if it is the very file that
    the search ran and this user has run it before; else the user must name it with ``--space``.

    Raises:
        UserError: the space is unknown, or its file is missing, has changed or is not known here.
    """
    if override is not None:
        return load_space(override)
    name, expected = checkpoint.space["name"], checkpoint.space.get("sha256")
    file = Path(name.rpartition(":")[0])
    if file.suffix == ".py":
        hint = "name it with --space file.py:Class"
        if not file.is_file():
            raise UserError(f"the checkpoint's space {name!r}: there is no such file: {hint}")
        if catalog.fingerprint(name) != expected:
            raise UserError(
                f"the checkpoint's space {name!r}: the file is not the one the search ran: {hint}"
            )
    catalog.check_known("space", name)
    return load_space(name)


def task_of(checkpoint: Checkpoint, override: str | None = None) -> str:
    """Return the name of the checkpoint's task, or the one given in its place.

    Raises:
        UserError: the checkpoint names a user's own code that is not known here.
    """
    if override is not None:
        return sources.located(override)
    sources.check_known(checkpoint.task)
    return checkpoint.task


def data_options(checkpoint: Checkpoint, task: str | None = None) -> dict[str, Any]:
    """Return how the search read and judged its data: the options of :class:`TaskConfig`.

    Args:
        checkpoint: of the search.
        task: another task on which its network is trained; how the search's own data were read
            says nothing about data of another kind.
    """
    names = (entry.name for entry in fields(TaskConfig))
    options = {name: checkpoint.search[name] for name in names if name in checkpoint.search}
    if task is not None and sources.kind(task) != sources.kind(checkpoint.task):
        options = {name: one for name, one in options.items() if name not in OF_OWN_DATA}
        if not loading.resizes(task):
            return options
    shape = checkpoint.data
    if "height" in shape and loading.resizes(checkpoint.task, options.get("columns")):
        # What the search chose for pictures holds for whatever preset follows.
        options["size"] = options.get("size") or shape["height"]
        options["channels"] = options.get("channels") or shape["channels"]
    return options


def recipe_of(checkpoint: Checkpoint) -> Recipe:
    """Return the settings of the paper behind the checkpoint's strategy.

    A strategy that is unknown here, such as a user's own on another machine, counts as DARTS: the
    file that a checkpoint names is not run for it.
    """
    name = str(checkpoint.strategy.get("name", ""))
    # A published cell, and "by hand", are no code, even if a command line names them.
    code = ":" in name and not name.startswith(zoo.PREFIX)
    known = name in catalog.TABLES["strategy"] or (code and known_code.known(name))
    strategy = catalog.resolve("strategy", name) if known else object
    return paper_recipe(strategy, str(checkpoint.space["name"]))


def retrain_arguments(
    space: type[SearchSpace], checkpoint: Checkpoint, preset: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the space's arguments in a retraining.

    Later ones win: the search's, the preset's, those that were tuned, the user's. A network with
    weights of its own keeps the search's, and ignores the preset's.

    Args:
        space: of the checkpoint.
        checkpoint: whose network is built.
        preset: ``quick`` or ``paper``.
        given: arguments of the user.

    Raises:
        UserError: an argument is unknown or has the wrong type.
    """
    searched = checkpoint.space.get("arguments", {})
    (own,) = arguments.split({**searched, **given}, space=arguments.of_space(space))
    if checkpoint.weights:
        return arguments.complete(space, own)
    by_preset = space.retrain_arguments.get(preset, {})
    if preset == "paper":
        by_preset = {**by_preset, **recipe_of(checkpoint).retrain_network}
    tuned = (name for name in checkpoint.hyperparameters if name in own)
    explicit = (name.removeprefix("space.") for name in given)
    kept = {name: own[name] for name in (*tuned, *explicit)}
    return arguments.complete(space, {**own, **by_preset, **kept})


def open_network(
    given: str,
    form: str | None = None,
    space: str | None = None,
    task: str | None = None,
    preset: str = "quick",
    assignments: Mapping[str, Any] | None = None,
    results: Path = Path("results"),
) -> Architecture:
    """Return the architecture that ``given`` names, with the weights of a retraining.

    Args:
        given: a retraining's run or a specialized network, for its weights and arguments; or what
            :func:`open_checkpoint` takes.
        form: see :func:`open_checkpoint`.
        space: where a user's own space is now.
        task: whose shape the network of a foreign architecture gets.
        preset: of the network's arguments, if it has not been trained.
        assignments: arguments of the network, over the preset's.
        results: the folder with the runs, for names.

    Raises:
        UserError: the network cannot be built.
    """
    given = given if form is not None else run_located(given, results)
    folder = retrained(Path(given))
    checkpoint = open_checkpoint(given, form, task, space)
    if folder is None:
        preset = RetrainConfig.from_layers({"preset": preset}).preset
        kind = space_of(checkpoint, space)
        own = retrain_arguments(kind, checkpoint, preset, assignments or {})
        return Architecture.of(checkpoint, kind, space_arguments=own)
    if assignments:
        name = next(iter(assignments))
        raise UserError(f"{name}={assignments[name]}: a trained network has its arguments")
    return open_retrained(folder, space)


TRAINED = ("retrain", "specialize")
"""Verbs of the runs that leave a network with its weights."""


def retrained(given: Path) -> RunFolder | None:
    """Return the folder of a trained network, or ``None`` for anything else.

    It is that of a finished retraining, of a specialization, or of one of its networks.
    """
    folder = given.parent if given.name == "checkpoint.json" else given
    if not os.path.isfile(folder / "run.json"):  # noqa: PTH113 (a text may be too long)
        return None
    run = RunFolder(folder)
    is_one = run.info.get("verb") in TRAINED and find_weights(folder) is not None
    return run if is_one else None


def open_retrained(run: RunFolder, space: str | None = None) -> Architecture:
    """Return a trained network, with its weights and its preprocessing.

    Args:
        run: its folder; see :func:`retrained`.
        space: where a user's own space is now; by default where the training found it.

    Raises:
        UserError: the network cannot be built.
    """
    config, about = options_of(run), Preprocessing.read(run.path)
    spec = None  # the checkpoint's: of a version that wrote no preprocessing
    if about is not None:
        spec = DataSpec(shape=about.shape, outputs=about.outputs, vocabulary=about.vocabulary)
    found = Architecture.of(
        Checkpoint.read(run.path), space or config.space, spec, config.space_arguments
    )
    return replace(found, weights=find_weights(run.path), about=about)


def options_of(run: RunFolder) -> RetrainConfig:
    """Return the options of a retraining; of a specialized network, those that build it.

    Raises:
        UserError: its ``run.json`` lacks them, or one is invalid.
    """
    if run.info.get("verb") == "specialize":
        found = Checkpoint.read(run.path)
        names = ("precision", "data_dir")
        given = {name: found.search[name] for name in names if name in found.search}
        return RetrainConfig.from_layers(
            given, {"space_arguments": found.space.get("arguments", {})}
        )
    config = run.info.get("config")
    if not isinstance(config, dict):
        raise UserError(f"{run.path}: its run.json lacks the field 'config'")
    return RetrainConfig.from_layers(located(run.path, config, run.info.get("code")))


def open_model(name: str) -> Checkpoint:
    """Return the network that a tuning trains, as a checkpoint.

    Args:
        name: of a baseline, ``file.py:Class``, or a path of a checkpoint or its run folder.

    Raises:
        UserError: it is unknown, or the checkpoint's code may not run here.
    """
    named = name in catalog.TABLES["space"]  # even if a folder here has the same name
    if not named and (Path(name).exists() or name.endswith(".json")):
        found = Checkpoint.read(Path(name))
        space_of(found)
        return found
    load_space(name)
    space: dict[str, Any] = {"name": name, "arguments": {}, "sha256": catalog.fingerprint(name)}
    return Checkpoint(space, arch={}, data={}, strategy={}, task="", seed=0, kind="plain")


def open_checkpoint(
    given: str,
    form: str | None = None,
    task: str | None = None,
    space: str | None = None,
    data_dir: Path | None = None,
    data: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """Return the checkpoint that ``given`` names or describes.

    Args:
        given: a run folder or ``checkpoint.json``; a file of another format, ``FILE.py:NAME`` for
            one of several genotypes; ``zoo:NAME``; or the text itself.
        form: one of ``foreign.FORMATS``, if several could be meant.
        task: whose shape the network of a foreign architecture gets; CIFAR-10's by default.
        space: of a foreign file that holds labels and values only.
        data_dir: where the task's data lie.
        data: options that say how they are read, by name.

    Raises:
        UserError: it does not exist or cannot be read.
    """
    path, name = split_name(given)
    names = {"preset", *(entry.name for entry in fields(TaskConfig))}
    options = {name: value for name, value in (data or {}).items() if name in names}
    options["data_dir"] = data_dir
    if form is None and _is_ours(path):
        from nasbench.engine import nni_experiment  # which tunes, for which it needs this module

        if nni_experiment.is_experiment(path):
            return nni_experiment.checkpoint_of(RunFolder(path), space, task, options)
        return Checkpoint.read(path)
    if given.startswith(zoo.PREFIX):
        found, strategy = foreign.read(zoo.published(given).genotype), given
    elif os.path.isfile(path) or not _is_text(given):  # noqa: PTH113 (a text may be too long)
        found, strategy = _read_file(path, name or None, form), IMPORTED
    else:
        found, strategy, given = foreign.read(given, form), IMPORTED, ""
    return replace(_imported(found, strategy, task, space, options), given=_file_name(given))


def split_name(given: str) -> tuple[Path, str]:
    """Return the path in ``FILE.py:NAME``, and the name; ``""`` for any other path."""
    head, _, name = given.rpartition(":")
    if head.endswith(".py") and "/" not in name and not os.path.lexists(given):
        return Path(head), name
    return Path(given), ""


def _file_name(given: str) -> str:
    """Return ``given`` without the folders of a file."""
    path, name = split_name(given)
    return given if given.startswith(zoo.PREFIX) else ":".join(filter(None, (path.name, name)))


def _is_ours(path: Path) -> bool:
    """Return whether it is a run folder, or a file that names our format, of any version."""
    try:
        if path.is_dir():
            return True
        content = plain_json.read(path)
    except (OSError, ValueError, UserError):  # a text may be no path at all
        return False
    return isinstance(content, dict) and "format" in content


def _is_text(given: str) -> bool:
    return any(sign in given for sign in "(|[{") or given.strip().isdigit()


def _read_file(path: Path, name: str | None, form: str | None) -> Foreign:
    try:
        text = plain_files.read_text(path)
    except UserError as error:
        raise UserError(f"cannot read the checkpoint {path}: {error}") from error
    try:
        if path.suffix == ".py":
            cells = genotype_text.parse_file(text, name)
            return foreign.of_genotype(cells, foreign.GENOTYPE, {})
        return foreign.read(text, form)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _imported(
    found: Foreign, strategy: str, task: str | None, space: str | None, how: Mapping[str, Any]
) -> Checkpoint:
    """Return a checkpoint of a foreign architecture."""
    name = space or found.space
    if not name:
        labels = [shown(label) for label in list(found.arch)[:3]]
        raise UserError(
            f"labels and values of an unknown space ({', '.join(labels)}, ...): "
            "name it with --space"
        )
    catalog.check("space", name)
    data: dict[str, Any] = dict(CIFAR10)
    if task is not None:
        spec = load_task(TrainingConfig.from_layers(how), task).spec
        data = spec.to_json()
    own = catalog.fingerprints({"space": name})  # so that a retraining's run can be opened
    return Checkpoint(
        space={"name": name, "arguments": dict(found.arguments)}
        | ({"sha256": own[name]} if own else {}),
        arch=dict(found.arch),
        data=data,
        strategy={"name": strategy, "options": {"format": found.format}},
        task=task or DEFAULT_TASK,
        seed=0,
        kind="plain",
    )
