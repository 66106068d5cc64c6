"""What all figures are drawn with: a page in inches, text in any script, a bar of colours.

Figures need no window and no global state. Text shows as it is: never as a formula, and what no font of this
machine can draw is a box.
"""

import unicodedata
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.image import AxesImage

FONTS = (  # looked for in this order; the first comes with matplotlib
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Noto Sans KR",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
    "Arial Unicode MS",
    "Unifont",
)
BOX = "\u25a1"
WHITE_SPACE = str.maketrans({" ": "\u2423", "\u3000": "\u2423", "\n": "\u21b5", "\t": "\u21e5"})
COLOURS = "Blues"

COLOUR_BAR = 0.9  # inches
SLANT = 60  # degrees
SINE = 0.87
LONGEST_TOKEN = 20  # columns of text that are shown


def token_label(token: str) -> str:
    """A token as a label: white space made visible, cut where it is long."""
    return _drawable(_cut(token.translate(WHITE_SPACE), LONGEST_TOKEN))


def name_label(name: str, longest: int) -> str:
    """A name or a sentence as a label on one line."""
    return _drawable(_cut(" ".join(name.split()), longest))


def columns_of(text: str) -> int:
    """The width of a text, in letters: ideographs and the like are twice as wide."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in text)


def percent(share: float) -> str:
    """A share as a percentage that is 0 or 100 only where nothing or everything is meant."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def _cut(text: str, longest: int) -> str:
    if columns_of(text) <= longest:
        return text
    kept = text[: longest - 1]
    while columns_of(kept) > longest - 1:
        kept = kept[:-1]
    return kept + "…"


def _drawable(text: str) -> str:
    """What a font here has no picture of becomes a box, before matplotlib warns of it."""
    letters = _fonts_and_letters()[1]
    return "".join(letter if ord(letter) in letters and letter.isprintable() else BOX for letter in text)


@cache
def _fonts_and_letters() -> tuple[list[str], set[int]]:
    """The fonts of this machine that are used, and all they can draw."""
    installed = set(fontManager.get_font_names())
    fonts = [font for font in FONTS if font in installed]
    tables = [get_font(findfont(FontProperties(family=font))).get_charmap() for font in fonts]
    return fonts, {letter for table in tables for letter in table}


def style(size: int) -> dict[str, Any]:
    return {"family": _fonts_and_letters()[0], "fontsize": size, "parse_math": False}


def inches(text: str, size: int) -> float:
    font = FontProperties(family=_fonts_and_letters()[0], size=size)
    width, _, _ = _ruler().get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
    return float(width) / 72


@cache
def _ruler() -> RendererAgg:
    """It measures text in points."""
    return RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]


def page_of(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure, and axes over all of it that count inches from its upper left corner."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    page = figure.add_axes((0, 0, 1, 1))
    page.set_axis_off()
    return figure, page


def frame(page: Axes, left: float, right: float, top: float, bottom: float) -> None:
    page.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color="grey", linewidth=0.6)


def slanted(page: Axes, x: float, y: float, text: str, size: int) -> None:
    """Text that ends at a point."""
    page.text(x, y, text, rotation=SLANT, ha="right", va="top", rotation_mode="anchor", **style(size))


def slanted_up(page: Axes, x: float, y: float, text: str, size: int) -> None:
    """Text that begins at a point and rises."""
    page.text(x, y, text, rotation=SLANT, ha="left", va="bottom", rotation_mode="anchor", **style(size))


def colour_bar(figure: Figure, image: AxesImage, top: float, label: str) -> None:
    """At the right of the page."""
    width, height = figure.get_size_inches()
    length = min(2.0, height - top - 0.2)
    place = ((width - 0.7) / width, 1 - (top + length) / height, 0.12 / width, length / height)
    area = figure.add_axes(place)
    figure.colorbar(image, cax=area).set_label(label, fontsize=8)
    area.tick_params(labelsize=7)
