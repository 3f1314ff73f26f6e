from __future__ import annotations

import base64
import struct
import sys
import zlib

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.events import aedat, aedat4
from nasbench.events.events import RecordingError, Size
from nasbench.events.formats import Format, detect_format, parts, read

# A file of three events that dv-processing 2.0.4 wrote, compressed.
AEDAT4 = """
eNqNU9tKwzAY/meHh6HixS688CJG8UrXosOrrTjdxIFT0HlEkLJmGnRJSdOBXolvIL6Qj+Od6BP4p9tg1ooL/CFpvkNz
+JYWK7WjtWqlWSw4M7llC2AeAOqHezWIWw7ykIVpmMQRQAZrGuvF6q1+jQGU/C7pMhVyKcp0veBQN0ewlYT0GRFeh5Wp
jHRdtCUlgadvy9Tuz+0+NAl3fgGdYWgM97RW5I49lGlLdgLFQuNPiX4IUCDUiosb6u5fFku2Qf5JlorfcOHdN6Qf3bMD
tE9qNKSQO/hdeWeKa6ZGFDyMdBDpNEHWZUKH/8gYSpWFLcUDnbKxnSjUskN8T3vxCpGxXWEE1bqP9rzNmUqK1k6bx6kC
Q1fD067RsXniNlO8Q/7IzgeWXGjqbhQ30+xSeBc/eOubzig8GanWr8PveD67joLUbdpmn0Mvcmg+GJdsv+vmem//GCtL
G/NbW29VHH7m97GfwzLnCDCOkclijyAsk5d3C/NzdoEZyszB6xhYJk3wQeDJQkympzqQPDGSK1d9yd1mZTspaQj5mDIL
q5jKLM4WYBlm8/Dc+zvXmgFrApbgfQqePvqRNe0boZL3Uw==
"""
FATAL_BIT = 128  # of byte 640: the library aborts over its own message
EVENTS4 = [(1000, 345, 0, True), (1000, 2, 259, False), (1007, 3, 4, True)]
HEADER2 = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
HEADER3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"


def _rows(events):
    return list(zip(*(c.tolist() for c in (events.t, events.x, events.y, events.p)), strict=True))


def _write(path, content):
    path.write_bytes(content)
    return path


@pytest.fixture
def recordings(data_root):
    folder = data_root / "events"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def test_the_real_text(recordings):
    path = recordings / "alex_walking_again.txyp.txt"
    truth = np.loadtxt(path, dtype=int)
    assert detect_format(path) is Format.TEXT
    assert len(truth) == 19_182
    assert np.array_equal(_rows(read(path)), truth)


def test_the_clock_of_an_aedat2_file_starts_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(aedat, "BLOCK", 2)
    times = [2**31 - 5, 2**31 - 1, 2**31 + 3, 2**32 - 1, 2**32, 2**32 + 7]
    body = b"".join(struct.pack(">II", 0, time % 2**32) for time in times)
    events = read(_write(tmp_path / "long.aedat", HEADER2 + body))
    assert events.t.tolist() == times


def test_the_real_aedat2(recordings):
    path = recordings / "alex_walking_for_10secs.aedat"
    assert detect_format(path) is Format.AEDAT2
    events = read(path)
    assert (len(events), events.size) == (125_028, Size(128, 128))
    content = path.read_bytes()[-8 * 125_028 :]
    for i in (0, 1, 77, 125_027):
        address, time = struct.unpack_from(">II", content, 8 * i)
        x, y = 127 - (address >> 1 & 127), 127 - (address >> 8 & 127)
        assert _rows(events)[i] == (time, x, y, address & 1 == 0)


def test_the_packed_recordings(recordings):
    path = recordings / "nmnist_small_1100.npz"
    with np.load(path) as file:
        start, end = file["offsets"][7:9]
        times = np.cumsum(file["dt_us"][start:end], dtype=int)
        columns = file["x"][start:end], file["y"][start:end]
        events = read(path, index=7)
        assert np.array_equal(events.t, times)
        assert np.array_equal((events.x, events.y), columns)
        assert np.array_equal(events.p, file["p"][start:end])
    assert events.size == Size(34, 34)


