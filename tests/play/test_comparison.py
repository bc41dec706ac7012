import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stepsize.errors import DataError
from stepsize.lab import html_report
from stepsize.play.answers import answer, progress, report
from stepsize.play.state import State
from stepsize.play.subjects import Subject, subject_of
from stepsize.store import Store, load_runs, stored_runs
from stepsize.store.run import Epoch, Point

pytest.importorskip("torch")

from stepsize.lab import Experiment

SCHEDULES = {"flat": "Constant(0.1)", "down": "Linear(0.2, 0, 100)"}
RUNS = [(name, text, 0) for name, text in SCHEDULES.items()]
ABOUT = {"data": "made up", "network": "a_net", "steps": 100}


def settings(**experiment):
    return {**ABOUT, "experiment": Experiment(**{"schedules": SCHEDULES, "task": "digits", **experiment}).as_dict()}


SETTINGS = settings()


def log(store, number, until):
    store.log(number, [Point(step, 0.1, 2 / step, 0.5) for step in range(10, until + 1, 10)])
    store.log(number, [Epoch(until, 2 / until, 0.5, 2.1 / until, 0.6)])


@pytest.fixture
def store(tmp_path):
    """The store of a comparison with one finished run and one that waits."""
    with Store.create(tmp_path / "store.sqlite", SETTINGS, {}, RUNS) as store:
        log(store, 0, 100)
        store.end(0, "finished", 1.0)
        yield store


def test_the_subject_has_the_schedules_of_the_comparison_and_opens_its_tab(store):
    found = subject_of([str(store.path.parent)], lambda places: [])
    assert found.comparison == store.path.parent
    assert [(entry.name, entry.text) for entry in found.state.schedules] == [(name, text) for name, text, _ in RUNS]
    assert found.state.tab == "comparison"


def test_two_comparisons_are_an_error(store, tmp_path):
    (tmp_path / "other").mkdir()
    Store.create(tmp_path / "other" / "store.sqlite", SETTINGS, {}, RUNS).close()
    with pytest.raises(DataError, match="one comparison; open the others in pages of their own"):
        subject_of([str(tmp_path), str(tmp_path / "other")], lambda places: [])


def test_the_mark_changes_as_the_comparison_grows(store):
    first = progress(store.path.parent)
    assert first["progress"] == "1 of 2 runs have finished"
    assert progress(store.path.parent) == first
    log(store, 1, 50)
    second = progress(store.path.parent)
    assert second["mark"] != first["mark"]
    store.end(1, "diverged", 1.0)
    (store.path.parent / "report.html").write_text("<p>the report</p>")
    third = progress(store.path.parent)
    assert third["progress"] == "2 of 2 runs have finished"
    (store.path.parent / "report.html").write_text("<p>a longer report</p>")
    assert progress(store.path.parent)["mark"] != third["mark"]


def test_the_page_asks_for_the_report_and_the_progress(store):
    subject = Subject(State(), comparison=store.path.parent)
    assert answer(subject, "progress", None) == progress(store.path.parent)
    assert answer(subject, "report", None) == {"page": report(store.path.parent)}


def test_the_report_of_a_comparison_under_way_has_its_runs_as_far_as_they_came(store):
    log(store, 1, 50)
    (store.path.parent / "report.html").write_text("<p>of an earlier end</p>")
    page = report(store.path.parent)
    assert "Comparison of 2 schedules, under way" in page
    assert "made up" in page
    assert "1 of 2 runs did not finish" in page
    assert re.search(r'"names":\["flat","down"\]', page)


def test_the_report_under_way_is_on_the_terms_of_the_comparison(tmp_path):
    about = settings(held_out=True, metric="train_loss", seeds=(0, 1), log_every=7)
    with Store.create(
        tmp_path / "store.sqlite", about, {}, [(*run[:2], seed) for seed in (0, 1) for run in RUNS]
    ) as store:
        for number in range(3):
            log(store, number, 100)
            store.end(number, "finished", 1.0)
        log(store, 3, 50)
    page = report(tmp_path)
    assert "held-out accuracy" in page
    assert "the test set was not looked at" in page
    assert "test accuracy" not in page.partition("<script")[0]
    assert '<h3 id="first">train loss ' in page
    for setting, value in {"log every": "7", "steps": "100", "network": "a_net"}.items():
        assert re.search(rf"<dt>{setting}</dt>\s*<dd>{value}</dd>", page), setting


