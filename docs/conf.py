"""Sphinx's configuration: `make docs` builds site/, which needs no network and no server to be read."""

import sys
from pathlib import Path
from typing import Any

import ganctl

DOCS = Path(__file__).resolve().parent

project, author, copyright = "ganctl", "the ganctl developers", "the ganctl developers"
version = release = ganctl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["**/*.py"]
highlight_language = "none"
default_role = "code"  # of docstrings, which quote as Markdown does

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": True}
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = f"ganctl {release}"
html_show_sourcelink = False
html_copy_source = False


def setup(app: Any) -> None:
    """The pages of settings are made before anything is read."""
    sys.path.insert(0, str(DOCS))
    import reference

    reference.write(DOCS / "settings")
