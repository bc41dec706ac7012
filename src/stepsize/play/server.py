"""The server of the page: its files, and the answers to its questions, on this machine only."""

import importlib.util
import json
import secrets
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stepsize.errors import MissingExtraError, OutputError
from stepsize.play.guard import Guard, report_policy
from stepsize.play.subjects import Subject
from stepsize.play.worker import Worker

PAGE = Path(__file__).parent / "page"
SLOW = ("ranking", "losses", "descents", "copied", "report", "progress")
"""The questions that load SciPy, matplotlib, PyTorch or another tool, or that compute for longer."""
QUICK_SECONDS, SLOW_SECONDS = 5.0, 60.0  # for an answer


def app_of(subject: Subject, token: str, port: int) -> Starlette:
    """The application that serves the page about a subject, below `/token/`."""
    quick, slow = Worker(subject, QUICK_SECONDS), Worker(subject, SLOW_SECONDS)
    policy = report_policy()

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        await quick.started()
        await slow.started()
        yield
        await quick.stop()
        await slow.stop()

    async def page(request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    async def answer(request: Request) -> Response:
        question = request.path_params["question"]
        try:
            form = json.loads(await request.body())
        except (ValueError, RecursionError):
            return PlainTextResponse("A question is JSON.", 400)
        worker = slow if question in SLOW else quick
        return Response(await worker.answer(question, form), media_type="application/json")

    async def report(request: Request) -> Response:
        made = json.loads(await slow.answer("report", None))
        return HTMLResponse(made["page"], headers=policy) if "page" in made else PlainTextResponse(made["refused"])

    routes = [
        Route("/", page),
        Route("/answer/{question}", answer, methods=["POST"]),
        Route("/report", report),
        Mount("/page", StaticFiles(directory=PAGE)),
        Mount("/bokeh", StaticFiles(directory=bokeh_files())),
    ]
    guard = Middleware(Guard, token=token, port=port)
    return Starlette(routes=[Mount(f"/{token}", routes=routes)], middleware=[guard], lifespan=running)


def bokeh_files() -> Path:
    """The folder with the files of BokehJS, which come with Bokeh; nothing of Bokeh is imported."""
    found = importlib.util.find_spec("bokeh")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError.naming("Bokeh", "play")
    return Path(found.submodule_search_locations[0], "server", "static", "js")


def serve(subject: Subject, port: int = 0, tell: Callable[[str], object] = print, browser: bool = True) -> None:
    """Serve the page about a subject until Ctrl-C, at a free port if `port` is 0.

    Args:
        subject: what the page is about.
        port: of 127.0.0.1.
        tell: is called with the address of the page.
        browser: whether to open the page in the user's browser.

    Raises:
        OutputError: the port is in use.
        MissingExtraError: the extra `play` is not installed.
    """
    with socket.socket() as listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            raise OutputError(f"port {port} cannot be used: {(error.strerror or str(error)).lower()}") from None
        listening.listen()
        port, token = listening.getsockname()[1], secrets.token_urlsafe(16)
        address = f"http://127.0.0.1:{port}/{token}/"
        config = uvicorn.Config(
            app_of(subject, token, port), log_level="critical", ws="none", timeout_graceful_shutdown=1, lifespan="on"
        )
        tell(address)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with suppress(KeyboardInterrupt):  # which uvicorn raises again after it has shut down
            uvicorn.Server(config).run(sockets=[listening])
