"""Tables for a paper at the limits of their room, their captions, and the methods of loops of one's own."""

import csv
import io
from dataclasses import replace

import pytest

from stepsize.lab import Experiment
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.markdown import HELD_OUT, markdown_report
from stepsize.lab.report.methods import methods
from stepsize.lab.report.paper_table import file_stem, latex_table, results_csv, runs_csv, short_names
from stepsize.lab.report.tables import grouped, tables
from stepsize.lab.statistics.differences import Looks
from stepsize.lab.statistics.findings import Metric, Terms
from stepsize.store.run import Epoch, Point, Run, Value

ENDS = {"first": (0.70, 0.72, 0.71), "other": (0.80, 0.81, 0.83)}


def runs(ends=ENDS, **values):
    """Runs that end with these accuracies, a train loss of 1 - accuracy and a test loss 0.25 above it."""
    return [
        Run(
            name,
            "Constant(0.1)",
            seed,
            (Point(20, 0.1, 1 - each, 0.5),),
            (Epoch(20, 1 - each, 0.5, 1.25 - each, each),),
            1.0,
            values=tuple(Value(20, name, value + seed * each) for name, value in values.items()),
        )
        for name, column in ends.items()
        for seed, each in enumerate(column)
    ]


def table_of(found, terms=None):
    return tables(grouped(found), terms or Terms())[0]


def latex(found, terms=None, seeds=3, two_columns=False):
    table = table_of(found, terms)
    names = short_names(each.name for each in table.findings)
    return latex_table(table, names, terms or Terms(), seeds=seeds, two_columns=two_columns)


def lines_of(text):
    """The lines of a table's body, without what follows the mean."""
    body = text.partition("\\midrule\n")[2].partition("    \\bottomrule")[0]
    return [line.partition(" & $0.")[0].strip() for line in body.splitlines()]


@pytest.mark.parametrize(
    ("name", "two_columns", "lines"),
    [
        ("n" * 9, False, ["a", "n" * 9]),
        ("n" * 10, False, [r"\multicolumn{5}{l}{a} \\", rf"\multicolumn{{5}}{{l}}{{{'n' * 10}}} \\"]),
        ("n" * 10, True, ["a", "n" * 10]),
        ("of words " * 2 + "and a w", True, ["a", "of words of words and a w"]),
        (
            "of words " * 2 + "and a wo",
            True,
            ["a", r"\parbox[t]{0.3\linewidth}{\raggedright of words of words and a wo\strut}"],
        ),
        (
            "of words " * 2 + "and a wo",
            False,
            [
                r"\multicolumn{5}{l}{a} \\",
                r"\multicolumn{5}{l}{\parbox[t]{0.95\linewidth}{\raggedright of words of words and a wo\strut}} \\",
            ],
        ),
    ],
)
def test_a_name_too_long_for_its_column_gives_each_name_a_line_of_its_own(name, two_columns, lines):
    found = latex(runs({"a": ENDS["first"], name: ENDS["other"]}), two_columns=two_columns)
    assert lines_of(found) == lines


def test_a_name_has_at_most_forty_characters_and_those_cut_alike_have_numbers():
    names = ["a" * 40, "b" * 41, "b" * 42, "", "short"]
    assert short_names(names) == {
        "a" * 40: "a" * 40,
        "b" * 41: f"{'b' * 24}...{'b' * 13}",
        "b" * 42: f"{'b' * 24}...{'b' * 5} (3)",
        "": "schedule 4",
        "short": "short",
    }


@pytest.mark.parametrize(("name", "head"), [("m" * 16, "m" * 16), ("m" * 17, "Mean")])
def test_a_metric_with_a_long_name_is_in_the_caption_alone(name, head):
    text = latex(runs(**{name: 1.0}), Terms(headline=Metric(name, name)))
    assert rf"    Schedule & {head} & Difference & 95\% interval & $p$ \\" in text.splitlines()
    assert rf"\caption{{{'m' * 16}" in text


