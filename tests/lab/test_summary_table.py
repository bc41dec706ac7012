"""The summary table: means, differences to the first schedule and their limits, within 78 characters."""

import re
from dataclasses import fields, replace

import pytest
import torch
from reports import HOSTILE

from stepsize.cli.screen import print_table
from stepsize.lab import SIX_SCHEDULES, Experiment, Task, html_report
from stepsize.lab.report.content import ReportContent
from stepsize.lab.report.markdown import _LISTED, markdown_report, markdown_table, report_title
from stepsize.lab.report.summary_table import pairs_table, result_line, shared_updates, summary_table
from stepsize.lab.statistics.findings import Terms
from stepsize.plots import Picture, plot_comparison
from stepsize.store import Run
from stepsize.store.run import Epoch, Point

NAN = float("nan")


def run(name, seed, accuracy, loss=0.4):
    return Run(name, "Constant(0.1)", seed, (Point(5, 0.1, 1.0, 0.5),), (Epoch(5, 1.0, 0.5, loss, accuracy),), 212.5)


def runs(seeds):
    """The first, one clearly better, one hidden in the noise of the seeds."""
    noise = [0.0, 0.02, -0.013, 0.008, -0.017][:seeds]
    return [
        run(name, seed, 0.8 + better + swing + 0.001 * ((seed * factor) % 3))
        for seed, swing in enumerate(noise)
        for name, better, factor in (("flat", 0.0, 1), ("warm", 0.012, 2), ("even", 0.0002, 2))
    ]


def report(experiment, runs, title="Title", source="Data.", terms=None, remarks=(), accuracy=""):
    """The Markdown report of runs of five steps."""
    terms = terms or experiment.terms()
    content = ReportContent(experiment, source, tuple(runs), terms, 5, remarks=remarks, accuracy=accuracy)
    return markdown_report(content, title)


def test_several_seeds_give_a_paired_difference_and_its_interval():
    table = summary_table(runs(5))
    assert table.columns[-1] == "against flat"
    first, warm, even = (line[-1] for line in table.lines)
    assert first == "-"
    assert warm.startswith("+0.012")
    assert "to" in warm
    assert even == "not told apart"


def test_a_spread_larger_than_the_difference_gives_a_warning():
    notes = summary_table(runs(5)).notes
    assert notes == (
        '"warm": The difference to "flat" is smaller than the spread of the test accuracy over seeds, and only the '
        "same seeds, compared in pairs, show it.",
        '"even": The difference to "flat" is smaller than the spread of the test accuracy over seeds.',
    )
    assert all(note in markdown_table(summary_table(runs(5)), runs(5)) for note in notes)
    assert "| against flat |" in markdown_table(summary_table(runs(5)), runs(5))


def test_one_seed_gives_one_note_and_one_schedule_gives_none():
    table = summary_table(runs(1))
    assert table.columns[-1] == "seconds"
    assert len(table.notes) == 1
    assert "One seed says nothing" in table.notes[0]
    assert summary_table([run("flat", seed, 0.8) for seed in range(3)]).notes == ()


def test_what_no_run_has_logged_has_no_column():
    bare = Run("flat", "Constant(0.1)", 0, (Point(5, 0.1, NAN, NAN),), (Epoch(5, NAN, NAN, 0.4, 0.8),), 1.0)
    assert summary_table([bare]).columns == ("schedule", "test accuracy", "seconds")
    assert result_line(bare, Terms(["flat"], 1)) == "flat, seed 0: test accuracy 0.8000 (1.0 s)"
    assert summary_table([bare, run("warm", 0, 0.8)]).columns[1:3] == ("train loss", "train accuracy")
    assert "train loss" in summary_table([replace(bare, status="interrupted")]).columns


def test_a_printed_table_has_its_columns_one_below_another_and_its_notes():
    table = summary_table(runs(5))
    *lines, first, second = str(table).splitlines()
    assert [first, second] == [*table.notes]
    assert len({len(line) for line in lines}) == 1
    for line, cells in zip(lines, (table.columns, *table.lines), strict=True):
        assert re.split(" {2,}", line.strip()) == [*cells]


def test_markup_in_a_name_is_escaped():
    odd = [run("<b>[x](y)|$a_b$*&lt;", 0, 0.8)]
    shown = markdown_table(summary_table(odd), odd)
    assert shown.count(r"\<b\>\[x\](y)\|\$a\_b\$\*\&lt;") == 2
    table = summary_table([replace(each, name="<b>") if each.name == "flat" else each for each in runs(5)])
    assert "<b>" not in table._repr_html_()
    assert table._repr_html_().count("&lt;b&gt;") == 4, "in a head, a cell and two notes"


