"""Made-up walks: the sensor's model, the walker's geometry, and the files."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.events import camera, formats, synthetic, walker
from nasbench.events.events import join
from nasbench.events.synthetic import WalkFile


def stream(seed=0):
    return np.random.default_rng(seed)


def quiet(monkeypatch):
    monkeypatch.setattr(camera, "NOISE_HZ", 0.0)


def ramps(slopes, number=11):
    """Frames in which each pixel's logarithm rises by its slope in all."""
    return [np.float32(slopes) * np.float32(k / (number - 1)) for k in range(number)]


def test_a_pixel_reports_every_step_of_its_brightness(monkeypatch):
    quiet(monkeypatch)
    slopes = np.float32([[0.0, 2.0, -2.0], [4.1, -0.9, 0.3]])
    counts = []
    for seed in range(400):
        found = camera.events(ramps(slopes), stream(seed))
        net = np.zeros((2, 3))
        np.add.at(net, (found.y, found.x), np.where(found.p, 1, -1))
        # Where a pixel stands at the beginning decides whether there is one more or one less.
        assert (np.abs(net - slopes / camera.STEP) < 1.001).all()
        assert len(found) == np.abs(net).sum()  # a ramp gives events of one sign
        counts.append(net)
    np.testing.assert_allclose(np.mean(counts, 0), slopes / camera.STEP, atol=0.1)


def test_events_come_when_the_level_is_crossed(monkeypatch):
    """On a straight line of 8 steps in 80 ms, 10 ms lie between two events."""
    quiet(monkeypatch)
    found = camera.events(ramps([[8 * camera.STEP]]), stream())
    assert len(found) == 8
    assert np.abs(np.diff(found.t) - 10_000).max() <= 3  # a frame's times are whole numbers
    assert found.p.all()


def test_there_and_back_gives_as_many_events_of_each_sign(monkeypatch):
    quiet(monkeypatch)
    up = ramps(np.linspace(-5, 5, 50)[None])
    found = camera.events([*up, *up[::-1]], stream())
    net = np.zeros(50)
    np.add.at(net, found.x, np.where(found.p, 1, -1))
    assert np.abs(net).max() <= 1
    assert found.t.tolist() == sorted(found.t.tolist())


def test_noise_has_its_rate():
    still = [np.zeros((128, 128), np.float32)] * 126  # a second
    found = camera.events(still, stream())
    expected = 128 * 128 * camera.NOISE_HZ
    assert abs(len(found) - expected) < 5 * expected**0.5
    assert 0.4 < found.p.mean() < 0.6


def test_a_limb_covers_the_area_of_its_shape(monkeypatch):
    """A capsule of length l and radius r covers 2 r l + pi r^2 pixels."""
    ends = np.array([[[[40.3, 50.2], [70.3, 90.2]]]])  # 50 long
    plain = camera.Scene(np.zeros((128, 128), np.float32), np.float32([1]))
    (drawn,) = camera.frames(ends, np.array([6.0]), plain)
    assert abs(float(drawn.sum()) - (600 + 36 * np.pi)) < 3


def test_limbs_keep_their_lengths_and_the_feet_stay_above_the_ground():
    for seed in range(20):
        person, walk = walker.Person.drawn(stream(seed)), walker.Walk.drawn(stream(seed + 99))
        limbs, radii = walker.skeleton(person, walk, np.arange(150) * 0.008)
        lengths = np.linalg.norm(limbs[:, :, 1] - limbs[:, :, 0], axis=-1)
        assert len(limbs) == len(radii)
        assert np.ptp(lengths, axis=1).max() < 1e-9
        tall = person.height * walk.scale
        legs = lengths[[2, 3]].mean(axis=1), lengths[[8, 9]].mean(axis=1)
        np.testing.assert_allclose([leg.sum() for leg in legs], person.leg * tall)
        assert limbs[..., 1].max() < walk.ground + 0.05 * tall
        assert np.ptp(limbs[..., 1]) < 1.05 * tall