@pytest.mark.parametrize(
    ("better", "direction"),
    [
        (True, "higher is better"),
        (False, "lower is better"),
        (None, "whether higher or lower is better is not known"),
    ],
)
def test_a_caption_says_which_values_are_better_as_far_as_it_is_known(better, direction):
    text = latex(runs(f1=1.0), Terms(headline=Metric("f1", "f1", better)))
    assert rf"f1 at the end of training: mean $\pm$ standard deviation over 3 seeds ({direction})." in text


def caption_of(text):
    return text.partition("  \\caption{")[2].partition("}\n")[0]


def test_the_caption_of_one_seed_of_one_schedule_and_of_rounds_says_only_what_the_table_has():
    one_seed = {name: column[:1] for name, column in ENDS.items()}
    assert caption_of(latex(runs(one_seed), seeds=1)) == "Test accuracy at the end of training (higher is better)."
    spread = r"Test accuracy at the end of training: mean $\pm$ standard deviation over 3 seeds (higher is better)."
    alone = latex(runs({"first": ENDS["first"]}))
    assert caption_of(alone) == spread
    assert r"    Schedule & Test accuracy \\" in alone.splitlines()
    rounds = Terms(looks=Looks((0, 1, 2), (3,), 20, None))
    assert caption_of(latex(runs(), rounds)) == (
        rf"{spread} Differences are to first, in pairs of the same seed, with 95\% intervals that hold at every look "
        "at the results."
    )


@pytest.mark.parametrize(
    ("label", "stem"),
    [
        ("val/F1 score!", "val-f1-score"),
        ("学", "metric"),
        ("x" * 40, "x" * 40),
        ("x" * 41, "x" * 40),
        ("x" * 39 + " y", "x" * 39),
    ],
)
def test_the_name_of_the_file_of_a_metric_has_plain_letters(label, stem):
    assert file_stem(replace(table_of(runs()), metric=Metric("f", label))) == stem


def rounded(text):
    """The cells of a CSV file, numbers with six digits."""

    def cell(value):
        try:
            return f"{float(value):.6g}"
        except ValueError:
            return value

    return [[cell(value) for value in row] for row in csv.reader(io.StringIO(text))]


def test_the_csv_files_have_the_numbers_of_every_schedule_metric_and_run():
    found = [*runs(), replace(runs({"other": (0.1,) * 4})[3], status="diverged")]
    compared = tables(grouped(found), Terms())
    means = {"test accuracy": ("0.71", "0.813333"), "test loss": ("0.54", "0.436667")}
    means |= {"train loss": ("0.29", "0.186667")}
    more = ["3", "0.103333", "0.0653875", "0.141279", "0.00720545", "0.00720545", "better"]
    less = ["3", "-0.103333", "-0.141279", "-0.0653875", "0.00720545", "0.00720545", "better"]
    assert rounded(results_csv(compared))[1:] == [
        line
        for metric, (first, other) in means.items()
        for line in (
            [metric, "first", "3", "0", first, "0.01", *[""] * 6, "first"],
            [metric, "other", "3", "1", other, "0.0152753", *(more if metric == "test accuracy" else less)],
        )
    ]
    assert rounded(runs_csv(found, compared)) == [
        ["schedule", "text", "seed", "status", "test_accuracy", "test_loss", "train_loss"],
        ["first", "Constant(0.1)", "0", "finished", "0.7", "0.55", "0.3"],
        ["first", "Constant(0.1)", "1", "finished", "0.72", "0.53", "0.28"],
        ["first", "Constant(0.1)", "2", "finished", "0.71", "0.54", "0.29"],
        ["other", "Constant(0.1)", "0", "finished", "0.8", "0.45", "0.2"],
        ["other", "Constant(0.1)", "1", "finished", "0.81", "0.44", "0.19"],
        ["other", "Constant(0.1)", "2", "finished", "0.83", "0.42", "0.17"],
        ["other", "Constant(0.1)", "3", "diverged", "0.1", "1.15", "0.9"],
    ]


def content(experiment, **more):
    given = {"steps": 1400, "environment": {"stepsize": "1.0", "revision": "", "torch": "2.13.0"}, **more}
    return ReportContent(experiment, "Data.", tuple(runs()), Terms(tuple(ENDS), 3), **given)


