"""Pages in the system's Chromium, as fixtures."""

import os
import shutil

import pytest

SIZE = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's package chromium is not installed")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def _usual_page(browser):
    """A page that tests use one after another: a new one takes a second."""
    return browser.new_page()


@pytest.fixture
def open_in_browser(browser, _usual_page):
    """Opens an address; fails at the end if the page logged an error or asked for anything elsewhere."""
    opened, said = [], []

    def open_page(address, viewport=SIZE, **options):
        new = options or opened
        page = browser.new_context(viewport=viewport, **options).new_page() if new else _usual_page
        page.set_viewport_size(viewport)
        root = address.partition("#")[0]
        heard = {
            "console": lambda message: message.type != "info" and said.append(message.text),
            "pageerror": lambda error: said.append(str(error)),
            "dialog": lambda dialog: (said.append(dialog.message), dialog.dismiss()),
            "request": lambda request: request.url.startswith((root, "data:")) or said.append(request.url),
        }
        for event, listener in heard.items():
            page.on(event, listener)
        opened.append((page, heard))
        page.goto(address)
        return page

    yield open_page
    for page, heard in opened:
        if page is not _usual_page:
            page.context.close()
            continue
        for event, listener in heard.items():
            page.remove_listener(event, listener)
        page.emulate_media(media="null", color_scheme="light")
        page.goto("about:blank")
    assert said == []
