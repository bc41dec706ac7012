"""A page in the browser to build, compare and understand schedules. It needs the extra `play`.

The page computes nothing: the package answers its questions, so that there is one implementation of every formula.
The server is Starlette on uvicorn, 0.2 MB, and the charts are drawn by BokehJS, whose files come with Bokeh (1.3 MB of
JavaScript, of which Python imports nothing). NiceGUI and Panel would bring their own components for 8 and 30 MB, and
Plotly's one file of 4.8 MB takes several times as long to load and twice as long to redraw; docs/evidence/play.md has
the measurements.
"""

from stepsize.errors import MissingExtraError

try:
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "uvicorn"):
        raise
    raise MissingExtraError.naming("Starlette", "play") from error
