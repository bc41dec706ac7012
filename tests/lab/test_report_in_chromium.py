"""The report in a browser: what it shows, and that it logs no errors and sends no requests."""

import itertools
import re
from dataclasses import replace

import pytest
from made_up import made_up_run
from reports import ABOUT, RUNS, SCHEDULES, WICKED, views

from stepsize import Constant
from stepsize.lab import html_report

PAGES = {
    "usual": (RUNS, ABOUT),
    "one seed": (RUNS[:3], {"title": "One"}),
    "no runs": ([], {"title": "None"}),
    "wicked names": (
        [replace(made_up_run(name, Constant(0.3), seed), seed=seed) for seed in (0, 1) for name in WICKED],
        {
            "title": WICKED[0],
            "settings": {WICKED[1]: WICKED[2]},
            "source": WICKED[6],
            "environment": {"x": WICKED[6]},
            "planned": 99,
        },
    ),
    "many": (views(schedules=60, seeds=3, points=50), {"title": "Many"}),
}


@pytest.fixture
def opened(open_in_browser, tmp_path):
    """Opens one of the reports from a file."""

    def opened(name="usual", **options):
        path = tmp_path / "report.html"
        path.write_text(html_report(PAGES[name][0], **PAGES[name][1]), encoding="utf-8")
        return open_in_browser(path, **options)

    return opened


def panel(page, title):
    return page.locator("figure", has=page.get_by_role("heading", name=title)).locator(".plot")


def point_at(page, title, share):
    plot = panel(page, title)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_fits_its_window(opened, name, width):
    page = opened(name, viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_shows_curves_and_tables(opened):
    page = opened()
    assert page.title() == "Three schedules"
    assert page.locator("figure h3").all_inner_texts() == ["learning rate", "train loss", "test accuracy", "test loss"]
    assert page.locator(".line").count() == 4 * 3
    places = [curve.bounding_box() for curve in page.locator("g").all()]
    assert all(place["width"] > 300 for place in places)
    assert page.get_by_role("table").count() == 3
    row = page.get_by_role("table").first.get_by_role("row").nth(3)
    assert row.get_by_role("rowheader").inner_text() == "cosine"
    assert row.get_by_role("cell").count() == 5
    assert page.locator(".cross:visible").count() == 4


def test_the_pointer_shows_the_values_of_every_curve_at_a_step(opened):
    page = opened()
    assert not page.locator("#tip").is_visible()
    point_at(page, "train loss", 0.5)
    losses = [run.column("train_loss")[5] for run in RUNS if run.name == "cosine"]
    told = page.locator("#tip").inner_text()
    assert told.startswith("step 150")
    assert all(name in told for name in SCHEDULES)
    assert f"{sum(losses) / 3:.4g}" in told
    assert f"{min(losses):.4g}" in told
    assert panel(page, "train loss").locator(".spot").count() == 3
    point_at(page, "test accuracy", 0.62)
    told = page.locator("#tip").inner_text()
    assert told.startswith("step 200")
    assert told.count("train accuracy 0.8000") == 3
    assert panel(page, "test accuracy").locator(".thin").count() == 3
    page.mouse.move(0, 0)
    assert not page.locator("#tip").is_visible()
    assert page.locator(".hair").count() == 0


@pytest.mark.parametrize("name", ["usual", "one seed"])
def test_the_rows_of_the_tooltip_are_below_each_other(opened, name):
    page = opened(name)
    point_at(page, "train loss", 0.5)
    for column in (".sample", ".name"):
        boxes = [part.bounding_box() for part in page.locator(f"#tip {column}").all()]
        assert len(boxes) == 3
        assert len({box["x"] for box in boxes}) == 1
        assert len({box["y"] for box in boxes}) == 3


def test_the_legend_switches_a_curve_off_everywhere_and_on_again(opened):
    page = opened()
    button = page.get_by_role("button", name="cosine")
    for shown in (False, True):
        button.click()
        assert button.get_attribute("aria-pressed") == str(shown).lower()
        assert page.locator('g[data-curve="1"]:visible').count() == (4 if shown else 0)
        point_at(page, "train loss", 0.5)
        assert ("cosine" in page.locator("#tip").inner_text()) is shown
    page.get_by_role("button", name="flat").click()
    assert page.locator(".cross:visible").count() == 0


def test_bands_can_be_switched_off(opened):
    page = opened()
    button = page.get_by_role("button", name="bands")
    assert page.locator(".band:visible").count() == 9
    button.click()
    assert page.locator(".band:visible").count() == 0
    assert button.get_attribute("aria-pressed") == "false"


def test_the_keyboard_moves_the_tooltip_too(opened):
    page = opened()
    slider = page.get_by_role("slider", name="train loss over steps")
    slider.focus()
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuenow") == "300"
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext").startswith("step 275: ")
    assert "cosine 0." in slider.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    assert page.locator("#tip").inner_text().startswith("step 25")
    page.keyboard.press("Escape")
    assert not page.locator("#tip").is_visible()


def test_the_tooltip_stays_in_the_window_of_a_phone(opened):
    page = opened("wicked names", viewport={"width": 375, "height": 700})
    for share in (0.05, 0.5, 0.98):
        point_at(page, "train loss", share)
        box = page.locator("#tip").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 375
        assert box["y"] >= 0


def test_the_tooltip_has_the_nearest_of_many_curves(opened):
    page = opened("many")
    assert page.get_by_role("button", name="bands").get_attribute("aria-pressed") == "false"
    point_at(page, "train loss", 0.5)
    assert page.locator("#tip .name").count() == 12
    assert "and 30 more" in page.locator("#tip").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_curves_have_enough_contrast_in_light_and_dark(opened, scheme):
    page = opened(color_scheme=scheme)
    paper, ink = page.evaluate(
        "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    assert (luminance(paper) > 0.5) == (scheme == "light")
    strokes = page.evaluate(
        "[...document.querySelectorAll('.line, .note, .words td')].map((part) => getComputedStyle(part))"
        ".map(({stroke, color}) => [stroke, color])"
    )
    low, high = sorted([luminance(paper), luminance(ink)])
    assert (high + 0.05) / (low + 0.05) > 7
    for stroke, colour in strokes:
        shown = luminance(colour if stroke == "none" else stroke)
        dark, bright = sorted([shown, luminance(paper)])
        assert (bright + 0.05) / (dark + 0.05) > (4.5 if stroke == "none" else 2.2)


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("name", ["usual", "many"])
def test_numbers_at_the_edges_do_not_overlap(opened, name, width):
    page = opened(name, viewport={"width": width, "height": 900})
    for edge in page.locator(".across, .up").all():
        boxes = [mark.bounding_box() for mark in edge.locator("span").all()]
        assert boxes
        for one, two in itertools.combinations(boxes, 2):
            apart = max(
                abs(one["x"] - two["x"]) - max(one["width"], two["width"]), abs(one["y"] - two["y"]) - one["height"]
            )
            assert apart > -0.5
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_the_printed_page_has_everything_except_controls(opened):
    page = opened(color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="bands").is_visible()
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) == 1
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_the_list_of_runs_is_open_only_in_print(opened):
    page = opened()
    runs = page.get_by_text("diverged at step 300")
    assert not runs.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert runs.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not runs.is_visible()


def test_without_scripts_only_the_tooltip_is_missing(opened):
    page = opened(java_script_enabled=False)
    assert page.locator(".line").count() == 12
    assert page.locator(".cross").first.is_visible()
