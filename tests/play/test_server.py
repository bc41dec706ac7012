import asyncio
import http.client
import json
import queue
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from installed import environment
from stepsize.errors import MissingExtraError
from stepsize.play import server
from stepsize.play.guard import report_policy
from stepsize.play.state import Entry, State
from stepsize.play.subjects import Subject


@pytest.fixture(scope="module")
def address(play):
    return play("Linear(0.3, 0, 1000)")[0]


def requested(address, path="", method="GET", body=None, **headers):
    """The status, the headers and the text of an answer; a header of None is left out."""
    url = urlsplit(address)
    with closing(http.client.HTTPConnection(url.hostname, url.port, timeout=30)) as connection:
        connection.putrequest(method, url.path + path, skip_host=True)
        given = {"Host": url.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            given.setdefault("Content-Length", str(len(body)))
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(body)
        answered = connection.getresponse()
        return answered.status, dict(answered.getheaders()), answered.read().decode()


def test_the_page_and_all_that_it_loads_are_served(address):
    status, headers, text = requested(address)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>stepsize play</title>" in text
    for path in ("page/main.js", "page/page.css", "bokeh/bokeh.min.js", "bokeh/bokeh-api.min.js"):
        assert requested(address, path)[0] == 200


def test_it_answers_questions(address):
    status, headers, text = requested(address, "answer/open", "POST", b'""')
    assert headers["content-type"] == "application/json"
    assert (status, json.loads(text)["state"]["schedules"][0]["text"]) == (200, "Linear(0.3, 0, 1000)")


async def answered(app, question):
    """The answer to a question about a constant rate, from an application that is not behind a socket."""
    sent, form = [], State((Entry("Constant(0.1)"),)).as_json()
    body = json.dumps(form).encode()
    headers = [(b"host", b"127.0.0.1:1"), (b"content-length", str(len(body)).encode())]

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    asked = {"method": "POST", "path": f"/token/answer/{question}", "root_path": "", "query_string": b""}
    await app({"type": "http", "headers": headers, **asked}, receive, send)
    return json.loads(b"".join(message.get("body", b"") for message in sent))


def test_questions_that_compute_for_longer_have_more_time(monkeypatch):
    monkeypatch.setattr(server, "QUICK_SECONDS", 0.001)
    app = server.app_of(Subject(State((Entry("Constant(0.1)"),))), "token", 1)

    async def both():
        async with app.router.lifespan_context(app):
            return await answered(app, "curves"), await answered(app, "ranking")

    quick, slow = asyncio.run(both())
    assert quick == {"refused": "this takes more than 0.001 seconds to compute"}
    assert "refused" not in slow


def test_every_answer_forbids_what_the_page_does_not_need(address):
    for path, method, body in (("", "GET", None), ("answer/open", "POST", b'""'), ("nothing", "GET", None)):
        _, headers, _ = requested(address, path, method, body)
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/answer/open", "/wrong/", "//", "/%2e%2e/", "/wrong/../"])
def test_without_the_token_nothing_is_served(address, path):
    url = urlsplit(address)
    status, _, text = requested(f"http://{url.netloc}", path)
    assert status == 403
    assert "token" in text
    assert requested(f"http://{url.netloc}", path, "POST", b"{}")[0] == 403


def test_the_token_of_each_start_differs_and_is_long(address, play):
    token = urlsplit(address).path.strip("/")
    assert len(token) >= 20
    assert token != urlsplit(play()[0]).path.strip("/")


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "127.0.0.1:1", "0.0.0.0", "", None])
def test_a_name_that_was_made_to_point_here_is_refused(address, host):
    status, _, text = requested(address, Host=host)
    assert (status, text) == (421, "This server answers only at 127.0.0.1.") or (status == 400 and host in ("", None))


def test_it_answers_at_the_name_of_this_machine_and_to_a_question_about_the_headers_alone(address):
    host = f"localhost:{urlsplit(address).port}"
    assert requested(address, Host=host, Origin=f"http://{host}")[0] == 200
    status, headers, text = requested(address, method="HEAD")
    assert (status, headers["content-type"], text) == (200, "text/html; charset=utf-8", "")


def test_the_policy_of_a_report_allows_its_own_script_alone():
    policy = dict(part.split(" ", 1) for part in report_policy()["Content-Security-Policy"].split("; "))
    assert policy.pop("script-src").startswith("'sha256-")
    assert policy == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1", "http://localhost"])
