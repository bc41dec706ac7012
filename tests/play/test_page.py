"""The page in Chromium: every control, errors, the state in the address, widths, keyboard, light and dark."""

import functools
import json
import time

import pytest

import stepsize as ss
from stepsize.laws import MultiPowerLaw, rank
from stepsize.play.state import Entry, State

COSINE, WSD = "Cosine(0.3, 0.01, 1000)", "wsd(0.3, 100, 700, 200)"
CHART = """(name) => {
  const figure = Bokeh.documents.flatMap((each) => each.roots()).filter((each) => each.name === name).at(-1);
  if (!figure) return [];
  const numbers = (values) => [...(values ?? [])].map((value) => (Number.isFinite(value) ? value : null));
  const lists = (values) => [...(values ?? [])].map(numbers);
  return figure.renderers.map(({ name, glyph, data_source: { data } }) => ({
    name,
    kind: glyph.type,
    x: numbers(data.x),
    y: numbers(data.y),
    low: numbers(data.low),
    xs: lists(data.xs),
    axis: figure.yaxes?.[0]?.type,
  }));
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNNAMED = """() => [...document.querySelectorAll("button, input, select, textarea, iframe")]
  .filter((each) => !each.labels?.length && !each.ariaLabel && !each.title && !each.textContent.trim())
  .map((each) => each.outerHTML)"""


def eventually(get, wanted, seconds=30):
    """What `get` returns, once it is wanted: a value, or a condition."""
    end = time.monotonic() + seconds
    while True:
        got = get()
        if wanted(got) if callable(wanted) else got == wanted:
            return got
        assert time.monotonic() < end, got
        time.sleep(0.05)


def lines(page, name="rate-chart"):
    """The lines of a chart that have points."""
    return [each for each in page.evaluate(CHART, name) if each["kind"] == "Line" and each["x"]]


def state_of(page):
    return State.of_address(page.evaluate("document.documentElement.dataset.shown"))


def text(page, number=1):
    return page.get_by_label(f"text of schedule {number}")


@pytest.fixture(scope="module")
def address(play):
    return play(COSINE, WSD)[0]


@pytest.fixture
def page(address, open_page):
    return open_page(address)


def test_it_shows_the_schedules_their_sums_and_their_ranking(page):
    assert [each["name"] for each in lines(page)] == [COSINE, WSD]
    assert [each["y"][-1] for each in lines(page)] == [0.01, 0.0]
    eventually(lambda: [round(each["y"][-1]) for each in lines(page, "sum-chart")], [155, 255])
    cells = eventually(lambda: page.locator("#ranking td").all_inner_texts(), lambda cells: len(cells) == 6)
    first, second = rank([ss.parse(COSINE), ss.parse(WSD)])
    assert cells[:3] == [COSINE, f"{first.bound.value:.5f}", ""]
    assert cells[3:] == [WSD, f"{second.bound.value:.5f}", f"+{second.over_best - 1:.1%}"]


def test_dragging_a_slider_changes_the_text_the_field_the_chart_and_the_address(page):
    slider = page.get_by_role("slider", name="Cosine start")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2, steps=10)
    page.mouse.up()
    value = float(slider.input_value())
    assert 0.6 < value < 0.9
    assert text(page).input_value() == f"Cosine({value:g}, 0.01, 1000)"
    assert page.get_by_label("start", exact=True).first.input_value() == f"{value:g}"
    eventually(lambda: lines(page)[0]["y"][0], value)
    eventually(lambda: page.evaluate("location.hash.slice(1)"), state_of(page).address)
    assert state_of(page).schedules[0].text == text(page).input_value()


def test_the_keyboard_moves_a_slider(page):
    slider = page.get_by_role("slider", name="Cosine start")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert text(page).input_value() == "Cosine(0.31, 0.01, 1000)"
    eventually(lambda: lines(page)[0]["y"][0], 0.31)


def test_a_number_of_other_length_leaves_the_numbers_behind_it_in_their_places(page):
    page.get_by_label("start", exact=True).first.fill("0.12345")
    page.get_by_label("steps", exact=True).first.fill("77")
    page.get_by_label("end", exact=True).first.fill("-2e-5")
    assert text(page).input_value() == "Cosine(0.12345, -2e-5, 77)"
    eventually(lambda: lines(page)[0]["x"][-1], 77)


def test_typing_a_text_makes_its_sliders(page):
    text(page).fill("Linear(0, 0.2, 50) >> Cosine(0.2, 0, 450)")
    sliders = page.locator(".entry").first.get_by_role("slider")
    names = functools.partial(sliders.evaluate_all, "all => all.map((each) => each.ariaLabel)")
    eventually(names, [f"{part} {label}" for part in ("Linear", "Cosine") for label in ("start", "end", "steps")])
    assert page.locator(".entry").first.get_by_role("heading").all_inner_texts() == ["Linear", "Cosine"]
    eventually(lambda: lines(page)[0]["x"][-1], 500)


def test_an_error_stands_below_its_text_with_a_caret_and_ends_when_it_is_mended(page):
    text(page).fill("Linear(0, 0.3, 5) >> StepLR(3)")
    error = page.locator("#error-1")
    said = eventually(error.text_content, lambda said: "write Staircase(start, factor, every)" in said).splitlines()
    assert said[1].index("StepLR") == said[2].index("^")
    assert text(page).get_attribute("aria-invalid") == "true"
    assert len(lines(page)) == 1
    text(page).fill("Linear(0, 0.3, 5")
    eventually(error.text_content, lambda said: "never closed" in said)
    text(page).fill("Linear(0, 0.3, 5)")
    eventually(error.text_content, "")
    eventually(lambda: len(lines(page)), 2)


def test_schedules_are_added_named_hidden_and_removed(page):
    page.get_by_label("Add", exact=False).first.select_option(label="Rex")
    eventually(lambda: [each["name"] for each in lines(page)], [COSINE, WSD, "Rex(0.3, 0, 1000)"])
    page.get_by_label("name of schedule 2").fill("long")
    eventually(lambda: lines(page)[1]["name"], "long")
    page.get_by_label("hide schedule 1").click()
    eventually(lambda: [each["name"] for each in lines(page)], ["long", "Rex(0.3, 0, 1000)"])
    eventually(lambda: page.locator("#ranking tbody tr").count(), 2)
    page.get_by_label("hide schedule 1").click()
    page.get_by_label("remove schedule 1").click()
    eventually(lambda: [each["name"] for each in lines(page)], ["long", "Rex(0.3, 0, 1000)"])
    assert text(page).evaluate("each => each === document.activeElement")
    eventually(lambda: state_of(page).schedules, (Entry(WSD, "long"), Entry("Rex(0.3, 0, 1000)")))


def test_all_schedules_can_be_removed(page):
    for _ in range(2):
        page.get_by_label("remove schedule 1").click()
    eventually(lambda: lines(page), [])
    eventually(page.locator("#copy-error").text_content, lambda said: "no schedule to copy" in said)


def test_the_log_scale(page):
    page.get_by_label("log scale").check()
    eventually(lambda: page.evaluate(CHART, "rate-chart")[0]["axis"], "LogAxis")
    assert lines(page)[1]["y"][0] is None
    page.get_by_label("log scale").uncheck()
    eventually(lambda: page.evaluate(CHART, "rate-chart")[0]["axis"], "LinearAxis")


def test_the_run_gives_lengths_a_meaning_and_the_axis_a_unit(page):
    text(page).fill('Linear(0, 0.3, "10%") >> Cosine(0.3, 0, "rest")')
    eventually(page.locator("#error-1").text_content, lambda said: "under Run" in said)
    page.get_by_label("over").select_option("epochs")
    eventually(page.locator("#notes").text_content, lambda said: "fill in samples, batch and epochs" in said)
    for label, value in (("samples", "60000"), ("batch", "256"), ("epochs", "10")):
        page.locator(f"[data-run={label}]").fill(value)
    eventually(page.locator("#run-steps").text_content, "of 2,350 steps")
    eventually(lambda: lines(page)[0]["x"][-1], 10)
    assert page.locator("#error-1").text_content() == ""
    page.locator("summary").click()
    page.get_by_label("tokens per sample").fill("100")
    page.get_by_label("over").select_option("tokens")
    eventually(lambda: lines(page)[0]["x"][-1], 60_000_000)
    page.locator("[data-run=samples]").fill("")
    eventually(page.locator("#run-steps").text_content, "")


def test_a_config_of_another_tool_is_pasted(page):
    config = {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.01, "warmup_num_steps": 100}}}
    text(page).fill(json.dumps(config))
    eventually(page.locator(".tool").first.text_content, "what DeepSpeed does with this config")
    page.get_by_label("warmup_max_lr", exact=True).last.fill("0.02")
    eventually(lambda: max(lines(page)[0]["y"]), 0.02)
    assert json.loads(text(page).input_value())["scheduler"]["params"]["warmup_max_lr"] == 0.02


def test_forms_are_copied_and_refusals_are_said(address, open_page):
    page = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    code = page.locator("#copy-text")
    eventually(code.text_content, lambda said: "ss.parse" in said)
    page.get_by_label("as", exact=True).select_option("text")
    eventually(code.text_content, COSINE)
    page.get_by_role("button", name="Copy").click()
    eventually(lambda: page.evaluate("navigator.clipboard.readText()"), COSINE)
    page.locator("#copied").select_option("1")
    eventually(code.text_content, str(ss.parse(WSD)))
    page.get_by_label("as", exact=True).select_option("deepspeed")
    eventually(page.locator("#copy-error").text_content, lambda said: "to_deepspeed" in said)
    assert page.get_by_role("button", name="Copy").is_disabled()


def test_an_address_brings_the_state_back(address, open_page):
    schedules = (Entry("Rex(0.2, 0, 50)", "rex"), Entry(WSD, hidden=True), Entry("Lin"))
    state = State(
        schedules, steps=80, log=True, form="jax", tab="surface", surface="beale", peak=0.01, start=(1.0, 2.0)
    )
    page = open_page(f"{address}#{state.address}")
    eventually(lambda: state_of(page), state)
    eventually(page.locator("#start-x").input_value, "1")
    page.get_by_role("tab", name="Schedules").click()
    eventually(lambda: [each["name"] for each in lines(page)], ["rex"])
    assert page.locator("[data-run=steps]").input_value() == "80"
    assert page.locator("#error-3").text_content()
    page.evaluate("location.hash = 'text=Constant(1)'")
    eventually(lambda: state_of(page), State((Entry("Constant(1)"),)))


@pytest.mark.parametrize(
    "hostile",
    [
        "text=<script>alert(1)</script>&name=<img src=x onerror=alert(2)>",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "text=" + "(" * 7900,
        "peak=" + "9" * 5000,
        "text=" + "x" * 50_000,
        "javascript:alert(1)",
    ],
    ids=lambda text: text[:20],
)
def test_a_hostile_address_harms_nothing(address, open_page, hostile):
    page = open_page(f"{address}#{hostile}")
    refused = page.locator("#message").inner_text() if page.locator("#message").is_visible() else ""
    assert refused or page.locator("#error-1").text_content()
    assert page.locator("script[src]").count() == page.locator("script").count()
    assert page.locator("img").count() == 0
    text(page).fill("Constant(0.5)")
    eventually(lambda: [each["y"][-1] for each in lines(page)][:1], [0.5])


def test_optimizers_descend_the_surface_from_where_one_clicks(page):
    page.get_by_role("tab", name="Surface").click()
    rows = eventually(lambda: page.locator("#endings tbody tr").all_inner_texts(), lambda rows: len(rows) == 2)
    assert rows[0].startswith("Momentum(0.5)")
    page.locator("#surface-chart").click(position={"x": 300, "y": 100})
    start = eventually(lambda: state_of(page).start, lambda start: len(start) == 2)
    eventually(page.locator("#start-x").input_value, lambda value: float(value) == pytest.approx(start[0], rel=1e-4))
    page.locator("#optimizers").fill("sgd\nadam(0.8)\nadagrad")
    eventually(lambda: page.locator("#endings tbody tr").count(), 3)
    page.locator("#add-optimizer").select_option("RMSProp(0.9)")
    eventually(lambda: page.locator("#endings tbody tr").count(), 4)
    page.locator("#optimizers").fill("adan")
    eventually(page.locator("#surface-error").text_content, lambda said: "Adam" in said)
    page.locator("#optimizers").fill("sgd")
    page.get_by_label("updates", exact=True).fill("20")
    page.get_by_label("peak rate").fill("0.1")
    eventually(lambda: page.locator("#at-update").text_content(), lambda told: told.startswith("20 of 20"))
    paths = lambda: page.evaluate(CHART, "surface-chart")[-2]["xs"]  # noqa: E731
    eventually(lambda: [len(each) for each in paths()], [21])
    page.get_by_label("update", exact=True).fill("5")
    eventually(lambda: [len(each) for each in paths()], [6])
    page.get_by_role("button", name="Play").click()
    eventually(page.locator("#at-update").text_content, lambda told: told.startswith("20 of 20"))
    page.locator("#ground").select_option("wave")
    eventually(page.locator("#surface-title").text_content, "wave: x cos(pi x)")
    assert page.locator("#start-y").is_disabled()
    page.locator("#followed").select_option("1")
    eventually(lambda: state_of(page).followed, 1)


def test_tabs_by_keyboard(page):
    page.get_by_role("tab", name="Schedules").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Surface").get_attribute("aria-selected") == "true"
    assert page.locator("#surface").is_visible()
    assert page.locator("#schedules").is_hidden()
    page.keyboard.press("ArrowRight")
    assert page.locator("#schedules").is_visible()


def test_every_control_is_reached_by_keyboard_and_has_a_name(page):
    assert page.evaluate(UNNAMED) == []
    page.locator("body").click(position={"x": 1, "y": 1})
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert {
        "theme",
        "log",
        "clock",
        "text of schedule 2",
        "Cosine start",
        "number-1-1",
        "add",
        "form",
        "copy",
    } <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 800, 1280])
def test_it_fits_every_width_in_light_and_dark(address, open_page, width, scheme):
    page = open_page(address, viewport={"width": width, "height": 844}, color_scheme=scheme)
    eventually(lambda: page.locator("#ranking tbody tr").count(), 2)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    text(page).fill("Linear(0, 0.3, 5) >> " * 20 + "StepLR(0.1)")
    eventually(page.locator("#error-1").text_content, lambda said: "StepLR" in said)
    assert page.evaluate(OVERFLOW) <= 0
    page.locator("#followed").evaluate("each => ((each.value = 1), each.dispatchEvent(new Event('change')))")
    page.get_by_role("tab", name="Surface").click()
    eventually(lambda: page.locator("#endings tbody tr").count(), 2)
    assert page.evaluate(OVERFLOW) <= 0


def test_the_switch_changes_light_and_dark(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(colour) == "rgb(20, 23, 26)"
    eventually(lambda: len(lines(page)), 2)
    page.emulate_media(color_scheme="dark")
    page.evaluate("new Promise(requestAnimationFrame)")  # The page hears of a preference once a frame.
    page.emulate_media(color_scheme="light")
    eventually(lambda: page.evaluate(colour), "rgb(255, 255, 255)")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Two logs that obey a law."""
    folder = tmp_path_factory.mktemp("logs")
    truth = MultiPowerLaw(3.0, 0.5, 0.5, 400.0, 3.0, 0.5, 0.5)
    flat, down = ss.warmup(ss.Constant(3e-4), 100), ss.warmup_cosine(3e-4, 100, 4000, final_lr=3e-5)
    for name, schedule in (("flat", flat), ("down", down)):
        losses = truth.predict(schedule, 4000)
        rows = [f"{step},{schedule(step)},{losses[step]}" for step in range(200, 4000, 20)]
        (folder / f"{name}.csv").write_text("\n".join(["step,lr,loss", *rows]))
    return [folder / "flat.csv", folder / "down.csv"]


