"""The reports of five schedules, in HTML, Markdown, LaTeX and CSV, cell by cell and word by word."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from reports import ABOUT, RUNS

from stepsize.lab import Experiment, html_report
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.html import content_page
from stepsize.lab.report.markdown import markdown_report
from stepsize.lab.report.methods import methods
from stepsize.lab.report.paper_table import latex_table, results_csv, runs_csv, short_names
from stepsize.lab.report.summary_table import pairs_table
from stepsize.lab.report.tables import grouped, tables
from stepsize.lab.statistics.findings import Metric, Terms
from stepsize.lab.tasks.chance import Chance
from stepsize.lab.tuning import HOW_TUNED, Trial
from stepsize.store.run import Epoch, Point, Run, Value

ENDS = {
    "first": (0.70, 0.72, 0.71),
    "good": (0.80, 0.81, 0.81),
    "bad": (0.50, 0.53, 0.51),
    "even": (0.69, 0.74, 0.70),
    "once": (0.80,),
}


def ended(name, seed, accuracy, status="finished"):
    """A run of 20 steps that ends with this accuracy, the train loss 1 - accuracy and a test loss 0.25 above it."""
    points = tuple(Point(step, 0.1, loss, 0.5) for step, loss in ((10, 2.0), (20, 1 - accuracy)))
    epochs = (Epoch(10, 2.0, 0.1, 2.0, 0.1), Epoch(20, 1 - accuracy, 0.1, 1.25 - accuracy, accuracy))
    return Run(name, "Constant(0.1)", seed, points, epochs, 1.0, status)


FIVE = [ended(name, seed, value) for name, values in ENDS.items() for seed, value in enumerate(values)]
FIVE.append(replace(ended("once", 1, 0.9, "diverged"), diverged_at=1020))
PAGE = html_report(FIVE, "Five")


class Tables(HTMLParser):
    """The texts of the cells of a page's tables; beside the label of each cell, which a phone shows."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.labels, self._in_cell = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.tables.append([])
            self.labels.append([])
        elif tag == "tr":
            self.tables[-1].append([])
            self.labels[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.labels[-1][-1].append(dict(attributes).get("data-label", ""))
            self._in_cell = True

    def handle_endtag(self, tag):
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, text):
        if self._in_cell:
            self.tables[-1][-1][-1] += text


def texts(html):
    """Each table as lines."""
    return ["\n".join(" | ".join(map(str.strip, row)) for row in table) for table in Tables(html).tables]


def results(means, sign):
    less, more = ("\N{MINUS SIGN}", "+") if sign > 0 else ("+", "\N{MINUS SIGN}")
    spreads = ("0.0100", "0.0058", "0.0153", "0.0265")
    first, good, bad, even = (f"{mean} ± {spread}" for mean, spread in zip(means, spreads, strict=False))
    up = [f"{more}0.0823", f"{more}0.1110"][::sign]
    down = [f"{less}0.2110", f"{less}0.1823"][::sign]
    return f"""\
schedule | runs | mean | difference | 95% interval | p | verdict
first | 3 | {first} |  |  |  |
good | 3 | {good} | {more}0.0967 | {" to ".join(up)} | 0.002 | ✓better
bad | 3 | {bad} | {less}0.1967 | {" to ".join(down)} | < 0.001 | ✗worse
even | 3 | {even} | 0.0000 | \N{MINUS SIGN}0.0430 to +0.0430 | 1.000 | ≈not told apart
once | 1, 1 diverged | {means[4]} | {more}0.1000 |  |  | ?not judged"""


