"""HTML elements and the page around them. Text is escaped when it is written, wherever it comes from."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, tostring

# Control characters, which HTML does not allow, in a form that shows; U+2400 … are their pictures.
VISIBLE = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"},
    **dict.fromkeys((*range(127, 160), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}"),
}

Attributes = Mapping[str, object]
NONE: Attributes = {}

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1d2733; --soft: #5d6b7a; --line: #d9dfe6;
  --card: #f5f7f9; --train: #2166c5; --validation: #c9730a; --test: #16877a; --mark: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --text: #e4e9ee; --soft: #9aa7b4;
  --line: #333c46; --card: #1d232a; --train: #74aaf7; --validation: #f0a94e; --test: #4fc7b6;
  --mark: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 76rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: .2rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3, figcaption { font-size: 1rem; font-weight: 600; margin: 0 0 .3rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .87rem; }
.findings li { margin: .25rem 0; } .findings li::marker { color: var(--mark); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1.6rem; }
.columns { columns: 2 24rem; column-gap: 2.5rem; }
.columns > * { break-inside: avoid; padding-bottom: 1.4rem; }
.wide { overflow-x: auto; } figure { margin: 0; max-width: 34rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .16rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal;
  overflow-wrap: anywhere; min-width: 7rem; }
th { color: var(--soft); font-weight: 600; } tr:last-child td { border-bottom: 0; }
@media (max-width: 32rem) { body { padding: .9rem; } table { font-size: .78rem; }
  th, td { padding: .15rem .25rem; white-space: normal; overflow-wrap: normal; }
  th:first-child, td:first-child { min-width: 4.5rem; } }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--line); fill: none; } svg .name { fill: var(--text); }
.train { --own: var(--train); } .validation { --own: var(--validation); } .test { --own: var(--test); }
svg .area { fill: none; stroke: var(--own); stroke-width: 1.5; stroke-linejoin: round; }
svg .area.train { fill: var(--own); fill-opacity: .16; }
svg .bar { fill: var(--own); }
.key { margin-right: .9rem; font-size: .87rem; color: var(--soft); white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: .7em; height: .7em; margin-right: .35em;
  background: var(--own); border-radius: 2px; }
details { margin: .5rem 0; } summary { cursor: pointer; }
.card { background: var(--card); border-radius: 6px; padding: .5rem .7rem; margin: .5rem 0; }
.card p { overflow-wrap: anywhere; white-space: pre-wrap; } .role { color: var(--soft); }
""".strip()


def element(name: str, attributes: Attributes = NONE, *children: Element | str) -> Element:
    """An element with elements and texts in it."""
    made = Element(name, {key: visible(str(value)) for key, value in attributes.items()})
    for child in children:
        if isinstance(child, Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + visible(child)
        else:
            made.text = (made.text or "") + visible(child)
    return made


def visible(text: str) -> str:
    return text.translate(VISIBLE)


def page(title: str, *body: Element) -> str:
    """A whole page, which needs nothing but itself."""
    head = element(
        "head",
        NONE,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("title", NONE, title),
        element("style", NONE, STYLE),
    )
    html = element("html", {"lang": "en"}, head, element("body", NONE, *body))
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"
