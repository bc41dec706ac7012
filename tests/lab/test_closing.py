"""The table that a comparison closes with: what may be said of the differences, within 78 characters."""

from rich.console import Console

from stepsize.cli.compare import _table
from stepsize.lab import SIX_SCHEDULES
from stepsize.lab.report.closing import closing_table
from stepsize.lab.report.markdown import markdown
from stepsize.records import Epoch, Point, Run

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


def test_several_seeds_are_told_with_their_paired_difference_and_its_interval():
    table = closing_table(runs(5))
    assert table.columns[-1] == "against flat"
    first, warm, even = (line[-1] for line in table.lines)
    assert first == "-"
    assert warm.startswith("+0.012")
    assert "to" in warm
    assert even == "not told apart"


def test_a_spread_larger_than_the_difference_is_warned_of_in_words():
    notes = closing_table(runs(5)).notes
    assert [note.split(":")[0] for note in notes] == ["warm", "even"]
    assert all("spread over seeds" in note for note in notes)
    assert all(note in markdown(runs(5)) for note in notes)
    assert "| against flat |" in markdown(runs(5))


def test_one_seed_says_so_in_one_line_and_one_schedule_needs_none():
    table = closing_table(runs(1))
    assert table.columns[-1] == "seconds"
    assert len(table.notes) == 1
    assert "One seed says nothing" in table.notes[0]
    assert closing_table([run("flat", seed, 0.8) for seed in range(3)]).notes == ()


def test_without_an_accuracy_the_test_loss_is_compared():
    table = closing_table([run(n, s, NAN, 1.0 + 0.01 * s - b) for s in range(3) for n, b in (("a", 0), ("b", 0.5))])
    assert table.columns[-1] == "test loss against a"


def test_the_six_schedules_over_five_seeds_fit_into_78_characters():
    six = [
        run(name, seed, 0.8 + 0.02 * index + 0.0013 * ((seed * (index + 2)) % 5))
        for seed in range(5)
        for index, name in enumerate(SIX_SCHEDULES)
    ]
    console = Console(width=78)
    with console.capture() as capture:
        console.print(_table(closing_table(six).narrow()))
    lines = capture.get().splitlines()
    assert len(lines) == 7
    assert all(len(line.rstrip()) <= 78 for line in lines)
    assert [line.split()[0] for line in lines[1:]] == list(SIX_SCHEDULES)
    assert " to " in lines[2]