def test_a_walk_repeats_after_a_cycle():
    person, walk = walker.Person.drawn(stream(1)), walker.Walk.drawn(stream(2))
    cycle = 1 / (person.cadence * walk.speed)
    limbs, _ = walker.skeleton(person, walk, np.array([0.1, 0.1 + cycle]))
    moved = limbs[:, 1] - limbs[:, 0]
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0, 0], moved.shape), atol=1e-9)
    assert moved[0, 0, 1] == pytest.approx(0, abs=1e-9)


def test_the_text_reads_back_as_the_events(tmp_path):
    recorded = synthetic.record(WalkFile("test", 3, 2), 5)
    path = tmp_path / "2.txt"
    path.write_bytes(synthetic.text(recorded))
    read = join(formats.parts(path))
    for name in "txyp":
        assert np.array_equal(getattr(read, name), getattr(recorded, name))
    assert 5_000 < len(recorded) < 80_000


def made(tmp_path, name, *options):
    out = tmp_path / name
    assert (
        main(["data", "gait-synthetic", str(out), "--persons", "2", "--walks", "2", *options]) == 0
    )
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_the_seed_alone_decides(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthetic, "FRAMES", 12)
    files = made(tmp_path, "a", "--jobs", "1")
    assert list(files) == ["synthetic.json"] + [
        f"{split}/{person}/{walk}.txt"
        for split in ("test", "train") for person in (0, 1) for walk in (1, 2)
    ]  # fmt: skip
    assert len(set(files.values())) == len(files)
    assert made(tmp_path, "a", "--jobs", "1") == made(tmp_path, "b", "--jobs", "1") == files
    other = made(tmp_path, "c", "--seed", "1", "--jobs", "1")
    assert all(other[name] != files[name] for name in files)
    assert capsys.readouterr().out.startswith(f"written: 8 synthetic recordings in {tmp_path}/a\n")


@pytest.mark.slow
def test_several_processes_write_the_same(tmp_path, capsys):
    one, two = (made(tmp_path, jobs, "--walks", "1", "--jobs", jobs) for jobs in ("1", "2"))
    assert one == two


def test_other_recordings_are_not_mixed_in(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthetic, "FRAMES", 3)
    made(tmp_path, "a", "--walks", "3", "--jobs", "1")
    assert (
        main(["data", "gait-synthetic", str(tmp_path / "a"), "--persons", "2", "--walks", "1"])
        == 2
    )
    assert "a already holds test/0/2.txt: choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train/0/1.txt", "test/1/2.txt", "train/0/1.aedat"])
def test_real_recordings_are_neither_overwritten_nor_joined(tmp_path, capsys, name):
    real = tmp_path / "origin" / name
    real.parent.mkdir(parents=True)
    real.write_text("0 1 2 1\n")
    words = ["data", "gait-synthetic", str(tmp_path / "origin"), "--persons", "2", "--walks", "2"]
    assert main(words) == 2
    assert f"origin already holds {name}: choose another folder" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [real]
    assert real.read_text() == "0 1 2 1\n"


def test_walks_of_another_seed_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(synthetic, "FRAMES", 3)
    files = made(tmp_path, "a", "--jobs", "1")
    words = ["data", "gait-synthetic", str(tmp_path / "a"), "--persons", "2", "--walks", "2"]
    assert main([*words, "--seed", "1"]) == 2
    assert "a already holds test/0/1.txt: choose another folder" in capsys.readouterr().err
    assert made(tmp_path, "a", "--jobs", "1") == files


def test_a_killed_call_is_completed(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "FRAMES", 3)
    files = made(tmp_path, "a", "--jobs", "1")
    (tmp_path / "a" / "test" / "0" / "1.txt").unlink()
    assert made(tmp_path, "a", "--jobs", "1") == files
