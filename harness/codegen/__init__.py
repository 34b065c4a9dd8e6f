# SPDX-License-Identifier: GPL-2.0
"""Generated C headers, a module each.

A module here has ``render() -> dict[str, str]``: paths relative to the
repository's root, and the text of each. ``python -m harness generate-headers``
writes them all; with ``--check`` it fails where one differs.
"""

import importlib
import pkgutil
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def template(name: str) -> jinja2.Template:
    """The template ``templates/NAME``; an undefined variable is an error."""
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
    """Every generated file: path relative to the root, and text."""
    files: dict[str, str] = {}
    for info in pkgutil.iter_modules(__path__):
        files.update(importlib.import_module(f"{__name__}.{info.name}").render())
    return files