def test_the_title_of_one_schedule_has_no_plural(tmp_path):
    Store.create(tmp_path / "store.sqlite", settings(schedules={"flat": "Constant(0.1)"}), {}, RUNS[:1]).close()
    assert "Comparison of 1 schedule, under way" in report(tmp_path)


def test_the_report_of_a_finished_comparison_is_its_own(store, tmp_path):
    log(store, 1, 100)
    store.end(1, "finished", 1.0)
    (tmp_path / "report.html").write_text("<p>the report</p>")
    assert report(tmp_path) == "<p>the report</p>"


def test_a_report_that_is_a_link_is_refused(store, tmp_path):
    log(store, 1, 100)
    store.end(1, "finished", 1.0)
    secret = tmp_path / "elsewhere.txt"
    secret.write_text("a secret")
    (tmp_path / "report.html").symlink_to(secret)
    with pytest.raises(DataError, match="is a link to"):
        report(tmp_path)


def test_the_report_of_a_finished_comparison_works_within_the_page(store, play, open_page):
    log(store, 1, 100)
    store.end(1, "finished", 1.0)
    directory = store.path.parent
    (directory / "report.html").write_text(html_report(stored_runs(load_runs(directory)), "Two schedules"), "utf-8")
    page = open_page(play(directory)[0])
    frame = page.frame_locator("#report")
    down = frame.get_by_role("button", name="down")
    assert down.get_attribute("aria-pressed") == "true"
    curve = frame.locator(f'[data-curve="{down.get_attribute("data-switch")}"]').first
    assert curve.is_visible()
    down.click()
    assert down.get_attribute("aria-pressed") == "false"
    assert not curve.is_visible()


def test_a_schedule_whose_name_is_its_text_has_no_name_on_the_page(tmp_path):
    runs = [("Constant(0.1)", "Constant(0.1)", 0), ("b", "Constant(0.2)", 0)]
    Store.create(tmp_path / "store.sqlite", SETTINGS, {}, runs).close()
    entries = subject_of([str(tmp_path)], lambda places: []).state.schedules
    assert [(entry.name, entry.text) for entry in entries] == [("", "Constant(0.1)"), ("b", "Constant(0.2)")]


@pytest.fixture
def elsewhere():
    """A site of a stranger: its address, and what was asked of it."""
    asked = []

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}", asked
        site.shutdown()


def test_nothing_that_a_stranger_wrote_into_a_report_runs_or_is_fetched(store, play, browser, elsewhere):
    log(store, 1, 100)
    store.end(1, "finished", 1.0)
    site, asked = elsewhere
    taken = "parent.document.title += ' taken by {}'".format
    hostile = f"""<!DOCTYPE html><h1>A report</h1><img src="{site}/x.png"><script src="{site}/x.js"></script>
        <script>{taken("script")}</script><img src="data:," onerror="{taken("onerror")}">
        <svg onload="{taken("onload")}"></svg><iframe srcdoc="<script>top.document.title = 'taken'</script>"></iframe>
        <a href="javascript:{taken("link")};void 0">more</a>
        <form action="{site}/form" target="_blank"><button>send</button></form>"""
    (store.path.parent / "report.html").write_text(hostile)
    page = browser.new_page()
    page.goto(play(store.path.parent)[0])
    frame = page.frame_locator("#report")
    frame.get_by_text("more").click()
    frame.get_by_role("button", name="send").click()
    page.wait_for_timeout(500)
    assert (page.title(), asked) == ("stepsize play", [])
    page.close()


def test_the_page_shows_the_report_and_loads_it_again_as_it_grows(store, play, open_page):
    from test_page import OVERFLOW, eventually

    page = open_page(play(store.path.parent)[0], viewport={"width": 390, "height": 844})
    frame = page.frame_locator("#report")
    eventually(frame.locator("h1").text_content, "Comparison of 2 schedules, under way", seconds=60)
    assert page.get_by_role("tab", name="Comparison").get_attribute("aria-selected") == "true"
    assert page.evaluate(OVERFLOW) <= 0
    assert frame.get_by_role("button", name="down").count() == 0
    log(store, 1, 50)
    eventually(lambda: frame.get_by_role("button", name="down").count(), 1, seconds=60)
    page.get_by_role("tab", name="Schedules").click()
    assert page.get_by_label("text of schedule 2").input_value() == "Linear(0.2, 0, 100)"
