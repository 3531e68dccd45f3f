"""A newcomer's first half hour, typed into an empty folder and written to transcript.md: `make docs-pictures`.

Every command that ganctl offers on the way is pasted as well: under `Next`, in the cures of a report, in the hint of an
error. Each has to work (exit code 0), or to be refused in one line for want of internet; otherwise this ends with 1.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from newcomer import Answer, Newcomer, offered

PAGE = Path(__file__).resolve().parent / "transcript.md"
SMALL = "device.threads=1 evaluation.num_images=200 evaluation.final_images=200"
LONGEST = 60  # lines of an answer; of a longer one the middle is left out

FIRST = [
    ("What is it?", "ganctl", 0),
    ("What is there to choose from? One group of many:", "ganctl list model", 0),
    ("A first training, with a small budget so that it is over soon.", "ganctl train experiment=demo {budget}", 0),
]
MISTAKES = [
    ("Mistakes are answered in one line, before anything is read or written.", "ganctl trian", 2),
    ("A key that there is not:", "ganctl train optimiser.lr=1e-3", 2),
    ("A value out of range:", "ganctl train training.batch_size=1", 2),
    ("An option that there is not:", "ganctl train loss=hinged", 2),
    ("A command forgotten:", "ganctl experiment=demo {budget}", 2),
    ("A folder of pictures that is not there:", "ganctl train dataset=image_folder dataset.path=paintings", 2),
    ("A group that there is not:", "ganctl list losses", 2),
    ("A part taken away:", "ganctl train loss=null", 2),
]
LATER = [
    ("Two seeds, one after the other: a sweep.", "ganctl train -m experiment=demo seed=0,1 {budget}", 0),
    ("All runs so far in one table.", "ganctl compare outputs/*/*", 0),
    ("Threes and sevens only.", "ganctl sample {run} classes=[3,7] num_images=10", 0),
    (
        "Scores of the generator that was trained first.",
        "ganctl evaluate {run} metric=[kid,class_accuracy] num_images=500",
        0,
    ),
]


@dataclass
class Session:
    """What was typed and printed so far, as Markdown, and what did not work."""

    newcomer: Newcomer
    budget: str
    page: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    typed: set[str] = field(default_factory=set)

    def type(self, why: str, line: str, codes: Sequence[int]) -> Answer:
        """Types one line and notes the answer; a wrong exit code or a traceback is a problem."""
        self.typed.add(line)
        answer = self.newcomer.type(line)
        words = answer.text.rstrip().splitlines()
        if len(words) > LONGEST:
            words = [*words[: LONGEST // 2], "...", *words[-LONGEST // 2 :]]
        self.page += [
            "",
            why,
            "",
            "```text",
            f"$ {line}",
            *words,
            *([f"[exit code {answer.code}]"] if answer.code else []),
            "```",
        ]
        one_line = answer.code != 2 or answer.text.count("\n") == 1
        needs_internet = answer.code == 2 and "download failed" in answer.text
        if (answer.code not in codes and not needs_internet) or "Traceback" in answer.text or not one_line:
            wanted = " or ".join(map(str, codes))
            self.problems.append(f"{line}\n  exit code {answer.code}, not {wanted}:\n{answer.text}")
        return answer

    def play(self, scenes: Sequence[tuple[str, str, int]]) -> None:
        """Types each line, then pastes what its answer offers."""
        for why, line, code in scenes:
            answer = self.type(why, line.format(budget=self.budget, run=self.run), [code])
            for command in offered(answer.text):
                self.paste(command)

    @property
    def run(self) -> str:
        """The first run's folder, as it is typed."""
        runs = sorted(self.newcomer.folder.glob("outputs/*/*demo*")) or sorted(self.newcomer.folder.glob("outputs/*/*"))
        return str(runs[0].relative_to(self.newcomer.folder)) if runs else "RUN"

    def paste(self, command: str) -> None:
        """Types what was offered, unless it was typed already or has a word in capitals that stands for another."""
        if command in self.typed or re.search(r"\b[A-Z]{2,}\b|\.\.\.", command):
            return
        answer = self.type("Pasted, as offered:", command, [0])
        if command.startswith("ganctl report"):
            for page in re.findall(r"(~\S+\.html|\S+\.html)", answer.text):
                self.cures(Path(page.replace("~", str(self.newcomer.home), 1)))

    def cures(self, report: Path) -> None:
        """What a report offers: commands are pasted, settings composed with those of the run."""
        path = report if report.is_absolute() else self.newcomer.folder / report
        code = re.findall(r"<code[^>]*>(.*?)</code>", path.read_text(encoding="utf-8"), re.S)
        typed = [file.read_text(encoding="utf-8") for file in path.parent.rglob(".hydra/overrides.yaml")]
        for cure in map(html.unescape, dict.fromkeys(code)):
            if any(f"- {cure}\n" in text for text in typed):  # the page shows the run's own settings as well
                continue
            cure = cure.replace(str(self.newcomer.home), "~")
            if cure.startswith("ganctl "):
                self.paste(cure)
            elif "=" in cure and (line := f"ganctl train experiment=demo {cure} --cfg job") not in self.typed:
                self.typed.add(line)
                answer = self.newcomer.type(line)
                self.page += ["", f"The report offers `{cure}`: accepted by `{line}`."] if answer.code == 0 else []
                if answer.code:
                    self.problems.append(f"{line}\n{answer.text}")


def first_half_hour(home: Path, budget: str, *, scenes: Sequence[Sequence[tuple[str, str, int]]]) -> Session:
    """Plays all scenes in a new home."""
    session = Session(Newcomer(home), budget)
    for part in scenes:
        session.play(part)
    return session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="of every training")
    budget = f"training.steps={parser.parse_args().steps} {SMALL}"
    with tempfile.TemporaryDirectory() as folder:
        session = first_half_hour(Path(folder) / "you", budget, scenes=[FIRST, MISTAKES, LATER])
    head = [
        "# A newcomer's first half hour",
        "",
        "Typed into an empty folder on a computer without internet, each answer as it came; the trainings are much too",
        "short for good pictures, so that all of it takes some minutes. Made by `make docs-pictures`, which pastes",
        "every command that ganctl offers as well and stops if one does not work.",
    ]
    PAGE.write_text("\n".join([*head, *session.page]) + "\n", encoding="utf-8")
    print(f"written: {PAGE.name}, {len(session.typed)} commands")
    if session.problems:
        sys.exit("\n".join(["offered, or expected to work, and does not:", *session.problems]))


if __name__ == "__main__":
    main()
