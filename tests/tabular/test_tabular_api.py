"""The authors' packages, played by a module with the methods that they document."""

from __future__ import annotations

import csv
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nasbench.errors import UserError
from nasbench.tabular.loading import load_table
from nasbench.tabular.nasbench201 import Csv201

NAMES = {"cifar10-valid": "c10", "cifar10": "c10", "cifar100": "c100", "ImageNet16-120": "in16"}
IMAGES = {"cifar10-valid": 0.5, "cifar10": 1.0, "cifar100": 1.0, "ImageNet16-120": 3.034}
TRAININGS = (777, 888, 999)


class Api:
    """Answers as ``NATStopology`` and ``NASBench201API`` do, from the rows of a CSV."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.rows = rows
        self.index = {row["arch_str"]: i for i, row in enumerate(rows)}
        self.asked = 0

    def query_index_by_arch(self, arch: str) -> int:
        return self.index.get(arch, -1)

    def query_by_index(self, arch_index: int, dataname: str, hp: str = "12") -> dict[int, object]:
        count = len(self._each(arch_index, dataname)) if hp == "200" else 1
        return dict.fromkeys(TRAININGS[:count], object())

    def get_more_info(self, index, dataset, iepoch=None, hp="12", is_random=True):
        self.asked += 1
        assert is_random is not True, "a draw that no seed controls"
        row, prefix = self.rows[index], NAMES[dataset]
        time = float(row["train_time_c10_200ep_s"] or "nan") * IMAGES[dataset] * int(hp) / 200
        info = {"train-accuracy": 99.0, "train-all-time": time}
        if dataset != "cifar10":
            one = self._each(index, dataset) if hp == "200" else [row[f"{prefix}_valid_ep12"]]
            values = [float(value) for value in one]
            mean = sum(values) / len(values)
            chosen = mean if is_random is False else values[TRAININGS.index(is_random)]
            info["valid-accuracy"] = chosen
        # On half of the training images the test accuracy is another one.
        info["test-accuracy"] = 1.0 if dataset == "cifar10-valid" else float(row[f"{prefix}_test"])
        return info

    def get_cost_info(self, index: int, dataset: str, hp: str = "12") -> dict[str, float]:
        row = self.rows[index]
        return {"params": float(row["params_c10_M"]), "flops": float(row["flops_c10_M"])}

    def _each(self, index: int, dataset: str) -> list[str]:
        return self.rows[index][f"{NAMES[dataset]}_valid_seeds"].split(";")


@pytest.fixture
def api(tables: Path) -> Api:
    with (tables / "nasbench201.csv").open(newline="") as file:
        return Api(list(csv.DictReader(file)))


@pytest.fixture
def installed(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Both packages, and the calls that opened them."""
    opened: list[tuple[object, ...]] = []

    def create(file_path_or_dict, search_space, fast_mode=False, verbose=True):
        opened.append((file_path_or_dict, search_space, fast_mode, verbose))
        return api

    def older(file_path_or_dict, verbose=True):
        opened.append((file_path_or_dict, verbose))
        return api

    monkeypatch.setitem(sys.modules, "nats_bench", SimpleNamespace(create=create))
    monkeypatch.setitem(sys.modules, "nas_201_api", SimpleNamespace(NASBench201API=older))
    return opened


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
def test_it_answers_as_the_csv_does(installed, archive, generated: Csv201, dataset):
    table = load_table("nas-bench-201", archive.parent)
    assert (table.datasets, table.lengths) == (generated.datasets, generated.lengths)
    for arch in list(generated.domains.enumerate())[::500]:
        for seed in range(4):
            seen = generated.validation(arch, dataset, 200, seed)
            assert table.validation(arch, dataset, 200, seed) == pytest.approx(seen)
        short = generated.validation(arch, dataset, 12, 0)
        assert table.validation(arch, dataset, 12, 0) == pytest.approx(short)
        assert table.test(arch, dataset) == pytest.approx(generated.test(arch, dataset))
        every = generated.trainings(arch, dataset)
        assert table.trainings(arch, dataset) == pytest.approx(every)
    assert installed == [(str(archive), "tss", True, False)]


def test_times_and_sizes(installed, archive, generated: Csv201, api: Api):
    table = load_table(f"nas-bench-201={archive}")
    first = next(a for a in generated.domains.enumerate() if _index(api, generated, a) < 1000)
    for epochs in (12, 200):
        for dataset in table.datasets:
            expected = generated.seconds(first, dataset, epochs)
            assert table.seconds(first, dataset, epochs) == pytest.approx(expected)
    assert table.costs(first, "cifar10") == pytest.approx(generated.costs(first, "cifar10"))


def _index(api: Api, table: Csv201, arch: object) -> int:
    return api.index[table.space.text(arch)]


def test_the_older_package_opens_its_own_file(installed, tmp_path, generated: Csv201):
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    path.touch()
    arch = next(generated.domains.enumerate())
    table = load_table(f"nas-bench-201={path}")
    assert table.test(arch, "cifar10") == pytest.approx(generated.test(arch, "cifar10"))
    assert installed == [(str(path), False)]


def test_answers_are_remembered_but_do_not_travel(installed, archive, api: Api, generated):
    table = load_table(f"nas-bench-201={archive}")
    arch = next(generated.domains.enumerate())
    assert table.test(arch, "cifar10") == table.test(arch, "cifar10")
    assert api.asked == 1
    copy = pickle.loads(pickle.dumps(table))
    assert copy.test(arch, "cifar10") == table.test(arch, "cifar10")
    assert len(installed) == 2


def test_an_architecture_that_the_package_lacks_is_told(archive, generated, monkeypatch):
    empty = SimpleNamespace(create=lambda *args, **kwargs: Api([]))
    monkeypatch.setitem(sys.modules, "nats_bench", empty)
    table = load_table(f"nas-bench-201={archive}")
    with pytest.raises(UserError, match="no architecture "):
        table.test(next(generated.domains.enumerate()), "cifar10")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("some.pickle.pbz2", "needs the package nats_bench"),
        ("some.pth", r"install it with: pip install nas-bench-201"),
        ("some.txt", r"must be a .csv, a folder, or one of: .pbz2, .pth"),
    ],
)
def test_a_missing_package_or_another_file_is_told(tmp_path, monkeypatch, name, told):
    for package in ("nats_bench", "nas_201_api"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).touch()
    with pytest.raises(UserError) as refusal:
        load_table(f"nas-bench-201={tmp_path / name}")
    assert told in str(refusal.value)
