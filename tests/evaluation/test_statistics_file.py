from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from ganctl.contract import FeatureSet
from ganctl.evaluation import statistics_file
from ganctl.evaluation.real import RealFeatures
from ganctl.evaluation.statistics_file import read_statistics, write_statistics

FEATURES = numpy.random.default_rng(0).normal(size=(30, 4))
MEAN, COVARIANCE = FEATURES.mean(0), numpy.cov(FEATURES, rowvar=False)


def written(folder: Path, **values: Any) -> Path:
    path = folder / "statistics.npz"
    numpy.savez(path, **values)
    return path


def test_pytorch_fids_files_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, mu=MEAN, sigma=COVARIANCE)
    found = read_statistics(path)
    assert numpy.array_equal(found.mean.numpy(), MEAN) and numpy.allclose(found.covariance.numpy(), COVARIANCE, 1e-15)
    assert found.data_hash == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.count, found.extractor, found.weights_hash) == (None, None, None)
    features = found.features("digits")
    assert features.extractor == "digits" and features.features is features.logits is features.images is None


def test_what_is_written_pytorch_fid_reads_and_we_know_who_made_it(tmp_path: Path) -> None:
    path = tmp_path / "statistics.npz"
    features = FeatureSet("corners", 30, torch.from_numpy(MEAN), torch.from_numpy(COVARIANCE))
    with path.open("wb") as file:
        write_statistics(file, RealFeatures(features, "ab" * 32, "cd" * 32, "train"))
    from pytorch_fid.fid_score import compute_statistics_of_path

    mean, covariance = compute_statistics_of_path(str(path), None, 1, 4, "cpu")
    assert numpy.array_equal(mean, MEAN) and numpy.array_equal(covariance, COVARIANCE)
    found = read_statistics(path)
    assert (found.count, found.extractor, found.weights_hash) == (30, "corners", "ab" * 32)
    assert found.features("corners").count == 30


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mu": MEAN}, "cannot be read ("),
        ({"mu": MEAN, "sigma": COVARIANCE[:3]}, "mu is (4,) and sigma (3, 4); they must be (F,) and (F, F)"),
        ({"mu": MEAN[:, None], "sigma": COVARIANCE}, "mu is (4, 1) and sigma (4, 4); "),
        ({"mu": MEAN[:0], "sigma": COVARIANCE[:0, :0]}, "mu is (0,) and sigma (0, 0); "),
        ({"mu": MEAN > 0, "sigma": COVARIANCE}, "mu and sigma are bool and float64; they must be float64"),
        ({"mu": MEAN * numpy.nan, "sigma": COVARIANCE}, "mu or sigma has NaN or infinite values; "),
        ({"mu": MEAN, "sigma": FEATURES[:4]}, "sigma is no covariance matrix; "),
        ({"mu": MEAN, "sigma": -COVARIANCE}, "sigma is no covariance matrix; "),
        ({"mu": numpy.array([print]), "sigma": COVARIANCE}, "cannot be read (Object arrays cannot be loaded "),
    ],
)
def test_what_are_no_statistics_is_refused(values: dict[str, numpy.ndarray], said: str, tmp_path: Path) -> None:
    path = written(tmp_path, **values)
    with pytest.raises(ValueError) as caught:
        read_statistics(path)
    assert str(caught.value).startswith(f"{path}: {said}") and "\n" not in str(caught.value)


def test_an_enormous_file_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_file, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="its arrays take more than "):
        read_statistics(written(tmp_path, mu=MEAN, sigma=COVARIANCE))


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "statistics.npz"
    buffer = io.BytesIO()
    numpy.save(buffer, COVARIANCE)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="cannot be read"):
        read_statistics(path)