SCHEDULES = dict.fromkeys(ENDS, "Constant(0.1)")
STATISTICS = (
    "Runs whose loss was not finite count as diverged and are left out of the means. Means are given with the sample "
    "standard deviation over the seeds. Every other schedule was compared with `first` by the differences at the same "
    "seeds. The 95% intervals of the differences are those of Student's t for pairs. We used stepsize 1.0, PyTorch "
    "2.13.0."
)


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ({"task": "loop.py:train"}, "on the task `loop.py:train`"),
        ({"command": "train {rates} {folder}"}, "in runs of the command `train {rates} {folder}`"),
    ],
)
def test_every_word_of_the_methods_and_the_report_of_a_loop_or_a_command_of_ones_own(more, made):
    found = content(Experiment(SCHEDULES, steps=1400, seeds=(0, 1, 2), device="cpu", **more), trains_itself=True)
    compared = tables(grouped(found.runs), found.terms)
    settings = "steps `1400`; seeds `0, 1, 2`; engine `auto`"
    settings = f"{settings}; command `{more['command']}`" if "command" in more else f"task `{more['task']}`; {settings}"
    assert methods(found, SCHEDULES, compared).markdown() == (
        f"## Methods\n\nWe compared 2 learning-rate schedules {made}. Data. A run has 1,400 steps. Every schedule was "
        f"trained with the seeds 0, 1, 2. Results are the last values that a run logged. {STATISTICS}\n\n"
        "Schedules:\n\n- first: `Constant(0.1)`\n- other: `Constant(0.1)`\n\n"
        f"Settings: {settings}.\n\n"
        "Versions and machine: stepsize `1.0`; torch `2.13.0`.\n"
    )
    assert markdown_report(found, "Own").split("\n\n")[:4] == [
        "# Own",
        "Data.",
        "1400 steps, seeds: 0, 1, 2, on cpu.",
        "Each metric is the last value that a run logged. Spread is the standard deviation over seeds.",
    ]


def test_every_word_of_the_methods_of_held_out_samples_in_batches_of_the_tasks_own():
    settings = {"optimizer_args": {"momentum": 0.9, "nesterov": True}, "held_out": True, "seeds": (0, 1, 2)}
    found = content(Experiment(SCHEDULES, "digits", epochs=2, device="cpu", **settings))
    compared = tables(grouped(found.runs), found.terms)
    text, *_, details, _ = methods(found, SCHEDULES, compared).markdown().split("\n\n")[1:]
    assert text == (
        "We compared 2 learning-rate schedules on the task `digits`. Data. A run has 2 epochs (1,400 updates) of the "
        "optimizer `sgd(momentum=0.9, nesterov=yes)`, with batches of the task's own. Every schedule was trained with "
        "the seeds 0, 1, 2. For one seed, all schedules start from the same weights and see the same samples in the "
        f"same order. {HELD_OUT} Results are those after the last epoch. {STATISTICS}"
    )
    assert details == (
        "Settings: task `digits`; epochs `2`; steps `1400`; seeds `0, 1, 2`; accumulation `1`; optimizer `sgd`; "
        "optimizer args `momentum: 0.9, nesterov: yes`; precision `fp32`; engine `auto`; log every `50`; checkpoint "
        "every `500`; held out `yes`."
    )


def test_methods_have_statistics_if_one_metric_of_several_has_intervals():
    found = content(Experiment(SCHEDULES, "digits", seeds=(0, 1, 2)))
    some = [each if each.seed else replace(each, values=(Value(20, "f1", 0.5),)) for each in found.runs]
    compared = tables(grouped(some), Terms(others=(Metric("f1", "f1", None),)))
    assert [table.has_intervals for table in compared] == [True, True, True, False]
    assert STATISTICS in methods(found, SCHEDULES, compared).markdown()


def test_methods_without_differences_have_no_word_of_statistics():
    found = content(Experiment(SCHEDULES, "digits", seeds=(0,)))
    one_seed = [each for each in found.runs if each.seed == 0]
    text = methods(found, SCHEDULES, tables(grouped(one_seed), found.terms)).markdown()
    assert "are left out of the means. We used stepsize 1.0, PyTorch 2.13.0.\n" in text
