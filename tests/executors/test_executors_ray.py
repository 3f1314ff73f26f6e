"""Ray clusters: nodes that die, clusters of others, and none at all."""

from __future__ import annotations

import functools
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from executor_works import wait_for

from nasbench.errors import UserError
from nasbench.executors import Job


def never() -> bool:
    return False


@pytest.fixture
def ray(monkeypatch):
    """Ray, whose workers find the works of the tests."""
    module = pytest.importorskip("ray", reason="pip install 'nasbench-workbench[ray]'")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    yield module
    module.shutdown()


@pytest.fixture
def two_nodes(ray, monkeypatch):
    """A head and a second node on the loopback address, one core each."""
    from ray._private import ray_constants
    from ray.cluster_utils import Cluster

    # On Linux Ray would turn 127.0.0.1 into the machine's own address.
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)
    head = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    second = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.slow
def test_a_lost_node_loses_no_job(two_nodes, opened, tmp_path):
    cluster, second = two_nodes
    door = tmp_path / "door"
    notes = [tmp_path / f"job-{number}" for number in range(6)]
    executor = opened("ray", concurrency=2, address=cluster.address)

    def submit(number):
        executor.submit(Job(number, ("wait_somewhere", number, str(notes[number]), str(door))))

    submit(0)
    submit(1)
    wait_for(lambda: all(note.exists() and note.read_text() for note in notes[:2]))
    pids = dict(note.read_text().split() for note in notes[:2])
    assert len(pids) == 2  # one job on each node
    cluster.remove_node(second, allow_graceful=False)
    os.kill(int(pids[second.node_id]), signal.SIGKILL)  # as a lost machine's processes end
    door.touch()
    finished = {}
    for number in (2, 3, 4, 5, None, None):
        one = executor.next(never)
        finished[one.number] = one
        if number is not None:
            submit(number)
    assert {n: one.value for n, one in finished.items()} == {n: 100 + n for n in range(6)}
    places = [note.read_text().split()[::2] for note in notes]
    lost = [number for number, nodes in enumerate(places) if second.node_id in nodes]
    assert [n for n, one in sorted(finished.items()) if one.attempts == 2] == lost
    assert len(lost) == 1
    assert [len(nodes) for nodes in places] == [2 if n in lost else 1 for n in range(6)]


@pytest.mark.slow
def test_the_cluster_of_another_is_left_as_it_is(ray, two_nodes, opened, do):
    cluster, _ = two_nodes
    with opened("ray", address=cluster.address) as executor:
        assert do(executor, [("add", 1)])[0].value == 101
    assert not ray.is_initialized()
    with pytest.raises(UserError, match=r"--gpus-per-trial 0\.5, --cpus-per-trial 1: no node of"):
        opened("ray", address=cluster.address, gpus_per_trial=0.5)
    assert not ray.is_initialized()
    with opened("ray", address=cluster.address) as executor:
        assert do(executor, [("add", 2)])[0].value == 102
        assert [node["Alive"] for node in ray.nodes()] == [True, True]


@pytest.mark.slow
def test_a_cluster_of_its_own_listens_to_this_machine_alone(ray, opened, do, gone):
    def handler(number, frame):
        pass

    others = set(psutil.Process().children(recursive=True))  # of the tests before this one
    before = signal.signal(signal.SIGTERM, handler)
    try:
        executor = opened("ray", cpus_per_trial=2, concurrency=2)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [node["NodeManagerAddress"] for node in ray.nodes()] == ["127.0.0.1"]
    assert ray.cluster_resources()["CPU"] == 4
    finished = do(executor, [("add", 1), ("environment", "OMP_NUM_THREADS")])
    assert finished[0].value == 101

    def not_installed(*arguments):
        raise ImportError("No module named 'nasbench'")

    executor._trial = ray.remote(not_installed)  # as on a node where it is missing
    error = do(executor, [("add", 1)])[0].error
    assert error == "ImportError: No module named 'nasbench'"
    services = set(psutil.Process().children(recursive=True)) - others
    assert any("raylet" in process.name() for process in services)
    executor.close()
    executor.close()  # once more is no harm
    assert not ray.is_initialized()
    for process in services:
        wait_for(lambda pid=process.pid: gone(pid))


def test_a_cluster_of_its_own_needs_the_gpus(ray, opened, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match="--concurrency 1: 0 GPUs are available, which is enough"):
        opened("ray", gpus_per_trial=1)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("ray://127.0.0.1:10001", "--address ray://127.0.0.1:10001: no Ray cluster: ValueError"),
        ("local", "--address local: no Ray cluster: ValueError: allowed: auto or host:port"),
        ("127.0.0.1:1", "--address 127.0.0.1:1: no Ray cluster: ConnectionRefusedError"),
        ("nowhere", "--address nowhere: no Ray cluster: ValueError: Invalid address format"),
        ("auto", "--address auto: no Ray cluster: ConnectionError: Could not find any running"),
    ],
)
def test_no_cluster_at_the_address(ray, opened, monkeypatch, address, line):
    from ray._private import services

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(services, "find_gcs_addresses", functools.cache(set))  # none here
    monkeypatch.setattr(services, "find_bootstrap_address", lambda folder: None)
    with pytest.raises(UserError) as told:
        opened("ray", address=address)
    assert str(told.value).startswith(line)
    assert "\n" not in str(told.value)


def test_without_ray_one_line_says_what_to_install(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError) as told:
        opened("ray")
    assert str(told.value).endswith('install it with: pip install "nasbench-workbench[ray]"')
    assert str(told.value).startswith("--engine ray needs")