def test_aedat2_of_a_dvs128(tmp_path):
    words = [(5 << 8 | 3 << 1 | 0, 10), (1 << 15, 11), (127 << 8 | 127 << 1 | 1, 12)]
    body = b"".join(struct.pack(">II", *word) for word in words)
    path = _write(tmp_path / "one.bin", HEADER2 + body)
    assert _rows(read(path)) == [(10, 124, 122, True), (12, 0, 0, False)]


def test_aedat2_of_a_davis(tmp_path):
    header = HEADER2 + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"
    on, frame, trigger = 1 << 11, 1 << 31, 1 << 10
    words = [(9 << 22 | 4 << 12 | on, 1), (frame | 4 << 12, 2), (trigger, 3), (179 << 22, 4)]
    body = b"".join(struct.pack(">II", *word) for word in words)
    events = read(_write(tmp_path / "one.aedat", header + body))
    assert _rows(events) == [(1, 235, 170, True), (4, 239, 0, False)]
    assert events.size == Size(240, 180)


DAVIS_WORDS = [(9 << 22 | 4 << 12 | 1 << 11, 1), (8 << 22 | 30 << 12, 2)]
LATE = [(5 << 8, 1), (5 << 8, 1), *DAVIS_WORDS]


@pytest.fixture
def unnamed(tmp_path):
    """Write an AEDAT 2.0 file whose header names no chip."""

    def made(words):
        body = b"".join(struct.pack(">II", *word) for word in words)
        return _write(tmp_path / "unnamed.aedat", HEADER2 + body)

    return made


@pytest.mark.parametrize("words", [DAVIS_WORDS, LATE], ids=["at once", "in the second block"])
def test_aedat2_that_names_no_chip_and_is_no_dvs128(unnamed, monkeypatch, words):
    monkeypatch.setattr(aedat, "BLOCK", 2)
    with pytest.raises(RecordingError, match=r"unnamed\.aedat: its header names no .*--chip"):
        read(unnamed(words))


@pytest.mark.parametrize(
    ("chip", "size"),
    [("davis240", None), (None, Size(240, 180)), ("davis240", Size(240, 180))],
)
def test_the_user_names_the_chip_of_an_aedat2(unnamed, chip, size):
    (events,) = parts(unnamed(DAVIS_WORDS), chip=chip, size=size)
    assert _rows(events) == [(1, 235, 170, True), (2, 209, 171, False)]
    assert events.size == Size(240, 180)


def test_a_size_does_not_make_a_davis_of_a_dvs128(unnamed):
    (events,) = parts(unnamed([(5 << 8 | 3 << 1, 10)]), size=Size(240, 180))
    assert _rows(events) == [(10, 124, 122, True)]


def test_the_chip_on_the_command_line(unnamed, tmp_path, capsys):
    h5py = pytest.importorskip("h5py")
    path, out = str(unnamed(DAVIS_WORDS)), str(tmp_path / "made.h5")
    assert main(["data", "gait", path, "--out", out]) == 2
    assert "its header names no chip" in capsys.readouterr().err
    assert main(["data", "gait", path, "--out", out, "--chip", "DAVIS240", "--jobs", "1"]) == 0
    with h5py.File(out) as file:
        image = file["0"]["unnamed"]
        assert image.shape == (4, 180, 240)
        assert (image[0, 170, 235], image[1, 171, 209], image[:2].sum()) == (1, 1, 2)
    capsys.readouterr()
    for more, words in {
        ("--chip", "davis99"): "unknown chip 'davis99': did you mean",
        ("--chip", "dvs128", "--sensor", "1x1"): "lies outside",
    }.items():
        assert main(["data", "gait", path, "--out", out, *more]) == 2
        assert words in capsys.readouterr().err
    text = _write(tmp_path / "one.txt", b"1 2 3 1\n")
    assert main(["data", "gait", str(text), "--out", out, "--chip", "dvs128"]) == 2
    assert "it is for recordings in AEDAT 2.0: there are none" in capsys.readouterr().err


