import asyncio
import base64
import io
import json
import pickle
import resource
import signal
import sys
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from stepsize.play.answers import answer
from stepsize.play.state import Entry, State
from stepsize.play.subjects import Subject
from stepsize.play.worker import Worker, main

FIRST = State((Entry("Constant(0.1)"),))
HOSTILE = [
    "(" * 7000,
    "-" * 7000,
    "[" * 7000,
    '{"a":' * 1300,
    "Constant(" + "9" * 7000 + ")",
    "Constant(1, 9007199254740992)",
    "Cosine(1, 0, 9007199254740992).repeat(inf)",
    "Linear(0, 1, 2) ** 1e308 ** 1e308",
    "Constant(1) >> " * 500 + "Constant(1)",
    "Constant(1e308) + " * 400 + "Constant(1e308)",
    "Constant(1, 10).every(1e15)",
    "sgdr(1, 1, 9007199254740992, stretch=1.5)",
    "Table((" + "1," * 3900 + "))",
    "Constant(0.1, 1000000000000000).reclock(Constant(1))",
    '{"sched": "cosine", "epochs": 9007199254740992, "lr": 0.1, "cycle_limit": 9007199254740992}',
    '{"name": "CosineAnnealingWarmRestarts", "first_cycle_steps": 1, "cycle_mult": 1.0000001}',
    "--lr 1 --lr-decay-style cosine --train-iters 99999999999999999999",
    "optax.join_schedules(" * 380,
    'Function("os:system")',
    "<script>alert(1)</script>",
    "\x00\x1b[31m",
    "\uff2cinear\uff080\uff09",
]


def run(work):
    return asyncio.run(work)


async def answered(worker, *questions):
    try:
        return [json.loads(await worker.answer(*each)) for each in questions]
    finally:
        await worker.stop()


def test_hostile_texts_are_answered_or_refused_in_words_and_the_next_question_is_answered():
    worker, fair = Worker(Subject(FIRST), seconds=5.0), ("curves", FIRST.as_json())
    questions = [each for text in HOSTILE for each in (("curves", State((Entry(text),)).as_json()), fair)]
    answers = run(answered(worker, *questions))
    for text, found, next_found in zip(HOSTILE, answers[::2], answers[1::2], strict=True):
        if "refused" in found:
            assert found["refused"], text
        else:
            (told,) = found["schedules"]
            assert told["error"] or len(told["rate"]["x"]) <= 1000, text
            assert len(told["error"]) < 1000, text
        assert next_found["schedules"][0]["error"] == "", text


@settings(max_examples=200)
@given(st.text(st.sampled_from('()[]{}.,+-*/>=" 0123456789eLinearCosteprt%'), max_size=60))
def test_any_text_is_answered(text):
    (told,) = answer(Subject(FIRST), "curves", State((Entry(text),)).as_json())["schedules"]
    assert told["error"] or told["rate"]["x"]


def test_an_answer_that_takes_too_long_is_refused_and_its_process_ended(monkeypatch):
    worker = Worker(Subject(FIRST), seconds=0.001)

    async def asked():
        process = await worker.started()
        refused = json.loads(await worker.answer("ranking", FIRST.as_json()))
        return process, refused

    process, refused = run(asked())
    assert "takes more than 0.001 seconds" in refused["refused"]
    assert process.returncode is not None


def test_a_process_that_dies_while_it_computes_is_replaced():
    worker = Worker(Subject(FIRST), seconds=30.0)

    async def asked():
        process = await worker.started()
        asking = asyncio.create_task(worker.answer("curves", FIRST.as_json()))
        await asyncio.sleep(0.1)  # far less than it takes to start
        process.kill()
        return json.loads(await asking), process.returncode

    refused, code = run(asked())
    assert refused == {"refused": "this could not be computed: it ended the process that tried"}
    assert code is not None  # asyncio may not learn by which signal, if the process was killed twice


def test_the_process_answers_line_by_line_and_what_a_library_prints_is_no_answer(monkeypatch, capsys):
    def printing(subject, question, form):
        print("a library says hello")
        return {"said": [subject == Subject(FIRST), question, form]}

    signals, limits = [], []
    lines = [base64.b64encode(pickle.dumps(Subject(FIRST))), b'["curves", {"steps": 1}]', b'["open", ""]']
    monkeypatch.setattr("signal.signal", lambda *given: signals.append(given))
    monkeypatch.setattr("resource.setrlimit", lambda *given: limits.append(given))
    monkeypatch.setattr("stepsize.play.answers.answer", printing)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines))))
    monkeypatch.setattr("sys.stdout", sys.stdout)  # which it replaces
    main()
    answered, printed = capsys.readouterr()
    said = [json.loads(line)["said"] for line in answered.splitlines()]
    assert said == [[True, "curves", {"steps": 1}], [True, "open", ""]]
    assert printed == "a library says hello\n" * 2
    assert signals == [(signal.SIGINT, signal.SIG_IGN)]
    assert limits == [(resource.RLIMIT_DATA, (4 * 2**30, 4 * 2**30))]


def test_a_process_that_dies_is_replaced():
    worker = Worker(Subject(FIRST), seconds=30.0)

    async def asked():
        process = await worker.started()
        process.kill()
        await process.wait()
        first = json.loads(await worker.answer("curves", FIRST.as_json()))
        second = json.loads(await worker.answer("curves", FIRST.as_json()))
        await worker.stop()
        return first, second

    begun = time.monotonic()
    first, second = run(asked())
    assert "could not be computed" in first["refused"]
    assert second["schedules"][0]["error"] == ""
    assert time.monotonic() - begun < 60


def test_questions_at_the_same_time_have_their_own_answers_and_one_that_is_too_long_is_refused(monkeypatch):
    worker = Worker(Subject(FIRST), seconds=30.0)
    states = [State((Entry(f"Constant({rate})"),)) for rate in (0.1, 0.2)]

    async def asked():
        both = await asyncio.gather(*(worker.answer("curves", state.as_json()) for state in states))
        await worker.stop()
        monkeypatch.setattr("stepsize.play.worker.LONGEST_ANSWER", 100)
        return [json.loads(each) for each in (*both, await worker.answer("curves", FIRST.as_json()))]

    first, second, too_long = run(asked())
    assert [each["schedules"][0]["rate"]["y"][0] for each in (first, second)] == [0.1, 0.2]
    assert too_long == {"refused": "this could not be computed"}
