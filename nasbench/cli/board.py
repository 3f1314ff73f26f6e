"""``nasbench board``."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.output import note, tell
from nasbench.errors import UserError
from nasbench.optional import require
from nasbench.store import published

Results = Annotated[Path, typer.Argument(metavar="[RESULTS]", help="The results folder.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 selects a free one.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Export = Annotated[
    Path | None,
    typer.Option("--export", metavar="DIR", help="Write the page into a new folder instead."),
]
Published = Annotated[
    bool,
    typer.Option("--with-published", help="Show the results that come with nasbench, too."),
]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def command(
    results: Results = Path("results"),
    port: Port = 8642,
    host: Host = "127.0.0.1",
    export: Export = None,
    with_published: Published = False,
) -> None:
    """Show runs and results in a browser on this machine."""
    if not results.is_dir():
        raise UserError(f"{results}: no such folder; the first run creates it")
    ours = published.folder() if with_published else None
    if export is not None:
        from nasbench.board import page

        page.export(results, export, lambda line: note(f"note: {line}"), ours)
        tell(f"written: {export / 'index.html'}")
        return
    uvicorn = require("uvicorn", "nasbench board")
    require("starlette", "nasbench board")
    from nasbench.board.server import application

    with _listening(host, port) as line:
        hosts = {"localhost", host, socket.gethostname()}
        settings = uvicorn.Config(
            application(results, hosts, ours),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        address = f"[{host}]" if ":" in host else host
        tell(f"http://{address}:{line.getsockname()[1]}/  (Ctrl-C stops the server)")
        if host not in LOOPBACK:
            note(f"note: everyone who can reach {host} can read {results}")
        with suppress(KeyboardInterrupt):  # the usual end
            uvicorn.Server(settings).run(sockets=[line])


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:
        UserError: the port is in use, or the address does not belong to this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"--port {port}: in use by another program; choose another, or 0 for a free port"
            ) from error
        name = f"--host {host} --port {port}"
        raise UserError(f"{name}: {error.strerror or error}") from error
