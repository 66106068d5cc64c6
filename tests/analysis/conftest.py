"""Pages in a real browser."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from attendo.analysis.attention_page import attention_page
from attendo.analysis.explained import Explained, Explanations
from browser import BROWSER, SWITCHES, TOOLS, Asked, Dumped
from explanations import Reader, example, looked


@pytest.fixture
def dumped(tmp_path: Path) -> Dumped:
    """Opens a page, perhaps with a script of the test's in it, and gives what the browser made of it."""

    def dump(page: str, fragment: str = "", script: str = "") -> str:
        if script:  # which the page's own policy would not let run
            page = re.sub(r"<meta http-equiv[^>]*>", "", page)
            page = page.replace("</body>", f"<script>{TOOLS}{script}</script></body>")
        file = tmp_path / "page.html"
        file.write_text(page, encoding="utf-8")
        command = [str(BROWSER), *SWITCHES, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        done = subprocess.run([*command, f"{file.as_uri()}{fragment}"], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode()

    return dump


@pytest.fixture
def asked(dumped: Dumped) -> Asked:
    """What an expression of JavaScript is on a page; several statements end with ``answer = …``."""

    def ask(found: Explanations, script: str, fragment: str = "") -> object:
        end = """
            const place = document.createElement("pre");
            place.id = "answer";
            place.textContent = JSON.stringify(answer);
            document.body.replaceChildren(place);"""
        page = dumped(attention_page(found), fragment, f"{{ let answer;\n{script}\n{end} }}")
        answers = re.findall(r'<pre id="answer">(.*?)</pre>', page, re.DOTALL)
        assert answers, page[-3000:]
        return json.loads("".join(Reader(f"<pre>{answers[0]}</pre>").texts["pre"]))

    return ask


@pytest.fixture(scope="module")
def many() -> list[Explained]:
    """120 texts: right, wrong, without truth, and every tenth empty."""
    generator = np.random.default_rng(3)
    words = ["good", "bad", "film", "not", "very", "plot", "slow", "Bär"]
    made = []
    for number in range(120):
        probability = None if number % 10 == 9 else float(generator.random())
        tokens = [] if probability is None else list(generator.choice(words, int(generator.integers(2, 12))))
        truth = [None, "pos", "neg"][int(generator.integers(3))]
        made.append(example([looked(generator, tokens)], probability, truth, f"x:{number + 1}"))
    return made
