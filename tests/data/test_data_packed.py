from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from nasbench.data import copies, packed, packed_writer
from nasbench.data.images import ImageSet, channel_statistics
from nasbench.data.packed import About, Damaged, Part
from nasbench.errors import UserError
from nasbench.tasks import own_data
from nasbench.tasks.own_data import cached, open_packed

ABOUT = About(target="class", outputs=3, class_names=("a", "b", "c"), note="made here")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nasbench" / "data"


def part(count: int, seed: int, dtype: type = np.uint8, groups: bool = False) -> Part:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 2, 5, 4)) if dtype is np.uint8 else None
    values = rng.normal(3, 2, (count, 2, 5, 4)) if pixels is None else pixels
    return Part(
        values.astype(dtype),
        np.arange(count, dtype=np.int64) % 3,
        np.arange(count, dtype=np.int64) // 2 if groups else None,
    )


def parts(**options: object) -> dict[str, Part]:
    return {
        "train": part(30, 0, **options),
        "val": part(6, 1, **options),
        "test": part(9, 2, **options),
    }


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_task_is_what_was_written(mapped, dtype, monkeypatch) -> None:
    if mapped:
        monkeypatch.setattr(own_data, "MAPPED_FROM", 1)
    made = parts(dtype=dtype, groups=True)
    task = open_packed(packed_writer.write("k", made, ABOUT), "mine")
    assert (task.name, task.spec.to_json()) == (
        "mine",
        {"channels": 2, "height": 5, "width": 4, "classes": 3},
    )
    assert (task.class_names, task.note, task.target) == (("a", "b", "c"), "made here", "class")
    assert (task.train.mapped is not None) is mapped
    whole = [np.concatenate([getattr(made[p], f) for p in ("train", "val")]) for f in FIELDS]
    whole = ImageSet(*map(torch.from_numpy, whole))
    assert torch.equal(task.train.take(slice(None)), whole.images)
    assert torch.equal(task.train.labels, whole.labels)
    assert torch.equal(task.train.groups, whole.groups)
    assert task.train.fingerprint() == whole.fingerprint()
    rows = torch.tensor([3, 35, 4])
    assert task.train.subset(rows).fingerprint() == whole.subset(rows).fingerprint()
    # The validation part is held out of a search; the statistics are those of the training part.
    rest, held = task.search_split(0, 0.5)
    assert torch.equal(held.take(slice(None)), whole.images[30:])
    assert len(rest) == 30
    mean, std = channel_statistics(whole.images[:30])
    assert task.augmentation.mean == pytest.approx(mean, rel=1e-9)
    assert task.augmentation.std == pytest.approx(std, rel=1e-9)
    opened = task.open_test(lambda: None)
    assert torch.equal(opened.take(slice(None)), torch.from_numpy(made["test"].examples))
    assert torch.equal(opened.labels, torch.from_numpy(made["test"].targets))


FIELDS = ("examples", "targets", "groups")


def test_rows_appended_in_any_order_and_size_give_the_same_folder(cache) -> None:
    made = parts()
    whole = packed.describe(packed_writer.write("whole", made, ABOUT))
    with packed_writer.writing("bits", ABOUT) as out:
        for start in range(0, 30, 7):
            for name in ("val", "test", "train"):
                rows = slice(start, start + 7)
                if len(made[name].examples[rows]):
                    out.add(name, made[name].examples[rows], made[name].targets[rows])
    bits = packed.describe(out.folder)
    assert bits.fingerprints == whole.fingerprints
    assert bits.digest == whole.digest
    assert bits.mean == pytest.approx(whole.mean, rel=1e-12)


def test_numbers_labels_and_tokens() -> None:
    numbers = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    tokens = np.random.default_rng(0).integers(0, 9, (12, 7))
    one = Part(tokens, numbers)
    about = About(target="numbers", outputs=2, vocabulary=9)
    task = open_packed(packed_writer.write("k", {"train": one, "test": one}, about), "mine")
    assert (task.target, task.metric.name, task.spec.vocabulary) == ("numbers", "rmse", 9)
    assert task.augmentation.mean == ()
    assert torch.equal(task.train.images, torch.from_numpy(tokens))
    assert torch.equal(task.train.labels, torch.from_numpy(numbers))


