"""How Sphinx builds the documentation; `nox -s docs` runs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import _references

import transport_abc

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Transports and protocols for asyncio"
copyright = "the authors; MIT licence"  # noqa: A001 - Sphinx's name
version = release = transport_abc.__version__
language = "en"
default_role = "code"
smartquotes_action = "qe"  # no dashes, which would spoil "--option"
toc_object_entries_show_parents = "hide"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False

# What is not described here and not in Python's documentation is an error, not a word in another typeface.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r".*\b_[A-Z]\w*"),  # type variables
    ("py:class", r"(asyncio\.trsock\.)?TransportSocket|HasFileno|Path|AddressInfo|Watches"),  # without a page
    ("py:class", r"Serve|MakePair|MakeDatagramPair"),  # described where they are asked for
]

autodoc_class_signature = "mixed"
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Python's documentation is referred to without being asked: the names that are used are in a file of ours.
intersphinx_mapping = {"python": ("https://docs.python.org/3", str(_references.python_inventory()))}
intersphinx_disabled_reftypes = ["std:doc"]

_references.list_examples()

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "native"


def setup(app: Sphinx) -> dict[str, Any]:
    """Have names found that Sphinx does not find by itself."""
    app.connect("autodoc-process-bases", _references.public_bases)
    app.connect("doctree-read", _references.set_dashes)
    app.connect("missing-reference", _references.resolve, priority=400)  # before intersphinx
    return {"parallel_read_safe": True, "parallel_write_safe": True}