def test_every_cell_of_the_tables_is_the_number_of_its_schedule_and_metric():
    main, pairs, others, test_loss, train_loss, runs = (re.sub(" +\n", "\n", f"{text}\n")[:-1] for text in texts(PAGE))
    assert main == results(("0.7100", "0.8067", "0.5133", "0.7100", "0.8000"), 1)
    assert test_loss == results(("0.5400", "0.4433", "0.7367", "0.5400", "0.4500"), -1)
    assert train_loss == results(("0.2900", "0.1933", "0.4867", "0.2900", "0.2000"), -1)
    assert (
        pairs.replace("\N{MINUS SIGN}", "-")
        == """\
schedule | against | difference | 95% interval | p | verdict
good | first | +0.0967 | +0.0823 to +0.1110 | 0.005 | ✓better
bad | first | -0.1967 | -0.2110 to -0.1823 | 0.002 | ✗worse
bad | good | -0.2933 | -0.3220 to -0.2646 | 0.003 | ✗worse
even | first | 0.0000 | -0.0430 to +0.0430 | 1.000 | ≈not told apart
even | good | -0.0967 | -0.1540 to -0.0393 | 0.037 | ✗worse
even | bad | +0.1967 | +0.1680 to +0.2254 | 0.005 | ✓better
once | first | +0.1000 |  |  | ?not judged
once | good | 0.0000 |  |  | ?not judged
once | bad | +0.3000 |  |  | ?not judged
once | even | +0.1100 |  |  | ?not judged"""
    )
    assert (
        others
        == """\
schedule | test loss | train loss
first | 0.5400 ± 0.0100 | 0.2900 ± 0.0100
good | 0.4433 ± 0.0058 ✓ | 0.1933 ± 0.0058 ✓
bad | 0.7367 ± 0.0153 ✗ | 0.4867 ± 0.0153 ✗
even | 0.5400 ± 0.0265 ≈ | 0.2900 ± 0.0265 ≈
once | 0.4500 ? | 0.2000 ?"""
    )
    assert runs.splitlines()[:3] == [
        "schedule | seed | end | test accuracy | test loss | train loss",
        "first | 0 | finished | 0.7000 | 0.5500 | 0.3000",
        "first | 1 | finished | 0.7200 | 0.5300 | 0.2800",
    ]
    assert runs.splitlines()[-1] == "once | 1 | diverged at step 1,020 | 0.9000 | 0.3500 | 0.1000"


def test_every_cell_has_the_head_of_its_column_as_its_label():
    found = Tables(PAGE)
    for rows, labels in zip(found.tables, found.labels, strict=True):
        assert [row[1:] for row in labels[1:]] == [rows[0][1:]] * (len(rows) - 1)


def notes(html, kind="note"):
    return re.findall(rf'<p class="{kind}"[^>]*>(.*?)</p>', html.replace("&#34;", '"'))


def test_the_notes_say_how_the_numbers_came_about_and_what_qualifies_them():
    qualified = [
        '"even": The difference to "first" is smaller than the spread of the test accuracy over seeds.',
        '"once": One seed says nothing about a difference to "first": another seed may reverse it.',
        '"once": Only 1 seed has a result under both, and the difference is its own; the means are over 1 run here and '
        '3 under "first".',
        '"once": 1 of 2 runs diverged and is left out: the mean of the others is too favourable.',
    ]
    assert [each.strip() for each in notes(PAGE)] == [
        "Means over seeds; a band goes from the lowest seed to the highest. \N{MULTIPLICATION SIGN} marks the end of a "
        "run that diverged.",
        "Mean ± standard deviation over the seeds of finished runs. Differences are to the first schedule, seed by "
        "seed, with a 95% interval (Student's t); p is corrected for the number of schedules (Holm).",
        *qualified,
        "The test accuracy of each schedule minus that of each before it, seed by seed, with a 95% interval. "
        "p is corrected for 6 pairs (Holm).",
        "Against first: ✓ better, ✗ worse, ≈ not told apart.",
        "test loss, lower is better",
        *(each.replace("test accuracy", "test loss") for each in qualified),
        "train loss, lower is better",
        *(each.replace("test accuracy", "train loss") for each in qualified),
    ]
    assert notes(PAGE, "summary") == [
        'Test accuracy at the end, against "first", over 1 to 3 seeds — better: "good"; worse: "bad"; not told apart: '
        '"even"; cannot be judged: "once".'
    ]
    assert re.findall(r"<h3 [^>]*>(.*?)</h3>", PAGE) == [
        'test accuracy <span class="note">higher is better</span>',
        "Other metrics",
    ]
    assert re.findall(r"<summary>(.*?)</summary>", PAGE) == [
        "All 10 pairs of schedules",
        "Differences of the test loss",
        "Differences of the train loss",
        "All 14",
    ]


