"""NNI's names."""

from __future__ import annotations

import re
from importlib import resources

import pytest
import yaml

from nasbench.hpo import names


def test_every_name_of_nni_is_here_or_explained():
    folder = resources.files("nni") / "runtime" / "default_config"
    builtin = yaml.safe_load((folder / "builtin_algorithms.yml").read_text())
    tuners = {entry["builtinName"] for entry in builtin["tuners"]}
    assert tuners == {*names.TUNERS, *names.UNAVAILABLE}
    assert {entry["builtinName"] for entry in builtin["assessors"]} == set(names.ASSESSORS)


@pytest.mark.parametrize("name", names.UNAVAILABLE)
def test_an_unavailable_tuner_is_told_in_one_line(name):
    line = str(names.unavailable(name))
    assert line.startswith(f"NNI's tuner {name} is not available: ")
    assert re.search(r"; take .* instead$", line)
