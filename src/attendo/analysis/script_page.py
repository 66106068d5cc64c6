"""Pages of one HTML file that need no other, and no network.

Texts travel as data: JSON in a script element, which the page's own script reads and shows as text, never as
markup. A content security policy lets no other script run.
"""

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Template
from types import MappingProxyType


def script_page(
    name: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    title: str,
    facts: Sequence[str],
    data: object,
    parts: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A whole page.

    Args:
        name: of its template.
        styles, scripts: templates that are joined, in this order.
        title: what it shows.
        facts: sentences about that.
        data: what its script reads, in plain containers.
        parts: place in the template → further markup.
    """
    style, script = ("\n".join(map(template, names)) for names in (styles, scripts))
    return Template(template(name)).substitute(
        parts,
        title=html.escape(title),
        facts="".join(f"<p>{html.escape(fact)}</p>" for fact in facts),
        style=style,
        script=script,
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
        data=as_script_data(data),
    )


@cache
def template(name: str) -> str:
    return files("attendo.analysis").joinpath("templates", name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """How a content security policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_script_data(value: object) -> str:
    """JSON that nothing in it can end: without "<" there is neither a tag nor a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # half surrogate pairs, which UTF-8 cannot hold, become JSON's own escapes
    return text.replace("<", "\\u003c").encode(errors="backslashreplace").decode()