def test_p_is_corrected_for_the_pairs_that_have_one():
    assert pairs_table(FIVE, Terms()).notes == ("p is corrected for 6 pairs (Holm).",)
    assert pairs_table([each for each in FIVE if each.seed == 0 or each.name in ("first", "good")], Terms()).notes == (
        "p is corrected for 1 pair (Holm).",
    )


def test_intervals_are_drawn_from_end_to_end_with_a_dot_at_the_mean_and_a_line_at_zero():
    drawn = re.findall(r'<svg class="whisker".*?</svg>', PAGE)
    assert len(drawn) == 3 * 3
    assert re.findall(r'<path class="(\w+)" d="(.*?)"/>', drawn[0]) == [
        ("zero", "M64.28,0V20"),
        ("reach", "M87.8,10H96.0M87.8,6V14M96.0,6V14"),
        ("mean", "M91.9,10h0"),
    ]
    wide = re.findall(r'<svg class="whisker".*?</svg>', html_report(RUNS, **ABOUT))[0]
    assert 'd="M4.0,10H96.0M8.0,5L4.0,10L8.0,15M92.0,5L96.0,10L92.0,15"' in wide  # with an arrow at each end


def test_one_schedule_has_no_differences():
    page = html_report(FIVE[:3], "One")
    assert texts(page)[0].splitlines()[0] == "schedule | runs | mean"
    assert notes(page)[1] == "Mean ± standard deviation over the seeds of finished runs."
    assert notes(page, "summary") == []
    assert "Against first" not in page


def test_more_than_four_other_metrics_are_in_tables_of_four():
    runs = [replace(each, values=tuple(Value(20, name, 1.0) for name in "abc")) for each in FIVE[:6]]
    page = html_report(runs, "Many", others=[Metric(name, name, None) for name in "abc"])
    heads = [text.splitlines()[0] for text in texts(page)]
    assert heads[1:3] == ["schedule | test loss | train loss | a | b", "schedule | c"]
    assert "≈ not told apart, ↑ higher, ↓ lower (which of them is better is not known)." in page
    assert "(which of them" not in PAGE


def test_chance_trials_remarks_and_runs_that_did_not_finish_are_told():
    trials = [Trial("good", 0.5, 0.25, True), Trial("bad", 8.0, float("inf"), False)]
    chance = Chance(0.505, 10_000, None)
    page = html_report(
        FIVE, "Told", source="<Data>", planned=1020, trials=trials, remarks=["A & b."], chance=chance,
        settings={"batch_size": 8}, environment={"torch": "2"},
    )  # fmt: skip
    assert notes(page, "warning") == [
        '2 of 3 runs of "bad" stayed at chance.',
        "1,006 of 1,020 runs did not finish and are left out of the tables.",
    ]
    assert notes(page)[0] == f"At chance: {chance.rule()}."
    assert "A &amp; b." in notes(page)
    assert HOW_TUNED in notes(page)
    assert "<p>&lt;Data&gt;</p>" in page
    assert texts(page)[-2].splitlines() == [
        "schedule | factor | held-out loss | chosen",
        "good | 0.5 | 0.2500 | chosen",
        "bad | 8 | diverged | ",
    ]
    assert "<summary>All 2 trials</summary>" in page
    assert texts(page)[0].splitlines()[3].startswith("bad | 3, 2 at chance | ")
    assert re.findall(r"<h3>(\w+)</h3><dl><div><dt>(.*?)</dt><dd>(.*?)</dd></div></dl>", page) == [
        ("Settings", "batch size", "8"),
        ("Environment", "torch", "2"),
    ]