def test_a_constant_channel_has_deviation_1() -> None:
    pixels = np.zeros((40, 2, 30, 30), np.float32)
    pixels[:, 0] = 0.1
    pixels[:, 1] = np.random.default_rng(0).normal(size=(40, 30, 30))
    one = Part(pixels, np.arange(40) % 3)
    task = open_packed(packed_writer.write("k", {"train": one, "test": one}, ABOUT), "mine")
    assert task.augmentation.std[0] == 1
    assert task.augmentation.std[1] == pytest.approx(pixels[:, 1].std(), rel=1e-5)


def test_the_test_part_is_read_only_when_it_is_opened(monkeypatch) -> None:
    folder = packed_writer.write("k", parts(), ABOUT)
    loaded = []
    real = np.load
    monkeypatch.setattr(
        np, "load", lambda path, **how: loaded.append(path.name) or real(path, **how)
    )
    task = open_packed(folder, "mine")
    assert loaded
    assert not [name for name in loaded if name.startswith("test")]
    task.open_test(lambda: None)
    assert "test-examples.npy" in loaded


def test_a_mapped_set_goes_to_a_worker_as_a_path_and_rows(monkeypatch) -> None:
    monkeypatch.setattr(own_data, "MAPPED_FROM", 1)
    big = Part(np.zeros((1000, 1, 32, 32), np.uint8), np.arange(1000) % 3)
    big.examples[:] = np.arange(1000).reshape(-1, 1, 1, 1) % 251
    task = open_packed(packed_writer.write("k", {"train": big, "test": big}, ABOUT), "mine")
    some = task.train.subset(torch.tensor([5, 999, 7]))
    text = pickle.dumps(some)
    assert len(text) < 10_000
    again = pickle.loads(text)
    assert torch.equal(again.take(slice(None)), some.take(slice(None)))
    assert again.take(slice(None))[1, 0, 0, 0] == 999 % 251


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [changed, truncated, missing])
@pytest.mark.parametrize(
    "file", ["train-examples.npy", "train-targets.npy", "test-examples.npy", "task.json"]
)
def test_a_cache_that_was_changed_or_cut_is_named_and_packed_anew(harm, file) -> None:
    folder = packed_writer.write("k", parts(), ABOUT)
    before = open_packed(folder, "mine").train.fingerprint()
    harm(folder / file)
    with pytest.raises(Damaged) as caught:
        open_packed(folder, "mine")
    assert str(folder / file) in str(caught.value)
    assert "\n" not in str(caught.value)
    calls = []

    def pack() -> None:
        calls.append(1)
        packed_writer.write("k", parts(), ABOUT)

    assert cached("mine", "k", pack).train.fingerprint() == before
    assert cached("mine", "k", pack).train.fingerprint() == before
    assert calls == [1]


def test_a_change_that_keeps_the_time_is_found_in_a_set_that_is_read_whole() -> None:
    path = packed_writer.write("k", parts(), ABOUT) / "train-examples.npy"
    times = path.stat()
    changed(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Damaged, match="changed or cut"):
        open_packed(path.parent, "mine")


def test_a_copy_of_the_cache_is_the_same(tmp_path) -> None:
    folder = packed_writer.write("k", parts(), ABOUT)
    copy = Path(shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile))
    one, other = open_packed(folder, "a"), open_packed(copy, "a")
    assert one.train.fingerprint() == other.train.fingerprint()


@pytest.mark.parametrize("change", [{"format": "x"}, {"parts": {}}, {"outputs": 1}, {"mean": "a"}])
def test_a_description_that_does_not_fit_is_damage(change) -> None:
    folder = packed_writer.write("k", parts(), ABOUT)
    content = json.loads((folder / "task.json").read_text())
    (folder / "task.json").write_text(json.dumps(content | change))
    with pytest.raises(Damaged, match=r"task\.json"):
        open_packed(folder, "mine").train.labels.max()


def test_an_error_or_an_interruption_leaves_nothing(cache) -> None:

    def interrupted() -> None:
        with packed_writer.writing("k", ABOUT) as out:
            out.add("train", part(3, 0).examples, part(3, 0).targets)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ValueError, match="test"):
        packed_writer.write("k", {"train": part(3, 0)}, ABOUT)
    assert list(cache.iterdir()) == []


def test_what_a_killed_process_left_is_deleted_by_the_next(cache) -> None:
    left = packed_writer.Writer("k", ABOUT).__enter__()
    (left._temporary / "train-examples.npy").write_bytes(b"half")
    other = packed_writer.Writer("other", ABOUT).__enter__()
    task = cached("mine", "k", lambda: packed_writer.write("k", parts(), ABOUT))
    assert len(task.train) == 36
    names = sorted(path.name for path in cache.iterdir())
    assert names == sorted([".k.lock", "k", other._temporary.name])


