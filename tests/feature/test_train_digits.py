from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import load_file

from ganctl.feature import train_digits
from ganctl.feature.convnet import ConvNet


def write_idx(path: Path, array: numpy.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.astype(numpy.uint8).tobytes())
    with gzip.open(path.with_suffix(".gz"), "wb") as file:
        file.write(path.read_bytes())


@pytest.fixture
def tiny_mnist(tmp_path: Path) -> Path:
    random = numpy.random.default_rng(0)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in [("train", 128), ("t10k", 20)]:
        write_idx(raw / f"{name}-images-idx3-ubyte", random.integers(0, 256, (count, 28, 28)))
        write_idx(raw / f"{name}-labels-idx1-ubyte", numpy.arange(count) % 10)
    return tmp_path


def test_command_writes_weights_that_load_and_a_record_of_them(
    tiny_mnist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "weights.safetensors"
    train_digits.main(["--data", str(tiny_mnist), "--epochs", "1", "--seed", "5", "--output", str(output)])
    network = ConvNet()
    network.load_state_dict(load_file(output))
    record = json.loads(output.with_suffix(".json").read_text())
    assert json.loads(capsys.readouterr().out) == record
    assert (record["epochs"], record["seed"], record["test_images"]) == (1, 5, 20)
    assert 1 <= record["test_is_digits"] <= 10


def test_figures_of_real_images_agree_with_the_metrics():
    from ganctl.metric.class_shares import class_shares
    from ganctl.metric.inception_score import inception_score

    torch.manual_seed(0)
    network = ConvNet().eval()
    with torch.no_grad():
        network.head.weight *= 300
        images = torch.randint(0, 256, (30, 1, 28, 28), dtype=torch.uint8)
        _, logits = network(images.float() / 127.5 - 1)
    confidence, score = train_digits.test_figures(network, images)
    assert confidence == pytest.approx(class_shares(logits)[1], rel=1e-6)
    assert score == pytest.approx(inception_score(logits), rel=1e-6)
