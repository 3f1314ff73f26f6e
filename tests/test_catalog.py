from __future__ import annotations

import hashlib
import importlib.util
import json
import py_compile
import re
import sys
from pathlib import Path

import pytest

from nasbench import catalog
from nasbench.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, table in catalog.TABLES.items()
        for name in table
        if name not in catalog.AGGREGATES  # tuples of names
    ],
)
def test_every_name_stands_for_something(kind, name):
    catalog.check(kind, name)
    found = catalog.resolve(kind, name)
    module, _, attribute = catalog.TABLES[kind][name].target.partition(":")
    assert (found.__module__, found.__name__) == (module, attribute)


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [("strategy", "dart", "darts"), ("strategy", "randon", "random"), ("task", "mnst", "mnist"),
     ("task", "fashion_mnist", "fashion-mnist"), ("space", "DARTS", None)],
)  # fmt: skip
def test_an_unknown_name_is_told_with_the_nearest(kind, name, near):
    with pytest.raises(UserError) as error:
        catalog.resolve(kind, name)
    hint = f"did you mean {near}" if near else "allowed: "
    assert str(error.value).startswith(f"unknown {kind} '{name}': {hint}")
    listed = str(error.value).partition("allowed: ")[2].split(", ")
    assert listed == [*catalog.TABLES[kind], "file.py:Class", "package.module:Class"]


def test_what_beats_random_search_is_what_the_published_table_shows():
    text = (ROOT / "results" / "published" / "strategies_nas-bench-201.json").read_text()
    datasets = json.loads(text)["datasets"].values()
    known = next(iter(datasets))["after_trials"]
    names = [name for name in catalog.STRATEGIES if name in known]
    assert len(datasets) == 3
    assert len(names) >= 8
    shown = {
        name
        for name in names
        if name != "random"
        and all(
            low > 0
            for one in datasets
            for trials, low in zip(
                one["at_trials"], one["after_trials"][name]["ahead_low"], strict=True
            )
            if trials >= 200
        )
    }
    assert set(catalog.BETTER_THAN_RANDOM["NAS-Bench-201"]) == shown


def test_what_beats_random_search_in_seconds_is_what_the_published_page_shows():
    text = (ROOT / "results" / "published" / "defaults.md").read_text(encoding="utf-8")
    part = text[text.index("## digits, mobilenet-skip") :].split("\n\n")[1]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()[2:]
    ]
    seconds = {name: float(took) for name, *_, took, _ in rows}
    shown = {name for name, *_, word, _, _ in rows if word == "better"}
    equal = {name for name in shown if seconds[name] <= 1.15 * seconds["random"]}
    assert set(catalog.BETTER_THAN_RANDOM["digits"]) == equal


def test_a_class_in_a_module():
    assert catalog.resolve("space", "collections:OrderedDict").__name__ == "OrderedDict"


def test_two_files_of_one_name_stay_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"class Mine: where = '{folder}'\n")
    found = [catalog.resolve("space", f"{tmp_path / name}/mine.py:Mine") for name in "ab"]
    assert [kind.where for kind in found] == ["a", "b"]
    assert [sys.modules[kind.__module__].Mine for kind in found] == found


def test_a_file_is_read_as_it_is_now(tmp_path):
    path = tmp_path / "mine.py"
    for text in ("before", "after, and longer"):
        path.write_text(f"class Mine: where = '{text}'\n")
        assert catalog.resolve("space", f"{path}:Mine").where == text


def test_a_file_runs_once_in_a_process_unless_it_changes(tmp_path):
    path, log = tmp_path / "mine.py", tmp_path / "log"
    text = f"with open({str(log)!r}, 'a') as file:\n    file.write('x')\nclass Mine: pass\n"
    path.write_text(text)
    kinds = {catalog.resolve("space", f"{path}:Mine") for _ in range(3)}
    assert len(kinds) == 1
    assert log.read_text() == "x"
    path.write_text(text + "# changed\n")
    assert catalog.resolve("space", f"{path}:Mine") not in kinds
    assert log.read_text() == "xx"


def test_compiled_code_beside_a_file_is_not_run(tmp_path):
    """Python would run it unchecked, as its header may ask for."""
    path = tmp_path / "mine.py"
    path.write_text("class Mine: where = 'source'\n")
    other = tmp_path / "other.py"
    other.write_text("class Mine: where = 'compiled'\n")
    compiled = importlib.util.cache_from_source(str(path))
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), compiled, str(path), invalidation_mode=unchecked)
    assert catalog.resolve("space", f"{path}:Mine").where == "source"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("class Mine(\n", "cannot be imported: SyntaxError: '(' was never closed"),
        ("import no_such_module\n", "cannot be imported: ModuleNotFoundError: No module named"),
        ("raise ValueError('a\\nb')\n", "cannot be imported: ValueError: a"),
        ("raise ValueError\n", "cannot be imported: ValueError: no reason given"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path, content, words):
    path = tmp_path / "mine.py"
    path.write_text(content)
    before = set(sys.modules)
    with pytest.raises(UserError, match=re.escape(words)) as error:
        catalog.resolve("space", f"{path}:Mine")
    assert str(error.value).startswith(f"space '{path}' ")
    assert "\n" not in str(error.value)
    assert not {name for name in set(sys.modules) - before if name.startswith("mine")}


def test_a_class_that_the_file_lacks(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from pathlib import Path\nclass Mine: pass\nclass Other: pass\n")
    with pytest.raises(UserError) as error:
        catalog.resolve("space", f"{path}:Mien")
    assert str(error.value) == (
        f"unknown space in {path} 'Mien': did you mean Mine? allowed: Mine, Other"
    )


@pytest.mark.parametrize("name", ["no_such_module:X", ":X", "..:X", "json.no:X"])
def test_a_module_that_cannot_be_imported(name):
    with pytest.raises(UserError, match=r"^strategy '.*' cannot be imported: \w+: ."):
        catalog.resolve("strategy", name)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"gone\.py': there is no such file$"):
        catalog.resolve("task", f"{tmp_path}/gone.py:load")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("darts", "darts"),
        ("a/b/mine.py:Mine", "mine.py:Mine"),
        ("mine.py:Mine", "mine.py:Mine"),
        ("package.module:Mine", "package.module:Mine"),
    ],
)
def test_names_without_folders(name, expected):
    assert catalog.short(name) == expected


def test_fingerprint(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"class Mine: pass\n")
    expected = hashlib.sha256(b"class Mine: pass\n").hexdigest()
    assert catalog.fingerprint(f"{path}:Mine") == expected
    assert catalog.fingerprint("darts") is None
    assert catalog.fingerprint("search_spaces.darts:Darts") is None
