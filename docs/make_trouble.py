"""Trains the run of trouble.md that explodes and mends itself, and writes what it printed into the page; minutes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from blocks import put
from newcomer import Newcomer

PAGE = Path(__file__).resolve().parent / "trouble.md"
RUN = (
    "ganctl train generator=mlp discriminator=strided_cnn discriminator.batch_norm=false optimizer.lr=1 "
    "scheduler.warmup_steps=1000 training.steps=1000 training.batch_size=32 output.checkpoint_every=50 "
    "output.evaluate_every=500 evaluation.num_images=1000 final_fid.enabled=false tracker=[] health.action=rollback "
    "health.lr_factor=0.001"
)
LOSSES = re.compile(r"step \d+/\d+  d ")
AROUND = 3  # lines of losses that are kept beside what else is said


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        answer = Newcomer(Path(home) / "you").type(RUN)
    assert answer.code == 0 and answer.text.count("went back from step") == 1, answer.text
    put(PAGE, {"rollback": f"$ {RUN}\n{shortened(answer.text)}"})


def shortened(text: str) -> str:
    """The text from the first line of losses to the scores, without lines of losses that only repeat."""
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if LOSSES.match(line))
    lines = lines[first : next(place for place, line in enumerate(lines) if line.startswith("Files"))]
    said = [place for place, line in enumerate(lines) if not LOSSES.match(line)] + [0, len(lines)]
    kept = [any(-AROUND <= place - other < AROUND for other in said) for place in range(len(lines))]
    rows = [line if keep else "..." for line, keep in zip(lines, kept, strict=True)]
    return "\n".join(row for row, before in zip(rows, ["", *rows], strict=False) if row != "..." or before != "...")


if __name__ == "__main__":
    main()
