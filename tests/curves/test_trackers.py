"""Loss curves from the folders of trackers: TensorBoard, MLflow, Weights & Biases, and what trainers leave behind."""

import json
import shutil
import struct
import zlib

import numpy as np
import pytest
from test_formats import FORMATS, INDEX, NEXT, PLAN

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import DataError


def record(**values):
    """A record of an event file, with the metadata of a scalar for a value that is a tensor."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    scalar = {"plugin_data": {"plugin_name": "scalars"}}
    step = values.pop("step")
    points = [
        Summary.Value(tag=tag, simple_value=value)
        if isinstance(value, float)
        else Summary.Value(tag=tag, image=value)
        if isinstance(value, dict)
        else Summary.Value(tag=tag, tensor={"dtype": 7, "string_val": [value]}, metadata=scalar)
        if isinstance(value, bytes)
        else Summary.Value(tag=tag, tensor={"dtype": 1, "float_val": value}, metadata=scalar)
        for tag, value in values.items()
    ]
    message = Event(step=step, summary=Summary(value=points)).SerializeToString()
    return struct.pack("<QI", len(message), 0) + message + bytes(4)


def write_events(folder, steps, loss="loss", rate=0.1, time=1):
    folder.mkdir(parents=True, exist_ok=True)
    records = [record(step=step, lr=rate, **{loss: 5.0 - step / 100}) for step in steps]
    (folder / f"events.out.tfevents.{time}.host").write_bytes(b"".join(records))


# TensorBoard.


def test_the_later_attempt_of_a_resumed_run_counts(tmp_path):
    write_events(tmp_path, range(0, 50, 5), rate=0.1)
    write_events(tmp_path, range(25, 60, 10), rate=0.2, time=2)
    (curve,) = read_curves(tmp_path, jumps=[25])
    assert curve.steps.tolist() == [0, 5, 10, 15, 20, 25, 35, 45, 55]
    assert (curve.rates[20], curve.rates[25]) == pytest.approx((0.1, 0.2))
    assert "the run was resumed: 5 rows that it logged again are left out" in curve.notes[0]
    write_events(tmp_path, range(40, 60, 10), rate=0.2, time=3)
    (curve,) = read_curves(tmp_path, jumps=[25])
    assert curve.steps.tolist() == [0, 5, 10, 15, 20, 25, 35, 40, 50]
    assert curve.notes == ("the run was resumed: 7 rows that it logged again are left out of the earlier files",)


def test_scalars_that_are_stored_as_tensors_are_read(tmp_path):
    records = [record(step=step, batch_loss=[3.0 + step], lr=[0.1], epoch_loss=[9.0]) for step in range(0, 40, 10)]
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"".join(records))
    (curve,) = read_curves(tmp_path)
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([0, 10, 20, 30], [3.0, 13.0, 23.0, 33.0])


def test_an_image_among_the_scalars_is_left_out(tmp_path):
    records = [record(step=step, loss=3.0, lr=0.1, sample={"height": 9}) for step in (0, 10)]
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"".join(records))
    (curve,) = read_curves(tmp_path)
    assert curve.losses.tolist() == [3.0, 3.0]


def test_a_text_that_is_said_to_be_a_scalar_is_damage(tmp_path):
    (tmp_path / "events.out.tfevents.1.host").write_bytes(record(step=0, loss=b"low", lr=0.1))
    with pytest.raises(DataError, match=r'events\.out\.tfevents\.1\.host is damaged: "loss" is not a number'):
        read_curves(tmp_path)


def test_the_epochs_of_keras_are_not_taken_for_updates(tmp_path):
    write_events(tmp_path / "train", range(5), "epoch_loss")
    with pytest.raises(DataError, match=r"counts epochs \(epoch\), not updates"):
        read_curves(tmp_path, schedule=ss.Constant(0.1))


def test_a_record_that_is_cut_off_ends_an_event_file_and_a_damaged_one_is_refused(tmp_path):
    write_events(tmp_path, range(0, 50, 5))
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    for cut in (5, 9, 30):
        file.write_bytes(content[:-cut])
        assert read_curves(tmp_path)[0].steps.tolist() == [*range(0, 45, 5)]
    file.write_bytes(content[:12] + b"\xff" * 20 + content[32:])
    with pytest.raises(DataError, match="is damaged"):
        read_curves(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(DataError, match="no scalars"):
        read_curves(tmp_path)


def test_a_loss_of_nan_is_no_empty_cell(tmp_path):
    write_events(tmp_path, [0, 10, 20])
    write_events(tmp_path, [30], loss="other", time=2)
    (tmp_path / "events.out.tfevents.3.host").write_bytes(record(step=40, loss=float("nan"), lr=0.1))
    with pytest.raises(DataError, match="loss is not finite at step 40"):
        read_curves(tmp_path)


def test_a_run_in_the_current_folder_has_its_name(tmp_path, monkeypatch):
    write_events(tmp_path, [0, 10, 20])
    monkeypatch.chdir(tmp_path)
    assert read_curves(".")[0].name == tmp_path.name


def test_event_files_above_other_event_files_are_a_run_of_their_own(tmp_path):
    for folder in (tmp_path, tmp_path / "b", tmp_path / ".trash"):
        write_events(folder, [0, 10, 20])
    assert [curve.name for curve in read_curves(tmp_path)] == [tmp_path.name, "b"]
    assert read_curves(tmp_path / "b" / "events.out.tfevents.1.host")[0].name == "events.out.tfevents.1"


# MLflow.

RUN = "0/ab12cd34ef56ab12cd34ef56ab12cd34"


@pytest.mark.parametrize("inner", ["", "0", RUN])
def test_the_runs_of_mlflow_have_their_names(inner):
    (curve,) = read_curves(FORMATS / "mlruns" / inner)
    assert curve.name == "big-fish-7"
    np.testing.assert_array_equal(curve.steps, INDEX.steps)
    np.testing.assert_allclose(curve.losses, INDEX.losses)
    np.testing.assert_allclose(curve.rates[INDEX.steps], PLAN(INDEX.steps))


def test_the_name_of_a_run_of_mlflow_is_its_tag_or_else_in_its_description(tmp_path):
    shutil.copytree(FORMATS / "mlruns" / RUN, tmp_path / "ab12")
    tag = tmp_path / "ab12" / "tags" / "mlflow.runName"
    tag.write_text("small-fish-3\n")
    assert read_curves(tmp_path / "ab12")[0].name == "small-fish-3"
    tag.unlink()
    assert read_curves(tmp_path / "ab12")[0].name == "big-fish-7"


def test_a_deleted_run_of_mlflow_is_left_out(tmp_path):
    shutil.copytree(FORMATS / "mlruns", tmp_path / "mlruns")
    meta = tmp_path / "mlruns" / RUN / "meta.yaml"
    meta.write_text(meta.read_text().replace("active", "deleted"))
    with pytest.raises(DataError, match="no log"):
        read_curves(tmp_path)


def test_a_line_of_mlflow_that_is_none_is_named(tmp_path):
    shutil.copytree(FORMATS / "mlruns", tmp_path / "mlruns")
    (tmp_path / "mlruns" / RUN / "metrics" / "loss").write_text("1700000000000 3.0 0\n1700000000000 x 1\n")
    with pytest.raises(DataError, match="loss, line 2: not a time, a value and a step: '1700000000000 x 1'"):
        read_curves(tmp_path)


# Folders.


def test_the_last_checkpoint_of_a_run_folder_has_the_log(tmp_path):
    folder = tmp_path / "out" / "lr-6e-4"
    shutil.copytree(FORMATS / "transformers", folder)
    write_events(folder / "runs" / "Jan01_host", range(0, 50, 5))  # the same run once more
    (curve,) = read_curves(tmp_path / "out")
    assert curve.name == "lr-6e-4"
    np.testing.assert_array_equal(curve.steps, NEXT.steps)


def test_the_last_checkpoint_is_that_of_the_highest_number(tmp_path):
    def write_state(checkpoint, steps):
        folder = tmp_path / "run" / checkpoint
        folder.mkdir(parents=True)
        log = [{"step": step, "loss": 3.0, "learning_rate": 0.1, "epoch": 1.0} for step in range(1, steps + 1)]
        (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))

    for number in (90, 100):
        write_state(f"checkpoint-{number}", number)
    write_state("checkpoint-best", 5)
    (curve,) = read_curves(tmp_path)
    assert (curve.name, curve.steps[-1]) == ("run", 99)
    shutil.copy(tmp_path / "run/checkpoint-90/trainer_state.json", tmp_path / "run/trainer_state.json")
    assert read_curves(tmp_path / "run/trainer_state.json")[0].name == "run"


def test_files_beside_the_folders_of_runs_are_left_out_with_a_note(tmp_path):
    shutil.copytree(FORMATS / "lightning_logs/version_0", tmp_path / "version_0")
    for name in ("a.csv", "b.log"):
        (tmp_path / name).write_text("step 0 loss 3\nstep 1 loss 2\n")
    (curve,) = read_curves(tmp_path)
    assert curve.notes[-1] == f"{tmp_path} also has a.csv, b.log, which are read only if they are named"


def test_every_version_of_lightning_is_a_run(tmp_path):
    for version in (0, 1):
        shutil.copytree(FORMATS / "lightning_logs/version_0", tmp_path / "lightning_logs" / f"version_{version}")
    curves = read_curves(tmp_path / "lightning_logs")
    assert [curve.name for curve in curves] == ["version_0", "version_1"]


def test_logs_with_names_of_ones_own_are_found_among_other_files(tmp_path):
    shutil.copy(FORMATS / "plain.log", tmp_path / "first.log")
    shutil.copy(FORMATS / "plain.csv", tmp_path / "second.CSV")
    shutil.copy(FORMATS / "packed.csv.gz", tmp_path / "third.csv.gz")
    (tmp_path / "requirements.txt").write_text("torch==2.6.0\n")
    (tmp_path / "config.json").write_text(json.dumps({"lr": 0.1}))
    (tmp_path / "notes.log").write_text("nothing to see\n")
    assert [curve.name for curve in read_curves(tmp_path)] == ["first", "second", "third"]


def test_the_runs_of_weights_and_biases_are_read_from_their_folders(tmp_path):
    shutil.copytree(FORMATS / "wandb", tmp_path / "wandb")
    (tmp_path / "wandb" / "latest-run").symlink_to(tmp_path / "wandb" / "offline-run-20250201_100000-ab12cd34")
    unreadable = tmp_path / "wandb" / "run-20250301_100000-0123" / "files"
    unreadable.mkdir(parents=True)
    (unreadable / "output.log").write_text("nothing to see\n")
    names = [curve.name for curve in read_curves(tmp_path)]
    assert names == ["big-fish", "wandb/run-20200101_100000-ab12cd34", "wandb/run-20250101_100000-ef56ab78"]


def wandb_file(rows):
    """A binary log, in which a record that does not fit into its block of 32 KiB is cut into pieces."""

    def field(number, content):
        size = len(content)
        begin = [number * 8 % 128 + 2 | 128, number // 16, size % 128 | 128, size // 128 % 128 | 128, size // 2**14]
        return bytes(begin) + content

    content = b":W&B\xe1\xbe\x00"
    for row in rows:
        items = [(*map(str.encode, name.split("/")), json.dumps(value).encode()) for name, value in row.items()]
        fields = [b"".join([*(field(2, key) for key in keys), field(16, value)]) for *keys, value in items]
        record, is_first = field(2, b"".join(field(1, item) for item in fields)), True
        while record or is_first:
            left = 2**15 - len(content) % 2**15
            if left < 7:
                content += bytes(left)
                left = 2**15
            piece, record = record[: left - 7], record[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[is_first, not record]
            content += struct.pack("<IHB", zlib.crc32(bytes([kind]) + piece), len(piece), kind) + piece
            is_first = False
    return content


def test_a_record_of_weights_and_biases_may_go_on_in_the_next_block(tmp_path):
    path = tmp_path / "run-a.wandb"
    left = set()
    for size in range(32_640, 32_670):
        rows = [{"_step": step, "lr": 0.1, "train/loss": 3.5, "text": "x" * size} for step in range(2)]
        first = wandb_file(rows[:1])
        left.add(2**15 - len(first))
        path.write_bytes(wandb_file(rows))
        (curve,) = read_curves(path)
        assert (curve.steps.tolist(), curve.losses.tolist()) == ([0, 1], [3.5, 3.5])
        assert "loss = train/loss" in curve.notes[0]
    assert left >= {*range(-8, 15)} - {*range(-7, 0)}  # bytes after the first record in its block


def test_a_binary_log_of_weights_and_biases_may_be_cut_off_but_not_damaged(tmp_path):
    content = (FORMATS / "wandb" / "offline-run-20250201_100000-ab12cd34" / "run-ab12cd34.wandb").read_bytes()
    path = tmp_path / "run-ab12cd34.wandb"
    path.write_bytes(content[:-40])
    assert read_curves(path)[0].steps.tolist() == [*range(0, 90, 10)]
    path.write_bytes(content.replace(b"0.0003", b"0.0004"))
    with pytest.raises(DataError, match="is damaged, or of a newer version"):
        read_curves(path)
    path.write_bytes(content[:42])
    with pytest.raises(DataError, match="has no history"):
        read_curves(path)


def framed(record):
    """The header of a binary log, and one record that is whole."""
    piece = b"\1" + record
    return b":W&B\xe1\xbe\x00" + struct.pack("<IHB", zlib.crc32(piece), len(record), 1) + record


def text(number, content):
    """A field of a message that is bytes."""
    return bytes([number * 8 % 128 + 2 | 128, number // 16, len(content)]) + content


ROW = text(2, b"".join(text(1, text(1, key) + text(16, value)) for key, value in ((b"_step", b"7"), (b"loss", b"3.5"))))


@pytest.mark.parametrize(("kind", "size"), [(0, 1), (1, 8), (5, 4)])
def test_numbers_in_a_binary_log_of_weights_and_biases_are_passed_over(tmp_path, kind, size):
    (path := tmp_path / "run-a.wandb").write_bytes(framed(bytes([3 * 8 + kind]) + b"\3" * size + ROW))
    (curve,) = read_curves(path, schedule=ss.Constant(0.1))
    assert (curve.steps.tolist(), curve.losses.tolist()) == ([7], [3.5])


def test_a_number_in_a_binary_log_of_weights_and_biases_has_at_most_64_bits(tmp_path):
    path = tmp_path / "run-a.wandb"
    path.write_bytes(framed(b"\x18" + b"\x80" * 9 + b"\x01" + ROW))
    assert read_curves(path, schedule=ss.Constant(0.1))[0].losses.tolist() == [3.5]
    path.write_bytes(framed(b"\x18" + b"\x80" * 10 + b"\x01" + ROW))
    with pytest.raises(DataError, match="is damaged, or of a newer version"):
        read_curves(path)


@pytest.mark.parametrize("record", [b"\x1b" + ROW, ROW[:-1], b"\x80"], ids=["unknown kind", "cut off", "no end"])
def test_a_record_of_weights_and_biases_that_cannot_be_read_is_damage(tmp_path, record):
    (path := tmp_path / "run-a.wandb").write_bytes(framed(record))
    with pytest.raises(DataError, match="is damaged, or of a newer version"):
        read_curves(path)


def test_a_folder_with_the_name_of_a_log_is_no_log_of_weights_and_biases(tmp_path):
    (tmp_path / "run-a.wandb").mkdir()
    with pytest.raises(DataError, match=r"run-a\.wandb cannot be read: is a directory"):
        read_curves(tmp_path)


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (PermissionError(13, "Permission denied"), "cannot be searched: permission denied"),
        (RecursionError(), "has folders that are nested too deeply"),
    ],
)
def test_a_folder_that_cannot_be_searched_is_refused(tmp_path, monkeypatch, raised, message):
    def iterdir(folder):
        raise raised

    monkeypatch.setattr("pathlib.Path.iterdir", iterdir)
    with pytest.raises(DataError) as caught:
        read_curves(tmp_path)
    assert str(caught.value) == f"{tmp_path} {message}"


def test_a_folder_without_a_log_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="no log that stepsize knows"):
        read_curves(tmp_path)