def test_who_comes_second_keeps_what_the_first_wrote() -> None:
    with packed_writer.writing("k", ABOUT) as slow:
        for name, one in parts().items():
            slow.add(name, one.examples, one.targets)
        first = packed_writer.write("k", parts(), ABOUT)
        task = open_packed(first, "mine")
        stamp = (first / "train-examples.npy").stat().st_ino
    assert (first / "train-examples.npy").stat().st_ino == stamp
    assert open_packed(slow.folder, "mine").train.fingerprint() == task.train.fingerprint()


def test_a_number_that_is_not_finite_is_named() -> None:
    one = part(5, 0, np.float32)
    one.examples[3, 0, 0, 0] = np.nan
    with pytest.raises(UserError, match=r"made here: example 3 of the part train .* not finite"):
        packed_writer.write("k", {"train": one}, ABOUT)


@pytest.mark.parametrize(
    ("examples", "targets"),
    [
        (np.zeros((2, 3), np.float64), np.zeros(2, np.int64)),
        (np.zeros((2, 3), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((2, 3), np.uint8), np.array([0, 3])),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(examples, targets) -> None:
    with pytest.raises(ValueError, match=r"examples|targets|classes"):
        packed_writer.write("k", {"train": Part(examples, targets)}, ABOUT)


def test_a_full_disk_is_one_line_and_leaves_nothing(cache, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packed_writer, "_flush", full)
    with pytest.raises(UserError, match="No space left"):
        packed_writer.write("k", parts(), ABOUT)
    assert list(cache.iterdir()) == []


def test_the_key_depends_on_all_parts() -> None:
    assert packed.key("folder", {"a": 1, "b": 2}) == packed.key("folder", {"b": 2, "a": 1})
    assert len({packed.key("x", 1), packed.key("x", 2), packed.key("x", "1")}) == 3


def test_a_test_share_is_cut_once_in_proportion_and_by_groups() -> None:
    targets = np.repeat([0, 1, 2], [100, 50, 10])
    rest, test = packed.cut(targets)
    assert sorted([*rest, *test]) == list(range(160))
    assert np.bincount(targets[test]).tolist() == [20, 10, 2]
    assert np.array_equal(packed.cut(targets)[1], test)
    groups = np.arange(160) // 4
    rest, test = packed.cut(targets, groups)
    assert not set(groups[rest]) & set(groups[test])
    labels = np.eye(160, dtype=np.float32)  # every combination of labels once
    assert len(packed.cut(labels)[1]) == 32
    with pytest.raises(UserError, match="more than one example"):
        packed.cut(np.arange(3))
    with pytest.raises(UserError, match="more than one group"):
        packed.cut(np.zeros(6, np.int64), np.zeros(6, np.int64))


def test_without_copies_the_test_share_is_that_of_the_examples() -> None:
    targets = np.repeat([0, 1, 2], [100, 50, 10])
    groups = np.arange(160) // 4 * 7 - 3
    each = np.arange(160)[::-1] * 3
    for given in (None, groups):
        for twins in (each, each // 3 if given is None else groups):
            cut = packed.cut(targets, given, twins=twins)
            for one, other in zip(cut, packed.cut(targets, given), strict=True):
                assert np.array_equal(one, other)


def test_an_example_that_is_copied_very_often_is_trained_on() -> None:
    twins = np.array([0] * 30 + list(range(1, 71)))
    targets = np.arange(100) % 2
    for labels in (targets, np.eye(2, dtype=np.float32)[targets]):
        rest, test = packed.cut(labels, twins=twins)
        assert set(range(30)) <= set(rest)
        assert (len(rest), len(test)) == (86, 14)
        assert sorted([*rest, *test]) == list(range(100))
        assert 0.3 < targets[test].mean() < 0.7
    for labels in (targets, np.eye(2, dtype=np.float32)[targets]):
        with pytest.raises(UserError, match="than one example, copies counting as one; name a"):
            packed.cut(labels, twins=np.zeros(100, np.int64))


def test_chains_of_groups_and_copies_are_one() -> None:
    groups, twins = np.array([5, 5, 3, 3, 9, 9]), np.array([0, 1, 1, 2, 4, 5])
    assert copies.joined(groups, twins).tolist() == [0, 0, 0, 0, 4, 4]
    assert copies.joined(groups, np.array([0, 0, 2, 3, 4, 4])) is groups
    assert copies.joined(groups, None) is groups
    assert copies.joined(None, np.array([7, 3, 5])) is None
    assert copies.joined(None, twins) is twins
