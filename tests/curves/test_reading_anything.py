"""Any file is read or refused: samples that were cut, mixed and written over, and bytes of no meaning."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formats import FORMATS, PLAN
from test_trackers import record

from stepsize.curves import read_curves
from stepsize.errors import StepsizeError

SAMPLES = sorted(path for path in FORMATS.rglob("*") if path.is_file())
PIECES = [
    *(
        b"nan",
        b"-inf",
        b"1e400",
        b"-1",
        b"9" * 400,
        b"20000001",
        b"1e18",
        b"0.5",
        b"1,000",
        b"\x00",
        b"\xff\xfe",
        b"\r",
    ),
    *(b"\n", b'"', b"'", b"[", b"]", b"{", b"}", b":", b"=", b"|", b",", b";", b"\t", b"/", b"(", b"step", b"epoch"),
]


@st.composite
def altered(draw):
    """The bytes of a sample after up to eight alterations, and its path."""
    path = draw(st.sampled_from(SAMPLES))
    content = path.read_bytes()
    for _ in range(draw(st.integers(0, 8))):
        begin, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        middle = draw(st.sampled_from([b"", content[begin:end] * 2, *PIECES]) | st.binary(max_size=8))
        end = draw(st.sampled_from([begin, min(begin + 8, end), end]))
        content = content[:begin] + middle + content[end:]
    return path, content[: 4 * path.stat().st_size]


def read_or_refused(path, content, schedule):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        for curve in read_curves(path, schedule=schedule):
            assert curve.rates.size > curve.steps[-1]
    except StepsizeError:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


schedules = st.sampled_from([None, PLAN])


@settings(max_examples=200)
@given(altered(), schedules)
def test_an_altered_sample_is_read_or_refused(folder, sample, schedule):
    path, content = sample
    read_or_refused(folder / path.name, content, schedule)


@pytest.mark.long
@settings(max_examples=10_000)
@given(altered(), schedules)
def test_many_altered_samples_are_read_or_refused(folder, sample, schedule):
    path, content = sample
    read_or_refused(folder / path.name, content, schedule)


@settings(max_examples=50)
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(str.encode),
    st.sampled_from(sorted({each.suffix for each in SAMPLES})),
)
def test_any_bytes_are_read_or_refused(folder, content, suffix):
    read_or_refused(folder / f"any{suffix}", content, PLAN)


EVENTS = b"".join(record(step=step, lr=0.1, loss=3.0, tensor=[1.0]) for step in range(0, 40, 10))


@settings(max_examples=50)
@given(st.data())
def test_an_altered_event_file_is_read_or_refused(folder, data):
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(EVENTS))] * 2)))
    content = EVENTS[:begin] + data.draw(st.binary(max_size=8)) + EVENTS[end:]
    read_or_refused(folder / "altered" / "events.out.tfevents.1", content, None)
