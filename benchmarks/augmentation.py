"""What a GAN's pictures do for a classifier that has few real ones: `python -m benchmarks.augmentation --data ROOT`.

6,000 digits of MNIST, 600 a class, are all that anything learns from here: a conditional generator, by `ganctl train`
(3,000 steps: a quarter of an hour on one core), the last checkpoint of it, as no judge chooses one that has seen more;
its pictures, by `ganctl sample RUN per_class=600`; and a small convolutional network, for as many steps each time, from
(1) the real digits, (2) the real ones moved and turned a little at random, (3) the real ones and the generated, (4) all
of that. What counts is how many of MNIST's 10,000 test images it knows, over three seeds of its own. The generator is
one: how much another would change is not asked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent))
from run import RESULTS, machine

from ganctl.dataset.mnist import Mnist
from ganctl.feature.convnet import random_affine
from ganctl.files import as_json, write_new
from ganctl.record.image_grid import image_png

PER_CLASS = 600
TRAINING = [
    *("dataset=image_folder", "dataset.resolution=28", "dataset.channels=1", "model=cdcgan", "feature=pixels"),
    *("generator.width=32", "generator.extra_layers=1", "discriminator.width=32", "discriminator.extra_layers=1"),
    *("device.precision=bf16", "device.threads=1", "output.evaluate_every=null", "final_fid.enabled=false"),
    "evaluation.final_images=500",
]
"""What follows `ganctl train`: the demo's networks; the last checkpoint, as no judge here has seen more than they."""
ARMS = {
    "real": (False, False),
    "real, moved and turned": (True, False),
    "real and generated": (False, True),
    "real and generated, moved and turned": (True, True),
}
"""Whether images are moved and turned at random, and whether the generated ones are among them."""
BATCH = 128


def write_real(images: Tensor, labels: Tensor, folder: Path) -> Tensor:
    """Puts the first `PER_CLASS` images of each class into FOLDER/CLASS as PNG files. Returns their places."""
    places = torch.cat([(labels == label).nonzero()[:PER_CLASS, 0] for label in range(10)])
    for place in places.tolist():
        path = folder / str(int(labels[place])) / f"{place:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_png(images[place].numpy()))
    return places


def generated(folder: Path, steps: int) -> tuple[Path, dict[str, object]]:
    """Trains on FOLDER/real, unless that has been done, and draws FOLDER/generated; where, and what it took."""
    words = [*TRAINING, f"training.steps={steps}"]
    if not list((folder / "runs").glob("*/*/summary.json")):
        ganctl("train", *words, f"dataset.path={folder / 'real'}", f"output.root={folder / 'runs'}")
    (summary,) = (folder / "runs").glob("*/*/summary.json")
    drawn = ["grid=false", f"per_class={PER_CLASS}", "seed=1", "device=cpu"]
    if not (folder / "generated").exists():
        ganctl("sample", str(summary.parent), *drawn, f"output={folder / 'generated'}")
    facts = json.loads(summary.read_text())
    commands = [["ganctl", "train", *words, "dataset.path=REAL"], ["ganctl", "sample", "RUN", *drawn]]
    kept = {key: facts[key] for key in ("status", "step", "seconds")}
    scores = {"judged_by_one_that_knows_all_of_mnist": judged(summary.parent)}
    return folder / "generated", {"commands": [" ".join(command) for command in commands], **kept, **scores}


def judged(run: Path) -> dict[str, object]:
    """How far the generator's digits are from the real ones, and how many are of the class that was asked for."""
    words = ["feature=digits", "metric=[frechet,class_accuracy]", "num_images=5000"]
    ganctl("evaluate", str(run), *words)
    newest = max(run.glob("scores-*.json"), key=lambda path: path.stat().st_mtime_ns)
    (draw,) = json.loads(newest.read_text())["draws"]
    return {"command": " ".join(["ganctl", "evaluate", "RUN", *words]), "scores": draw["scores"]}


def ganctl(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "ganctl", *words], check=True)


def read_folders(folder: Path) -> tuple[Tensor, Tensor]:
    """The images (N, 1, 28, 28) uint8 of FOLDER/CLASS/*.png, and their labels (N,)."""
    paths = sorted(folder.glob("*/*.png"))
    pictures = numpy.stack([numpy.asarray(Image.open(path)) for path in paths])
    return torch.from_numpy(pictures)[:, None], torch.tensor([int(path.parent.name) for path in paths])


def accuracy(
    images: Tensor, labels: Tensor, test: tuple[Tensor, Tensor], *, moved: bool, steps: int, seed: int
) -> float:
    """The share of `test` that a network trained on `images` knows: Adam, 1e-3 down to 0 as a cosine."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10)),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        batch = images[rows].float() / 127.5 - 1
        batch = random_affine(batch, generator) if moved else batch
        loss = functional.cross_entropy(network(batch), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        right = [network(part.float() / 127.5 - 1).argmax(1) for part in test[0].split(1000)]
    return float((torch.cat(right) == test[1]).float().mean())


def compare(
    real: tuple[Tensor, Tensor], fake: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor], steps: int, seeds: int
) -> dict[str, object]:
    """The accuracy of each arm by seed, with mean and deviation."""
    both = (torch.cat([real[0], fake[0]]), torch.cat([real[1], fake[1]]))
    found: dict[str, object] = {}
    for name, (moved, with_fake) in ARMS.items():
        data = both if with_fake else real
        begin = time.perf_counter()
        shares = [round(accuracy(*data, test, moved=moved, steps=steps, seed=seed), 4) for seed in range(seeds)]
        spread = {"mean": statistics.mean(shares), "deviation": statistics.stdev(shares) if seeds > 1 else None}
        found[name] = {"images": len(data[0]), "accuracy": shares, **spread}
        print(f"{name}: {shares} in {time.perf_counter() - begin:.0f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--runs", type=Path, help="folder for pictures and run, kept; what is there is not made again")
    parser.add_argument("--gan-steps", type=int, default=3000, help="of the generator, 64 images each")
    parser.add_argument("--steps", type=int, default=2000, help=f"of each classifier, {BATCH} images each")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, test = (Mnist(root=str(arguments.data), split=split).load() for split in ("train", "test"))
    images, labels = torch.tensor(train.images), torch.tensor(train.labels)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.runs or Path(temporary)).absolute()
        places = write_real(images, labels, folder / "real")
        pictures, about = generated(folder, arguments.gan_steps)
        fake = read_folders(pictures)
        held = (torch.tensor(test.images), torch.tensor(test.labels))
        arms = compare((images[places], labels[places]), fake, held, arguments.steps, arguments.seeds)
    found = {"date": date.today().isoformat(), "machine": machine(), "generator": about}
    found |= {"classifier_steps": arguments.steps, "test_images": len(held[1]), "arms": arms}
    path = write_new(RESULTS / f"{date.today().isoformat()}-augmentation.json", as_json(found).encode())
    print(f"written to {path}")


if __name__ == "__main__":
    main()