def test_with_logs_the_predicted_loss_and_its_band_move_with_the_sliders(play, open_page, logs):
    page = open_page(play(*logs, "--log-warmup", "100")[0])
    first = eventually(lambda: lines(page, "loss-chart"), lambda found: len(found) == 2, seconds=60)
    assert first[0]["low"][-1] < first[0]["y"][-1]
    about = page.locator("#about-loss").text_content()
    assert "fitted to 380 rows of 2 runs" in about
    assert about.endswith("; grey dots are logged losses")
    assert page.locator("#copy-text").evaluate("each => each.scrollWidth <= each.clientWidth")  # nothing is cut
    rows = page.locator("#losses tbody tr").all_inner_texts()
    page.get_by_label("decay_steps", exact=True).first.fill("2000")
    eventually(lambda: lines(page, "loss-chart")[1]["y"], lambda found: found != first[1]["y"])
    assert page.locator("#losses tbody tr").all_inner_texts()[0] == rows[0]
    page.get_by_label("peak_lr", exact=True).first.fill("1")
    eventually(page.locator("#loss-notes").text_content, lambda said: "the highest rate is 1" in said)


def test_it_says_when_the_server_has_ended(play, open_page, browser):
    address, process = play(COSINE)
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-shown]", state="attached")
    process.terminate()
    process.wait(20)
    text(page).fill("Constant(1)")
    eventually(page.locator("#message").text_content, lambda said: "Is stepsize play still running?" in said)
    context.close()
