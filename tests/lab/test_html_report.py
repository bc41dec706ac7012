"""The HTML report, as a program reads it."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up import made_up_run
from reports import ABOUT, RUNS, SCHEDULES, WICKED, View, views

from stepsize import Constant, Function, Geometric
from stepsize.lab import html_report
from stepsize.lab.report.tables import Whisker, first_and_best, last_value, tables
from stepsize.lab.statistics.differences import Looks
from stepsize.lab.statistics.findings import METRICS, Mean, Metric, Terms, findings
from stepsize.lab.tasks.chance import Chance
from stepsize.store import Run, Store, load_runs, stored_runs
from stepsize.store.run import Epoch, Point, Value


class Page(HTMLParser):
    """A page's text, tags and embedded data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._data: list[str] = []
        self._in: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._in.append("data" if ("id", "data") in attributes else tag)

    def handle_endtag(self, tag):
        self._in.append("")

    def handle_data(self, text):
        kind = self._in[-1] if self._in else ""
        if kind == "data":
            self._data.append(text)
        elif kind not in ("style", "script"):
            self.words.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def data(self):
        return json.loads("".join(self._data))

    def count(self, tag, **attributes):
        wanted = attributes.items()
        return sum(name == tag and wanted <= given.items() for name, given in self.tags)


def page(runs, **about):
    return Page(html_report(runs, **(about or ABOUT)))


def test_the_page_shows_what_was_compared():
    shown = page(RUNS)
    assert shown.count("html", lang="en") == 1
    assert "Three schedules" in shown.text
    assert ABOUT["source"] in shown.text
    for words in ("batch size 256", "seeds 0, 1, 2", "functions no", "clip -", "torch 2.13.0", "Linear(0.2, 0.0, 300)"):
        assert words in shown.text
    assert "did not finish" not in shown.text
    assert "1 of 9 runs did not finish and is left out" in page(RUNS[:-1]).text
    assert "did not finish" not in page(RUNS, title="Without the number of planned runs").text
    assert "1 of 9 runs did not finish" in page([replace(RUNS[0], status="interrupted"), *RUNS[1:]]).text


def test_each_quantity_has_a_panel_with_a_curve_for_each_schedule():
    shown = page(RUNS)
    assert shown.count("figure", **{"class": "panel"}) == 4
    assert sum("data-curve" in given for tag, given in shown.tags if tag == "g") == 4 * 3
    assert shown.count("path", **{"class": "line"}) == 4 * 3
    assert shown.count("path", **{"class": "band"}) == 3 * 3  # the rate has none
    assert shown.count("svg", **{"class": "cross"}) == 4
    assert shown.count("path", **{"class": "stray"}) == 4


def test_the_cross_is_explained_if_a_run_diverged():
    assert "marks the end of a run" in page(RUNS).text
    calm = [run for run in RUNS if run.status != "diverged"]
    assert len(calm) < len(RUNS)
    assert "marks the end of a run" not in page(calm).text


def test_of_many_diverged_runs_five_of_a_schedule_are_drawn():
    runs = [replace(made_up_run("hot", Constant(9.0), diverges=True), seed=seed) for seed in range(8)]
    before, after = (page(shown).count("path", **{"class": "stray"}) for shown in (RUNS, [*RUNS, *runs]))
    assert after - before == 5 * 4  # in each panel


def test_a_run_that_diverged_before_its_first_epoch_has_a_cross_at_its_rate_and_its_loss_alone():
    lost = replace(made_up_run("lost", Constant(9.0), steps=50, diverges=True), epochs=())
    assert page([RUNS[1], lost]).count("svg", **{"class": "cross"}) == 2


def test_a_run_at_chance_level_says_so_in_the_list_of_runs():
    shown = page(RUNS, title="Chance", chance=Chance(0.99, 100, None))
    assert shown.text.count("finished, at chance") == 8
    assert "at chance" not in page(RUNS, title="Above", chance=Chance(0.1, 100, None)).text


def test_two_hundred_runs_are_listed_and_more_are_counted():
    assert "All 200" in page(views(schedules=100, seeds=2, points=2), title="Listed").text
    assert (
        "201 runs, too many to be listed here." in page(views(schedules=201, seeds=1, points=2), title="Counted").text
    )


def test_a_curve_of_up_to_thirty_points_has_a_dot_at_each():
    few, more = (page(views(1, 2, points), title="Dots").count("path", **{"class": "dots"}) for points in (30, 31))
    assert few == more + 1


def test_the_thin_curves_are_explained_if_there_are_any():
    assert "thin: train accuracy" in page(RUNS).text
    bare = [replace(run, epochs=tuple(replace(each, train_accuracy=math.nan) for each in run.epochs)) for run in RUNS]
    bare = [replace(run, points=tuple(replace(each, train_accuracy=math.nan) for each in run.points)) for run in bare]
    assert "thin:" not in page(bare).text


