from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.events.events import Events, RecordingError, Size, parse_size
from nasbench.events.images import CHANNELS, Kind, Window, channel_order, images, parse_window

SIZE = Size(11, 7)


def _events(rows, first=0):
    t, x, y, p = np.array(rows, np.int64).reshape(-1, 4).T
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), p == 1, first=first)


def _random(seed, count=500, last=200_000):
    draw = np.random.default_rng(seed)
    columns = [draw.integers(0, limit, count) for limit in (*SIZE, 2)]
    return np.column_stack([np.sort(draw.integers(-last, last, count)), *columns])


def _parts(rows, cuts):
    edges = [0, *cuts, len(rows)]
    return [_events(rows[a:b], a) for a, b in pairwise(edges)]


def _by_loop(rows):
    """One event after the other, as the definition of the image says."""
    image = np.zeros((4, SIZE.height, SIZE.width))
    start, span = rows[0][0], max(1, rows[-1][0] - rows[0][0])
    for t, x, y, p in rows:
        image[0 if p else 1, y, x] += 1
        image[2 if p else 3, y, x] = (t - start) / span
    return image.astype(np.float32)


@pytest.mark.parametrize("cuts", [[], [250], [1, 2, 2, 3, 400], range(1, 500, 7)])
@pytest.mark.parametrize("seed", [0, 1])
def test_an_image_is_that_of_the_loop(seed, cuts):
    rows = _random(seed)
    (image,) = images(_parts(rows, cuts), "one", Window(), SIZE)
    assert np.array_equal(image.pixels, _by_loop(rows))
    assert image.pixels.dtype == np.float32
    assert (image.events, image.first, image.last) == (500, rows[0][0], rows[-1][0])


@pytest.mark.parametrize("cuts", [[], [123, 124, 301]])
def test_windows_of_events(cuts):
    rows = _random(3)
    found = list(images(_parts(rows, cuts), "one", Window(Kind.EVENTS, 120), SIZE))
    assert [image.events for image in found] == [120] * 4
    for i, image in enumerate(found):
        assert np.array_equal(image.pixels, _by_loop(rows[120 * i : 120 * (i + 1)]))


def test_windows_of_events_that_come_out_even():
    assert len(list(images([_events(_random(3))], "one", Window(Kind.EVENTS, 100), SIZE))) == 5


@pytest.mark.parametrize("cuts", [[], [123, 124, 301]])
def test_windows_of_time(cuts):
    rows = np.array([row for row in _random(4) if not -80_000 < row[0] < 60_000])  # an empty one
    number = (rows[:, 0] - rows[0, 0]) // 50_000
    truth = [_by_loop(rows[number == i]) for i in sorted(set(number))[:-1]]
    found = list(images(_parts(rows, cuts), "one", Window(Kind.MS, 50), SIZE))
    assert 2 < len(found) == len(truth) < number.max()
    assert all(np.array_equal(a.pixels, b) for a, b in zip(found, truth, strict=True))


def test_all_at_once_has_the_time_zero():
    (image,) = images([_events([(5, 1, 2, 1), (5, 1, 2, 1)])], "one", Window(), SIZE)
    assert image.pixels[0, 2, 1] == image.pixels.sum() == 2


@pytest.mark.parametrize("parts", [[], [_events([])]])
def test_an_empty_recording(parts):
    with pytest.raises(RecordingError, match="one: the recording is empty"):
        list(images(parts, "one", Window()))


@pytest.mark.parametrize("pixel", [(11, 0), (0, 7)])
def test_an_event_outside_the_sensor(pixel):
    rows = [(1, 0, 0, 1), (2, *pixel, 1)]
    told = rf"one: event 41: x {pixel[0]}, y {pixel[1]} .* outside the 11x7 sensor"
    with pytest.raises(RecordingError, match=told):
        list(images([_events(rows, 40)], "one", Window(), SIZE))


@pytest.mark.parametrize("cuts", [[], [2]])
def test_time_that_runs_backwards(cuts):
    rows = [(1, 0, 0, 1), (9, 0, 0, 1), (8, 0, 0, 1)]
    with pytest.raises(
        RecordingError, match="one: event 2: time runs backwards to 8; must be at least 9"
    ):
        list(images(_parts(rows, cuts), "one", Window(), SIZE))


@pytest.mark.parametrize("window", [Window(), Window(Kind.MS, 10**15 - 1)])
def test_times_that_are_too_far_from_each_other(window):
    first, last = -(2**63), 2**63 - 1
    rows = [(first, 0, 0, 1), (-1, 0, 0, 1), (0, 0, 0, 1), (last, 0, 0, 1)]
    with pytest.raises(
        RecordingError, match="one: event 2: time 0 is more than 9223372036854775807 aft"
    ):
        list(images(_parts(rows, [1]), "one", window, SIZE))


def test_the_longest_recording():
    rows = [(-(2**63), 0, 0, 1), (-(2**62), 1, 0, 1), (-1, 2, 0, 1)]
    (image,) = images(_parts(rows, [1]), "one", Window(), SIZE)
    assert image.pixels[2, 0, :3].tolist() == [0, 0.5, 1]
    assert list(images(_parts(rows, [1]), "one", Window(Kind.MS, 10**15 - 1), SIZE))


def test_a_sensor_too_large_to_draw():
    large = Events(np.array([1]), *np.zeros((2, 1), np.uint16), np.array([True]), Size(65536, 300))
    with pytest.raises(
        RecordingError, match="one: its sensor is 65536x300; must have at most 16777216 pixels"
    ):
        list(images([large], "one", Window()))


def test_windows_in_words():
    for text in ("file", "20000 events", "50ms"):
        assert str(parse_window(text)) == text
    assert parse_window("7events") == Window(Kind.EVENTS, 7)
    assert parse_window("999999999999999ms") == Window(Kind.MS, 10**15 - 1)
    for text in ("", "0 events", "5", "ms", "1.5ms", "9999999999999999ms", f"{10**20} events"):
        with pytest.raises(UserError, match="'20000 events', or 50ms, of at most 15"):
            parse_window(text)


def test_sizes_in_words():
    assert parse_size("346x260") == Size(346, 260)
    with pytest.raises(UserError, match="'65536x65536': must have at most 16777216 pixels"):
        parse_size("65536x65536")
    for text in ("", "0x5", "5", "70000x1", "axb"):
        with pytest.raises(UserError, match="must be WIDTHxHEIGHT"):
            parse_size(text)


def test_orders_of_channels():
    assert channel_order(",".join(CHANNELS)) == (0, 1, 2, 3)
    assert channel_order("neg-count, pos-count, neg-time, pos-time") == (1, 0, 3, 2)
    with pytest.raises(
        UserError, match="channels 'pos-count': must be a permutation of pos-count,neg-count"
    ):
        channel_order("pos-count")
