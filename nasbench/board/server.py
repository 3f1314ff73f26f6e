"""The page, live, from a server on this machine that answers questions and takes no orders."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from threading import Thread

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nasbench.board import page
from nasbench.board.files import packed, text
from nasbench.board.library import Library

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
_OWN = (None, "same-origin", "none")  # of Sec-Fetch-Site: this page, or an address typed in


class Guard:
    """Sends every answer with headers that keep others out, and refuses other sites' requests.

    A link from elsewhere may open the page; nothing else of another origin is answered. A name
    that somebody else has made to lead here is no origin of ours.

    Args:
        app: what answers the others.
        hosts: this machine's names.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(k.encode(), v.encode()) for k, v in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        headers = Request(scope).headers
        app: ASGIApp = self.app
        if not self.answers_to(headers.get("host", "")):
            app = PlainTextResponse("this machine has another name", 400)
        elif scope["path"] != "/" and headers.get("sec-fetch-site") not in _OWN:
            app = PlainTextResponse("this page answers itself alone", 403)
        await app(scope, receive, guarded)

    def answers_to(self, host: str) -> bool:
        """Return whether this is a name of ours, with a port or without.

        A number is: no foreign name can be made to stand for it.
        """
        name = re.sub(r":\d*$", "", host).lower()
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self.hosts
        return True


def application(root: Path, hosts: Collection[str]) -> Starlette:
    """Return the server of a results folder, which reads only and only in there.

    Args:
        root: the results folder.
        hosts: names under which it may be asked, beside its numbers.
    """
    library, assets, title = Library(root), page.assets(), text(root.resolve().name)
    # What the page asks for first is read while the browser starts.
    Thread(target=library.data, args=("place-0",), daemon=True).start()

    def start(request: Request) -> Response:
        return HTMLResponse(page.html(title, live=True), headers={"cache-control": "no-store"})

    def asset(request: Request) -> Response:
        path = assets.get(request.path_params["name"])
        return _missing() if path is None else FileResponse(path, headers=_FRESH)

    def data(request: Request) -> Response:
        content = library.data(request.path_params["key"])
        if content is None:
            return _missing()
        body = packed(content).encode()
        return _unless_known(request, body, "application/json")

    def drawing(request: Request) -> Response:
        drawn = library.drawing(request.path_params["name"])
        return _missing() if drawn is None else _unless_known(request, drawn, "image/svg+xml")

    routes = [
        Route("/", start),
        Route("/static/{name}", asset),
        Route("/data/{key}.json", data),
        Route("/drawings/{name}.svg", drawing),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, hosts=hosts)])


_FRESH = {"cache-control": "no-cache"}


def _missing() -> Response:
    return PlainTextResponse("there is no such thing here", 404)


def _unless_known(request: Request, body: bytes, kind: str) -> Response:
    """Answer with the body, or that the browser has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"etag": tag, **_FRESH}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