def test_each_schedule_has_its_stroke_its_whole_name_and_its_text():
    page = html_report(RUNS, **ABOUT)
    strokes = {"flat": ("#0072b2", ""), "cosine": ("#d55e00", "10 3"), "down": ("#009e73", "14 3 3 3")}
    for number, (name, (colour, dashes)) in enumerate(strokes.items()):
        sample = f'<path d="M1,6H29" stroke="{colour}" stroke-dasharray="{dashes}"/></svg>'
        (button,) = re.findall(rf'<button [^>]*data-switch="{number}" title="{name}">.*?</button>', page)
        assert f'{sample}<span class="name" title="{name}">{name}</span>' in button
        assert page.count(f'<g data-curve="{number}" style="--colour: {colour}">') == 4
        assert len(re.findall(rf'<path class="line" d="[^"]*" stroke-dasharray="{dashes}"/>', page)) == 4
    assert re.findall(r'title="(\w+)">\w+</span></span> <code>(.*?)</code>', page) == [
        ("flat", "Constant(0.3)"),
        ("cosine", "Cosine(0.2, 0.02, 300)"),
        ("down", "Linear(0.2, 0.0, 300)"),
    ]


def test_a_panel_has_its_numbers_at_their_places_and_says_its_scale():
    page = html_report(RUNS, **ABOUT)
    rate, loss, accuracy, _ = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert re.findall(r'<span style="(\w+): ([\d.]+)%">([\d.,]+)</span>', rate) == [
        ("bottom", "0.0", "0"),
        ("bottom", "31.75", "0.1"),
        ("bottom", "63.49", "0.2"),
        ("bottom", "95.24", "0.3"),
        ("left", "0.0", "0"),
        ("left", "33.33", "100"),
        ("left", "66.67", "200"),
        ("left", "100.0", "300"),
    ]
    assert 'd="M0,1000.0H1000M0,682.5H1000M0,365.1H1000M0,47.6H1000"' in rate
    assert 'aria-label="learning rate over steps"' in rate
    assert ">step</div>" in rate
    assert 'style="--gutter: 3ch"' in rate
    assert 'style="--gutter: 4ch"' in accuracy
    assert '<span class="note">thin: train accuracy</span>' in accuracy
    assert "thin:" not in loss
    assert "log scale" not in page
    assert re.findall(r'<svg class="cross" data-curve="0" data-up="([\d.]+)" style="(.*?)"', page)[:2] == [
        ("95.2381", "--colour: #0072b2; left: 99.67%; bottom: 95.2381%"),
        ("55279300000.0", "--colour: #0072b2; left: 91.67%; bottom: 100%"),
    ]
    assert [note.strip() for note in re.findall(r'class="note beyond"( hidden)?>', page)] == ["hidden"] * 4


def test_a_panel_with_a_log_scale_or_a_schedule_out_of_view_says_so():
    far = [ended(name, 0, accuracy) for name, accuracy in (("a", 0.95), ("b", 0.94), ("<c>", -1e9))]
    figure = re.findall(r"<figure.*?</figure>", html_report(far, "Far"), re.DOTALL)[1]
    assert '<h3>train loss</h3><span class="note">log scale</span>' in figure
    assert '<span class="note beyond">out of view: <span class="name">&lt;c&gt;</span></span>' in figure


@pytest.mark.parametrize(("count", "whole"), [(12, True), (13, False)])
def test_a_table_of_at_most_twelve_schedules_is_printed_on_one_page(count, whole):
    page = html_report([ended(str(number), 0, 0.5) for number in range(count)], "Whole")
    assert ('class="cards results whole"' in page) == whole
    assert ('class="cards results means whole"' in page) == whole


