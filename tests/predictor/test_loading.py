"""attendo.load: what it costs, what it refuses, and how it looks in a script."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import attendo
import attendo.predictor
from attendo.predictor.machine import PRECISIONS, Machine

WRONG = [
    ("nowhere", {}, "run=nowhere: there is no such file or folder"),
    ("RUN", {"checkpoint": "frist"}, "found no checkpoints/frist.ckpt in it; there are best, last"),
    ("RUN", {"accelerator": "cpuu"}, 'accelerator=cpuu: expected .* Did you mean "cpu"?'),
    ("RUN", {"accelerator": "mps"}, "accelerator=mps: torch finds no such device here; there is .*cpu"),
    ("RUN", {"precision": "16"}, "precision=16: expected 32-true, bf16-mixed, 16-mixed"),
    ("RUN", {"batch_tokens": 0}, "batch_tokens=0: expected 1 or more"),
    ("RUN", {"decoding": {"length_factor": 2}}, "is a classifier, which decodes nothing"),
]
SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
import attendo
assert "torch" not in sys.modules
model = attendo.load(sys.argv[1], accelerator="cpu")
print(model)
answer = model.classify("a great film")
print(answer.label, round(answer.probability, 6))
print(model.attention("a great film"))
"""


@pytest.mark.parametrize(("run", "arguments", "message"), WRONG)
def test_a_mistake_is_one_message(
    run: str, arguments: dict[str, object], message: str, classifier_run: Path
) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        attendo.load(run.replace("RUN", str(classifier_run)), **{"accelerator": "cpu", **arguments})


def changed(run: Path, folder: Path, *keys: str, value: object) -> Path:
    """A copy of the run's best checkpoint with another value in its configuration; None: without it."""
    path = folder / "strange.ckpt"
    shutil.copy(run / "checkpoints" / "best.ckpt", path)
    checkpoint = torch.load(path, weights_only=True)
    node = checkpoint["attendo"]["config"]
    for key in keys[:-1]:
        node = node[key]
    if value is None:
        del node[keys[-1]]
    else:
        node[keys[-1]] = value
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize("part", ["model", "decoding"])
@pytest.mark.parametrize("target", ["os.system", "attendo.data.cache.shutil.rmtree", "builtins.eval"])
def test_a_stranger_runs_no_code(part: str, target: str, translator_run: Path, tmp_path: Path) -> None:
    path = changed(translator_run, tmp_path, part, "_target_", value=target)
    with pytest.raises(ValueError, match=rf"config {part}\._target_='{target}'"):
        attendo.load(path, accelerator="cpu")


def test_other_peoples_classes_are_built_for_those_who_trust_them(
    classifier_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_encoders.py").write_text(
        "from attendo.models.encoders import LSTMEncoder\n\n\nclass Theirs(LSTMEncoder):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = changed(classifier_run, tmp_path, "model", "encoder", "_target_", value="their_encoders.Theirs")
    with pytest.raises(ValueError, match=r"add trust=\[PACKAGE\]"):
        attendo.load(path, accelerator="cpu")
    theirs = attendo.load(path, accelerator="cpu", trust=["their_encoders"])
    assert theirs.classify("great") == attendo.load(classifier_run, accelerator="cpu").classify("great")


@pytest.mark.parametrize(("keys", "value", "message"), [
    (("data", "max_length"), None, "damaged: KeyError: 'max_length'"),
    (("trainer",), None, "damaged: KeyError"),
    (("decoding",), None, "has no decoding"),
    (("model", "width"), 12, "weights do not fit|cannot be built"),
    (("model", "heads"), 12, "cannot be built"),
    (("decoding", "length_factor"), "long", "decoding"),
    (("decoding", "beams"), 3, "decoding"),
])  # fmt: skip
def test_a_damaged_configuration_says_so(
    keys: tuple[str, ...], value: object, message: str, translator_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        attendo.load(changed(translator_run, tmp_path, *keys, value=value), accelerator="cpu")


def test_decoding_arguments_that_do_not_exist_are_refused(translator_run: Path) -> None:
    with pytest.raises(ValueError, match=r"decoding.*lenght_factor"):
        attendo.load(translator_run, accelerator="cpu", decoding={"lenght_factor": 2})


def test_precision_is_as_asked_for(classifier_run: Path) -> None:
    exact = attendo.load(classifier_run, accelerator="cpu")
    rough = attendo.load(classifier_run, accelerator="cpu", precision="bf16-mixed")
    assert exact.machine.dtype == torch.float32
    a, b = (model.classify("a great film").probability for model in (exact, rough))
    assert a != b
    assert a == pytest.approx(b, abs=0.02)
    assert set(PRECISIONS) == {"32-true", "bf16-mixed", "16-mixed"}
    assert Machine(torch.device("cpu"), "32-true", 1).answers([[]], lambda rows: rows) == []


def test_load_is_imported_only_when_it_is_asked_for(classifier_run: Path) -> None:
    assert attendo.load is attendo.predictor.load
    assert "load" in dir(attendo)
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = attendo.laod  # type: ignore[attr-defined]


def test_a_script_asks_as_a_notebook_would(classifier_run: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", str(classifier_run)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    model = attendo.load(classifier_run, accelerator="cpu")
    answer = model.classify("a great film")
    lines = done.stdout.splitlines()
    assert lines[1] == f"{answer.label} {round(answer.probability, 6)}"
    assert [line.split()[0] for line in lines[2:]] == ["hop", "a", "great", "film"]
