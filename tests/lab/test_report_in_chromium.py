"""The report in a browser: what it shows, and that it logs no errors and sends no requests."""

import itertools
import math
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from made_up import made_up_run
from reports import ABOUT, HOSTILE, RUNS, SCHEDULES, WICKED, views

from stepsize import Constant
from stepsize.lab import html_report
from stepsize.lab.statistics.findings import Metric
from stepsize.lab.tasks.chance import Chance
from stepsize.store.run import Epoch, Point, Run, Value

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
    "twenty": (views(schedules=20, seeds=5, points=20), {"title": "Twenty"}),
    "many": (views(schedules=60, seeds=3, points=50), {"title": "Many"}),
}


@pytest.fixture
def opened(open_in_browser, tmp_path):
    """Opens one of the reports from a file."""

    def opened(name="usual", **options):
        path = tmp_path / "report.html"
        path.write_text(html_report(PAGES[name][0], **PAGES[name][1]), encoding="utf-8")
        return open_in_browser(path.as_uri(), **options)

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
    assert page.get_by_role("table").count() == 2  # the others are asked for
    row = page.get_by_role("table").first.get_by_role("row").nth(2)
    assert row.get_by_role("rowheader").inner_text() == "cosine"
    assert row.get_by_role("cell").count() == 6
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


def losing(name, rate, *losses):
    """A run of 300 steps with these train losses, which are its test losses too."""
    steps = [round(300 * (place + 1) / len(losses)) for place in range(len(losses))]
    points = tuple(Point(step, rate, loss, 0.5) for step, loss in zip(steps, losses, strict=True))
    epochs = tuple(Epoch(step, loss, 0.5, loss, math.nan) for step, loss in zip(steps, losses, strict=True))
    return Run(name, f"Constant({rate})", 0, points, epochs, 1.0)


def numbers(page, title):
    return page.locator("figure", has=page.get_by_role("heading", name=title)).locator(".up span").all_inner_texts()


def highest_point(page, title, curve):
    """The place of the highest point of a curve above the foot of its panel, in shares of the panel's height."""
    plot, line = panel(page, title).bounding_box(), panel(page, title).locator(f'g[data-curve="{curve}"] .line')
    box = line.bounding_box()
    return 1 - (box["y"] - plot["y"]) / plot["height"]


@pytest.fixture
def one_bad(open_in_browser, tmp_path):
    """The page of two schedules that train and one that blows up."""
    runs = [losing("a", 0.1, 1.0, 0.6, 0.5), losing("b", 0.2, 0.9, 0.5, 0.4), losing("bad", 9.0, 1.0, 50.0, 4e5)]
    path = tmp_path / "report.html"
    path.write_text(html_report(runs, "One bad"), encoding="utf-8")
    return open_in_browser(path.as_uri())


def test_a_schedule_that_blows_up_is_out_of_view_and_hiding_the_others_brings_it_back(one_bad):
    page = one_bad
    note = page.locator("figure", has=page.get_by_role("heading", name="train loss")).locator(".beyond")
    assert note.inner_text() == "out of view: bad"
    before = numbers(page, "train loss"), numbers(page, "learning rate")
    assert before[1] == ["0", "0.1", "0.2"] or before[1][-1] == "0.2"
    assert 0.9 < highest_point(page, "train loss", 0) < 1
    page.get_by_role("button", name="a", exact=True).click()
    page.get_by_role("button", name="b", exact=True).click()
    assert float(numbers(page, "train loss")[-1].replace(",", "")) >= 1e5
    assert numbers(page, "learning rate")[-1] == "8"
    assert 0.9 < highest_point(page, "train loss", 2) < 1
    assert not note.is_visible()
    point_at(page, "train loss", 0.99)
    spot = panel(page, "train loss").locator(".spot").bounding_box()
    plot = panel(page, "train loss").bounding_box()
    assert 0 <= spot["y"] - plot["y"] < 0.1 * plot["height"]
    page.get_by_role("button", name="a", exact=True).click()
    page.get_by_role("button", name="b", exact=True).click()
    assert (numbers(page, "train loss"), numbers(page, "learning rate")) == before
    assert note.is_visible()


def test_the_axes_fit_the_schedules_that_are_shown(opened):
    page = opened()
    numbers_before = numbers(page, "learning rate")
    page.get_by_role("button", name="flat").click()
    assert numbers(page, "learning rate")[-1] == "0.2"
    assert 0.9 < highest_point(page, "learning rate", 1) < 1
    page.get_by_role("button", name="flat").click()
    assert numbers(page, "learning rate") == numbers_before


def test_hiding_all_schedules_leaves_numbers_at_the_axes(opened):
    page = opened()
    for name in SCHEDULES:
        page.get_by_role("button", name=name).click()
    assert page.locator(".line:visible").count() == 0
    assert numbers(page, "train loss")
    assert numbers(page, "learning rate")


