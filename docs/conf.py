"""The site: Markdown pages, notebooks, a reference generated from the public names, equations as MathML."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gradtx"
author = "The gradtx authors"
copyright = author

extensions = [
    "myst_nb",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "reference",
    "catalogue",
    "notebooks",
    "curves",
]
myst_enable_extensions = ["dollarmath", "deflist"]
nb_execution_mode = "off"  # pages show the outputs that are committed; a test executes the notebooks
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = "gradtx"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
highlight_language = "python"

# A signature with many parameters stands one parameter a line.
maximum_signature_line_length = 80
add_module_names = False
toc_object_entries_show_parents = "hide"
