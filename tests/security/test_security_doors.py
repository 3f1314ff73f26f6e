"""Names in files from elsewhere: no file makes nasbench load code that the user never named.

The doors are taken from the command line's own parameters, from the fields of the files and from
the options of the plug-ins, so that a new one fails here until it is looked at.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from security_foreign import (
    BOTH,
    EVIL,
    FLAGS,
    Foreign,
    some,
)

from nasbench import catalog
from nasbench.cli.app import app
from nasbench.config import HpoConfig, NetworkConfig, RetrainConfig
from nasbench.engine.hyperparameters import TRAINING
from nasbench.store.checkpoint import Checkpoint

WITH_CHECKPOINTS = ("retrain", "show", "export", "profile", "convert", "proxies", "hpo")

# What each parameter of the command line takes. "code": a name that the user types; "file": a
# file or folder that may come from elsewhere, tried below; "text": neither opened nor loaded.
PARAMETERS = {
    "code": "strategy space task tuner assessor table proxy strategies tuners proxies code metric "
    "also loss methods",
    "file": "checkpoint checkpoints given inputs config resume run search_space file model "
    "results raw data_dir weights tune start_from learn_from",
    "text": "budget device refine out target only engine address form format rendition dataset o "
    "processes assignments argument to preset kind drawing curves export host window sensor "
    "channels chip columns precision optimizer schedule class_weights state style frames "
    "objectives",
}


def parameters(group: typer.Typer) -> Iterator[tuple[str, str]]:
    """Yield command and parameter for every one that takes a text or a path."""
    for inside in group.registered_groups:
        yield from parameters(inside.typer_instance)
    for command in group.registered_commands:
        for name, found in inspect.signature(command.callback, eval_str=True).parameters.items():
            if {str, Path} & set(plain_types(found.annotation)):
                yield str(command.name), name


def plain_types(annotation: Any) -> Iterator[Any]:
    """Yield the types in an annotation such as ``Annotated[list[str] | None, ...]``."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    yield annotation
    for inside in typing.get_args(annotation):
        yield from plain_types(inside)


def test_every_parameter_that_takes_a_text_or_a_path_is_known_here():
    known = {name: kind for kind, names in PARAMETERS.items() for name in names.split()}
    found = list(parameters(app))
    assert ("retrain", "checkpoint") in found
    for command, name in found:
        assert name in known, (
            f"nasbench {command}: can {name!r} name code or a file from elsewhere? say so here, "
            "and try it with a hostile file"
        )
    assert not set(known) - {name for _, name in found} - {"code"}


@pytest.mark.parametrize("kind", catalog.TABLES)
@pytest.mark.parametrize("name", BOTH)
def test_no_kind_of_plug_in_loads_what_nobody_typed(foreign: Foreign, kind, name):
    from nasbench import known_code
    from nasbench.errors import UserError

    with known_code.typed(["retrain", "c.json"]), pytest.raises(UserError, match="--code"):
        catalog.resolve(kind, name)
    assert not foreign.canary.exists()
    with known_code.typed(["search", f"--option=digits,{name}"]):
        catalog.resolve(kind, name)
    assert foreign.canary.exists()


@pytest.mark.parametrize("name", some(BOTH, EVIL))
@pytest.mark.parametrize("verb", some(WITH_CHECKPOINTS, "retrain", "hpo"))
def test_the_space_of_a_checkpoint(foreign: Foreign, verb, name):
    more = {"convert": ["--to", "nasbench"], "export": ["--to", "py", "--out", "there"]}
    space = {"name": name, "arguments": {}, "sha256": foreign.sha256}
    path = foreign.checkpoint(space=space, arch={"body": "a"})
    assert f"--code {name}" in foreign.refused(verb, path, *more.get(verb, ()))


@pytest.mark.parametrize(
    "field", some(RetrainConfig.__dataclass_fields__, "space", "task", "out", "data_dir")
)
@pytest.mark.parametrize("folds", some(["", "--folds=2"], ""))
def test_only_tunable_options_come_from_a_checkpoint(foreign: Foreign, field, folds):
    """Whatever else it sets is refused by its name, whether its value would fit or not."""
    if field in TRAINING:
        assert field in NetworkConfig.__dataclass_fields__
        return
    path = foreign.checkpoint(training={field: str(foreign.home / "mine.txt")})
    line = foreign.refused("retrain", path, *FLAGS, *filter(None, [folds]))
    assert f"'training' sets {field!r}, which only you may set" in line


def test_what_a_tuning_wrote_is_what_may_come_from_a_checkpoint():
    from nasbench.engine.hpo import trained_with

    assert set(trained_with(HpoConfig(), {"epochs": 3})) == set(TRAINING)
    places = {entry.name for entry in dataclasses.fields(NetworkConfig)} - set(TRAINING)
    assert places == {"preset", "seed", "device", "precision", "limit_train", "data_dir", "out"}


@pytest.mark.parametrize("field", ["metric", "loss", "also"])
def test_the_metric_and_the_loss_of_a_checkpoint(foreign: Foreign, field):
    """A retraining takes them over from the search."""
    space = {"name": "mobilenet-skip", "arguments": {"width": 0.125}}
    path = foreign.checkpoint(space=space, search={field: EVIL})
    assert f"--code {EVIL}" in foreign.refused("retrain", path, *FLAGS)


@pytest.mark.parametrize("field", some(Checkpoint.__dataclass_fields__, "strategy"))
def test_no_field_of_a_checkpoint_is_code(foreign: Foreign, field):
    hostile: dict[str, Any] = {
        "space": {"name": EVIL},
        "strategy": {"name": EVIL, "options": {"proxies": EVIL}},
        "data": {"channels": EVIL, "height": 8, "width": 8, "classes": 10},
        "seed": EVIL,
        "curve": [[EVIL, EVIL]],
        "training": {"space": EVIL},
    }
    kind = typing.get_type_hints(Checkpoint)[field]
    value = hostile.get(field, EVIL if kind is str else {"space": EVIL, "task": EVIL, EVIL: EVIL})
    path = foreign.checkpoint(**{field: value})
    foreign.run("show", path, "--format", "dot")