def test_the_header_is_right_about_the_chip(tmp_path):
    header = HEADER2 + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"
    path = _write(tmp_path / "one.aedat", header + struct.pack(">II", 0, 1))
    assert next(parts(path, chip="davis240")).size == Size(240, 180)
    with pytest.raises(RecordingError, match="--chip dvs128: the header names the chip davis240"):
        next(parts(path, chip="dvs128"))


@pytest.mark.parametrize(
    ("end", "time"),
    [(b"\r\n", 1), (b"\r\n", 0x41420A43), (b"\n", 0x41424344), (b"\n", 0x410D0A43)],
)
def test_aedat2_whose_first_event_begins_as_a_header_does(tmp_path, end, time):
    header = HEADER2 + b"# AEChip: ch.unizh.DAVIS640, f\xfcr innen\r\n"
    address = ord("#") << 24 | 0x41 << 16 | 0x4248
    body = struct.pack(">II", address, time) + struct.pack(">II", 0, time + 1)
    events = read(_write(tmp_path / "one.aedat", header.replace(b"\r\n", end) + body))
    assert events.t.tolist() == [time, time + 1]
    assert events.size == Size(640, 480)


def test_aedat2_outside_the_sensor(tmp_path):
    header = HEADER2 + b"# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n"
    words = [(9 << 22 | 4 << 12, 1), (9 << 22 | 500 << 12, 2)]
    body = b"".join(struct.pack(">II", *word) for word in words)
    told = r"one\.aedat: event 1: x -261, y 170 lies outside the 240x180 sensor$"
    with pytest.raises(RecordingError, match=told):
        read(_write(tmp_path / "one.aedat", header + body))


def test_aedat3(tmp_path):
    def packet(kind, overflow, *events):
        body = b"".join(struct.pack("<II", *event) for event in events)
        count = len(events)
        return struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, count, count, count) + body

    def data(x, y, p, valid=1):
        return x << 17 | y << 2 | p << 1 | valid

    content = packet(0, 0, (1, 2)) + packet(1, 0, (data(7, 9, 1), 5), (data(1, 1, 1, 0), 6))
    content += packet(1, 0, (data(1, 1, 1, 0), 6)) + packet(1, 1, (data(127, 0, 0), 3))
    path = _write(tmp_path / "one.aedat", HEADER3 + content)
    events = read(path)
    assert _rows(events) == [(5, 7, 9, True), ((1 << 31) + 3, 127, 0, False)]
    assert events.size == Size(128, 128)
    with pytest.raises(RecordingError, match=r"one\.aedat: event 1: the file is truncated"):
        read(_write(path, HEADER3 + content[:-1]))


@pytest.mark.parametrize("size", [0, 7, 10])
def test_an_aedat3_packet_that_is_none(tmp_path, size):
    head = struct.pack("<hhiiiiii", 1, 1, size, 4, 0, 1, 1, 1)
    with pytest.raises(
        RecordingError, match=f"event 0: a packet of 1 events of {size} bytes is not valid"
    ):
        read(_write(tmp_path / "one.aedat", HEADER3 + head + b"\0" * 20))


@pytest.mark.parametrize("library", ["aedat", "dv_processing"])
def test_aedat4(tmp_path, monkeypatch, library):
    pytest.importorskip(library)
    monkeypatch.setattr(aedat4, "available", lambda name: name == library)
    path = _write(tmp_path / "one.aedat4", zlib.decompress(base64.b64decode(AEDAT4)))
    events = read(path)
    assert (_rows(events), events.size) == (EVENTS4, Size(346, 260))


def test_an_aedat4_that_the_library_does_not_expect(tmp_path):
    pytest.importorskip("aedat")
    noise = np.random.default_rng(0).bytes(400)
    path = _write(tmp_path / "one.aedat4", b"#!AER-DAT4.0\r\n\x90\x01\0\0" + noise)
    with pytest.raises(
        RecordingError, match=r"one\.aedat4: event 0: not a readable AEDAT 4 file \(.+\)$"
    ):
        read(path)


