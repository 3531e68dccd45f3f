"""The parts of a page that a script writes: what stands between `<!-- NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def put(path: Path, texts: Mapping[str, str]) -> None:
    """Replaces what stands in the page at `path` under each name by a block of its text."""
    page = path.read_text(encoding="utf-8")
    for name, text in texts.items():
        block = f"<!-- {name} -->\n```text\n{text.rstrip()}\n```\n<!-- end -->"
        page, count = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _, block=block: block, page, flags=re.S)
        assert count == 1, f"{path.name} has no place for {name}"
    path.write_text(page, encoding="utf-8")
