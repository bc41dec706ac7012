import json

import pytest

import stepsize as ss
from stepsize.curves import read_curves
from stepsize.errors import DataError
from stepsize.play.examples import FIRST
from stepsize.play.subjects import subject_of

DEEPSPEED = {"scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.01, "warmup_num_steps": 100}}}


def subject(*words):
    return subject_of([str(word) for word in words], lambda places: read_curves(places))


def texts(*words):
    return [entry.text for entry in subject(*words).state.schedules]


def test_without_words_there_are_two_schedules():
    assert texts() == list(FIRST)


def test_texts_are_shown_as_they_are_also_with_errors():
    assert texts(" Linear(0, 1, 9) ", "Linear(0, 1") == ["Linear(0, 1, 9)", "Linear(0, 1"]


def test_a_text_may_have_a_name_and_a_typed_config_has_none():
    given = ("lr (a=1)=Linear(0, 1, 9)", "part=Linear(0, 1, '10%')", "--lr=1e-3 --train-iters=500", "f(x=1")
    assert [(entry.name, entry.text) for entry in subject(*given).state.schedules] == [
        ("lr (a=1)", "Linear(0, 1, 9)"),
        ("part", "Linear(0, 1, '10%')"),
        ("", "--lr=1e-3 --train-iters=500"),
        ("", "f(x=1"),
    ]


def test_the_files_of_configs_and_of_saved_schedules_are_entries_with_their_names(tmp_path):
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps(ss.to_dict(ss.Linear(0, 1, 9))))
    config, script, text = tmp_path / "ds.json", tmp_path / "train.sh", tmp_path / "schedule.txt"
    config.write_text(json.dumps(DEEPSPEED))
    script.write_text("python train.py --lr 1e-3 --lr-decay-style cosine --train-iters 500")
    text.write_text("Linear(0, 1, 9)\n")
    found = subject(saved, config, script, text)
    assert found.runs == ()
    assert [entry.name for entry in found.state.schedules] == ["saved.json", "ds.json", "train.sh", "schedule.txt"]
    assert json.loads(found.state.schedules[1].text) == DEEPSPEED
    assert found.state.schedules[2].text.startswith("--lr 1e-3")


def log(path, schedule):
    rows = [f"{step},{schedule(step)},{3 + 1 / (step + 1)}" for step in range(0, 1000, 10)]
    path.write_text("\n".join(["step,lr,loss", *rows]))
    return path


def test_logs_are_read_and_two_schedules_suit_them(tmp_path):
    schedule = ss.warmup(ss.Constant(3e-4), 100)
    found = subject(log(tmp_path / "run.csv", schedule))
    assert [run.name for run in found.runs] == ["run"]
    cosine, wsd = (ss.parse(entry.text) for entry in found.state.schedules)
    assert cosine.steps == wsd.steps == 1000  # the last row is step 990
    assert found.state.schedules[1].text == "wsd(0.0003, 100, 720, 180, final_lr=3e-05)"
    assert max(cosine.sample()) == max(wsd.sample()) == pytest.approx(3e-4)
    assert subject(tmp_path).runs[0].name == "run"
    assert subject("Constant(1)", tmp_path).runs[0].name == "run"


def test_the_schedules_suit_the_longest_log_and_have_round_numbers(tmp_path):
    log(tmp_path / "a.csv", ss.Constant(0.5))
    rows = "".join(f"{step},{min(step / 198, 1) * 0.12345},2\n" for step in range(0, 9960, 33))
    (tmp_path / "b.csv").write_text(f"step,lr,loss\n{rows}")
    cosine, wsd = (entry.text for entry in subject(tmp_path / "b.csv", tmp_path / "a.csv").state.schedules)
    assert cosine == "warmup_cosine(0.123, 198, 10000, final_lr=0.0123)"
    assert wsd == "wsd(0.123, 198, 7842, 1960, final_lr=0.0123)"


def test_a_config_that_is_read_from_a_file_is_shown_with_a_line_for_each_setting(tmp_path):
    (tmp_path / "ds.json").write_text(json.dumps(DEEPSPEED))
    assert texts(tmp_path / "ds.json") == [json.dumps(DEEPSPEED, indent=1)]


def test_texts_beside_logs_take_the_place_of_those(tmp_path):
    found = subject(log(tmp_path / "run.csv", ss.Constant(0.1)), "Constant(0.1)")
    assert [entry.text for entry in found.state.schedules] == ["Constant(0.1)"]


@pytest.mark.parametrize(
    "text",
    [
        '{"sched": "cosine", "epochs": 3, "lr": "fast"}',
        '{"version": 1, "type": "Linear", "start": 0}',
        '{"lr_scheduler_type": "cosine", "lr_decay_style": "cosine", "max_steps": 9}',
        '[{"type": "LinearLR", "end": "late"}]',
    ],
)
def test_a_file_of_a_config_or_a_saved_schedule_with_an_error_is_an_entry(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    found = subject(tmp_path / "a.json")
    assert [entry.name for entry in found.state.schedules] == ["a.json"]


def test_a_list_of_rows_in_json_is_a_log(tmp_path):
    rows = [{"step": step, "loss": 3 - step / 100, "lr": 0.1} for step in range(20)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert [run.name for run in subject(tmp_path / "rows.json").runs] == ["rows"]


@pytest.mark.parametrize("word", ["missing.csv", "there/missing.json", "missing.log", "missing.txt", "runs/missing"])
def test_a_file_that_is_not_there_is_an_error(word):
    with pytest.raises(DataError, match=f"^no such file( or folder)?: {word}$"):
        subject(word)


def test_a_quotient_of_schedules_is_a_text(tmp_path):
    assert texts("Constant(1)/2 + 1") == ["Constant(1)/2 + 1"]


def test_a_file_that_is_neither_config_nor_log_is_an_error(tmp_path):
    (tmp_path / "notes.json").write_text('{"some": "thing"}')
    with pytest.raises(DataError):
        subject(tmp_path / "notes.json")


def test_of_many_schedules_the_first_are_shown():
    assert len(texts(*[f"Constant({n})" for n in range(1, 20)])) == 12
