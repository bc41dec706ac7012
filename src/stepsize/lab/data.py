"""Image data sets as plain arrays: Fashion-MNIST from wherever it can be had, and scikit-learn's digits."""

import functools
import gzip
import hashlib
import io
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stepsize.errors import DataError, MissingExtraError

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
_LARGEST = 47_040_016  # bytes of the largest of them
_SECONDS_TO_CONNECT, _SECONDS_BETWEEN_BYTES = 4.0, 15.0


@dataclass(frozen=True, eq=False)
class ImageData:
    """A set of grey images in classes, split into a training and a test set.

    Images have the shape (n, height, width), float32 in [0, 1]; labels (n,), int64 in [0, classes).
    `source` is one plain sentence on where the data came from.
    """

    name: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    classes: int
    source: str


def from_folder(name: str, otherwise: str) -> ImageData:
    """Fashion-MNIST from the folder of that name, which holds the four idx files, gzipped or not.

    Raises DataError: `otherwise`, where there is no such folder; and where a file is missing, cut short or altered.
    """
    folder = Path(os.path.expanduser(name))
    if not name or not folder.is_dir():  # without a name it would be the current folder
        raise DataError(otherwise)
    return _from_folder(folder, f"Fashion-MNIST came from the folder {folder}.")


def fashion_mnist(debian: Path = DEBIAN_FOLDER, address: str = ADDRESS, cache: Path | None = None) -> ImageData:
    """Fashion-MNIST from Debian's package, else downloaded from `address`, else the digits in its place.

    Downloads are kept in `cache` (left out: the user's cache folder). Raises DataError where Debian's files
    are all there and one of them is damaged.
    """
    if all(_find(debian, name) for name in CHECKSUMS):
        return _from_folder(debian, "Fashion-MNIST came from Debian's package dataset-fashion-mnist.")
    try:
        folder = _download(address, cache)
    except MissingExtraError:
        raise
    except (*_DAMAGE, ValueError):
        failure = "the download was cut short or altered"
    except OSError as error:  # those of requests are among them
        failure = f"the download failed with {type(error).__name__}"
    else:
        return _from_folder(folder, f"Fashion-MNIST was downloaded from {address} to {folder}.")
    return replace(
        digits(),
        source="scikit-learn's digits (8 x 8) stand in for Fashion-MNIST, which could not be found "
        f"(no Debian package, and {failure}); to get it, install Debian's dataset-fashion-mnist, "
        "or name a folder that holds its four files with --data FOLDER.",
    )


@functools.cache
def digits() -> ImageData:
    """scikit-learn's 1,797 bundled digits, 8 x 8; images 0, 5, 10, ... are the test set."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("scikit-learn", "lab") from error
    bunch = load_digits()
    images = (bunch.images / 16).astype(np.float32)
    labels = bunch.target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    source = "The digits are those bundled with scikit-learn (8 x 8; every fifth image is the test set)."
    return ImageData("digits", images[~test], labels[~test], images[test], labels[test], 10, source)


@functools.lru_cache(maxsize=1)  # runs follow one another in a process, and a comparison has one data set
def _from_folder(folder: Path, source: str) -> ImageData:
    train_images, train_labels, test_images, test_labels = (_read(folder, name) for name in CHECKSUMS)
    return ImageData(
        "fashion-mnist",
        _images(train_images),
        _labels(train_labels),
        _images(test_images),
        _labels(test_labels),
        10,
        source,
    )


def _images(content: bytes) -> NDArray[np.float32]:
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)
    return np.divide(pixels, 255, dtype=np.float32)


def _labels(content: bytes) -> NDArray[np.int64]:
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def _find(folder: Path, name: str) -> Path | None:
    """The file `name` in the folder, gzipped or not; None where there is neither."""
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def _read(folder: Path, name: str) -> bytes:
    """The decompressed content of one file, checked. Raises DataError."""
    path = _find(folder, name)
    if path is None:
        raise DataError(
            f'the folder "{folder}" has no {name} or {name}.gz; Fashion-MNIST is the four files {", ".join(CHECKSUMS)}'
        )
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            content = file.read(_LARGEST + 1)  # no more, however much there is
    except _DAMAGE as error:
        raise DataError(f"{path} is cut short or damaged; put an unaltered copy in its place") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); make it readable") from error
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[name]:
        raise DataError(
            f"{path} is cut short, altered or of another data set: the SHA-256 of its content is not Fashion-MNIST's; "
            "put an unaltered copy in its place"
        )
    return content


def _download(address: str, cache: Path | None) -> Path:
    """The folder of the four decompressed, checked files; one that is there already is not fetched again."""
    try:
        import pooch
    except ModuleNotFoundError as error:
        raise MissingExtraError.naming("pooch", "lab") from error

    fetch = pooch.HTTPDownloader(timeout=(_SECONDS_TO_CONNECT, _SECONDS_BETWEEN_BYTES), chunk_size=1 << 20)

    def unpack(url: str, output_file: str, _: object) -> None:
        archive = io.BytesIO()
        fetch(url, archive, None)
        Path(output_file).write_bytes(gzip.decompress(archive.getvalue()))

    # pooch hands `unpack` a temporary file, and moves it into place only if its checksum is right.
    folder = cache or Path(pooch.os_cache("stepsize"))
    for name, checksum in CHECKSUMS.items():
        pooch.retrieve(f"{address}{name}.gz", checksum, fname=name, path=folder, downloader=unpack)
    return folder
