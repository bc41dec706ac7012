import pytest
from three_runs import RUNS

from stepsize.store import Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(path):
    with Store.create(path, {"batch": 64}, {"threads": 1}, RUNS) as store:
        yield store