def test_differences_are_to_the_first_schedule_even_if_its_runs_are_missing():
    """After Ctrl-C or a failure, no other schedule takes the place of the first."""
    names = ["flat", "warm", "even"]
    late = [each for each in runs(3) if (each.name, each.seed) != ("flat", 0)]
    table = summary_table(late, Terms(names, 3))
    assert table.columns[-1] == "against flat"
    assert [line[0] for line in table.lines] == names
    missing = [each for each in late if each.name != "flat"]
    table = summary_table(missing, Terms(names, 3))
    assert [line[0] for line in table.lines] == names
    assert set(table.lines[0][1:]) == {"-"}
    assert table.columns[-1] == "seconds"
    assert table.notes == ('"flat", the first schedule, has no finished run, so none can be compared with it.',)
    failed = [replace(each, status="failed") if each.name == "flat" else each for each in runs(3)]
    assert summary_table(failed, Terms(names, 3)).notes == table.notes
    page = html_report(missing, "Late", names=names, seeds=3)
    assert "against &#34;flat&#34;: &#34;flat&#34;, the first schedule, has no finished run" in page
    assert "against &#34;warm&#34;" not in page


def test_a_difference_over_fewer_seeds_than_the_means_gives_a_note_and_is_in_the_summary():
    better = {"flat": 0.0, "warm": 0.1, "late": 0.1}
    some = [run(name, seed, 0.8 + by + 0.001 * seed * (1 + by)) for name, by in better.items() for seed in range(5)]
    some = [replace(each, status="diverged") if each.name == "late" and each.seed > 1 else each for each in some]
    notes = summary_table(some).notes
    assert notes[0].startswith(
        '"late": Only 2 seeds have a result under both, and the difference is theirs; the means are'
    )
    assert notes[1].startswith('"late": 3 of 5 runs diverged and are left out')
    assert "over 2 to 5 seeds — better:" in html_report(some, "Some")
    assert "over 2 of 5 seeds — better:" in html_report([each for each in some if each.name != "warm"], "Some")
    assert "say the opposite" not in html_report(some, "Some")
    falling = [run("late", seed, 0.85 - 0.3 * (seed > 1) + 0.002 * seed) for seed in range(5)]
    first = [replace(each, status="diverged") if each.seed > 1 else each for each in some if each.name == "flat"]
    page = html_report([*first, *falling], "Falling")
    assert "over 2 of 5 seeds — better: &#34;late&#34;. The means, over more runs, say the opposite of" in page


def test_the_summary_names_six_schedules_of_a_verdict_and_counts_the_rest():
    """The largest differences come first."""
    some = [run(f"s{by}", seed, 0.6 + 0.03 * by + 0.001 * seed * (1 + by)) for by in range(9) for seed in range(4)]
    named = ", ".join(f"&#34;s{by}&#34;" for by in range(8, 2, -1))
    assert f"better: {named} and 2 more." in html_report(some, "Many")


def test_the_note_on_one_seed_depends_on_how_many_were_planned():
    assert summary_table(runs(1), Terms(seeds=1)).notes == (
        "One seed says nothing about which schedule is better; give several.",
    )
    assert summary_table(runs(1), Terms(seeds=3)).notes == (
        "Only one seed has finished under both, and one seed says nothing about which schedule is better.",
    )


def test_failed_runs_count_as_not_finished():
    experiment = Experiment({"flat": "Constant(0.1)", "warm": "Constant(0.1)"}, "digits", seeds=(0, 1))
    some = [each for each in runs(2) if each.name != "even"]
    some[3] = replace(some[3], status="failed")
    assert "**1 of 4 runs did not finish and is left out.**" in report(experiment, some)
    assert "**1 of 4 runs did not finish and is left out.**" in report(experiment, some[:3])
    some[3] = replace(some[3], status="diverged")
    assert "did not finish" not in report(experiment, some)


