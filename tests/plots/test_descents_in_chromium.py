"""The page of descents in a browser: that it plays, logs no errors and sends no requests."""

import re

import pytest

from stepsize import Exponential
from stepsize.descent import SURFACES, GradientDescent, Momentum, descend
from stepsize.plots import descents_page

BOWL, WICKED = SURFACES["bowl"], "</script><b>&\"'$x{{"
DOWN = descend(BOWL, Momentum(0.5), [-5.0, -2.0], 20, 0.6)
AWAY = descend(BOWL, GradientDescent(), [-5.0, -2.0], 500, 10.0)
LINE = descend(SURFACES["cubic"], GradientDescent(), [[-1.0], [1.5]], 40, Exponential(0.3, 0.99))
PAGES = {
    "usual": {"Momentum": {"one": DOWN, "two": {"half": DOWN, "away": AWAY}}},
    "one dimension": {"Cubic": {"": LINE}},
    "wicked": {WICKED: {WICKED: {WICKED: DOWN, "b" * 200: AWAY}}},
}


@pytest.fixture
def opened(open_in_browser, tmp_path):
    """Opens one of the pages from a file."""

    def opened(name="usual", **options):
        path = tmp_path / "page.html"
        path.write_text(descents_page(f"The page {WICKED}", PAGES[name]), encoding="utf-8")
        return open_in_browser(path.as_uri(), **options)

    return opened


def lengths(page):
    """How many points each path shows."""
    counted = "[...document.querySelectorAll('.path')].map((line) => line.points.numberOfItems)"
    return page.evaluate(counted)


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window_and_escapes_texts(opened, name, width):
    page = opened(name, viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.title() == f"The page {WICKED}"
    assert page.locator("h2").inner_text() == next(iter(PAGES[name]))
    for drawing in page.locator("figure svg").all():
        box = drawing.bounding_box()
        assert box["width"] > 300
        assert box["x"] + box["width"] <= width


def test_the_page_opens_at_the_last_step_and_the_slider_goes_back(opened):
    page = opened()
    assert lengths(page) == [21, 21, int(AWAY.lasted) + 1]
    slider = page.get_by_role("slider", name="step")
    assert slider.input_value() == "500"
    slider.focus()
    page.keyboard.press("Home")
    assert lengths(page) == [1, 1, 1]
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert lengths(page) == [4, 4, 4]
    assert page.locator("output").inner_text() == "step 3"


def test_the_paths_begin_at_the_start_and_end_at_the_minimum(opened):
    page = opened()
    minimum = page.locator("polygon.known").first.bounding_box()
    end = page.locator(".head").first.bounding_box()
    start = page.locator(".start").first.bounding_box()
    frame = page.locator(".frame").first.bounding_box()
    middle = [box["x"] + box["width"] / 2 for box in (start, end, minimum)]
    assert middle[0] < middle[1] == pytest.approx(middle[2], abs=3)
    assert frame["x"] < middle[0] < middle[2] < frame["x"] + frame["width"]
    (low, high), _ = BOWL.window
    assert (middle[0] - frame["x"]) / frame["width"] == pytest.approx((-5.0 - low) / (high - low), abs=0.01)


def wait_until(page, condition):
    for _ in range(300):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came to that")


def test_play_restarts_at_the_end_advances_and_pauses(opened):
    page = opened("one dimension")
    button = page.get_by_role("button")
    assert button.inner_text() == "Play"
    button.click()
    assert button.inner_text() == "Pause"
    wait_until(page, lambda: int(page.get_by_role("slider").input_value()) >= 5)
    button.click()
    held = page.locator("output").inner_text()
    assert 5 <= int(re.sub(r"\D", "", held)) < 40
    page.wait_for_timeout(300)
    assert page.locator("output").inner_text() == held
    button.click()
    wait_until(page, lambda: button.inner_text() == "Play")
    assert page.locator("output").inner_text() == "step 40"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_a_light_and_a_dark_scheme(opened, scheme):
    page = opened(color_scheme=scheme)
    paper, ink = page.evaluate(
        "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink)]
    assert (brightness[0] > brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 500