CONTENT = ReportContent(
    Experiment(dict.fromkeys(ENDS, "Constant(0.1)"), "digits", seeds=(0, 1, 2), batch_size=8, device="cpu"),
    "Data_1.",
    tuple(FIVE),
    Terms((*ENDS,), 3),
    1020,
    trials=(Trial("good", 0.5, 0.25, True), Trial("bad", 8.0, 0.5, False)),
    remarks=("A remark.",),
    accuracy="top-1",
    environment={"stepsize": "1.0", "torch": "2.13.0", "numpy": "2.1", "python": "3.11", "device": "cpu"},
)
COMPARED = tables(grouped(FIVE), CONTENT.terms)


@pytest.mark.parametrize(("seeds", "said"), [((0,), False), ((0, 1), True)])
def test_the_markdown_says_what_the_spread_is_if_there_are_several_seeds(seeds, said):
    content = replace(CONTENT, experiment=replace(CONTENT.experiment, seeds=seeds))
    assert ("Spread is the standard deviation over seeds." in markdown_report(content, "Two")) == said


def test_every_word_of_the_markdown():
    text = markdown_report(CONTENT, "Five_schedules").replace("\N{MINUS SIGN}", "-")
    head, _, rest = text.partition("| schedule | train loss")
    assert head.split("\n\n")[:-1] == [
        "# Five\\_schedules",
        "Data\\_1.",
        "sgd, batch size 8, epochs: 3 (1020 steps), seeds: 0, 1, 2, on cpu.",
        "Losses and accuracies are those of the last epoch. Spread is the standard deviation over seeds. "
        "Accuracy: top-1.",
        "**1 of 15 runs did not finish and is left out.**",
    ]
    first, *paragraphs = rest.split("\n\n")
    assert first.splitlines() == [
        " | train accuracy | test accuracy | seconds | against first |",
        "|---|---:|---:|---:|---:|---:|",
        "| first | 0.290 ± 0.010 | 0.1000 ± 0.0000 | 0.7100 ± 0.0100 | 1.0 ± 0.0 | - |",
        "| good | 0.193 ± 0.006 | 0.1000 ± 0.0000 | 0.8067 ± 0.0058 | 1.0 ± 0.0 | +0.0967 (0.0823 to 0.1110) |",
        "| bad | 0.487 ± 0.015 | 0.1000 ± 0.0000 | 0.5133 ± 0.0153 | 1.0 ± 0.0 | -0.1967 (-0.2110 to -0.1823) |",
        "| even | 0.290 ± 0.026 | 0.1000 ± 0.0000 | 0.7100 ± 0.0265 | 1.0 ± 0.0 | not told apart |",
        "| once (1 of 2 diverged) | 0.200 | 0.1000 | 0.8000 | 1.0 | - |",
    ]
    assert paragraphs[4:] == [
        "A remark.",
        "\n".join(f"- {name}: `Constant(0.1)`" for name in ENDS),
        "![rate, train loss and test accuracy over steps](comparison.png)",
        "## Other metrics",
        "| schedule | test loss |\n|---|---:|\n| first | 0.5400 ± 0.0100 |\n| good | 0.4433 ± 0.0058 |\n"
        "| bad | 0.7367 ± 0.0153 |\n| even | 0.5400 ± 0.0265 |\n| once | 0.4500 |",
        "## Peak rates",
        HOW_TUNED,
        "| schedule | factor | held-out loss | chosen |\n|---|---:|---:|---:|\n| good | 0.5 | 0.2500 | chosen |\n"
        "| bad | 8 | 0.5000 |  |\n",
    ]


