"""NNI's names."""

from __future__ import annotations

from importlib import resources

import pytest
import yaml

from nasbench.errors import UserError
from nasbench.hpo import names


def test_every_name_of_nni_is_here_or_explained():
    folder = resources.files("nni") / "runtime" / "default_config"
    builtin = yaml.safe_load((folder / "builtin_algorithms.yml").read_text())
    tuners = {entry["builtinName"] for entry in builtin["tuners"]}
    assert tuners == {*names.TUNERS, *names.UNAVAILABLE}
    assert {entry["builtinName"] for entry in builtin["assessors"]} == set(names.ASSESSORS)


@pytest.mark.parametrize("name", names.UNAVAILABLE)
def test_an_unavailable_tuner_is_told_in_one_line(name):
    with pytest.raises(
        UserError, match=rf"^NNI's tuner {name} is not available: .*; take .* inst"
    ):
        names.tuner(name, {})


def test_class_args_become_options():
    arguments = {
        "optimize_mode": "minimize",
        "seed": 5,
        "tpe_args": {"constant_liar_type": None, "gamma": 0.5},
    }
    options = {"constant_liar_type": "none", "gamma": 0.5}
    assert names.tuner("TPE", arguments) == names.Named("nni-tpe", options, seed=5)
    found = names.tuner("PBT", {"all_checkpoint_dir": "/x", "population_size": 4})
    assert found == names.Named("pbt", {"population_size": 4}, checkpoint_dir="/x")
    found = names.assessor("Curvefitting", {"epoch_num": 20, "start_step": 4})
    assert found == names.Named("curvefitting", {"start_step": 4}, epochs=20)
    assert arguments["seed"] == 5


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UserError, match="unknown tuner of NNI 'GridSerach': did you mean GridSea"):
        names.tuner("GridSerach", {})
    with pytest.raises(UserError, match="unknown assessor of NNI 'Median': did you mean Medians"):
        names.assessor("Median", {})
