"""Where a browser is, and how it is started."""

import shutil
from collections.abc import Callable

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--window-size=1200,900",
    "--virtual-time-budget=1000",
)  # fmt: skip
# What the tests' own scripts may use.
TOOLS = """
const press = (key) => document.activeElement.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
const set = (name, value) => {
  byId(name).value = value;
  byId(name).dispatchEvent(new Event("input", { bubbles: true }));
};
const numbers = () => [...document.querySelectorAll(".card")].map((card) => Number(card.dataset.number));
const tokens = (card) => [...card.querySelectorAll(".t")];
const shades = (card) => tokens(card).map((token) => Number(token.style.getPropertyValue("--w")));
"""

NEEDS_BROWSER = pytest.mark.skipif(BROWSER is None, reason="there is no chromium or google-chrome on PATH")

Dumped = Callable[..., str]
Asked = Callable[..., object]