def test_every_word_of_a_table_in_latex():
    table = latex_table(COMPARED[0], short_names(ENDS), CONTENT.terms, seeds=3, two_columns=False)
    caption = (
        r"Test accuracy at the end of training: mean $\pm$ standard deviation over 3 seeds (higher is better). "
        r"Differences are to first, in pairs of the same seed, with 95\% intervals of Student's $t$. "
        r"$p$ is corrected for 3 comparisons (Holm). Runs that diverged are left out."
    )
    assert table.splitlines() == [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{caption}}}",
        r"  \label{tab:test-accuracy}",
        r"  \smallskip\footnotesize",
        r"  \setlength{\tabcolsep}{2pt}",
        r"  \begin{tabular}{lrrrr}",
        r"    \toprule",
        r"    Schedule & Test accuracy & Difference & 95\% interval & $p$ \\",
        r"    \midrule",
        r"    \multicolumn{5}{l}{first} \\ & $0.7100 \pm 0.0100$ &  &  &  \\",
        r"    \multicolumn{5}{l}{good} \\ & $0.8067 \pm 0.0058$ & $+0.0967$ & $[+0.0823, +0.1110]$ & $0.002$ \\",
        r"    \multicolumn{5}{l}{bad} \\ & $0.5133 \pm 0.0153$ & $-0.1967$ & $[-0.2110, -0.1823]$ & $< 0.001$ \\",
        r"    \multicolumn{5}{l}{even} \\ & $0.7100 \pm 0.0265$ & $0.0000$ & $[-0.0430, +0.0430]$ & $1.000$ \\",
        r"    \multicolumn{5}{l}{once (1 of 3 runs)} \\ & $0.8000$ & $+0.1000$ &  &  \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    wide = latex_table(COMPARED[1], short_names(ENDS), CONTENT.terms, seeds=3, two_columns=True)
    assert wide.splitlines()[1] == r"\begin{table*}"
    assert wide.splitlines()[-1] == r"\end{table*}"
    assert "over 3 seeds (lower is better)." in wide
    assert r"\setlength{\tabcolsep}{6pt}" in wide
    assert r"    once (1 of 3 runs) & $0.4500$ & $-0.1000$ &  &  \\" in wide.splitlines()


def test_every_cell_of_the_csv_files():
    head, first, good, *_, once = results_csv(COMPARED[:1]).splitlines()
    assert head == (
        "metric,schedule,finished,diverged,mean,standard_deviation,pairs,difference,low,high,p,p_holm,verdict"
    )
    assert re.fullmatch(r"test accuracy,first,3,0,0\.71,0\.01\d*,,,,,,,first", first)
    assert good.startswith("test accuracy,good,3,0,0.80666")
    assert good.endswith(",better")
    assert re.fullmatch(r"test accuracy,once,1,1,0\.8,,1,0\.1\d*,,,,,unknown", once)
    lines = runs_csv(FIVE, COMPARED).splitlines()
    assert lines[0] == "schedule,text,seed,status,test_accuracy,test_loss,train_loss"
    assert lines[1] == "first,Constant(0.1),0,finished,0.7,0.55,0.30000000000000004"
    assert lines[-1].startswith("once,Constant(0.1),1,diverged,0.9,0.35,0.09999")