def test_all_pairs_are_shown_if_they_are_asked_for(opened):
    page = opened()
    table = page.get_by_role("table", name="all pairs")
    assert not table.is_visible()
    page.get_by_text("All 3 pairs of schedules").click()
    assert table.get_by_role("row").count() == 4
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert table.is_visible()
    assert not page.get_by_text("lower is better").first.is_visible()


def pages_of(page, tmp_path):
    """The text of each printed page, as it is laid out."""
    if shutil.which("pdftotext") is None:
        pytest.skip("Debian's package poppler-utils is not installed")
    (tmp_path / "report.pdf").write_bytes(page.pdf(format="A4"))
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "report.pdf", "-"], check=True, capture_output=True, text=True
    )
    return text.stdout.split("\f")


@pytest.mark.parametrize("name", ["usual", "twenty"])
def test_the_printed_page_cuts_no_table(opened, tmp_path, name):
    page = opened(name, viewport={"width": 680, "height": 960})  # as wide as A4 without margins
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for table in page.locator("table:visible").all():
        box = table.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 680
    pages = pages_of(page, tmp_path)
    names = list(dict.fromkeys(run.name for run in PAGES[name][0]))
    heads = [place for place, text in enumerate(pages) if re.search(r"schedule +runs +mean", text)]
    assert heads
    for text in pages:
        lines = [line for line in text.splitlines() if line.strip()]
        assert not lines or not re.search(r"schedule +(runs|seed)", lines[-1]), "a head alone at the foot of a page"
    if name == "usual":  # a short table is on one page
        (text,) = [pages[place] for place in heads]
        assert all(re.search(rf"{each} +\d.*±", text) for each in names)
    assert len(pages) <= 7


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_a_hostile_name_neither_runs_nor_breaks_the_layout(open_in_browser, tmp_path, name, width):
    runs = [
        replace(made_up_run(each, Constant(0.3), 2 * seed + len(each)), seed=seed)
        for seed in range(2)
        for each in ("flat", name, "other")
    ]
    metric = Metric(name, name, None)
    runs = [replace(run, values=(Value(300, name, run.points[0].train_loss),)) for run in runs]
    chance, text = Chance(1.0, 100, None), name[:500]
    html = html_report(
        runs, name, source=text, settings={text: text}, environment={text: text}, remarks=[text], headline=metric,
        chance=chance,
    )  # fmt: skip
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    page = open_in_browser(path.as_uri(), viewport={"width": width, "height": 900})
    page.get_by_text("All 3 pairs of schedules").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.documentElement.scrollHeight") < (14_000 if width > 500 else 30_000)
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, a").count() == 0
    # What stands after a name is not turned around by it.
    assert "\u202e" not in page.locator("p.warning").first.inner_text()
    assert page.locator(".name").first.evaluate("each => getComputedStyle(each).unicodeBidi") == "isolate"
    point_at(page, "train loss", 0.5)
    box = page.locator("#tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


LEFT = {  # the losses of the schedules that stay, as many powers of ten apart as a scale has different numbers for
    "linear": [(1.0, 0.6, 0.5), (0.9, 0.5, 0.4)],
    "negative": [(-1.0, -6.0, -5.0), (2.0, 1.0, 0.0)],
    "tiny": [(5e-6, 3e-6, 2e-6), (4e-6, 3e-6, 1e-6)],
    "large": [(5e6, 3e6, 2e6), (4e6, 3e6, 1e6)],
    "thousands": [(5000.0, 3000.0, 2000.0), (4000.0, 3000.0, 1000.0)],
    "equal": [(2.0, 2.0, 2.0)],
    "one power": [(2.0, 0.5, 0.1), (2.0, 0.5, 0.2)],
    "three powers": [(90.0, 1.0, 0.05), (8.0, 0.5, 0.02)],
    "ten powers": [(9e5, 1.0, 2e-5)],
    "one that blows up": [(1.0, 0.6, 0.5), (0.9, 0.5, 0.4), (1.0, 50.0, 4e5)],
}


@pytest.mark.parametrize("name", LEFT)
def test_if_a_schedule_is_hidden_its_panels_are_as_if_it_had_not_been_there(open_in_browser, tmp_path, name):
    far = [value for losses in LEFT[name][:2] for value in losses]
    reach = max(far) - min(far) or 1.0
    hidden = (max(far) + reach, max(far) + reach / 2, max(far)) if "power" not in name else (900.0, 0.01, 1e-4)
    left = [losing(f"s{number}", 0.1 + number, *losses) for number, losses in enumerate(LEFT[name])]
    pages = []
    for runs in ([losing("hidden", 9.0, *hidden), *left], left):
        path = tmp_path / f"{len(runs)}.html"
        path.write_text(html_report(runs, "Report"), encoding="utf-8")
        pages.append(open_in_browser(path.as_uri()))
    before, alone = pages
    before.get_by_role("button", name="hidden").click()
    for title in ("learning rate", "train loss", "test loss"):
        found, wanted = (drawing_of(page, title) for page in (before, alone))
        assert found["labels"] == wanted["labels"], title
        for part in ("places", "grid", "crosses"):
            assert found[part] == pytest.approx(wanted[part], abs=0.06), (title, part)
        for part in ("gutter", "beyond", "note"):
            assert found[part] == wanted[part], (title, part)
        assert found["lines"] == pytest.approx(wanted["lines"], abs=0.01), title


def drawing_of(page, title):
    """The numbers of a panel with their places, and the heights of its curves in shares of its own."""
    return page.locator("figure", has=page.get_by_role("heading", name=title)).evaluate(
        """figure => {
            const plot = figure.querySelector(".plot").getBoundingClientRect();
            const spans = [...figure.querySelectorAll(".up span")];
            const shown = [...figure.querySelectorAll(".line")].map((each) => each.getBoundingClientRect());
            return {
                labels: spans.map((each) => each.textContent),
                places: spans.map((each) => parseFloat(each.style.bottom)),
                grid: figure.querySelector(".grid").getAttribute("d").match(/[\\d.-]+(?=H)/g).map(Number),
                crosses: [...figure.querySelectorAll(".cross:not(.off)")].map((each) => parseFloat(each.style.bottom)),
                gutter: figure.querySelector(".chart").style.getPropertyValue("--gutter"),
                beyond: figure.querySelector(".beyond .name").textContent,
                note: figure.querySelector(".beyond").hidden,
                lines: shown.filter((each) => each.width).map((each) => (each.top - plot.top) / plot.height),
            };
        }"""
    )


def test_the_tooltip_has_the_values_of_all_curves_from_top_to_bottom(opened):
    page = opened()
    slider = page.get_by_role("slider", name="test accuracy over steps")
    assert [slider.get_attribute(f"aria-value{name}") for name in ("min", "max", "now")] == ["0", "300", "0"]
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuenow") == "300"  # from no step to the last
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuenow") == "300"
    ended = {
        name: [run.epochs[-1].test_accuracy for run in RUNS if run.name == name and run.status == "finished"]
        for name in SCHEDULES
    }
    rows = sorted(((sum(each) / len(each), name, each) for name, each in ended.items()), reverse=True)
    words = [(name, f"{mean:.4f}", f"{min(each):.4f} to {max(each):.4f}") for mean, name, each in rows]
    beside = "train accuracy 0.8000"
    told = ", ".join(f"{name} {mean} ({reach}), {beside}" for name, mean, reach in words)
    assert slider.get_attribute("aria-valuetext") == f"step 300: {told}"
    cells = page.locator("#tip span").all_inner_texts()
    assert cells == ["step 300", *(cell for row in words for cell in (*row, beside))]
    samples = page.locator("#tip .sample path").evaluate_all("each => each.map((path) => path.getAttribute('stroke'))")
    strokes = dict(zip(SCHEDULES, ("#0072b2", "#d55e00", "#009e73"), strict=True))
    assert samples == [strokes[name] for name, *_ in words]
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuenow") == "100"  # from no step to the first
    page.evaluate("document.activeElement.blur()")
    assert not page.locator("#tip").is_visible()


def test_numbers_in_the_tooltip_have_four_digits_or_an_exponent(open_in_browser, tmp_path):
    runs = [losing(str(number), 0.1, value, value) for number, value in enumerate((-0.5, 0.0, 2e-5, 1234.5, 123456.0))]
    path = tmp_path / "report.html"
    path.write_text(html_report(runs, "Numbers"), encoding="utf-8")
    page = open_in_browser(path.as_uri())
    page.get_by_role("slider", name="train loss over steps").focus()
    page.keyboard.press("Home")
    shown = page.locator("#tip .value").all_inner_texts()
    assert shown == ["1.23e+5", "1235", "2.00e\N{MINUS SIGN}5", "0.000", "\N{MINUS SIGN}0.5000"]


def test_a_value_between_two_points_of_a_curve_lies_on_the_straight_line(open_in_browser, tmp_path):
    runs = [losing("two", 0.1, 2.0, 1.0), losing("three", 0.2, 1.5, 1.5, 0.5), losing("one", 0.3, 0.7)]
    path = tmp_path / "report.html"
    path.write_text(html_report(runs, "Between"), encoding="utf-8")
    page = open_in_browser(path.as_uri())
    slider = page.get_by_role("slider", name="train loss over steps")
    slider.focus()
    told = []
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
        told.append(slider.get_attribute("aria-valuetext"))
    assert told == [
        "step 100: three 1.500",
        "step 150: two 2.000, three 1.500",
        "step 200: two 1.667, three 1.500",
        "step 300: two 1.000, one 0.7000, three 0.5000",
    ]
