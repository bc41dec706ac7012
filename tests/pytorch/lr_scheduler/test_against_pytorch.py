"""Random programs have the same rates, momenta and errors with our classes as with PyTorch's, bit for bit."""

import pytest

from pytorch.lr_scheduler.programs import HERE, THERE, program, trace
from stepsize.pytorch import lr_scheduler

SHORT, LONG, CHUNK = 400, 20_000, 1_000


def assert_equal_traces(seed):
    drawn = program(seed)
    expected = trace(drawn, THERE, resumes=False)
    with lr_scheduler.options(past_end="torch", on_change="restore"):
        for module in (HERE, THERE):
            found = trace(drawn, module, resumes=True)
            assert found == expected, f"program({seed}) differs at operation {len(found) - 1}: {drawn}"


@pytest.mark.parametrize("first", range(0, SHORT, 100))
def test_programs_run_as_with_pytorchs_classes(first):
    for seed in range(first, first + 100):
        assert_equal_traces(seed)


@pytest.mark.long
@pytest.mark.parametrize("first", range(SHORT, SHORT + LONG, CHUNK))
def test_many_programs_run_as_with_pytorchs_classes(first):
    for seed in range(first, first + CHUNK):
        assert_equal_traces(seed)


def test_programs_cover_every_class_and_operation():
    drawn = [program(seed) for seed in range(SHORT)]
    names = {part.name for each in drawn for part in [each.scheduler, *each.scheduler.parts]}
    assert names == set(lr_scheduler.__all__) - {"LRScheduler", "options"}
    assert {name for each in drawn for name, _ in each.operations} == {"step", "jump", "set", "add", "remove", "resume"}
    lengths = [len(trace(each, THERE, resumes=False)) - 1 == len(each.operations) for each in drawn]
    assert sum(lengths) > SHORT // 2  # most run to their end without an error
