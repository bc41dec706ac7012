import pytest

from stepsize.cli.export import _inches
from stepsize.errors import ArgumentError

pytest.importorskip("torch")

from stepsize.store import Store
from stepsize.store.run import Epoch, Point


@pytest.fixture
def results(tmp_path):
    """The store of two schedules and three seeds."""
    from stepsize.lab import Experiment

    experiment = Experiment({"flat": "Constant(0.1)", "cosine": "Cosine(0.1, 0.0, 9)"}, task="digits", seeds=(0, 1, 2))
    (tmp_path / "first").mkdir()
    runs = [(name, str(text), seed) for seed in experiment.seeds for name, text in experiment.schedules]
    settings = {"experiment": experiment.as_dict(), "data": "Made-up data."}
    with Store.create(tmp_path / "first/store.sqlite", settings, {"stepsize": "0.2.0"}, runs) as store:
        for number in range(len(runs)):
            store.log(number, [Point(9, 0.1, 1.0, 0.5), Epoch(9, 1.0, 0.5, 1.0 + number**2 / 100, 0.5 + number / 100)])
            store.end(number, "finished", 1.0)
    return "first"


def test_the_terminal_names_the_files_and_what_latex_needs(typed, results, tmp_path):
    done = typed("export", results, "--two-columns", "--width", "120mm", "--font", "sans-serif", "--font-size", "7")
    assert (done.returncode, done.stderr) == (0, "")
    files = [line for line in done.stdout.splitlines() if line.startswith("first/paper/")]
    assert sorted(files) == sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "first/paper").iterdir())
    assert "\\usepackage{booktabs} for \\input{table-test-accuracy}, \\input{table-test-loss}" in done.stdout
    assert "\\usepackage{graphicx} for \\includegraphics{curves.pdf}, \\includegraphics{differences.pdf}" in done.stdout
    assert b"/MediaBox [ 0 0 340.15" in (tmp_path / "first/paper/curves.pdf").read_bytes()


def test_a_second_export_asks_before_it_overwrites(typed, refused, results, tmp_path):
    with Store.open(tmp_path / results / "store.sqlite") as store:
        store.rewind(5, 0)
    done = typed("export", results, "--out", "thesis/figures")
    assert "\n1 of 6 runs has not finished and is left out.\nIn LaTeX: " in done.stdout
    assert b"/MediaBox [ 0 0 237.6" in (tmp_path / "thesis/figures/curves.pdf").read_bytes(), "one column by default"
    assert "write --overwrite, or name another folder with --out DIR" in refused(
        "export", results, "--out", "thesis/figures"
    )
    assert typed("export", results, "--out", "thesis/figures", "--overwrite").returncode == 0
    assert not (tmp_path / "first/paper").exists()


def test_a_wrong_option_is_named(refused, results):
    assert "--width must be a width with a unit, such as 3.3in, 84mm" in refused("export", results, "--width", "wide")
    assert "--font must be" in refused("export", results, "--font", "No Such Font")
    assert "--font-size must be" in refused("export", results, "--font-size", "99")
    assert "no such file or folder: nowhere" in refused("export", "nowhere")


@pytest.mark.parametrize(
    ("text", "inches"),
    [("3.3in", 3.3), ("84mm", 84 / 25.4), ("8.4 cm", 8.4 / 2.54), ("238.5pt", 238.5 / 72.27), (".5in", 0.5)],
)
def test_a_width_has_a_unit(text, inches):
    assert _inches("export", "width", text) == pytest.approx(inches)


@pytest.mark.parametrize("text", ["", "in", "3.3", "-3in", "1e3in", "nanin", "٣in", "3 furlongs"])
def test_another_width_is_refused(text):
    with pytest.raises(ArgumentError):
        _inches("export", "width", text)
