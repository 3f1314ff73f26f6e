"""``nasbench study -o key=value --precision bf16``: which entries take it."""

from __future__ import annotations

import json

import pytest

from nasbench.errors import UserError
from nasbench.study.file import Study
from nasbench.study.overrides import with_arguments, with_precision

RATE = {"lr": {"_type": "choice", "_value": [0.1]}}
SIZE = {"hidden_size": {"_type": "choice", "_value": [512, 1024]}}
ENTRIES = {
    "tuned": {"hpo": "ev-gait", "tuner": "nni-tpe", "search_space": SIZE},
    "tuned, tested": {"retrain": "tuned"},
    "tuned twice": {"hpo": "NAS", "search_space": RATE},
    "NAS": {"search": "evolution", "space": "gait", "options": {"width": 1.0, "population": 8}},
    "NAS, tested": {"retrain": "NAS"},
    "darts": {"search": "darts", "space": "darts"},
    "found before": {"retrain": "found/checkpoint.json"},
    "by hand": {"train": "ev-gait", "options": {"dropout_rate": 0.2}},
}


def arguments(**assigned) -> dict[str, dict]:
    study = Study.of({"task": "digits", "about": "Gait.", "entries": ENTRIES}, "mine")
    found = with_arguments(study, assigned)
    assert list(found.entries) == list(study.entries)
    return {name: dict(entry.arguments) for name, entry in found.entries.items()}


def test_every_entry_whose_network_takes_an_argument_gets_it():
    assert arguments(width=0.25) == {
        "tuned": {"width": 0.25},
        "tuned, tested": {"width": 0.25},
        "tuned twice": {"width": 0.25},
        "NAS": {"width": 0.25, "population": 8},
        "NAS, tested": {"width": 0.25},
        "darts": {},
        "found before": {},
        "by hand": {"width": 0.25, "dropout_rate": 0.2},
    }


def test_what_a_tuning_searches_stays_searched():
    found = arguments(hidden_size=128)
    assert found["tuned"] == found["tuned, tested"] == {}
    assert found["by hand"] == {"hidden_size": 128, "dropout_rate": 0.2}
    assert found["NAS, tested"] == {"hidden_size": 128}


def test_a_search_space_in_a_file_counts_as_well(tmp_path):
    path = tmp_path / "space.json"
    path.write_text(json.dumps(SIZE))
    entries = {"t": {"hpo": "ev-gait", "search_space": str(path)}, "r": {"retrain": "t"}}
    study = Study.of({"task": "digits", "entries": entries}, "mine")
    found = with_arguments(study, {"width": 0.5})
    assert [dict(one.arguments) for one in found.entries.values()] == [{"width": 0.5}] * 2
    with pytest.raises(UserError, match="unknown argument -o 'hidden_size'"):
        with_arguments(study, {"hidden_size": 128})


def test_options_of_strategies_and_tuners_with_and_without_their_kind():
    assert arguments(population=4)["NAS"]["population"] == 4
    assert arguments(population=4)["NAS, tested"] == {}
    dotted = arguments(**{"space.channels": 4})
    assert dotted["darts"] == {"space.channels": 4}


def test_the_name_and_the_page_say_it():
    study = Study.of({"task": "digits", "about": "Gait.", "entries": ENTRIES}, "mine")
    found = with_arguments(study, {"width": 0.25, "hidden_size": 64})
    assert found.name == "mine-width=0.25-hidden_size=64"
    assert found.about == "Gait. Every entry that takes it has width=0.25, hidden_size=64."
    assert with_arguments(study, {}) is study


def test_an_argument_that_nothing_takes_is_refused():
    with pytest.raises(UserError, match=r"^unknown argument -o 'widht': did you mean width"):
        arguments(widht=0.5)


def test_a_precision_is_that_of_entries_that_name_none():
    content = {"task": "digits", "about": "Gait.", "entries": ENTRIES, "defaults": {"epochs": 3}}
    study = Study.of(content, "mine")
    found = with_precision(study, "bf16")
    assert found.name == "mine-bf16"
    assert found.about == "Gait. Computed in bf16 where an entry names nothing else."
    assert found.defaults == {"epochs": 3, "precision": "bf16"}
    own = {**ENTRIES["by hand"], "precision": "fp32"}
    mixed = with_precision(
        Study.of({**content, "entries": {"by hand": own}, "defaults": {}}, "mine"), "bf16"
    )
    assert mixed.entries["by hand"].over(mixed.defaults)["precision"] == "fp32"


@pytest.mark.parametrize(("precision", "defaults"), [(None, {}), ("fp32", {}), ("bf16", "bf16")])
def test_the_precision_of_the_file_changes_nothing(precision, defaults):
    content = {"task": "digits", "entries": ENTRIES}
    if defaults:
        content["defaults"] = {"precision": defaults}
    study = Study.of(content, "mine")
    assert with_precision(study, precision) is study


def test_an_unknown_precision_is_refused():
    study = Study.of({"task": "digits", "entries": ENTRIES}, "mine")
    with pytest.raises(UserError, match=r"unknown --precision 'fp8': .*allowed: fp32, bf16"):
        with_precision(study, "fp8")
