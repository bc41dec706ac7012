"""Who may ask the server: the page that has its token, on this machine, and no page of another site."""

import base64
import hashlib
import secrets
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_QUESTION = 200_000  # bytes
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address has the token
    "X-Content-Type-Options": "nosniff",
}
_SCRIPT_OF_REPORTS = Path(__file__).parents[1] / "lab" / "report" / "page" / "report.js"


def report_policy() -> dict[str, str]:
    """The header of a report's page: only the script of stepsize's own reports runs.

    A stranger may have written the file, and whatever runs in it could ask this server as the page does.
    """
    hashed = base64.b64encode(hashlib.sha256(_SCRIPT_OF_REPORTS.read_bytes()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashed}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return {"Content-Security-Policy": policy}


class Guard:
    """Refuses requests without the token, of other origins, or for another host, and sets the headers of answers.

    The token is the first part of every path, so that no other page knows an address of this server. The host is
    compared because a site can let its name point to this machine, and the origin because a site can send requests
    whose answers it cannot read.
    """

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app = app
        self._token = token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refused = self._refusal(scope)
            app = self._app if refused is None else PlainTextResponse(refused[1], refused[0])
            await app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, "This server answers only at 127.0.0.1."
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return 403, "This server answers only its own page."
        token = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return 403, "Open the address that `stepsize play` has printed; it has a token."
        length = headers.get("content-length", "0" if scope["method"] in ("GET", "HEAD") else "")
        if not (length.isdecimal() and int(length) <= LONGEST_QUESTION):
            return 413, f"A question has at most {LONGEST_QUESTION:,} bytes, and says how many."
        return None


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name for name, _ in message["headers"]}
            added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
            message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in known)]
        await send(message)

    return sending
