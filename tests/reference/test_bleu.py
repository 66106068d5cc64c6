"""Our BLEU and its signature against sacrebleu's own command line."""

import re
import subprocess
import sys

import pytest

from attendo.metrics import corpus_bleu

REFERENCES = [
    "Ein Mann, der auf einem braunen Pferd reitet.",
    "Zwei Hunde laufen durch den tiefen Schnee.",
    "一个男人骑着一匹棕色的马。",
    "Two dogs aren't running – they're fast asleep!",
]
HYPOTHESES = [
    "Ein Mann reitet auf einem braunen Pferd.",
    "",
    "一个女人骑着一匹棕色的大马。",
    "two dogs aren't running, they're fast asleep!",
]


def score_on_the_command_line(hypotheses, references, folder, *options):
    """Return the score to ten digits and the signature that sacrebleu prints."""
    for name, texts in [("hypotheses", hypotheses), ("references", references)]:
        (folder / name).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "references", "-i", "hypotheses", "-f", "text", "-w", "10"]
    printed = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=True
    ).stdout
    signature, score = re.match(r"(BLEU\S*) = ([\d.]+)", printed).groups()
    return float(score), signature


@pytest.mark.parametrize("tokenize", ["13a", "zh", "intl", "char", "none"])
def test_score_and_signature_are_those_of_the_command_line(tokenize, tmp_path):
    lowercase = tokenize in ("13a", "char")
    options = ["--tokenize", tokenize] + ["-lc"] * lowercase
    ours = corpus_bleu(HYPOTHESES, REFERENCES, tokenize=tokenize, lowercase=lowercase)
    score, signature = score_on_the_command_line(HYPOTHESES, REFERENCES, tmp_path, *options)
    assert score > 1
    assert ours.score == pytest.approx(score, abs=1e-9)
    assert ours.signature == signature


def test_nothing_but_empty_hypotheses_scores_zero_there_and_here(tmp_path):
    empty = [""] * len(REFERENCES)
    ours = corpus_bleu(empty, REFERENCES, tokenize="13a", lowercase=False)
    assert (ours.score, ours.signature) == score_on_the_command_line(empty, REFERENCES, tmp_path)
    assert ours.score == 0
