"""Statistics of features in pytorch-fid's format, an .npz of `mu` and `sigma`, read without pickle."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy
import torch

from ganctl.contract import FeatureSet
from ganctl.evaluation.real import RealFeatures

MOST_BYTES = 4 << 30  # of all arrays together: a covariance of 20,000 dimensions
_ASYMMETRY = 1e-3  # of the largest value: float32 files are a little uneven


@dataclass(frozen=True)
class Statistics:
    """What such a file holds, and its SHA-256. The last three are None in files that ganctl did not write."""

    mean: torch.Tensor
    covariance: torch.Tensor
    data_hash: str
    count: int | None = None
    extractor: str | None = None
    weights_hash: str | None = None

    def features(self, extractor: str) -> FeatureSet:
        """As features of `extractor`, for the Frechet distance alone, which does not look at a number not known."""
        return FeatureSet(extractor, self.count or 2, self.mean, self.covariance)


def read_statistics(path: Path) -> Statistics:
    """Reads the file at `path`. Raises ValueError, in one line, for anything but a mean and its covariance."""
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"its arrays take more than {MOST_BYTES >> 30} GiB")
        with numpy.load(path, allow_pickle=False) as file:
            mean, covariance = (file[name] for name in ("mu", "sigma"))
            facts = {name: file[name] for name in ("count", "extractor", "weights_hash") if name in file.files}
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read ({' '.join(str(error).split()) or type(error).__name__})") from None
    size = mean.size
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
        raise ValueError(f"{path}: mu and sigma are {mean.dtype} and {covariance.dtype}; they must be float64")
    if mean.shape != (size,) or covariance.shape != (size, size) or not size:
        raise ValueError(f"{path}: mu is {mean.shape} and sigma {covariance.shape}; they must be (F,) and (F, F)")
    mean, covariance = mean.astype(numpy.float64), covariance.astype(numpy.float64)
    if not (numpy.isfinite(mean).all() and numpy.isfinite(covariance).all()):
        raise ValueError(f"{path}: mu or sigma has NaN or infinite values; compute them anew")
    largest = numpy.abs(covariance).max()
    if covariance.diagonal().min() < 0 or numpy.abs(covariance - covariance.T).max() > _ASYMMETRY * largest:
        raise ValueError(f"{path}: sigma is no covariance matrix; compute it anew")
    count = facts.pop("count", None)
    return Statistics(
        torch.from_numpy(mean),
        torch.from_numpy((covariance + covariance.T) / 2),
        hashlib.sha256(content).hexdigest(),
        int(count) if count is not None and count.shape == () and count.dtype.kind in "iu" else None,
        **{name: str(value) for name, value in facts.items()},
    )


def write_statistics(file: BinaryIO, real: RealFeatures) -> None:
    """Writes statistics so that pytorch-fid can read them, and who made them of how many images besides."""
    numpy.savez_compressed(
        file,
        mu=real.features.mean.numpy(),
        sigma=real.features.covariance.numpy(),
        count=numpy.int64(real.features.count),
        extractor=numpy.str_(real.features.extractor),
        weights_hash=numpy.str_(real.weights_hash),
    )