@pytest.mark.parametrize("jobs", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_an_aedat4_that_kills_its_reader_harms_no_other(tmp_path, capfd, jobs):
    pytest.importorskip("aedat")
    content = bytearray(zlib.decompress(base64.b64decode(AEDAT4)))
    _write(tmp_path / "good.aedat4", content)
    content[640] ^= FATAL_BIT
    _write(tmp_path / "damaged.aedat4", content)
    (tmp_path / "walk.txt").write_text("0 1 2 1\n")
    words = [tmp_path, "--out", tmp_path / "a.h5", "--jobs", jobs, "--sensor", "346x260"]
    assert main(["data", "gait", *map(str, words)]) == 0
    told, refused = capfd.readouterr()
    assert told.startswith("2 recordings, 2 images, 1 refused\n")
    reason = "reading it killed the process: it is damaged, or needs too much memory"
    assert refused == f"refused: {tmp_path / 'damaged.aedat4'}: {reason}\n"


def test_aedat4_without_a_library(tmp_path, monkeypatch):
    for name in ("aedat", "dv_processing"):
        monkeypatch.setitem(sys.modules, name, None)
    path = _write(tmp_path / "one.aedat4", b"#!AER-DAT4.0\r\n")
    with pytest.raises(
        RecordingError, match=r"one\.aedat4: .* install it with: pip install aedat$"
    ):
        read(path)


def test_a_damaged_aedat4(tmp_path):
    pytest.importorskip("aedat")
    path = _write(tmp_path / "one.aedat4", b"#!AER-DAT4.0\r\nnothing")
    with pytest.raises(RecordingError, match=r"one\.aedat4: event 0: not a readable AEDAT 4 file"):
        read(path)


BAD_FILES = {
    "AEDAT 1.0: must be 2.0, 3.1 or 4.0": b"#!AER-DAT1.0\r\n",
    "is not an event recording; formats: text, AEDAT 2.0": b"\x89HDF\r\n\x1a\n",
    "is gzip-compressed; unpack it first": b"\x1f\x8b\x08\0",
    "is not an event recording; formats: text, AEDAT": "1 2 3 1\n".encode("utf-16"),
    "not a readable .npz file": b"PK\x03\x04 and so on",
    "the file is truncated": HEADER2 + b"\0" * 12,
    "unknown chip 'ch.Eye9'; known: dvs128": HEADER2 + b"# AEChip: ch.Eye9\r\n",
    "the header has no end": b"#!AER-DAT2.0",
    "the format must be RAW": HEADER3.replace(b"RAW", b"PNG"),
    "must end with #!END-HEADER": HEADER3.replace(b"#!END-HEADER\r\n", b""),
}


TEXTS = {
    b"\xef\xbb\xbf1 2 3 1\r\n": [(1, 2, 3, True)],
    "# aufgenommen in Zürich\n1 2 3 1\n".encode(): [(1, 2, 3, True)],
    "# aufgenommen in Zürich\n1 2 3 1\n".encode("latin-1"): [(1, 2, 3, True)],
}


@pytest.mark.parametrize("content", TEXTS)
def test_text_that_is_not_plain_ascii(tmp_path, content):
    path = _write(tmp_path / "one.txt", content)
    assert detect_format(path) is Format.TEXT
    assert _rows(read(path)) == TEXTS[content]


def test_a_stray_byte_in_a_text_has_a_line(tmp_path):
    path = _write(tmp_path / "one.txt", b"1 2 3 1\n2 3 4 1\n3 4 \xff 1\n")
    with pytest.raises(
        RecordingError, match=r"one\.txt: line 3: '3 4 . 1'; expected four integers"
    ):
        read(path)


@pytest.mark.parametrize("told", BAD_FILES)
def test_files_that_are_refused(tmp_path, told):
    path = _write(tmp_path / "one", BAD_FILES[told])
    with pytest.raises(RecordingError) as error:
        list(parts(path))
    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)
