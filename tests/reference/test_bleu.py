"""Our BLEU, chrF and TER, and their signatures, against sacrebleu's own command line."""

import re
import subprocess
import sys

import pytest

from attendo.metrics import Bleu, Chrf, Ter

REFERENCES = [
    ["Ein Mann, der auf einem braunen Pferd reitet.", "Ein Mann reitet ein braunes Pferd."],
    ["Zwei Hunde laufen durch den tiefen Schnee.", "Durch tiefen Schnee laufen 2 Hunde."],
    ["一个男人骑着一匹棕色的马。", "有个男人骑着棕色的马。"],
    ["Two dogs aren't running – they're fast asleep!", "Two dogs sleep; they do not run."],
]
HYPOTHESES = [
    "Ein Mann reitet auf einem braunen Pferd.",
    "",
    "一个女人骑着一匹棕色的大马。",
    "two dogs aren't running, they're fast asleep!",
]


def score_on_the_command_line(hypotheses, references, folder, *options):
    """Return the score to ten digits and the signature that sacrebleu prints."""
    files = {"hypotheses": hypotheses}
    files |= {f"references{number}": texts for number, texts in enumerate(zip(*references, strict=True))}
    for name, texts in files.items():
        (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", *list(files)[1:], "-i", "hypotheses", "-f", "text"]
    printed = subprocess.run(
        [*command, "-w", "10", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    signature, score = re.match(r"(\w\S*) = ([\d.]+)", printed).groups()
    return float(score), signature


METRICS = {
    "13a lc": (Bleu("13a", True), ["--tokenize", "13a", "-lc"]),
    "zh": (Bleu("zh", False), ["--tokenize", "zh"]),
    "intl": (Bleu("intl", False), ["--tokenize", "intl"]),
    "none": (Bleu("none", False), ["--tokenize", "none"]),
    "chrF": (Chrf(0, False), ["-m", "chrf"]),
    "chrF++ lc": (Chrf(2, True), ["-m", "chrf", "--chrf-word-order", "2", "--chrf-lowercase"]),
    "TER": (Ter(True, False, False, False), ["-m", "ter"]),
    "TER of words": (
        Ter(False, True, True, True),
        ["-m", "ter", "--ter-case-sensitive", "--ter-normalized", "--ter-asian-support", "--ter-no-punct"],
    ),
}


@pytest.mark.parametrize("name", METRICS)
def test_score_and_signature_are_those_of_the_command_line(name, tmp_path):
    metric, options = METRICS[name]
    references = [row[:1] for row in REFERENCES] if name in ("zh", "chrF", "TER") else REFERENCES
    ours = metric(HYPOTHESES, references)
    score, signature = score_on_the_command_line(HYPOTHESES, references, tmp_path, *options)
    assert 1 < score < 99
    assert list(ours.values.values()) == [pytest.approx(score, abs=1e-9)]
    assert ours.signature == signature


def test_nothing_but_empty_hypotheses_scores_zero_there_and_here(tmp_path):
    empty = [""] * len(REFERENCES)
    ours = Bleu("13a", False)(empty, REFERENCES)
    assert (ours.values["bleu"], ours.signature) == score_on_the_command_line(empty, REFERENCES, tmp_path)
    assert ours.values == {"bleu": 0.0}
