import os
import threading
import warnings
from pathlib import Path

import pytest
from matplotlib import rc_context
from PIL import Image

from stepsize import Constant, Linear, Plan
from stepsize.errors import ArgumentError, OutputError
from stepsize.plots import Picture, plot_plan, plot_schedules, save_figure
from stepsize.plots.figures import without_glyph_warnings

START = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8", "webp": b"RIFF"}


@pytest.fixture
def figure():
    return plot_schedules([Linear(0.0, 0.3, 500)], Picture()).figure


@pytest.mark.parametrize("kind", START)
def test_the_name_says_the_kind(tmp_path, figure, kind):
    path = save_figure(figure, tmp_path / f"a.{kind.upper()}")
    assert path.read_bytes().startswith(START[kind])
    assert os.listdir(tmp_path) == [path.name]


def test_a_pdf_has_truetype_fonts_whatever_the_settings(tmp_path, figure):
    with rc_context({"pdf.fonttype": 3}):
        content = save_figure(figure, tmp_path / "a.pdf").read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/Type3" not in content


@pytest.mark.parametrize("name", ["a", "a.gif", "a.png.txt", ".png"])
def test_another_kind_is_refused_with_those_allowed(tmp_path, figure, name):
    with pytest.raises(OutputError, match=r"\.png, \.svg"):
        save_figure(figure, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_and_a_folder_in_the_place_are_named(tmp_path, figure):
    with pytest.raises(OutputError, match=f"no such folder: {tmp_path / 'no'}"):
        save_figure(figure, tmp_path / "no" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        save_figure(figure, tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["b.png"]


def test_a_failure_leaves_the_old_picture(tmp_path, figure, monkeypatch):
    path = save_figure(figure, tmp_path / "a.png")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="no space left"):
        save_figure(plot_schedules([Constant(0.1)], Picture()), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_reader_never_sees_half_a_picture(tmp_path, figure):
    path = save_figure(figure, tmp_path / "a.png")
    ended = threading.Event()
    broken = []

    def read():
        while not ended.is_set():
            if not Path(path).read_bytes().endswith(b"IEND\xaeB`\x82"):
                broken.append(True)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        save_figure(figure, path)
    ended.set()
    reader.join()
    assert not broken


def test_a_folder_that_takes_no_files_is_not_called_missing(tmp_path, figure, monkeypatch):
    def refuse(*_):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(OutputError, match=r"a\.png: it cannot be made there$"):
        save_figure(figure, tmp_path / "a.png")


def test_characters_missing_from_the_font_cause_no_warning(tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = plot_schedules({"学 \N{ROCKET}": Constant(0.1)}, Picture()).figure
        for kind in ("png", "svg", "pdf"):
            save_figure(picture, tmp_path / f"a.{kind}")
        picture._repr_png_()
    assert [str(each.message) for each in caught] == []
    with pytest.warns(UserWarning, match="another"), without_glyph_warnings():
        warnings.warn("another", stacklevel=1)


def test_a_picture_has_150_dots_an_inch(tmp_path, figure):
    with Image.open(save_figure(figure, tmp_path / "a.png")) as image:
        assert image.width == 7 * 150


def test_panels_share_their_steps_and_a_wrong_number_of_axes_is_refused_by_the_name_of_the_argument():
    axes = plot_plan(Plan(lr=Linear(0.3, 0.0, 50), momentum=0.9), Picture())
    assert axes[0].get_shared_x_axes().joined(*axes)
    with pytest.raises(ArgumentError, match=r"plot_plan\(axes=\.\.\.\) must be 2 axes \(lr, momentum\) or a figure"):
        plot_plan(Plan(lr=Linear(0.3, 0.0, 50), momentum=0.9), axes[:1])
    with pytest.raises(ArgumentError, match=r"plot_schedules\(ax=\.\.\.\) must be 1 axes \(rate\) or a figure"):
        plot_schedules([Constant(0.1)], axes)