def test_every_sentence_of_the_methods():
    schedules = dict.fromkeys(ENDS, "Constant(0.1)")
    found = methods(CONTENT, schedules, COMPARED).markdown().split("\n\n")
    assert found[1] == " ".join(
        [
            "We compared 5 learning-rate schedules on the task `digits`. Data\\_1.",
            "A run has 3 epochs (1,020 updates) of the optimizer `sgd`, with batches of 8 samples.",
            "Every schedule was trained with the seeds 0, 1, 2.",
            "For one seed, all schedules start from the same weights and see the same samples in the same order.",
            HOW_TUNED,
            "Results are those after the last epoch. Accuracy: top-1.",
            "Runs whose loss was not finite count as diverged and are left out of the means.",
            "Means are given with the sample standard deviation over the seeds.",
            "Every other schedule was compared with `first` by the differences at the same seeds.",
            "The 95% intervals of the differences are those of Student's t for pairs.",
            "The p-values (two-sided) are corrected for the 3 comparisons in each metric with Holm's method; the "
            "intervals are not corrected.",
            "We used stepsize 1.0, PyTorch 2.13.0, NumPy 2.1, Python 3.11 on the device cpu.",
        ]
    )
    assert found[2:6] == [
        "A remark.",
        "Schedules:",
        "\n".join(f"- {name}: `Constant(0.1)`" for name in ENDS),
        "Factors of the peak rates: good `0.5`.",
    ]
    assert found[-1] == (
        "Versions and machine: stepsize `1.0`; torch `2.13.0`; numpy `2.1`; python `3.11`; device `cpu`.\n"
    )
    one = replace(CONTENT, experiment=replace(CONTENT.experiment, epochs=1, seeds=(4,), accumulation=2))
    text = methods(one, {"first": "Constant(0.1)"}, ()).markdown()
    assert "We compared 1 learning-rate schedule on" in text
    assert "A run has 1 epoch (1,020 updates)" in text
    assert (
        "with batches of 8 samples, 2 of them accumulated for each update. Every schedule was trained with the seed 4."
        in text
    )
    assert "Student" not in text


def test_the_page_of_a_comparison_has_all_that_its_store_says():
    page = content_page(replace(CONTENT, network="a_net"), "T" * 300)
    assert f"<title>{'T' * 237}...</title>" in page
    assert "<p>Data_1.</p>" in page
    assert "1 of 15 runs did not finish and is left out of the tables" in page
    assert "<summary>All 2 trials</summary>" in page
    assert "A remark." in notes(page)
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert shown.items() >= {"network": "a_net", "accuracy": "top-1", "steps": "1020", "torch": "2.13.0"}.items()
    assert "<dt>network</dt>" not in content_page(CONTENT, "Without")


def test_the_paths_of_a_panel_go_through_its_values():
    page = html_report(RUNS, **ABOUT)
    panels = json.loads(page.partition('id="data">')[2].partition("</script>")[0])["panels"]
    assert [panel["last"] for panel in panels] == [300] * 4
    assert [panel["thin"] for panel in panels] == ["", "", "train accuracy", ""]
    for panel, figure in zip(panels, re.findall(r"<figure.*?</figure>", page, re.DOTALL), strict=True):

        def places(columns, panel=panel):
            height = [1000 * (panel["high"] - y) / (panel["high"] - panel["low"]) for y in columns[1]]
            return [each for x, y in zip(columns[0], height, strict=True) for each in (1000 * x / panel["last"], y)]

        for curve in panel["curves"]:
            drawn = re.findall(rf'<g data-curve="{curve["index"]}".*?</g>', figure, re.DOTALL)[0]
            paths = dict(re.findall(r'<path class="(\w+)" d="(.*?)"', drawn))
            numbers = {name: [float(each) for each in re.findall(r"-?[\d.]+(?!h)", d)] for name, d in paths.items()}
            x, mean = curve["x"], curve["mean"]
            assert numbers["line"] == pytest.approx(places((x, mean)), abs=0.11)
            if "low" in curve:
                outline = places((x, curve["high"])) + places((x[::-1], curve["low"][::-1]))
                assert numbers["band"] == pytest.approx(outline, abs=0.11)
                assert paths["band"].endswith("Z")
                assert paths["dots"] == "".join(f"M{place}h0" for place in paths["line"][1:].split("L"))
            if panel["thin"]:
                assert numbers["thin"] == pytest.approx(places((curve["thin"]["x"], curve["thin"]["mean"])), abs=0.11)


def test_schedules_without_a_common_seed_are_not_compared():
    runs = [ended("first", 0, 0.5), ended("other", 1, 0.6)]
    said = 'against "first": no seed has finished under both "first" and another, so they cannot be compared.'
    assert notes(html_report(runs, "Apart"), "summary") == [f"Test accuracy at the end, {said}"]
