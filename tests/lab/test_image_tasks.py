"""Data sets: whole ones are read, damaged ones are refused by name, and the digits replace missing ones."""

import functools
import gzip
import hashlib
import http.server
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from stepsize.errors import DataError, MissingExtraError
from stepsize.lab import Experiment, compare, load_task
from stepsize.lab.tasks import images as data
from stepsize.store import load_runs

SAMPLES = {"train": 20, "t10k": 10}


@pytest.fixture(scope="module")
def contents():
    """The decompressed files of a data set like Fashion-MNIST, of 20 + 10 images."""
    pixels = np.random.default_rng(0)
    files = {}
    for part, samples in SAMPLES.items():
        header = b"\0\0\x08\x03" + np.array([samples, 28, 28], ">i4").tobytes()
        images = pixels.integers(0, 256, (samples, 28, 28), np.uint8)
        files[f"{part}-images-idx3-ubyte"] = header + images.tobytes()
        header = b"\0\0\x08\x01" + np.array([samples], ">i4").tobytes()
        files[f"{part}-labels-idx1-ubyte"] = header + bytes(label % 10 for label in range(samples))
    return files


@pytest.fixture
def folder(contents, tmp_path, monkeypatch):
    """A folder with these files, gzipped, that is taken for Fashion-MNIST."""
    checksums = {name: hashlib.sha256(contents[name]).hexdigest() for name in data.CHECKSUMS}
    monkeypatch.setattr(data, "CHECKSUMS", checksums)
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name, content in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def address(folder, monkeypatch):
    """The address of a server that serves the folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-30])


def altered(path):
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content))


def download(address, tmp_path):
    return data.fashion_mnist(tmp_path / "no such folder", address, tmp_path / "cache")


def assert_digits_stand_in(found, failure):
    assert found.name == "digits"
    assert found.source == (
        "scikit-learn's digits (8 x 8) stand in for Fashion-MNIST, which could not be found "
        f"(no Debian package, and {failure}); to get it, install Debian's dataset-fashion-mnist, "
        "or name a folder that holds its four files with --data FOLDER."
    )


@pytest.mark.skipif(not data.DEBIAN_FOLDER.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_read_from_debians_package_if_it_is_installed():
    found = data.fashion_mnist()
    assert found.source == "Fashion-MNIST came from Debian's package dataset-fashion-mnist."
    (train_images, train_labels), (test_images, test_labels) = found.train, found.test
    assert train_images.shape == (60_000, 1, 28, 28)
    assert test_images.shape == (10_000, 1, 28, 28)
    assert train_images.mean().item() == pytest.approx(0.2860, abs=1e-4)  # the figures known for this data set
    assert train_images.std().item() == pytest.approx(0.3530, abs=1e-4)
    assert np.bincount(train_labels).tolist() == [6000] * 10
    assert test_labels[:8].tolist() == [9, 2, 1, 1, 6, 1, 4, 6]
    assert isinstance(found.model(), type(data.lenet()))


def test_digits_are_sixteenths_and_every_fifth_is_for_the_test():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    found, bundled = data.digits(), sklearn_datasets.load_digits()
    images, labels = (part.numpy() for part in found.test)
    assert found.train[0].shape == (1437, 1, 8, 8)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(images[:, 0] * 16, bundled.images[::5])
    np.testing.assert_array_equal(labels, bundled.target[::5])
    np.testing.assert_array_equal(found.train[1][:5], bundled.target[[1, 2, 3, 4, 6]])


def test_a_folder_is_read_gzipped_or_not(folder, contents):
    for name in list(contents)[:2]:
        (folder / f"{name}.gz").unlink()
        (folder / name).write_bytes(contents[name])
    found = data.from_folder(folder)
    assert found.source == f"Fashion-MNIST came from the folder {folder}."
    images, (test_images, test_labels) = found.train[0].numpy(), (part.numpy() for part in found.test)
    assert images.shape == (20, 1, 28, 28)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() == 1
    assert test_labels.tolist() == list(range(10))
    assert test_labels.dtype == np.int64
    assert round(test_images[9, 0, 27, 27] * 255) == contents["t10k-images-idx3-ubyte"][-1]


def test_a_folder_is_found_from_another_working_directory(folder, monkeypatch, tmp_path):
    """A comparison keeps its whole path."""
    monkeypatch.setattr("stepsize.lab.comparing._Making.rounds", lambda *_, **__: None)
    monkeypatch.chdir(folder.parent)
    compare(Experiment({"a": "Constant(0.1)"}, folder.name, device="cpu"), tmp_path / "out")
    assert load_runs(tmp_path / "out").settings["experiment"]["task"] == str(folder)
    known = "fashion-mnist, digits, stdlib-lm, a folder that exists, package.module:function or file.py:function"
    for task, words in (("data/fm", 'the task "data/fm" is not a folder that exists'), ("x", 'no task is called "x"')):
        with pytest.raises(DataError, match=rf"{words}; write {known}$"):
            load_task(task)


def test_a_missing_file_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(
        DataError,
        match=rf'the folder "{folder}" has no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte\.gz; Fashion-MNIST is '
        "four files, train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte$",
    ):
        data.from_folder(folder)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"])
@pytest.mark.parametrize("content", [b"", b"not gzip at all", None])
def test_a_damaged_archive_is_named(folder, name, content):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    words = ", altered or of another data set: .*" if content == b"" else " or damaged"
    with pytest.raises(DataError, match=rf"{name} is cut short{words}; replace it with an unaltered copy$"):
        data.from_folder(folder)


def test_an_altered_file_is_named(folder):
    altered(folder / "train-labels-idx1-ubyte.gz")
    with pytest.raises(
        DataError,
        match=r"train-labels-idx1-ubyte\.gz is cut short, altered or of another data set: the SHA-256 of its content "
        "differs from that of Fashion-MNIST; replace it with an unaltered copy$",
    ):
        data.from_folder(folder)


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(data.gzip, "open", refuse)
    with pytest.raises(DataError, match=r"ubyte\.gz cannot be read \(Permission denied\); make it readable$"):
        data.from_folder(folder)


def test_a_complete_folder_of_debian_is_preferred_to_a_download(folder, tmp_path):
    found = data.fashion_mnist(folder, "http://127.0.0.1:1/", tmp_path / "cache")
    assert found.source == "Fashion-MNIST came from Debian's package dataset-fashion-mnist."
    assert not (tmp_path / "cache").exists()


def test_a_download_is_checked_kept_and_not_repeated(address, folder, contents, tmp_path):
    found = download(address, tmp_path)
    cache = tmp_path / "cache"
    assert found.source == f"Fashion-MNIST was downloaded from {address} to {cache}."
    assert found.train[0].shape == (20, 1, 28, 28)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == contents
    for path in folder.iterdir():
        path.unlink()
    assert download(address, tmp_path).source == found.source


def test_a_kept_file_that_was_damaged_is_fetched_again(address, contents, tmp_path):
    download(address, tmp_path)
    cut_short(tmp_path / "cache" / "t10k-images-idx3-ubyte")
    assert download(address, tmp_path).name == "fashion-mnist"
    assert (tmp_path / "cache" / "t10k-images-idx3-ubyte").read_bytes() == contents["t10k-images-idx3-ubyte"]


@pytest.mark.parametrize(
    ("damage", "failure"),
    [
        (cut_short, "the download was cut short or altered"),
        (altered, "the download was cut short or altered"),
        (Path.unlink, "the download failed with HTTPError"),
    ],
)
def test_a_failed_download_leaves_no_file_and_the_digits_are_used(address, folder, tmp_path, damage, failure):
    damage(folder / "t10k-images-idx3-ubyte.gz")
    assert_digits_stand_in(download(address, tmp_path), failure)
    whole = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}
    assert {path.name for path in (tmp_path / "cache").iterdir()} == whole


def test_the_digits_are_used_if_no_server_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert_digits_stand_in(download(f"http://127.0.0.1:{port}/", tmp_path), "the download failed with ConnectionError")
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_pooch_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"pooch is not installed.*'\.\[lab\]'"):
        download("http://127.0.0.1:1/", tmp_path)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    data.digits.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"scikit-learn is not installed.*'\.\[lab\]'"):
        data.digits()
