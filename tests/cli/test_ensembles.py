"""Several runs as one model, and other ways of decoding than in training, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from command_line import SMALL_CLASSIFIER, SMALL_DATA, SMALL_TRANSFORMER, Ended, attendo, trained

MORE = ("trainer.max_epochs=20", "trainer.limit_train_batches=null", "trainer.check_val_every_n_epoch=20")
LEARNING = (*MORE, "trainer.limit_test_batches=null", "optimizer.lr=0.03", "scheduler=constant")
KINDS = {
    "letters": (),
    "copied words": ("model/copy=pointer", "tokenizer=word", "data.source.spaced=true"),
}
Runs = tuple[Path, Path]


@pytest.fixture(scope="module", params=[pytest.param("letters", marks=pytest.mark.slow), "copied words"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Two trainings that differ in their seed."""
    words = (*SMALL_TRANSFORMER, *SMALL_DATA, *LEARNING, *KINDS[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("runs"))
        first, second = (trained(*words, f"seed={seed}").folder.resolve() for seed in (1, 2))
    return first, second


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def done(command: str, *words: str) -> Ended:
    ended = attendo(command, "accelerator=cpu", *words)
    assert ended.code == 0, ended.err
    return ended


def together(runs: Runs, combine: str) -> tuple[str, ...]:
    return f"run=[{runs[0]},{runs[1]}]", f"combine={combine}"


def records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows_of(run: Path) -> list[dict]:
    """The test rows with the run's answers."""
    return records(run / "predictions/test.jsonl")


def write_sides(run: Path) -> str:
    """The test pairs as two files."""
    for name in ("source", "target"):
        Path(name).write_text("".join(f"{row[name]}\n" for row in rows_of(run)), encoding="utf-8")
    return "input=[source,target]"


def token_scores(run: Path, *words: str) -> np.ndarray:
    """Log-probabilities of all tokens of all targets, one after the other."""
    done("score", *words, write_sides(run), "per_token=true", "output=scores.jsonl")
    found = [row["token_log_probabilities"] for row in records(Path("scores.jsonl"))]
    return np.concatenate([np.array(each) for each in found])


def of_ensemble(runs: Runs) -> np.ndarray:
    """Log of the mean of both members' probabilities, token by token."""
    one, other = (token_scores(run, f"run={run}") for run in runs)
    assert np.abs(one - other).mean() > 0.1
    return np.log((np.exp(one) + np.exp(other)) / 2)


def evaluated(*words: str) -> tuple[dict, list[dict]]:
    """What the files say of an evaluation."""
    folder = Path("evaluated")
    done("evaluate", *words, f"output={folder}")
    (facts,), (predictions,) = folder.glob("*.json"), folder.glob("*.jsonl")
    found = json.loads(facts.read_text()), records(predictions)
    for path in (facts, predictions):
        path.unlink()
    return found


def answers(run: Path, *words: str) -> list[list[str]]:
    """Cells of the answers to the test sources."""
    write_sides(run)
    lines = done("predict", *words, "input=source").out.splitlines()
    return [line.split("\t") for line in lines]


def first_cells(rows: list[list[str]]) -> list[str]:
    return [row[0] for row in rows]


def mean_checkpoint(runs: Runs) -> Path:
    """The mean of two runs' weights, written here by hand."""
    one, other = (torch.load(run / "checkpoints/best.ckpt", weights_only=True) for run in runs)
    mean = {name: (value + other["state_dict"][name]) / 2 for name, value in one["state_dict"].items()}
    torch.save({**one, "state_dict": mean}, "mean.ckpt")
    return Path("mean.ckpt")


# --------------------------------------------------------------------------------------------------- together
def test_an_ensemble_scores_by_the_mean_probability_of_every_token(runs: Runs) -> None:
    found = token_scores(runs[0], *together(runs, "ensemble"))
    np.testing.assert_allclose(found, of_ensemble(runs), rtol=0, atol=2e-5)


def test_an_ensemble_is_evaluated_by_what_it_scores(runs: Runs) -> None:
    facts, answered = evaluated(*together(runs, "ensemble"))
    scores = facts["scores"]
    alone = [json.loads((run / "metrics.json").read_text())["test"] for run in runs]
    assert scores["test/loss"] == pytest.approx(-of_ensemble(runs).mean(), abs=2e-5)
    assert scores["test/loss"] <= np.mean([each["test/loss"] for each in alone])
    assert scores.keys() == alone[0].keys()
    exact = [row["predicted"] == row["target"] for row in answered]
    assert scores["test/exact_match"] == pytest.approx(np.mean(exact))
    assert facts["decoding"] == "beam 5, power 1"


def test_an_ensembles_evaluation_leaves_its_members_predictions_alone(runs: Runs) -> None:
    before = [(run / "predictions/test.jsonl").read_bytes() for run in runs]
    done("evaluate", *together(runs, "ensemble"))
    assert [(run / "predictions/test.jsonl").read_bytes() for run in runs] == before


def test_an_ensemble_predicts_what_its_evaluation_finds(runs: Runs) -> None:
    _, answered = evaluated(*together(runs, "ensemble"))
    found = first_cells(answers(runs[0], *together(runs, "ensemble")))
    assert found == [row["predicted"] for row in answered]
    for run in runs:
        assert found != [row["predicted"] for row in rows_of(run)]


def test_an_average_is_the_model_with_the_mean_weights(runs: Runs) -> None:
    mean = mean_checkpoint(runs)
    found = answers(runs[0], *together(runs, "average"))
    assert found == answers(runs[0], f"run={mean}")
    (facts, answered), (expected, _) = (
        evaluated(*together(runs, "average")), evaluated(f"run={mean}")
    )  # fmt: skip
    assert facts["scores"] == pytest.approx(expected["scores"], abs=1e-6)
    assert [row["predicted"] for row in answered] == first_cells(found)
    scored = [token_scores(runs[0], *words) for words in (together(runs, "average"), (f"run={mean}",))]
    np.testing.assert_allclose(*scored, rtol=0, atol=1e-5)


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_several_runs_have_to_be_combined_somehow(runs: Runs, command: str) -> None:
    both = f"run=[{runs[0]},{runs[1]}]"
    for words, message in {
        (both,): "found 2 runs: say combine=ensemble or combine=average",
        (f"run={runs[0]}", "combine=ensemble"): "combine=ensemble needs several runs",
    }.items():
        ended = attendo(command, *words)
        assert (ended.code, message in ended.err, "Traceback" in ended.err) == (2, True, False), ended.err


def test_another_word_for_combine_is_refused(runs: Runs) -> None:
    ended = attendo("evaluate", *together(runs, "ensembel"))
    assert (ended.code, 'Did you mean "ensemble"?' in ended.err) == (2, True), ended.err


@pytest.mark.parametrize("runs", ["copied words"], indirect=True)
def test_an_ensemble_is_of_translators_of_one_vocabulary(runs: Runs) -> None:
    other = trained(*SMALL_TRANSFORMER, *SMALL_DATA, "test=false").folder
    classifier = trained(*SMALL_CLASSIFIER, *SMALL_DATA, "test=false").folder / "checkpoints"
    for pair, message in {
        (classifier / "best.ckpt", classifier / "last.ckpt"): "combine=ensemble is for translators",
        (runs[0], other): "has other tokenizers than",
    }.items():
        for command in ("evaluate", "predict", "score"):
            ended = attendo(command, *together(pair, "ensemble"))
            assert (ended.code, message in ended.err, "Traceback" in ended.err) == (2, True, False), ended.err


# -------------------------------------------------------------------------------------------- other decodings
ONE_BEAM = ("decoding=beam", "decoding.beam_size=1", "decoding.length_penalty=none")


def test_greedy_is_a_beam_of_one_and_sampling_from_one_token(runs: Runs) -> None:
    run, *_ = runs
    greedy = answers(run, f"run={run}", "decoding=greedy")
    assert answers(run, f"run={run}", *ONE_BEAM) == greedy
    sampled = answers(run, f"run={run}", "decoding=sampling", "decoding.top_k=1")
    assert first_cells(sampled) == first_cells(greedy)


def test_a_seed_decides_what_is_sampled(runs: Runs) -> None:
    run, *_ = runs
    one, again, other = (
        answers(run, f"run={run}", "decoding=sampling", f"decoding.seed={seed}") for seed in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize("decoding", ["hugging_face", "beam", "sampling"])
def test_several_answers_stand_side_by_side(runs: Runs, decoding: str) -> None:
    run, *_ = runs
    words = (f"run={run}", f"decoding={decoding}")
    found = answers(run, *words, "decoding.n_best=2")
    assert {len(row) for row in found} == {4}
    if decoding == "sampling":
        assert all(float(score) <= 0 and float(other) <= 0 for _, score, _, other in found)
        return
    assert [row[:2] for row in found] == answers(run, *words)
    assert all(best != second for best, _, second, _ in found)
    assert all(float(score) >= float(other) for _, score, _, other in found)  # both rank by score per token


@pytest.mark.parametrize(
    ("decoding", "combine"), [("greedy", None), ("sampling", None), ("beam", "ensemble")]
)
def test_every_answer_begins_with_the_prefix(runs: Runs, decoding: str, combine: str | None) -> None:
    run, *_ = runs
    words = together(runs, combine) if combine else (f"run={run}",)
    prefix = "of of" if " " in rows_of(run)[0]["target"] else "7-"
    free = answers(run, *words, f"decoding={decoding}")
    begun = answers(run, *words, f"decoding={decoding}", f"prefix='{prefix}'")
    assert all(each.startswith(prefix) for each in first_cells(begun))
    assert not any(each.startswith(prefix) for each in first_cells(free))


def test_all_metrics_and_another_decoding_are_the_evaluations_own(runs: Runs) -> None:
    run, *_ = runs
    facts, answered = evaluated(f"run={run}", "metrics=all", "decoding=greedy")
    assert facts["decoding"] == "greedy"
    before = json.loads((run / "metrics.json").read_text())["test"]
    assert facts["scores"]["test/loss"] == pytest.approx(before["test/loss"], abs=1e-6)
    added = {"rouge1", "rouge2", "rougeL", "rougeLsum", "character_error_rate", "word_error_rate"}
    assert {f"test/{name}" for name in added | {"token_error_rate"}} <= facts["scores"].keys() - before.keys()
    assert before.keys() <= facts["scores"].keys()
    greedy = first_cells(answers(run, f"run={run}", "decoding=greedy"))
    assert [row["predicted"] for row in answered] == greedy
