# SPDX-License-Identifier: GPL-2.0
"""Generated C headers.

Each module here has ``render() -> dict[str, str]``, which returns the text of headers by their
paths from the repository's root. ``python -m harness generate-headers`` writes all of them;
with ``--check`` it fails if one differs.
"""

import importlib
import pkgutil
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> jinja2.Template:
    """Return the template ``templates/NAME``; an undefined variable is an error."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return env.get_template(name)


def render_all() -> dict[str, str]:
    """Return the text of every generated file, by its path from the root."""
    files: dict[str, str] = {}
    for info in pkgutil.iter_modules(__path__):
        files.update(importlib.import_module(f"{__name__}.{info.name}").render())
    return files
