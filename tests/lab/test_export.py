"""`export`: what it writes is the store's, compiles, and is safe with any name."""

import csv
import functools
import itertools
import json
import re
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_results import ENVIRONMENT, HOSTILE, write_results
from scipy import stats

from stepsize import lab
from stepsize.errors import ArgumentError, DataError, OutputError
from stepsize.lab.report.latex import code, escaped
from stepsize.lab.report.markdown import Code
from stepsize.lab.report.methods import Methods
from stepsize.lab.report.paper_table import short_names
from stepsize.lab.tuning import Trial

SIX = ("flat", "square-root", "factor", "multi-factor", "cosine", "warmup-cosine")
TABLES = {"test-accuracy": "test_accuracy", "test-loss": "test_loss", "train-loss": "train_loss"}
FILES = {
    *(f"{name}.{kind}" for name in ("curves", "differences") for kind in ("pdf", "svg")),
    *(f"table-{name}.tex" for name in TABLES),
    *("results.csv", "runs.csv", "methods.md", "methods.tex"),
}
TYPES_OF_FONT = re.compile(rb"/Subtype /(Type3|Type0|TrueType|Type1)\b")


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of six schedules and five seeds, with their export; one run diverged."""
    folder = write_results(tmp_path_factory.mktemp("six") / "results", SIX, bad="factor")
    lab.export(folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of results with hostile names for schedules and for the metric."""
    folder = write_results(tmp_path_factory.mktemp("hostile") / "results", HOSTILE, metric="$x{_&%\\frac=", mode="min")
    lab.export(folder)
    return folder


