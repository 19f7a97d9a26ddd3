"""The role `curve`: the picture of a schedule, drawn by the schedule itself as in a notebook."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

import gradtx


class Curve(SphinxRole):
    """`{curve}` before an expression in backticks, such as `cosine_decay_schedule(1, 100)`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        schedule: Any = eval(self.text, vars(gradtx))
        curve = "".join(re.findall("<svg.*</svg>", schedule._repr_html_(), re.DOTALL))
        return [nodes.raw("", f'<span class="curve">{curve}</span>', format="html")], []


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_role("curve", Curve())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