def test_pages_of_other_origins_are_refused(address, origin):
    status, _, text = requested(address, "answer/open", "POST", b'""', Origin=origin)
    assert (status, text) == (403, "This server answers only its own page.")


def test_its_own_page_is_answered(address):
    origin = address.rsplit("/", 2)[0]
    assert requested(address, "answer/open", "POST", b'""', Origin=origin)[0] == 200


def test_files_beside_the_page_are_not_served(address):
    for path in ("page/../server.py", "page/%2e%2e/server.py", "bokeh/../../../../pyproject.toml", "page/"):
        assert requested(address, path)[0] == 404


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_question_that_is_no_json_is_refused(address, body):
    status, _, text = requested(address, "answer/curves", "POST", body)
    assert (status, text) == (400, "A question is JSON.")


@pytest.mark.parametrize(
    "body", [b"null", b"[]", b'{"schedules": 1}', b'"\\ud800"', b'{"schedules": [{"text": "\\ud800"}]}']
)
def test_a_question_about_no_state_is_refused_in_words(address, body):
    status, _, text = requested(address, "answer/curves", "POST", body)
    assert status == 200
    assert json.loads(text)["refused"]


def test_long_questions_are_refused(address):
    status, _, text = requested(address, "answer/curves", "POST", b" " * 200_001)
    assert (status, text) == (413, "A question has at most 200,000 bytes, and says how many.")
    assert requested(address, "answer/curves", "POST", b" " * 200_000)[0] == 400  # it is no JSON
    assert requested(address, "answer/curves", "POST", b"", Content_Length=None, Transfer_Encoding="chunked")[0] == 413


def test_it_listens_on_the_loopback_address_only(address):
    port = urlsplit(address).port
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if f":{port:04X} " in line]
    assert {place for _, place, *_ in listening} >= {f"0100007F:{port:04X}"}
    assert all(place.startswith("0100007F:") for _, place, _, state, *_ in listening if state == "0A")


@pytest.mark.parametrize("browser", [True, False])
def test_the_browser_is_opened_at_the_address_if_it_is_wanted(monkeypatch, browser):
    told, opened = [], queue.SimpleQueue()

    def interrupted(self, sockets):
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", opened.put)
    monkeypatch.setattr("uvicorn.Server.run", interrupted)
    server.serve(Subject(State()), tell=told.append, browser=browser)
    (address,) = told
    assert address.startswith("http://127.0.0.1:")
    if browser:
        assert opened.get(timeout=30) == address
    assert opened.empty()


@pytest.mark.parametrize("found", [None, SimpleNamespace(submodule_search_locations=None)])
def test_without_bokeh_the_error_says_what_to_install(monkeypatch, found):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: found)
    with pytest.raises(MissingExtraError, match=r"^Bokeh is not installed; install it with: pip install '\.\[play\]'"):
        server.bokeh_files()


def test_a_port_in_use_is_an_error(address):
    port = str(urlsplit(address).port)
    command = [sys.executable, "-m", "stepsize", "play", "--no-browser", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"stepsize: port {port} cannot be used: address already in use\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_processes(number):
    command = [sys.executable, "-m", "stepsize", "play", "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    requested(address, "answer/open", "POST", b'""')
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    assert len(children.stdout.split()) == 2
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert errors == ""
    assert process.returncode in (0, -number)
    for child in children.stdout.split():
        assert subprocess.run(["ps", "-p", child], stdout=subprocess.DEVNULL).returncode == 1


def test_without_the_extra_the_error_says_what_to_install(tmp_path):
    hidden = (
        "import sys; sys.modules['starlette'] = None; from stepsize.cli import main; sys.argv[0] = 'stepsize'; main()"
    )
    command = [sys.executable, "-c", hidden, "play", "--no-browser"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment(PYTHONPATH=":".join(sys.path))
    )
    assert done.returncode == 2
    advice = "install it with: pip install '.[play]' in a clone of stepsize"
    assert done.stderr == f"stepsize: Starlette is not installed; {advice}\n"


def test_without_a_comparison_the_place_of_its_report_says_how_to_open_one(address):
    status, headers, text = requested(address, "report")
    assert (status, text) == (200, "there is no comparison; open one with: stepsize play DIR")
    assert headers["content-type"].startswith("text/plain")