def test_without_an_accuracy_the_test_loss_is_compared():
    lossy = [run(n, s, NAN, 1.0 + 0.01 * s - b) for s in range(3) for n, b in (("a", 0), ("b", 0.004 * s), ("c", 0.5))]
    table = summary_table(lossy, Terms(("a", "b", "c", "missing")))
    assert table.columns == ("schedule", "train loss", "test loss", "seconds", "test loss against a")
    assert [line[2] for line in table.lines] == ["1.0100 ± 0.0100", "1.0060 ± 0.0060", "0.5100 ± 0.0100", "-"]
    assert table.narrow().columns == ("schedule", "train loss", "test loss", "test loss against a")
    assert table.notes[0] == '"b": The difference to "a" is smaller than the spread of the test loss over seeds.'
    assert summary_table(lossy[:3]).columns == ("schedule", "train loss", "test loss", "seconds")
    page = report(Experiment(dict.fromkeys("abc", "Constant(0.1)"), seeds=(0, 1, 2)), lossy)
    assert "Losses are those of the last epoch." in page
    assert "accuracy" not in page
    assert "![rate, train loss and test loss over steps]" in page


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_number_that_is_rounded_to_zero_has_no_minus_sign(level):
    """Means near zero, and a mean difference near zero between results that vary."""
    tiny = {("a", 0): -1e-9, ("a", 1): 2e-9, ("b", 0): -2e-9, ("b", 1): -1e-9, ("c", 0): -9e-9, ("c", 1): -1e-9}
    some = [run(name, seed, NAN, level * (1 + seed) + value) for (name, seed), value in tiny.items()]
    schedules = dict.fromkeys("abc", "Constant(0.1)")
    table = summary_table(some)
    shown = [
        " ".join(word for line in table.lines for word in line),
        *table.notes,
        report(Experiment(schedules, seeds=(0, 1)), some),
        html_report(some, "Near zero").split("<script", 1)[0],
        *(result_line(each, Terms(tuple("abc"), 2)) for each in some),
    ]
    assert [found for text in shown for found in re.findall(r"(?:-|\N{MINUS SIGN})0\.?0*(?![\d.e])", text)] == []


def test_held_out_samples_are_never_called_the_test_set():
    schedules = {"flat": "Constant(0.1)", "warm": "Constant(0.2)"}
    experiment = Experiment(schedules, "digits", seeds=(0, 1, 2), held_out=True)
    some = [each for each in runs(3) if each.name != "even"]
    told = [
        report(experiment, some),
        html_report(some, "Held out", judged_on=experiment.judged_on),
        result_line(some[0], experiment.terms()),
        *(axes.get_ylabel() for axes in plot_comparison(some, Picture(), judged_on=experiment.judged_on)),
    ]
    assert summary_table(some, Terms(judged_on="held-out")).columns[3] == "held-out accuracy"
    for text in told:
        assert "test " not in text.replace("the test set was not looked at", "")
    for text in told[:2]:
        assert "held-out accuracy" in text
        assert "held out and not trained on; the test set was not looked at." in text
    assert "held out" not in report(replace(experiment, held_out=False), some)


def test_the_report_has_every_setting_that_changes_what_is_trained():
    settings = {"optimizer_args": {"momentum": 0.9, "nesterov": True}, "samples": 500, "clip_norm": 1.0}
    more = {"precision": "bf16", "weight_decay": 0.01, "accumulation": 2, "loss_limit": 50.0}
    everything = Experiment({"flat": "Constant(0.1)"}, "digits", batch_size=256, **settings, **more)
    text = report(everything, runs(1)[:1])
    for words in (
        "sgd (momentum 0.9, nesterov yes), batch size 256 x 2 accumulated",
        "; samples 500, weight decay Constant(0.01), clip norm 1.0, precision bf16, loss limit 50.0.",
    ):
        assert words in text
    asked = Experiment({"flat": "Constant(0.1)"}, "digits", device="cpu", digests=("train inputs: ...",))
    plain = report(asked, runs(1)[:1], accuracy="sign of a logit")
    assert "sgd, batches of the task's own, epochs: 3 (5 steps), seeds: 0, on cpu.\n" in plain
    assert "Losses and accuracies are those of the last epoch. Accuracy: sign of a logit." in plain


def test_accuracies_are_columns_if_some_schedule_has_one_or_none_has_a_loss():
    accurate = ("schedule", "train loss", "train accuracy", "test accuracy", "seconds")
    assert summary_table([run("a", 0, NAN), run("b", 0, 0.8)]).columns == accurate
    assert summary_table([replace(run("a", 0, NAN), status="diverged")]).columns == accurate


def test_the_other_metrics_of_the_markdown_are_not_in_its_first_table():
    page = report(Experiment(dict.fromkeys(("flat", "warm", "even"), "Constant(0.1)")), runs(3))
    first, others = page.split("## Other metrics")
    assert "| schedule | train loss |" in first
    assert "| schedule | test loss |\n" in others


def test_the_line_of_a_run_has_its_accuracy_or_else_its_test_loss():
    assert result_line(run("a", 3, 0.8), Terms()) == (
        "a, seed 3: train loss 1.000, train accuracy 0.5000, test accuracy 0.8000 (212.5 s)"
    )
    assert result_line(run("a", 3, NAN), Terms()) == "a, seed 3: train loss 1.000, test loss 0.4000 (212.5 s)"