@pytest.fixture(scope="module")
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Path]:
    """The export of the results of that name, for one column of a page or for two."""

    @functools.cache
    def made(names: str, two_columns: bool) -> Path:
        results: Path = request.getfixturevalue(names)
        if not two_columns:
            return results / "paper"
        lab.export(results, out := tmp_path_factory.mktemp(names), two_columns=True)
        return out

    return made


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn, in tests of what is written."""
    monkeypatch.setattr("stepsize.lab.exporting._figures", lambda *_: iter(()))


def last_values(folder: Path, column: str) -> dict[str, dict[int, float]]:
    """The last value of each finished run, by schedule and seed, from SQLite alone."""
    with sqlite3.connect(folder / "store.sqlite") as connection:
        rows = connection.execute(
            f"SELECT name, seed, {column} FROM epochs JOIN runs ON number = run"
            " WHERE status = 'finished' AND step = (SELECT max(step) FROM epochs WHERE run = number)"
        ).fetchall()
    found: dict[str, dict[int, float]] = {}
    for name, seed, value in rows:
        found.setdefault(name, {})[seed] = value
    return found


def texts_of(path: Path) -> list[str]:
    """The texts of a drawing, in order."""
    elements = ElementTree.parse(path).iter()
    return ["".join(element.itertext()).strip() for element in elements if element.tag.endswith("}text")]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", TABLES)
def test_every_number_is_that_of_the_store(six: Path, name: str) -> None:
    values = last_values(six, TABLES[name])
    first = values[SIX[0]]
    raw = {}
    rows = {
        row["schedule"]: row for row in read_csv(six / "paper/results.csv") if row["metric"] == name.replace("-", " ")
    }
    assert list(rows) == list(SIX)
    for schedule, row in rows.items():
        numbers = list(values[schedule].values())
        assert float(row["mean"]) == pytest.approx(sum(numbers) / len(numbers), rel=1e-13)
        assert float(row["standard_deviation"]) == pytest.approx(stats.tstd(numbers), rel=1e-9)
        assert (int(row["finished"]), int(row["diverged"])) == (len(numbers), 5 - len(numbers))
        if schedule == SIX[0]:
            assert (row["difference"], row["p_holm"], row["verdict"]) == ("", "", "first")
            continue
        seeds = sorted(values[schedule].keys() & first.keys())
        test = stats.ttest_rel([values[schedule][seed] for seed in seeds], [first[seed] for seed in seeds])
        interval = test.confidence_interval(0.95)
        assert int(row["pairs"]) == len(seeds)
        assert float(row["low"]) == pytest.approx(interval.low, rel=1e-9)
        assert float(row["high"]) == pytest.approx(interval.high, rel=1e-9)
        assert float(row["difference"]) == pytest.approx((interval.low + interval.high) / 2, rel=1e-9)
        assert float(row["p"]) == pytest.approx(test.pvalue, rel=1e-9)
        gained = float(row["difference"]) > 0 if name == "test-accuracy" else float(row["difference"]) < 0
        told = ("better" if gained else "worse") if float(row["p_holm"]) < 0.05 else "open"
        assert row["verdict"] == told
        raw[schedule] = float(test.pvalue)
    for rank, (schedule, _) in enumerate(sorted(raw.items(), key=lambda item: item[1])):
        below = sorted(raw.values())[: rank + 1]
        corrected = max(min(1.0, (len(raw) - place) * p) for place, p in enumerate(below))
        assert float(rows[schedule]["p_holm"]) == pytest.approx(corrected, rel=1e-9)


def test_the_curves_have_the_order_of_the_experiment(six: Path) -> None:
    assert tuple(dict.fromkeys(text for text in texts_of(six / "paper/curves.svg") if text in SIX)) == SIX


@pytest.mark.parametrize("two_columns", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_the_latex_table_has_the_numbers_of_the_csv_file(
    exported: Callable[[str, bool], Path], name: str, two_columns: bool
) -> None:
    paper = exported("six", two_columns)
    text = (paper / f"table-{name}.tex").read_text("ascii")
    body = text.partition("\\midrule")[2].partition("\\bottomrule")[0]
    body = re.sub(r"\\multicolumn\{\d\}\{l\}\{(.*?)\} \\\\ &", r"\1 &", body)
    lines = [[cell.strip() for cell in line.split("&")] for line in body.split("\\\\\n") if line.strip()]
    rows = [row for row in read_csv(paper / "results.csv") if row["metric"] == name.replace("-", " ")]
    assert len(lines) == len(rows) == 6
    for line, row in zip(lines, rows, strict=True):
        assert line[0] == row["schedule"] + (" (4 of 5 runs)" if row["schedule"] == "factor" else "")
        mean, spread = re.fullmatch(r"\$(\S+) \\pm (\S+)\$", line[1]).groups()
        shown = [(mean, row["mean"]), (spread, row["standard_deviation"])]
        if row["difference"]:
            low, high = re.fullmatch(r"\$\[(\S+), (\S+)\]\$", line[3]).groups()
            shown += [(line[2].strip("$"), row["difference"]), (low, row["low"]), (high, row["high"])]
            p = line[4].strip("$")
            assert float(row["p_holm"]) < 0.001 if p.startswith("<") else (p == f"{float(row['p_holm']):.3f}")
        for rounded, exact in shown:
            digits = len(rounded.partition(".")[2])
            assert digits >= 3
            assert float(rounded) == pytest.approx(round(float(exact), digits), abs=1e-12)


@pytest.mark.usefixtures("without_figures")
def test_the_name_of_a_metric_of_ones_own_stays_as_it_is(tmp_path: Path) -> None:
    lab.export(write_results(tmp_path / "results", ("a", "b"), metric="val_loss", mode="min"))
    own = (tmp_path / "results/paper/table-val-loss.tex").read_text()
    assert "{val\\_loss at the end of training" in own
    assert "Val" not in own
    ours = (tmp_path / "results/paper/table-test-loss.tex").read_text()
    assert "{Test loss at the end of training" in ours
    assert "$p$ is corrected for 1 comparison (Holm)." in ours
    assert "diverged" not in ours


@pytest.mark.usefixtures("without_figures")
def test_the_name_of_the_file_of_a_metric_ends_with_a_letter_if_it_is_cut(tmp_path: Path) -> None:
    lab.export(write_results(tmp_path / "results", ("a", "b"), 2, metric="x" * 39 + " y", mode="min"))
    assert (tmp_path / f"results/paper/table-{'x' * 39}.tex").exists()


@pytest.mark.usefixtures("without_figures")
def test_a_table_whose_first_schedule_has_diverged_says_that_runs_are_left_out(tmp_path: Path) -> None:
    lab.export(write_results(tmp_path / "results", ("a", "b"), 3, bad="a"))
    table = (tmp_path / "results/paper/table-test-loss.tex").read_text()
    assert "Runs that diverged are left out." in table


def test_the_results_of_every_run_are_in_a_csv_file(six: Path) -> None:
    rows = read_csv(six / "paper/runs.csv")
    assert len(rows) == 30
    for metric in TABLES.values():
        values = last_values(six, metric)
        for row in rows:
            if row["status"] == "finished":
                assert float(row[metric]) == values[row["schedule"]][int(row["seed"])]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("kind", ["md", "tex"])
def test_the_methods_name_every_setting_and_version(tmp_path: Path, kind: str) -> None:
    asked = {
        "clip_norm": 1.25,
        "accumulation": 3,
        "precision": "bf16",
        "optimizer": "adamw",
        "weight_decay": "Constant(0.07)",
    }
    folder = write_results(tmp_path / "results", ("a", "b"), optimizer_args={"eps": 1e-7}, epochs=4, **asked)
    lab.export(folder)
    text = (folder / f"paper/methods.{kind}").read_text().replace("\\allowbreak{}", "").replace("\\_", "_")
    with sqlite3.connect(folder / "store.sqlite") as connection:
        ((form,),) = connection.execute("SELECT settings FROM experiment")
    settings = json.loads(form)["experiment"]
    for name, value in settings.items():
        if value not in (None, False, 0, "inf", [], {}, "") and name not in ("schedules", "most_seeds", "device"):
            shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
            words = (
                [*map(str, shown)]
                if isinstance(shown, list)
                else [*map(str, shown.values())]
                if isinstance(shown, dict)
                else [str(shown)]
            )
            assert name.replace("_", " ") in text
            assert all(word in text for word in words), (name, words)
    assert all(version in text for version in ENVIRONMENT.values())
    assert len(re.findall(r"(?<!the )\bdevice\b", text)) == 1
    assert all(schedule in text for schedule in settings["schedules"].values())
    assert "(300 updates) of the optimizer" in text
    assert "same weights" in text
    assert "Holm" not in text, "one comparison needs no correction"
    assert not re.search("most seeds|loss limit", text), "what is off is no setting"


@pytest.mark.usefixtures("without_figures")
def test_a_training_loop_of_its_own_has_no_settings_of_ours(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "results", ("a", "b"), about={"trains_itself": True, "steps": 400})
    lab.export(folder)
    text = (folder / "paper/methods.md").read_text()
    assert "A run has 400 steps." in text, "as planned, however far the runs came"
    assert "optimizer" not in text
    assert "same weights" not in text


@pytest.mark.usefixtures("without_figures")
def test_what_the_runs_were_judged_on_and_how_peaks_were_tuned_is_said(tmp_path: Path) -> None:
    chance = {"accuracy": 0.99, "samples": 100, "loss": None}
    lab.export(write_results(tmp_path / "held out", ("a", "b"), about={"chance": chance}, held_out=True))
    text = (tmp_path / "held out/paper/methods.md").read_text()
    assert "judged on a fifth of the training set, which was held out" in text
    assert "was multiplied by the factor" not in text
    assert "stayed at chance: held-out accuracy at most" in text
    trials = [Trial("a", 0.5, 0.25, True).as_dict(), Trial("a", 8.0, 0.5, False).as_dict()]
    lab.export(write_results(tmp_path / "tuned", ("a", "b"), about={"trials": trials}, tune_peak=2))
    text = (tmp_path / "tuned/paper/methods.md").read_text()
    assert "each schedule was multiplied by the factor that came out best in the same number of trials" in text
    assert "held out and not trained on" not in text
    assert "Factors of the peak rates: a `0.5`." in text


def test_of_many_schedules_the_first_and_the_best_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    exported = lab.export(write_results(tmp_path, [f"s{number}" for number in range(203)], 1))
    assert "Of 203 schedules, the first and the best are drawn." in exported.notes
    table = (tmp_path / "paper/table-test-loss.tex").read_text()
    assert "Of 203 schedules, the first and the 199 best." in table
    assert len(re.findall(r"^ *s\d+ &", table, re.MULTILINE)) == 200


@pytest.mark.usefixtures("without_figures")
def test_seeds_in_rounds_have_intervals_but_no_p_values(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "results", ("a", "b"), 6, about={"looks": [4, 6]}, until_told=True)
    lab.export(folder)
    table = (folder / "paper/table-test-accuracy.tex").read_text()
    assert "$p$" not in table
    assert "hold at every look" in table
    text = (folder / "paper/methods.md").read_text()
    assert "looks at 4 and 6 of at most 20 seeds" in text
    assert "Jennison and Turnbull, 1989" in text


def test_one_seed_has_no_differences(tmp_path: Path) -> None:
    exported = lab.export(write_results(tmp_path / "results", SIX, 1))
    assert {path.name for path in exported.files} == FILES - {"differences.pdf", "differences.svg"}
    assert exported.notes == ("One seed says nothing about which schedule is better; give several.",)
    assert "interval" not in (tmp_path / "results/paper/table-test-loss.tex").read_text()


@pytest.mark.usefixtures("without_figures")
def test_unfinished_runs_are_counted_of_how_many(tmp_path: Path) -> None:
    folder = write_results(tmp_path / "results", ("a", "b"), 3)
    with sqlite3.connect(folder / "store.sqlite") as connection:
        connection.execute("UPDATE runs SET status = 'interrupted' WHERE number = 5")
    assert lab.export(folder).notes == ("1 of 6 runs has not finished and is left out.",)


@pytest.mark.usefixtures("without_figures")
def test_a_single_schedule_of_a_command_has_no_plural(tmp_path: Path) -> None:
    asked = {"command": "python train.py {rates} {folder}", "task": "fashion-mnist", "batch_size": None}
    folder = write_results(tmp_path / "results", ("a",), 1, **asked)
    lab.export(folder)
    assert "We compared 1 learning-rate schedule in runs of" in (folder / "paper/methods.md").read_text()


@pytest.mark.parametrize(
    ("two_columns", "options", "points"), [(False, {}, 237.6), (True, {}, 486), (False, {"width": 5.5}, 396)]
)
def test_the_pdf_has_the_width_one_size_of_letters_and_truetype_fonts(
    six: Path, tmp_path: Path, two_columns: bool, options: dict[str, float], points: float
) -> None:
    lab.export(six, tmp_path, two_columns=two_columns, **options)
    words = " ".join(texts_of(tmp_path / "differences.svg"))
    assert "difference in test accuracy" in words
    assert ("difference in train loss" in words) == (points > 300)
    for path in tmp_path.glob("*.pdf"):
        content = path.read_bytes()
        assert float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)[1]) == pytest.approx(points, abs=0.1)
        assert set(TYPES_OF_FONT.findall(content)) == {b"Type0"}
        assert b"/CIDFontType2" in content
        streams = [
            zlib.decompressobj().decompress(each)
            for each in re.findall(rb"stream\n(.+?)\nendstream", content, re.DOTALL)
            if each[:1] == b"x"
        ]
        assert {float(size) for each in streams for size in re.findall(rb"/F\S+ ([\d.]+) Tf", each)} == {8.0}


@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="needs pdffonts of poppler-utils")
def test_pdffonts_finds_no_type_3(hostile: Path) -> None:
    for path in (hostile / "paper").glob("*.pdf"):
        listed = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
        assert "TrueType" in listed
        assert "Type 3" not in listed


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext of poppler-utils")
def test_the_words_of_the_pdf_are_text_and_none_overlaps(six: Path) -> None:
    for path in (six / "paper").glob("*.pdf"):
        page = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
        words = [
            (*map(float, found[:4]), found[4])
            for found in re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.+?)<', page)
        ]
        assert {*SIX} <= {word for *_, word in words}
        for a, b in itertools.combinations(words, 2):
            wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert wide <= 0.5 or high <= 3.5, (a, b)  # of 12 points, which leave room above the tallest letters


def test_the_svg_has_text_and_no_code(hostile: Path) -> None:
    for path in (hostile / "paper").glob("*.svg"):
        elements = list(ElementTree.parse(path).iter())
        assert not any(element.tag.endswith(("}script", "}foreignObject", "}a")) for element in elements)
        assert not any(name.lower().startswith("on") for element in elements for name in element.attrib)
        texts = {"".join(element.itertext()).strip() for element in elements if element.tag.endswith("}text")}
        whole = {"<script>alert(1)</script>", "../../../etc/cron.d/x"} if path.stem == "curves" else set()
        assert {"=1+1", "*", "-1"} | whole <= texts


def test_no_cell_of_a_csv_file_is_a_formula(hostile: Path) -> None:
    for path in (hostile / "paper").glob("*.csv"):
        content = path.read_text()
        assert not any(sign in content for sign in "\0\r\x1b\u202e\u200f\ufeff")
        for row in csv.reader(content.splitlines()):
            for cell in row:
                assert not cell.startswith(("=", "@", "+")), cell
                assert not cell.startswith("-") or float(cell) < 0
    names = [row["schedule"] for row in read_csv(hostile / "paper/runs.csv")][: len(HOSTILE)]
    assert {"'=1+1", "'@SUM(A1)", "-1", "a" * 10_000, "a" * 10_000 + "b"} <= set(names)


def test_names_become_no_names_of_files(hostile: Path) -> None:
    written = {str(path.relative_to(hostile)) for path in hostile.parent.rglob("*") if path.is_file()}
    expected = {"store.sqlite", *(f"paper/{name}" for name in (*FILES, "table-x-frac.tex"))}
    assert {name for name in written if not name.startswith("store.sqlite-")} == expected


def test_names_are_no_commands_in_markdown(hostile: Path) -> None:
    text = (hostile / "paper/methods.md").read_text()
    assert "<script>" not in text.replace("\\<script\\>", "").replace("`<script>alert(1)</script>`", "")
    assert "\\<script\\>alert(1)" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex (texlive-latex-recommended)")
@pytest.mark.parametrize("two_columns", [False, True])
@pytest.mark.parametrize("names", ["six", "hostile"])
def test_latex_compiles_within_the_column(
    names: str, two_columns: bool, tmp_path: Path, exported: Callable[[str, bool], Path]
) -> None:
    shutil.copytree(exported(names, two_columns), tmp_path, dirs_exist_ok=True)
    star = "*" if two_columns else ""
    body = "\n".join(
        [
            *(f"\\input{{{path.stem}}}" for path in sorted(tmp_path.glob("table-*.tex"))),
            *(
                f"\\begin{{figure{star}}}\\includegraphics{{{name}.pdf}}\\end{{figure{star}}}"
                for name in ("curves", "differences")
            ),
            "\\input{methods}",
        ]
    )
    (tmp_path / "main.tex").write_text(
        "\\documentclass[twocolumn,10pt]{article}\n\\usepackage{booktabs,graphicx}\n"
        "\\textwidth=6.8in\\columnsep=0.15in\\oddsidemargin=0pt\n"
        f"\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert not too_wide
    words = subprocess.run(["pdftotext", "main.pdf", "-"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert "root:x:0" not in words
    if names == "hostile" and words:
        assert "\\input{/etc/passwd}" in words


def test_nothing_is_overwritten_unless_asked(six: Path, tmp_path: Path) -> None:
    (tmp_path / "methods.tex").write_text("my thesis")
    with pytest.raises(
        OutputError,
        match=rf"^{tmp_path} already has methods\.tex, and files are replaced only on request; write "
        rf"overwrite=True, or "
        r"name another folder with out=\.\.\.$",
    ):
        lab.export(six, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["methods.tex"]
    lab.export(six, tmp_path, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    with pytest.raises(OutputError, match=r"has curves\.pdf, curves\.svg, differences\.pdf and 8 more, and files are"):
        lab.export(six, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    lab.export(six, tmp_path, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before, "the same results, the same files"


@pytest.mark.usefixtures("without_figures")
def test_the_folder_of_an_export_is_made_with_those_above_it(tmp_path: Path) -> None:
    exported = lab.export(write_results(tmp_path / "results", ("a", "b"), 2), tmp_path / "thesis" / "figures")
    assert {path.parent for path in exported.files} == {tmp_path / "thesis" / "figures"}
    assert all(path.exists() for path in exported.files)


@pytest.mark.usefixtures("without_figures")
def test_links_are_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = write_results(tmp_path / "results", ("a", "b"), 2), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "paper").symlink_to(elsewhere)
    with pytest.raises(DataError, match="is a link"):
        lab.export(folder)
    assert not [*elsewhere.iterdir()]
    thesis, mine = tmp_path / "thesis.tex", tmp_path / "mine"
    thesis.write_text("my thesis")
    mine.mkdir()
    (mine / "methods.tex").symlink_to(thesis)
    lab.export(folder, mine, overwrite=True)
    (tmp_path / "to mine").symlink_to(mine)
    lab.export(folder, tmp_path / "to mine", overwrite=True)  # a link that the user names is the user's wish
    assert thesis.read_text() == "my thesis"
    assert not (mine / "methods.tex").is_symlink()


@pytest.mark.usefixtures("without_figures")
def test_the_task_is_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_task.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    lab.export(write_results(tmp_path / "results", ("a", "b"), 2, task="evil_task:task"))


def test_what_cannot_be_exported_is_said(six: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no comparison in it"):
        lab.export(tmp_path)
    with pytest.raises(ArgumentError, match=r"font=.* must be .*installed font, got 'No Such Font'"):
        lab.export(six, tmp_path, font="No Such Font")
    with pytest.raises(ArgumentError, match=r"size=.* >= 4"):
        lab.export(six, tmp_path, font_size=1)
    with pytest.raises(OutputError, match=r"cannot make the folder .*store\.sqlite/paper: (not a dir|file exists)"):
        lab.export(six, six / "store.sqlite" / "paper")
    with pytest.raises(
        DataError, match=r"^no run in .*store\.sqlite has finished with a result; finish the comparison first$"
    ):
        lab.export(write_results(tmp_path / "lost", ("a",), 1, bad="a"))


@given(st.lists(st.text(max_size=60), unique=True))
def test_short_names_differ_and_can_be_printed(names: list[str]) -> None:
    short = short_names(names)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    assert all(name and name.isprintable() and len(name) <= 40 for name in short.values())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"a b" ("c")', "``a b'' (``c'')"),
        ("50% of $x_1$ & #{2}", r"50\% of \$x\_1\$ \& \#\{2\}"),
        ("a\\b ~ ^", r"a\textbackslash{}b \textasciitilde{} \textasciicircum{}"),
        ("1 < 2 > 0 | `x`", r"1 \textless{} 2 \textgreater{} 0 \textbar{} \textasciigrave{}x\textasciigrave{}"),
        ("[4pt] *", "{[}4pt] {*}"),
        ("0.5 \u00b1 0.1, \u22122, 1\u20133, a\u2014b", r"0.5 $\pm$ 0.1, $-$2, 1\textendash{}3, a\textemdash{}b"),
        ("a--b ---", "a-{}-b -{}-{}-"),
        ("\u00e9 \u00f1 \u00e7 \u00e5 \u0161", r"\'{e} \~{n} \c{c} \r{a} \v{s}"),
        ("\u0142 \u5b66", r"\stepsizeletter{322}{0142} \stepsizeletter{23398}{5B66}"),
        ("x" * 20, "x" * 16 + r"\allowbreak{}" + "xxxx"),
        ("a\tb\nc", "a b c"),
    ],
)
def test_every_sign_is_shown_as_itself_in_latex(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_code_in_latex_has_the_letters_of_a_typewriter_and_straight_quotes() -> None:
    assert code('Cosine("x_1")') == r"\texttt{Cosine(\symbol{34}x\_1\symbol{34})}"


@given(st.text())
def test_a_text_in_latex_is_ascii_and_closes_its_braces(text: str) -> None:
    found = escaped(text)
    assert found.isascii()
    assert found.isprintable()
    bare = re.sub(r"\\[{}\\]", "", found)
    depths = list(itertools.accumulate((sign == "{") - (sign == "}") for sign in bare))
    assert min(depths, default=0) == 0
    assert depths[-1:] in ([], [0])
    commands = set(re.findall(r"\\([a-zA-Z]+)", found))
    assert commands <= {
        "textbackslash",
        "textasciitilde",
        "textasciicircum",
        "textless",
        "textgreater",
        "textbar",
        "textendash",
        "textemdash",
        "symbol",
        "textasciigrave",
        "allowbreak",
        "stepsizeletter",
        "pm",
        "r",
        "c",
        "v",
    }
    assert not re.search(r"(?<!\\)[%#&_~^]", re.sub(r"\\[\^~](?=\{)", "", found))


def test_code_in_markdown_stays_code() -> None:
    text = Methods(((Code("a `b`` c"), " *d*"),), (), {}, {}).markdown()
    assert "``` a `b`` c ``` \\*d\\*" in text
