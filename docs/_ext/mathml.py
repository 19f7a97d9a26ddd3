"""Equations as MathML, which browsers render themselves: no script, no font and no network."""

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(converted(node, "inline"))
    raise nodes.SkipNode


def block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{converted(node, "block")}</div>')
    raise nodes.SkipNode


def converted(node: nodes.Element, display: str) -> str:
    """The equation of a node, with a warning where the converter left a command as it was."""
    mathml = convert(node.astext().replace(r"\_", "_"), display=display)
    if unknown := re.findall(r"\\[A-Za-z]+", mathml):
        logger.warning("Unknown in an equation: %s", ", ".join(unknown), location=node)
    return mathml


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
