"""Image classification: Fashion-MNIST and scikit-learn's digits, and the networks for them."""

import functools
import gzip
import hashlib
import importlib.util
import io
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from stepsize.errors import DataError, MissingExtraError
from stepsize.lab.tasks.task import Task

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # of the package dataset-fashion-mnist
ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# SHA-256 of the decompressed content: archives of the same data differ from one packager to the next.
CHECKSUMS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile)
_LARGEST = 47_040_016  # bytes of the largest file
_SECONDS_TO_CONNECT, _SECONDS_BETWEEN_BYTES = 4.0, 15.0
_UNALTERED = "replace it with an unaltered copy"


def lenet(classes: int = 10) -> nn.Sequential:
    """LeNet with ReLU and max pooling: images (n, 1, 28, 28) to scores (n, classes).

    Reference: LeCun et al., "Gradient-based learning applied to document recognition" (1998).
    """
    first = nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(6, 16, kernel_size=5), nn.ReLU(), nn.MaxPool2d(2)
    dense = nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes)
    return nn.Sequential(*first, *second, nn.Flatten(), *dense)


def digits_net(classes: int = 10) -> nn.Sequential:
    """Two convolutions and two dense layers: images (n, 1, 8, 8) to scores (n, classes)."""
    first = nn.Conv2d(1, 16, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(16, 32, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
    dense = nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, classes)
    return nn.Sequential(*first, *second, nn.Flatten(), *dense)


def from_folder(folder: Path) -> Task:
    """Fashion-MNIST from a folder that holds its four idx files, gzipped or not."""
    return _read_folder(folder, f"Fashion-MNIST came from the folder {folder}.")


def fashion_mnist(debian: Path = DEBIAN_FOLDER, address: str = ADDRESS, cache: Path | None = None) -> Task:
    """Fashion-MNIST from Debian's package, or downloaded from `address`; the digits if neither works.

    Downloads are kept in `cache`, by default the user's cache folder.
    """
    if all(_find(debian, name) for name in CHECKSUMS):
        return _read_folder(debian, "Fashion-MNIST came from Debian's package dataset-fashion-mnist.")
    try:
        folder = _download(address, cache)
    except MissingExtraError:
        raise
    except (*_DAMAGE, ValueError):
        failure = "the download was cut short or altered"
    except OSError as error:  # the errors of requests are among them
        failure = f"the download failed with {type(error).__name__}"
    else:
        return _read_folder(folder, f"Fashion-MNIST was downloaded from {address} to {folder}.")
    return replace(
        digits(),
        source="scikit-learn's digits (8 x 8) stand in for Fashion-MNIST, which could not be found "
        f"(no Debian package, and {failure}); to get it, install Debian's dataset-fashion-mnist, "
        "or name a folder that holds its four files with --data FOLDER.",
    )


@functools.cache
def digits() -> Task:
    """scikit-learn's 1,797 bundled digits, 8 x 8; images 0, 5, 10, ... are the test set."""
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise MissingExtraError.naming("scikit-learn", "lab")
    # Read without importing scikit-learn, which takes seconds.
    rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    images = (rows[:, :-1].reshape(-1, 8, 8) / 16).astype(np.float32)
    labels = rows[:, -1].astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    source = "The digits are those bundled with scikit-learn (8 x 8; every fifth image is the test set)."
    return _task("digits", digits_net, (images[~test], labels[~test]), (images[test], labels[test]), source)


def _task(
    name: str,
    network: Callable[[], nn.Module],
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
    source: str,
) -> Task:
    """The classification of images (n, height, width) in [0, 1]; its tensors share their memory."""
    train_set, test_set = (
        (torch.from_numpy(each).unsqueeze(1), torch.from_numpy(labels)) for each, labels in (train, test)
    )
    return Task(network, train_set, test_set, name=name, source=source)


def _read_folder(folder: Path, source: str) -> Task:
    content = [_read(folder, name) for name in CHECKSUMS]
    train_images, test_images = (
        np.divide(np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28), 255, dtype=np.float32)
        for pixels in content[::2]
    )
    train_labels, test_labels = (np.frombuffer(labels, np.uint8, offset=8).astype(np.int64) for labels in content[1::2])
    return _task("fashion-mnist", lenet, (train_images, train_labels), (test_images, test_labels), source)


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _read(folder: Path, name: str) -> bytes:
    """The decompressed content of one file, compared with its checksum."""
    path = _find(folder, name)
    if path is None:
        raise DataError(
            f'the folder "{folder}" has no {name} or {name}.gz', f"Fashion-MNIST is four files, {', '.join(CHECKSUMS)}"
        )
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(_LARGEST + 1)  # a larger file is damaged, whatever its size
    except _DAMAGE as error:
        raise DataError(f"{path} is cut short or damaged", _UNALTERED) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})", "make it readable") from error
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise DataError(
            f"{path} is cut short, altered or of another data set: the SHA-256 of its content differs from that of "
            "Fashion-MNIST",
            _UNALTERED,
        )
    return content


def _download(address: str, cache: Path | None) -> Path:
    """The folder of the four decompressed, checked files; a file that is there already is not downloaded again."""
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("pooch", "lab") from error

    fetch = pooch.HTTPDownloader(timeout=(_SECONDS_TO_CONNECT, _SECONDS_BETWEEN_BYTES), chunk_size=1 << 20)

    def unpack(url: str, output_file: str, _: object) -> None:
        archive = io.BytesIO()
        fetch(url, archive, None)
        Path(output_file).write_bytes(gzip.decompress(archive.getvalue()))

    # pooch gives `unpack` a temporary file, and moves it into place only if its checksum is right.
    folder = cache or Path(pooch.os_cache("stepsize"))
    for name, checksum in CHECKSUMS.items():
        pooch.retrieve(f"{address}{name}.gz", checksum, fname=name, path=folder, downloader=unpack)
    return folder
