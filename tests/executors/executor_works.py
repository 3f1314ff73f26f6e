"""Works for the tests of the executors; workers import this module by its name."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PATIENCE = 60.0  # seconds that a test waits for what must happen


def wait_for(happened) -> None:
    """Wait until ``happened()`` is true."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def setup(context: dict[str, Any]):
    """Return a work that does what its payload names: ``(name, argument, …)``."""
    if path := context.get("setups"):
        with Path(path).open("a") as file:
            file.write(f"{os.getpid()}\n")

    def work(payload, report):
        name, *arguments = payload
        return DOINGS[name](context, report, *arguments)

    return work


def broken_setup(context):
    raise RuntimeError("no data here\nand a second line")


def dying_setup(context):
    os.kill(os.getpid(), signal.SIGKILL)


def add(context, report, number):
    return context["offset"] + number


def fail(context, report, kind, text):
    raise kind(text)


def no_space(context, report, name):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


def lambda_value(context, report):
    return lambda: None


def count_then_die(context, report, path, deaths):
    """Kill this process in the first ``deaths`` attempts; return which attempt this is."""
    with Path(path).open("a") as file:
        file.write("x")
    attempt = len(Path(path).read_text())
    if attempt <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return attempt


def leave(context, report):
    os._exit(3)


def fork_and_die(context, report, path):
    """Die while a forked child, which holds every open file, lives on."""
    child = os.fork()
    if child == 0:
        time.sleep(600)
    Path(path).write_text(str(child))
    os.kill(os.getpid(), signal.SIGKILL)


def hang(context, report, path):
    """Start a process, write its number and this one's, and never end."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    partial = Path(f"{path}.part")
    partial.write_text(f"{os.getpid()} {child.pid}")
    partial.rename(path)
    time.sleep(600)


def report_all(context, report, values):
    """Report until told to stop; return how many were reported."""
    for count, value in enumerate(values, start=1):
        if not report(value):
            return count
    return len(values)


def report_for_ever(context, report):
    while True:
        report(0.0)


def meet(context, report, here, there):
    """Return once the other has come, too."""
    Path(here).touch()
    wait_for(Path(there).exists)
    return "met"


def wait_on(context, report, path):
    wait_for(Path(path).exists)
    return "opened"


def wait_somewhere(context, report, number, path, door):
    """Note the Ray node and the process of this attempt; return once the door is open."""
    import ray

    with Path(path).open("a") as file:
        file.write(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}\n")
    wait_for(Path(door).exists)
    return context["offset"] + number


def environment(context, report, *names):
    return [os.environ.get(name) for name in names]


def interrupt(context, report):
    os.kill(os.getpid(), signal.SIGINT)
    return "here"


def shout(context, report, text):
    sys.stdout.write(text)
    sys.stdout.flush()


def array_facts(context, report):
    """Return what a worker sees of the arrays, and scribble into them."""
    arrays = context["arrays"]
    facts = [(a.shape, str(a.dtype), float(a.sum()), a.flags.aligned) for a in arrays]
    arrays[0][...] = 0
    return facts


DOINGS = {
    one.__name__: one
    for one in (
        add,
        fail,
        no_space,
        lambda_value,
        count_then_die,
        leave,
        fork_and_die,
        hang,
        report_all,
        report_for_ever,
        meet,
        wait_on,
        wait_somewhere,
        environment,
        interrupt,
        shout,
        array_facts,
    )
}
