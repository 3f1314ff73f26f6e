"""The server answers its own page, reads only, and only in the results folder."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from nasbench.board import page
from tests.board.conftest import epoch


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            line.putheader(name.replace("_", "-"), value)
        line.endheaders()
        answer = line.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        line.close()


def test_the_page_and_its_parts(served):
    answer = ask(served, "/")
    text = answer.body.decode()
    assert answer.status == 200
    assert answer.headers.get("content-type") == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
    assert len(named) > 5
    for name in named:
        assert ask(served, f"/{name}").status == 200, name
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)


def test_the_page_weighs_less_than_a_megabyte_and_a_half():
    assert sum(path.stat().st_size for path in page.FOLDER.iterdir()) < 1.5e6


def test_no_part_of_the_page_leads_elsewhere():
    """No address of another machine: the one URL is the SVG namespace, which nobody fetches.

    The libraries name more namespaces, and their licences a home page.
    """
    found = set()
    for path in page.FOLDER.iterdir():
        if path.name.startswith(("d3.", "plot.")):
            continue
        found |= set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", path.read_text()))
    assert found <= {"http://www.w3.org/2000/svg"}


def test_data_and_what_is_not_there(served, make_run):
    make_run("one", [epoch(1)])
    rows = json.loads(ask(served, "/data/place-0.json").body)["runs"]
    assert [row["name"] for row in rows] == ["one"]
    assert json.loads(ask(served, f"/data/run-{rows[0]['key']}.json").body)["name"] == "one"
    for path in ("/data/place-7.json", "/data/x.json", "/drawings/x.svg", "/static/x.js", "/x"):
        assert ask(served, path).status == 404, path


def test_a_browser_that_knows_the_answer_gets_none(served, make_run):
    path = make_run("one", [epoch(1)])
    first = ask(served, "/data/place-0.json")
    tag = first.headers.get("etag")
    assert tag is not None
    assert first.body
    again = ask(served, "/data/place-0.json", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    with (path / "journal.jsonl").open("a") as file:
        file.write(json.dumps(epoch(2)) + "\n")
    changed = ask(served, "/data/place-0.json", If_None_Match=tag)
    assert changed.status == 200
    assert json.loads(changed.body)["runs"][0]["epoch"] == 2


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static//etc/passwd",
        "/data/..%2f..%2frun.json",
        "/data/run-..%2f..%2fx.json",
        "/drawings/..%2f..%2fsecret.svg",
        "/static/page.py",
        "/static/index.html",
        "/runs/one/run.json",
        "/static/x%00.js",
    ],
)
def test_no_path_leads_out(served, make_run, path):
    make_run("one")
    answer = ask(served, path)
    assert answer.status == 404
    assert b"root:" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_takes_no_orders(served, method):
    assert ask(served, "/data/places.json", method, Content_Length="0").status == 405


def test_other_origins_learn_nothing(served):
    """Another site can neither read nor embed anything, nor lead a name of its own here."""
    for site in ("cross-site", "same-site"):
        assert ask(served, "/data/places.json", Sec_Fetch_Site=site).status == 403
        assert ask(served, "/static/dom.js", Sec_Fetch_Site=site).status == 403
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example"):
        assert ask(served, "/", Host=host).status == 400, host
    assert ask(served, "/data/places.json", Host=f"evil.example:{served}").status == 400
    answer = ask(served, "/data/places.json", Origin="https://evil.example")
    assert answer.headers.get("access-control-allow-origin") is None
    assert answer.headers.get("cross-origin-resource-policy") == "same-origin"
    policy = answer.headers.get("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "10.0.0.7"])
def test_it_answers_under_the_names_of_this_machine(served, host):
    assert ask(served, "/", Host=f"{host}:{served}").status == 200


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nasbench", "board", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_the_command_tells_its_address_and_ends_when_asked(results, make_run, number):
    make_run("one")
    server = start(str(results), "--port", "0")
    assert server.stdout is not None
    told = server.stdout.readline()
    address = told.split()[0]
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{address}data/place-0.json") as answer:
        assert json.loads(answer.read())["runs"][0]["name"] == "one"
    server.send_signal(number)
    out, err = server.communicate(timeout=20)
    assert (out, err) == ("", "")
    assert server.returncode == (0 if number == signal.SIGINT else -number)


def test_a_port_in_use_is_one_line(results):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = start(str(results), "--port", str(port))
        out, err = server.communicate(timeout=60)
    assert (server.returncode, out) == (2, "")
    assert err == (
        f"error: --port {port}: in use by another program; choose another, or 0 for a free port\n"
    )


def test_no_such_folder_is_one_line(tmp_path: Path):
    server = start(str(tmp_path / "nowhere"))
    _, err = server.communicate(timeout=60)
    assert server.returncode == 2
    assert err == f"error: {tmp_path}/nowhere: no such folder; the first run creates it\n"