@pytest.mark.parametrize("judged_on", ["test", "held-out"])
def test_the_six_schedules_over_five_seeds_fit_into_78_characters(judged_on, monkeypatch, capsys):
    six = [
        run(name, seed, 0.8 + 0.02 * index + 0.0013 * ((seed * (index + 2)) % 5))
        for seed in range(5)
        for index, name in enumerate(SIX_SCHEDULES)
    ]
    monkeypatch.setenv("COLUMNS", "60")
    table = summary_table(six, Terms(judged_on=judged_on)).narrow()
    print_table(table.columns, table.lines, left=[0])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert all(len(line.rstrip()) <= 78 for line in lines)
    assert [line.split()[0] for line in lines[1:]] == list(SIX_SCHEDULES)
    assert " to " in lines[2]


def test_a_backtick_in_the_text_of_a_schedule_does_not_end_its_code():
    schedule = 'Function("`a` <b>")'
    assert f"- flat: `` {schedule} ``" in markdown_table(
        summary_table(runs(1)), [replace(runs(1)[0], schedule=schedule)]
    )


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:12]))
def test_a_hostile_name_stays_one_cell_of_the_markdown(name):
    some = [run(each, seed, 0.8 + 0.01 * seed) for seed in range(2) for each in ("flat", name)]
    experiment = Experiment({"flat": "Constant(0.1)", "other": "Constant(0.1)"}, seeds=(0, 1))
    text = report(experiment, some, name, name, terms=Terms(("flat", name), 2), remarks=(name,))
    assert all(character.isprintable() for character in text.replace("\n", ""))
    assert not re.search(r"(?<!\\)[<>`$]", re.sub(r"`[^`\n]*`", "", text))
    (line,) = [
        line for line in text.splitlines() if line.startswith("| ") and "flat" not in line and "\xb1 0.0071 |" in line
    ][:1]
    assert len(re.findall(r"(?<!\\)\|", line)) == len(summary_table(some).columns) + 1


def test_the_table_of_all_pairs_compares_each_schedule_with_those_before_it():
    ends = {"a": (0.70, 0.72, 0.71), "b": (0.80, 0.81, 0.81), "c": (0.81, 0.81, 0.80)}
    some = [run(name, seed, value) for name, values in ends.items() for seed, value in enumerate(values)]
    assert pairs_table(some, Terms()).lines[1] == ("c", "a", "+0.0967 (0.0680 to 0.1254)", "0.009", "better")
    assert pairs_table(some, Terms()).notes == ("p is corrected for 3 pairs (Holm).",)
    none = "All pairs need at least 3 and at most 32 schedules, and at least 2 seeds."
    assert pairs_table(some[:6], Terms()).notes == pairs_table([], Terms()).notes == (none,)


def test_what_branches_have_saved_is_counted_in_updates():
    trunk, late, early = runs(1)
    late, early = replace(late, parent=0, branched_at=4), replace(early, parent=0, branched_at=2)
    assert shared_updates([trunk, late, early]) == (
        "2 of 3 runs branch from others: 9 of 15 updates were trained (40% saved).",
    )
    again = replace(trunk, seed=1)
    assert shared_updates([trunk, again, late]) == (
        "1 of 3 runs branches from another: 11 of 15 updates were trained (27% saved).",
    )
    assert shared_updates([trunk]) == ()


@pytest.mark.parametrize(("name", "shown"), [("task", "line"), ("lines", "lines")])
def test_a_title_has_the_name_of_the_task_or_else_that_of_its_function(name, shown):
    experiment = Experiment({"flat": "Constant(0.1)"}, "package.own:line")
    content = ReportContent(experiment, "Data.", tuple(runs(1)[:1]), experiment.terms(), 5)
    pair = (torch.zeros(2, 1), torch.zeros(2, 1))
    task = Task(lambda: torch.nn.Linear(1, 1), pair, pair, name=name)
    assert report_title(content, task).endswith(
        f"Linear on {'package.own:' * (name == 'task')}{shown} under one schedule"
    )


def test_each_setting_is_listed_or_has_its_own_place_in_the_report_or_does_not_change_what_is_trained():
    own_place = {"schedules", "task", "epochs", "seeds", "batch_size", "accumulation", "optimizer", "optimizer_args"}
    own_place |= {"device", "steps", "command", "most_seeds", "margin", "until_told", "tune_peak", "held_out"}
    no_change = {"engine", "runs_at_once", "log_every", "checkpoint_every", "functions", "digests"}
    assert sorted([*_LISTED, *own_place, *no_change]) == sorted(each.name for each in fields(Experiment))
