from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest

from nasbench.events import npz
from nasbench.events.events import RecordingError, Size
from nasbench.events.formats import read

ONE = {"t": [1, 4], "x": [0, 3], "y": [5, 5], "p": [-1, 1]}
PACKED = {
    "dt_us": [1, 2, 3, 4],
    "x": [1, 2, 3, 33],
    "y": [0, 0, 0, 33],
    "p": [True, False, True, True],
    "offsets": [0, 1, 4],
    "label": [7, 8],
    "split": [0, 1],
}


def _saved(folder, arrays):
    np.savez(folder / "one.npz", **arrays)
    return folder / "one.npz"


def test_one_recording(tmp_path):
    events = read(_saved(tmp_path, {**ONE, "width": 6, "height": 7}))
    assert events.t.tolist() == [1, 4]
    assert (events.x.tolist(), events.y.tolist()) == ([0, 3], [5, 5])
    assert events.p.tolist() == [False, True]
    assert events.size == Size(6, 7)


def test_numbers_of_any_kind_that_are_whole(tmp_path):
    arrays = {name: np.array(values, np.float16) for name, values in ONE.items()}
    assert read(_saved(tmp_path, arrays)).t.tolist() == [1, 4]


def test_one_recording_beside_a_part_of_the_other_form(tmp_path):
    assert len(read(_saved(tmp_path, {**ONE, "offsets": [0, 2], "note": "by hand"}))) == 2


def test_packed_recordings(tmp_path):
    path = _saved(tmp_path, PACKED)
    assert npz.samples(path) == [(7, 0), (8, 1)]
    assert read(path, index=1).t.tolist() == [2, 5, 9]
    assert read(path, index=1).size == Size(34, 34)


BAD = {
    "lacks t, x, y, p; must hold the arrays t, x, y, p or dt_us": {"a": [1]},
    "lacks split; must hold the arrays": {k: v for k, v in PACKED.items() if k != "split"},
    "t, x, y, p have different lengths": {**ONE, "p": [1]},
    "event 0: t is 1.5; must be a 64-bit integer": {**ONE, "t": [1.5, 2]},
    "event 1: t is nan; must be a 64-bit integer": {**ONE, "t": [1, np.nan]},
    "event 1: t is inf; must be a 64-bit integer": {**ONE, "t": [1, np.inf]},
    "event 1: t is 1e\\+19; must be a 64-bit integer": {**ONE, "t": [1, 1e19]},
    "event 1: t is 18446744073709551615; must be a 64-bit": {
        **ONE,
        "t": np.array([1, 2**64 - 1], np.uint64),
    },
    "event 1: x is -2; must be 0 to 65535": {**ONE, "x": [1, -2]},
    "t is complex128 of shape \\(2,\\); must be a list of numbers": {**ONE, "t": [1, 2j]},
    "t is int64 of shape \\(\\); must be a list of numbers": {**ONE, "t": 1},
    "x is <U1 of shape": {**ONE, "x": ["a", "b"]},
    "y is .*'<i8'.* of shape": {**ONE, "y": np.zeros(2, [("a", int)])},
    "p is object|cannot be loaded": {**ONE, "p": np.array([None, 1])},
    "width is \\[6, 6\\]; must be 1 to 65536": {**ONE, "width": [6, 6], "height": 7},
    "height is wide; must be 1 to 65536": {**ONE, "width": 6, "height": "wide"},
    "width is 0; must be 1 to 65536": {**ONE, "width": 0, "height": 7},
    "offsets is int64 of shape \\(\\); must be a list of integers": {**PACKED, "offsets": 3},
    "offsets is float64 of shape": {**PACKED, "offsets": [0.0, 1, 4]},
    "label is float64 of shape": {**PACKED, "label": [0.5, 1]},
    "label is <U3 of shape": {**PACKED, "label": ["a/b", "c"]},
    "offsets must have one more entry than label and split": {**PACKED, "label": [1]},
    "offsets must rise from 0 to 4": {**PACKED, "offsets": [0, 2, 400]},
    "offsets must rise from 0 to 4, ": {**PACKED, "offsets": [0, -1, 4]},
    "offsets must rise from 0 to 4, the number": {**PACKED, "offsets": [1, 2, 4]},
    "split must hold only 0": {**PACKED, "split": [0, 7]},
    "dt_us, x, y, p have different lengths": {**PACKED, "dt_us": [1]},
    "recording 1: event 1: dt_us is 3.25; must be a 64": {
        **PACKED,
        "dt_us": [1, 2, 3.25, 4],
    },
    "recording 1: event 0: dt_us is nan; must be a 64": {
        **PACKED,
        "dt_us": [1, np.nan, 3, 4],
    },
    "recording 1: event 2: y is 65536; must be 0 to": {**PACKED, "y": [0, 0, 0, 65536]},
}


@pytest.mark.parametrize("told", BAD)
def test_arrays_that_do_not_fit(tmp_path, told):
    path = _saved(tmp_path, BAD[told])
    with pytest.raises(RecordingError, match=rf"one\.npz: .*{told}"):
        read(path, index=1 if "offsets" in BAD[told] else None)


def _bytes(compression=zipfile.ZIP_DEFLATED, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name in "txyp":
            held = io.BytesIO()
            np.save(held, np.arange(1000))
            archive.writestr(f"{name}.npy", members.get(name, held.getvalue()))
    return file.getvalue()


def _huge():
    header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _marked(field, value):
    """Set a 16-bit field of every entry, by its place behind the version that is needed."""
    content = bytearray(_bytes())
    for magic, start in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(magic)
        while at >= 0:
            struct.pack_into("<H", content, at + start + field, value)
            at = content.find(magic, at + 1)
    return bytes(content)


def _damaged():
    content = bytearray(_bytes())
    content[60:70] = bytes(10 * [255])
    return bytes(content)


DAMAGED = {
    "damaged": _damaged,
    "cut off": lambda: _bytes()[:-30],
    "encrypted": lambda: _marked(0, 1),
    "of an unknown compression": lambda: _marked(2, 77),
    "no array": lambda: _bytes(t=b"some text"),
    "longer than any memory": lambda: _bytes(t=_huge()),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_file(tmp_path, how):
    path = tmp_path / "one.npz"
    path.write_bytes(DAMAGED[how]())
    with pytest.raises(
        RecordingError, match=r"one\.npz: (not a readable \.npz file|t is \|S9)"
    ) as error:
        read(path)
    assert "\n" not in str(error.value)
    with pytest.raises(RecordingError):
        npz.samples(path)


def test_an_array_alone_is_no_such_file(tmp_path):
    np.save(tmp_path / "x.npy", [1, 2])
    with pytest.raises(RecordingError, match="not a readable"):
        npz.samples(tmp_path / "x.npy")


def test_arrays_that_unpack_to_more_than_is_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **{**ONE, "t": np.zeros(2**20, np.int64)})
    assert path.stat().st_size < 2**14
    monkeypatch.setattr(npz, "_MOST", 2**22)
    with pytest.raises(RecordingError, match=r"8,38\d,\d+ bytes of arrays: at most 4,194,304 are"):
        read(path)
