"""`ganctl export`: a folder that draws without ganctl, says where it comes from, and is there whole or not at all."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import ganctl as package
from ganctl import checkpoint
from tests.conftest import Command, Refusal

FILES = {"README.md", "config.json", "generator.py", "model.safetensors", "samples.png"}
ALONE = """\
import sys
sys.modules["ganctl"] = None  # an import of it fails
import torch
from generator import Generator, load, to_pixels
generator = load()
latents = torch.load("latents.pt")
labels = [torch.load("labels.pt")] if "labels" in Generator.forward.__code__.co_varnames else []
torch.save(generator(latents, *labels).detach(), "images.pt")
print(tuple(to_pixels(generator(latents, *labels).detach()).shape))
"""
Train = Callable[..., dict[str, Any]]


def front_matter(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def drawn_without_ganctl(folder: Path, latents: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    """What a process that cannot import ganctl draws with the folder."""
    torch.save(latents, folder / "latents.pt")
    if labels is not None:
        torch.save(labels, folder / "labels.pt")
    ended = subprocess.run([sys.executable, "-c", ALONE], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return torch.load(folder / "images.pt")


def run_the_card(folder: Path) -> None:
    """Runs each block of Python on the model card where ganctl cannot be imported; the folder is the repository."""
    card = (folder / "README.md").read_text().replace("FOLDER_OR_NAME", ".")
    blocks = re.findall(r"```python\n(.*?)```", card, re.S)
    assert len(blocks) == 3
    alike = "assert pixels.shape == images[:, 0, :, :, None].shape"
    program = "\n".join(['import sys\nsys.modules["ganctl"] = None', *blocks, alike])
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_conditional_run_draws_the_same_without_ganctl(trained: Path, ganctl: Command, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    answer = ganctl("export", str(trained), f"output='{folder}'")
    assert answer.code == 0 and answer.err == "", answer
    assert {path.name for path in folder.iterdir()} == {*FILES, "model.onnx"}
    assert "model.onnx" in answer.out and "every class" in answer.out and str(folder) in answer.out
    latents, labels = torch.randn(5, 16), torch.tensor([3, 1, 4, 1, 5])
    own = package.load(trained, device="cpu").draw(5, latents=latents, labels=labels)
    assert torch.allclose(drawn_without_ganctl(folder, latents, labels), own, atol=1e-6)
    session = __import__("onnxruntime").InferenceSession(str(folder / "model.onnx"))
    (images,) = session.run(None, {"latents": latents.numpy(), "labels": labels.numpy()})
    assert torch.allclose(torch.from_numpy(images), own, atol=1e-5)
    assert [value.shape[0] for value in (*session.get_inputs(), *session.get_outputs())] == ["batch"] * 3
    run_the_card(folder)
    config = json.loads((folder / "config.json").read_text())
    assert (config["latent_size"], config["num_classes"], config["image_shape"]) == (16, 10, [1, 28, 28])
    assert config["onnx"]["opset"] == 18 and config["onnx"]["largest_difference"] < 1e-5
    assert config["step"] == checkpoint.load(trained / "checkpoints" / "best.pt")["state"]["step"]
    with Image.open(folder / "samples.png") as picture:
        assert picture.width > 28


def test_an_unconditional_run_takes_latents_alone(unconditional: Path, ganctl: Command, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    answer = ganctl("export", str(unconditional), f"output='{folder}'", "onnx=false")
    assert answer.code == 0 and "generator.py" in answer.out, answer
    assert {path.name for path in folder.iterdir()} == FILES
    latents = torch.randn(4, 16)
    own = package.load(unconditional, device="cpu").draw(4, latents=latents)
    assert torch.allclose(drawn_without_ganctl(folder, latents, None), own, atol=1e-6)
    assert json.loads((folder / "config.json").read_text())["num_classes"] is None
    card = (folder / "README.md").read_text()
    assert front_matter(card)["pipeline_tag"] == "unconditional-image-generation" and "onnx" not in card.lower()


def test_weights_trained_in_bf16_are_exported_in_fp32_and_raw_ones_are_others(
    train: Train, ganctl: Command, tmp_path: Path
) -> None:
    train("device.precision=bf16", "training.ema_rampup=1")
    for name in ("ema", "raw"):
        words = (f"weights={name}", f"output='{tmp_path / name}'", "onnx=false")
        assert ganctl("export", str(tmp_path / "run"), *words).code == 0
    ema, raw = (load_file(tmp_path / name / "model.safetensors") for name in ("ema", "raw"))
    assert {tensor.dtype for tensor in ema.values()} == {torch.float32}
    assert any((ema[name] != raw[name]).any() for name in ema)
    card = (tmp_path / "raw" / "README.md").read_text()
    assert "without averaging" in card and "were not scored" in card and "bf16" in card


def test_the_mixin_of_the_hub_reads_the_folder(unconditional: Path, ganctl: Command, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    folder = tmp_path / "out"
    assert ganctl("export", str(unconditional), f"output='{folder}'", "onnx=false").code == 0
    spec = importlib.util.spec_from_file_location("exported_for_the_hub", folder / "generator.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    generator = module.Generator.from_pretrained(str(folder), strict=True)
    assert generator.latent_size == 16 and generator.image_shape == [1, 28, 28] and not generator.training
    latents = torch.randn(2, 16)
    own = package.load(unconditional, device="cpu").draw(2, latents=latents)
    assert torch.allclose(generator(latents).detach(), own, atol=1e-6)
    generator.save_pretrained(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["latent_size"] == 16


def test_the_card_says_how_it_was_trained_and_scored_and_leaves_the_licence_open(
    trained: Path, ganctl: Command, tmp_path: Path
) -> None:
    assert ganctl("export", str(trained), f"output='{tmp_path / 'out'}'", "onnx=false").code == 0
    card = (tmp_path / "out" / "README.md").read_text()
    facts = front_matter(card)
    assert "license" not in facts and {"gan", "pytorch_model_hub_mixin", "conditional-gan"} <= set(facts["tags"])
    summary = json.loads((trained / "summary.json").read_text())
    assert f"| `fd_digits` | {summary['scores']['fd_digits']:.4g} | lower |" in card
    assert "num_generated=20" in card and "steps of 8 real images each" in card and "samples.png" in card
    assert str(trained.parent) not in card + (tmp_path / "out" / "config.json").read_text(), "no place of this machine"


def test_without_output_a_new_folder_of_the_run_each_time(unconditional: Path, ganctl: Command) -> None:
    before = set(unconditional.iterdir())
    for _ in range(2):
        assert ganctl("export", str(unconditional), "onnx=false").code == 0
    new = set(unconditional.iterdir()) - before
    assert len(new) == 2 and all({path.name for path in folder.iterdir()} == FILES for folder in new)


def test_nothing_is_written_over_and_a_checkpoint_alone_will_do(
    unconditional: Path, refused: Refusal, ganctl: Command, workplace: Path
) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    assert refused("export", str(unconditional), "output=mine").startswith(
        "output=mine: is there already and not empty"
    )
    (workplace / "alone.pt").write_bytes((unconditional / "checkpoints" / "best.pt").read_bytes())
    assert ganctl("export", "alone.pt", "output=out", "onnx=false").code == 0
    assert "were not scored" in Path("out/README.md").read_text()


def test_onnx_without_its_packages_is_refused_with_the_cure(
    unconditional: Path, ganctl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    answer = ganctl("export", str(unconditional))
    assert answer.code == 2 and answer.err.startswith("onnx=true: needs onnxruntime; pip install 'ganctl[export]'")


def test_a_generator_that_draws_numbers_of_its_own_leaves_nothing(
    unconditional: Path, refused: Refusal, workplace: Path
) -> None:
    (workplace / "noisy.py").write_text(
        "import torch\nfrom ganctl.model.dcgan import Generator as Parent\n\nclass Generator(Parent):\n"
        "    def forward(self, latents, labels):\n"
        "        return super().forward(latents + torch.randn_like(latents), labels)\n"
    )
    content = checkpoint.load(unconditional / "checkpoints" / "best.pt")
    content["config"]["generator"]["_target_"] = "noisy.Generator"
    checkpoint.save(workplace / "noisy.pt", content)
    line = refused("export", "noisy.pt", "trust=[noisy]", "output=out", "onnx=false")
    assert "draws numbers of its own" in line and "nothing was written" in line
