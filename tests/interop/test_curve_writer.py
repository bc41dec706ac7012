"""The curve file: what the reader makes of it, and what a kill and a resume leave."""

import numpy as np
import pytest

from stepsize import Linear
from stepsize.curves import read_curves
from stepsize.errors import OutputError
from stepsize.interop import CurveWriter
from stepsize.interop.curve_writer import MeanLoss

PLAN = Linear(0.5, 0.1, 12)


def write(path, begin, end, every=3, loss=0.0):
    writer = CurveWriter(path)
    for done in range(begin + 1, end + 1):
        writer.write(done, {"lr": PLAN(done - 1)}, loss + 1 / done if done % every == 0 else None)


def test_the_reader_gets_the_rate_of_every_update_and_the_mean_losses(tmp_path):
    write(tmp_path / "new" / "curve.csv", 0, 12)
    (curve,) = read_curves(tmp_path / "new" / "curve.csv")
    np.testing.assert_array_equal(curve.rates, PLAN.sample()[: len(curve.rates)])
    assert curve.steps.tolist() == [1, 4, 7, 10]  # the middles of the means
    np.testing.assert_allclose(curve.losses, [1 / 3, 1 / 6, 1 / 9, 1 / 12])


def test_a_resumed_run_replaces_the_rows_from_there_on(tmp_path):
    once, twice = tmp_path / "once.csv", tmp_path / "twice.csv"
    write(once, 0, 12)
    write(twice, 0, 9, loss=7.0)
    write(twice, 0, 7)
    write(twice, 6, 12)
    assert twice.read_text() == once.read_text()


@pytest.mark.parametrize("kept", [0, 5, 25, 60, 61, 62, 90])
def test_a_run_killed_in_the_middle_of_a_row_resumes(kept, tmp_path):
    once, killed = tmp_path / "once.csv", tmp_path / "killed.csv"
    write(once, 0, 12)
    text = once.read_text()[:kept]
    killed.write_text(text)
    write(killed, max(text.count("\n") - 1, 0), 12)
    assert killed.read_text() == once.read_text()


def test_a_row_that_was_cut_within_its_number_is_not_taken_for_an_earlier_one(tmp_path):
    once, killed = tmp_path / "once.csv", tmp_path / "killed.csv"
    write(once, 0, 12)
    text = once.read_text()
    killed.write_text(text[: text.index("\n10,") + 2])
    write(killed, 9, 12)
    assert killed.read_text() == text


def test_values_that_are_new_get_a_column(tmp_path):
    path = tmp_path / "curve.csv"
    CurveWriter(path).write(1, {"lr": 0.5}, 3.0)
    writer = CurveWriter(path)
    writer.write(2, {"lr": 0.4, "momentum": 0.9}, 2.0)
    writer.write(3, {"momentum": 0.8}, 1.0)
    assert path.read_text() == "updates,mean_loss,lr,momentum\n1,3.0,0.5,\n2,2.0,0.4,0.9\n3,1.0,,0.8\n"


def test_the_columns_of_a_curve_keep_their_order(tmp_path):
    path = tmp_path / "curve.csv"
    CurveWriter(path).write(1, {"lr": 0.5, "momentum": 0.9})
    CurveWriter(path).write(2, {"momentum": 0.8, "lr": 0.4})
    assert path.read_text() == "updates,mean_loss,lr,momentum\n1,,0.5,0.9\n2,,0.4,0.8\n"


def test_rows_without_a_number_of_updates_are_left_out(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("updates,mean_loss,lr\n1,,0.5\nupdates,mean_loss,lr\n,,0.3\n")
    CurveWriter(path).write(2, {"lr": 0.4})
    assert path.read_text() == "updates,mean_loss,lr\n1,,0.5\n2,,0.4\n"


def test_a_loss_of_0_is_written(tmp_path):
    CurveWriter(tmp_path / "curve.csv").write(1, {"lr": 0.5}, 0.0)
    assert (tmp_path / "curve.csv").read_text() == "updates,mean_loss,lr\n1,0.0,0.5\n"


def test_the_folders_above_a_curve_are_made(tmp_path):
    CurveWriter(tmp_path / "a" / "b" / "curve.csv").write(1, {"lr": 0.5})
    assert (tmp_path / "a" / "b" / "curve.csv").read_text() == "updates,mean_loss,lr\n1,,0.5\n"


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "curve.csv").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        CurveWriter(tmp_path / "curve.csv")


def test_the_mean_of_the_losses_is_that_of_those_since_the_last_one():
    losses = MeanLoss()
    assert losses.take() is None
    losses.add(1.0)
    losses.add(np.float32(3.0))
    assert (losses.take(), losses.take()) == (2.0, None)
    losses.add(np.array(5.0))
    last = losses.take()
    assert last == 5.0
    assert type(last) is float