def test_the_table_has_means_spreads_differences_and_words():
    shown = page(RUNS)
    for name in SCHEDULES:
        ended = [run.epochs[-1].test_accuracy for run in RUNS if run.name == name and run.status == "finished"]
        assert Mean.of(ended).text(4) in shown.text
    assert "2, 1 diverged" in shown.text
    assert '"flat": 1 of 3 runs diverged and is left out' in shown.text
    assert "diverged at step 300" in shown.text
    assert "≈ not told apart" in shown.text


def test_with_one_seed_the_page_says_so_once_and_has_no_intervals():
    shown = page([run for run in RUNS if run.seed == 0])
    assert len(re.findall("one seed says nothing", shown.text, re.IGNORECASE)) == 1
    assert "give several" in shown.text
    assert "pairs of schedules" not in shown.text
    assert "95% interval" not in shown.text.replace("with a 95% interval", "")
    assert shown.count("path", **{"class": "band"}) == 0


def test_the_page_fetches_nothing_and_its_policy_forbids_it():
    html = html_report(RUNS, **ABOUT)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    shown = Page(html)
    sources = [given[name] for _, given in shown.tags for name in ("src", "href") if name in given]
    assert sources == ["data:,"]
    (policy,) = [given["content"] for tag, given in shown.tags if given.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("name", WICKED)
def test_names_are_shown_literally(name):
    run = made_up_run(name, Constant(0.3))
    shown = page(
        [run, made_up_run("other", Constant(0.1))],
        title=name,
        settings={name: name},
        source=name,
        environment={name: name},
    )
    assert shown.data["names"] == [name, "other"]
    assert " ".join(name.split()) in shown.text
    assert shown.count("script") == 2
    assert shown.count("title") == 1


def test_the_rate_has_a_linear_scale_if_it_ends_at_zero():
    rate = page(RUNS).data["panels"][0]
    assert not rate["log"]
    assert [curve["mean"][0] for curve in rate["curves"]] == [0.3, 0.2, 0.2]
    assert page([made_up_run("steep", Geometric(0.3, 1e-5, 300))]).data["panels"][0]["log"]
    assert [panel["zero"] for panel in page(RUNS).data["panels"]] == [True, False, False, False]


def test_a_rate_far_above_the_others_leaves_the_view_and_keeps_its_value():
    good, wild = made_up_run("flat", Constant(0.3)), made_up_run("wild", Constant(1e30), steps=50, diverges=True)
    rate = page([good, wild]).data["panels"][0]
    assert 0.3 < rate["high"] < 1
    assert [curve["mean"][0] for curve in rate["curves"]] == [0.3, 1e30]
    every = [good, *(replace(wild, name=f"wild {number}") for number in range(5))]
    assert "out of view: wild 0, wild 1, wild 2 and 2 more" in page(every).text


def test_the_rate_of_a_function_is_the_logged_one():
    rate = page([made_up_run("own", Function(lambda step: 0.1 / (step + 1)))]).data["panels"][0]
    assert rate["curves"][0]["x"][0] == 24
    assert rate["curves"][0]["mean"][0] == pytest.approx(0.1 / 25)


def test_the_curves_are_means_and_extremes_over_seeds():
    (flat, cosine, _) = page(RUNS).data["panels"][1]["curves"]
    columns = np.array([run.column("train_loss") for run in RUNS if run.name == "cosine"])
    for name, values in (("mean", columns.mean(0)), ("low", columns.min(0)), ("high", columns.max(0))):
        assert cosine[name] == pytest.approx(values, rel=1e-5)
    kept = np.array([run.column("train_loss") for run in RUNS if run.name == "flat" and run.status == "finished"])
    assert flat["mean"] == pytest.approx(kept.mean(0), rel=1e-5)
    assert flat["high"] == pytest.approx(kept.max(0), rel=1e-5)


def test_a_page_may_have_no_runs_or_runs_without_results():
    assert "There are none yet." in page([]).text
    waiting = Run("late", "Constant(0.1)", 0, (), (), 0.0, "interrupted")
    assert "interrupted at step 0" in page([waiting]).text
    lost = replace(made_up_run("lost", Constant(9.0), steps=50, diverges=True), epochs=())
    shown = page([lost])
    assert "diverged at step 50" in shown.text
    assert shown.count("table") == 1


def test_a_metric_that_no_run_has_is_left_out():
    epochs = tuple(replace(epoch, test_accuracy=math.nan) for epoch in RUNS[0].epochs)
    shown = page([replace(RUNS[0], epochs=epochs)])
    assert shown.count("figure") == 3
    assert "test accuracy" not in shown.text


def test_only_the_first_and_the_best_of_many_schedules_are_shown():
    shown = page(views(schedules=300, seeds=2, points=20), title="Many")
    assert len(shown.data["names"]) == 42
    assert shown.data["names"][0] == "schedule 0"
    assert "Of 300 schedules, the first and the 41 best are drawn." in shown.text
    assert "the first and the 199 best are listed" in shown.text
    assert "600 runs, too many to be listed here." in shown.text
    assert shown.count("body", **{"class": "no-bands"}) == 1


def test_a_wide_interval_is_drawn_up_to_four_times_the_largest_difference():
    def ending_at(name, seed, accuracy):
        run = made_up_run(name, Constant(0.3), seed)
        return replace(run, epochs=tuple(replace(epoch, test_accuracy=accuracy) for epoch in run.epochs))

    groups = {
        "first": [ending_at("first", seed, 0.5) for seed in (0, 1)],
        "other": [ending_at("other", 0, 0.2), ending_at("other", 1, 1.0)],
    }
    table = next(
        each for each in tables(groups, Terms()) if "accuracy" in each.metric.label and "test" in each.metric.label
    )
    assert table.lines[1].whisker == Whisker(50.0, 61.5, 4.0, 96.0, cut_low=True, cut_high=True)


def test_one_bad_schedule_does_not_ruin_the_intervals_of_the_others():
    def ending_at(name, seed, accuracy, loss=1.0):
        points = (Point(1, 0.1, 2.0, 0.5), Point(9, 0.1, loss, 0.5))
        return Run(name, "Constant(0.1)", seed, points, (Epoch(9, loss, 0.5, loss, accuracy),), 1.0)

    wiggle = (0.0, 0.002, 0.001)
    groups = {
        "first": [ending_at("first", seed, 0.9) for seed in range(3)],
        "other": [ending_at("other", seed, 0.91 + each) for seed, each in enumerate(wiggle)],
        "bad": [ending_at("bad", seed, 0.1 + each, loss=2.0) for seed, each in enumerate(wiggle)],
    }
    _, other, bad = tables(groups, Terms())[0].lines
    assert other.whisker.high - other.whisker.low > 10
    assert bad.whisker.cut_low
    assert bad.whisker.mean is None


def test_metrics_whose_direction_is_not_known_are_called_higher_or_lower():
    runs = [
        replace(
            run,
            values=(Value(300, "norm", 5.0 + run.seed + 0.1 * run.seed * (run.name == "down") + (run.name == "down")),),
        )
        for run in RUNS
    ]
    shown = page(runs, title="Norms", others=(Metric("norm", "norm", None),))
    assert "norm, whether higher or lower is better is not known" in shown.text
    assert "↑ higher" in shown.text
    norm = tables(
        {name: [run for run in runs if run.name == name] for name in ("cosine", "down")},
        Terms(others=(Metric("norm", "norm", None),)),
    )[-1]
    assert norm.lines[1].verdict == "higher"
    assert not re.search("better|worse", " ".join(norm.findings[1].words))


def test_the_margin_is_one_of_the_first_metric():
    groups = {
        name: [made_up_run(name, Constant(0.3), 10 * seed + place) for seed in range(6)]
        for place, name in enumerate(("flat", "same"))
    }
    groups = {name: [replace(run, seed=run.seed // 10) for run in group] for name, group in groups.items()}
    looks = Looks(tuple(range(6)), (6,), 20, margin=1.0)
    first, *others = tables(groups, Terms(looks=looks))
    assert first.lines[1].verdict == "within the margin"
    assert [table.lines[1].verdict for table in others] == ["not told apart", "not told apart"]


def test_numbers_have_the_digits_that_suit_the_schedules_that_are_shown():
    def ending_at(name, loss, spread):
        return [View(name, seed, np.array([loss + spread * seed])) for seed in (0, 1)]

    good = {f"good {number}": ending_at(f"good {number}", 2.0, 0.1) for number in range(200)}
    bad = {f"bad {number}": ending_at(f"bad {number}", 1.0, 1e-5) for number in range(200)}
    assert tables({**good, **bad}, Terms())[0].lines[0].value == "2.050 ± 0.071"


def test_a_long_name_of_a_metric_is_cut_above_its_drawing():
    metric = "m" * 100
    runs = [replace(run, values=(Value(300, metric, 5.0),)) for run in RUNS]
    shown = page(runs, title="Long", headline=Metric(metric, metric))
    assert "m" * 50 in shown.text
    assert "m" * 61 not in shown.text


def test_p_is_shown_as_it_is_corrected_for_the_comparisons_that_could_be_made():
    def ending_at(name, *accuracies):
        runs = [made_up_run(name, Constant(0.3), seed) for seed in range(len(accuracies))]
        ends = [(replace(run.epochs[-1], test_accuracy=each),) for run, each in zip(runs, accuracies, strict=True)]
        return [replace(run, epochs=end) for run, end in zip(runs, ends, strict=True)]

    groups = {
        "first": ending_at("first", 0.5, 0.5, 0.5, 0.5),
        "other": ending_at("other", 0.61, 0.625, 0.595, 0.635),
        "third": ending_at("third", 0.4, 0.55, 0.5, 0.5),
        "once": ending_at("once", 0.9),
    }
    table = tables(groups, Terms())[0]
    p = table.findings[1].difference.p
    assert table.comparisons == 2
    assert p < 0.001 < 2 * p
    assert [line.p for line in table.lines][:2] == ["", f"{2 * p:.3f}"]


def test_the_last_value_of_a_run_that_diverged_is_the_one_it_diverged_with():
    run = made_up_run("flat", Constant(0.3))
    epochs = (*run.epochs[:-1], replace(run.epochs[-1], test_loss=math.nan))
    assert last_value(replace(run, epochs=epochs), "test_loss") == run.epochs[-2].test_loss
    assert math.isnan(last_value(replace(run, epochs=epochs, status="diverged"), "test_loss"))


def test_all_pairs_are_on_the_page_with_p_corrected_for_their_number():
    shown = page(
        [run for run in RUNS if run.name != "flat"] + [replace(run, name="copy") for run in RUNS if run.name == "flat"],
        title="Pairs",
    )
    assert "All 3 pairs of schedules" in shown.text
    assert "p is corrected for 3 pairs (Holm)" in shown.text
    assert "All 496 pairs of schedules" in page(views(schedules=32, seeds=2, points=5), title="Many").text
    assert "pairs of schedules" not in page(views(schedules=33, seeds=2, points=5), title="Too many").text


@pytest.mark.parametrize(("schedules", "pressed"), [(8, "true"), (9, "false")])
def test_the_bands_of_many_curves_are_hidden_at_first(schedules, pressed):
    shown = page(views(schedules=schedules, seeds=2, points=5), title="Bands")
    assert shown.count("button", **{"class": "bands", "aria-pressed": pressed}) == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_intervals_on_one_side_of_zero_are_drawn_from_there_to_the_edge(sign):
    def ending_at(name, seed, accuracy):
        run = made_up_run(name, Constant(0.3), seed)
        return replace(run, epochs=(replace(run.epochs[-1], test_accuracy=accuracy),))

    groups = {
        name: [ending_at(name, seed, 0.5 + by * (0.1 + 0.001 * seed)) for seed in range(4)]
        for name, by in (("first", 0), ("other", sign))
    }
    whisker = tables(groups, Terms())[0].lines[1].whisker
    assert (whisker.zero < 10) == (sign > 0)
    assert (whisker.zero > 90) == (sign < 0)


@pytest.mark.parametrize(("metric", "shown"), [(METRICS[0], ("first", "a", "c")), (METRICS[1], ("first", "b", "c"))])
def test_the_best_have_a_high_accuracy_or_a_low_loss(metric, shown):
    found = findings(metric, {"first": {0: 0.5}, "lost": {}, "a": {0: 0.9}, "b": {0: 0.7}, "c": {0: 0.8}})
    assert first_and_best(metric, found, 3) == shown


def test_the_rates_of_a_schedule_are_those_of_its_longest_run():
    short, long = (made_up_run("flat", Constant(0.3), steps=steps) for steps in (100, 300))
    (curve,) = page([replace(short, status="interrupted"), replace(long, seed=1)]).data["panels"][0]["curves"]
    assert curve["x"][-1] == 299


def test_the_page_of_many_long_runs_is_below_3_mb():
    html = html_report(views(schedules=60, seeds=5, points=2000), "Long")
    assert len(html) < 3_000_000
    assert max(len(curve["x"]) for panel in Page(html).data["panels"] for curve in panel["curves"]) < 600


def test_stored_runs_make_the_same_page_as_runs_in_memory(tmp_path):
    runs = [*RUNS, Run("late", "Constant(0.1)", 0, (), (), 0.0, "waiting")]
    with Store.create(tmp_path / "store.sqlite", {}, {}, [(run.name, run.schedule, run.seed) for run in runs]) as store:
        for number, run in enumerate(RUNS):
            store.log(number, [*run.points, *run.epochs])
            store.end(number, run.status, run.seconds)
    assert html_report(stored_runs(load_runs(tmp_path)), **ABOUT) == html_report(RUNS, **ABOUT)
