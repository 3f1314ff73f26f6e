"""A web server of the page, for this machine; it reads, and writes notes alone."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Collection
from pathlib import Path
from threading import Thread

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nasbench import plain_json
from nasbench.board import page
from nasbench.board.files import packed, text
from nasbench.board.library import Library
from nasbench.errors import UserError

# The one style element that Observable Plot puts into a chart of the class "nb".
_PLOT = "'sha256-5neZrN0ir4M+qJw9K8+eN7Usj3wJPKcd1s3QPoAkU4s='"
_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; script-src 'self'; style-src 'self' {_PLOT}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
# Values of Sec-Fetch-Site for requests of the page itself and for addresses that are typed in.
_OWN = (None, "same-origin", "none")
_JSON = "application/json"
_MOST_BODY = 64 * 2**10  # bytes of notes
_FRESH = {"cache-control": "no-cache"}


class Guard:
    """Refuses requests of other sites and adds security headers to every response.

    Another site may link to the page, but its scripts get no response. Requests under a host name
    that is not in ``hosts`` are refused, which prevents DNS rebinding.

    Args:
        app: handles the requests that are not refused.
        hosts: the names of this machine.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
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
            app = PlainTextResponse("this machine has a different name", 400)
        elif scope["path"] != "/" and headers.get("sec-fetch-site") not in _OWN:
            app = PlainTextResponse("requests of other sites are refused", 403)
        await app(scope, receive, guarded)

    def answers_to(self, host: str) -> bool:
        """Return whether ``host``, with or without a port, is a name or an IP address of ours.

        Every IP address is allowed, since only names can be rebound.
        """
        name = re.sub(r":\d*$", "", host).lower()
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name in self.hosts
        return True


def application(root: Path, hosts: Collection[str], published: Path | None = None) -> Starlette:
    """Return the server of a results folder, which reads nothing outside of it.

    Args:
        root: the results folder.
        hosts: the names under which it responds, besides IP addresses.
        published: a folder of further results.
    """
    library, assets, title = Library(root, published), page.assets(), text(root.resolve().name)
    # The page requests this first: it is read while the browser starts.
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
        return _unless_known(request, packed(content).encode(), _JSON)

    def drawing(request: Request) -> Response:
        drawn = library.drawing(request.path_params["name"])
        return _missing() if drawn is None else _unless_known(request, drawn, "image/svg+xml")

    async def annotate(request: Request) -> Response:
        """Keep tags and a note; only the page itself may ask for it, on this machine."""
        if not _asked_by_the_page(request):
            return PlainTextResponse("only the page on this machine may write", 403)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BODY:
                return PlainTextResponse("too long", 413)
        try:
            given = plain_json.parse(body)
            if not isinstance(given, dict):
                raise UserError("expected a JSON object")
            kept = await run_in_threadpool(library.annotate, request.path_params["key"], given)
        except UserError as error:
            return PlainTextResponse(str(error), 400)
        return _missing() if kept is None else Response(packed(kept), media_type=_JSON)

    routes = [
        Route("/notes/{key}", annotate, methods=["POST"]),
        Route("/", start),
        Route("/static/{name}", asset),
        Route("/data/{key}.json", data),
        Route("/drawings/{name}.svg", drawing),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, hosts=hosts)])


def _asked_by_the_page(request: Request) -> bool:
    """Return whether a request to write comes from the page in a browser on this machine."""
    headers, client = request.headers, request.client
    own = headers.get("origin") == f"http://{headers.get('host')}"
    try:
        near = client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        near = False
    plain = headers.get("content-type", "").partition(";")[0] == _JSON
    return near and plain and own and headers.get("sec-fetch-site") in ("same-origin", None)


def _missing() -> Response:
    return PlainTextResponse("not found", 404)


def _unless_known(request: Request, body: bytes, kind: str) -> Response:
    """Return the body, or status 304 if the browser has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"etag": tag, **_FRESH}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
