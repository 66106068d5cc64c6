"""Imported Marian models compute, read and answer as they do in Hugging Face's transformers."""

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from _pytest.mark import ParameterSet
from transformers import MarianMTModel, MarianTokenizer

import attendo as package
from attendo.predictor import Translator
from attendo.tokenization import BOS, EOS, PAD, SPECIAL_TOKENS
from command_line import attendo
from marian_folders import learn_to_translate, sentence_pairs, write_marian, write_tokenizer

PAIRS = sentence_pairs(70, seed=11)
SOURCES, TARGETS = (list(side) for side in zip(*PAIRS, strict=True))
UNKNOWN = ["two Zebras run here.", "中文", "", "many  many\tmany dogs"]
NOT_SHARED = {"share_encoder_decoder_embeddings": False}
VARIANTS = {  # settings of the model → what must be tied
    "as Opus-MT": ({}, "all"),
    "relu": ({"activation_function": "relu"}, "all"),
    "gelu": ({"activation_function": "gelu", "encoder_layers": 1, "decoder_layers": 2}, "all"),
    "unscaled embeddings": ({"scale_embedding": False}, "none"),
    "embeddings of their own": (NOT_SHARED, "decoder"),
    "nothing tied": ({**NOT_SHARED, "tie_word_embeddings": False}, "none"),
}


def imported(folder: Path) -> Translator:
    ended = attendo("import", f"marian={folder}", f"output={folder / 'run'}")
    assert ended.code == 0, ended.err
    translator = package.load(folder / "run", accelerator="cpu")
    assert isinstance(translator, Translator)
    translator.model.double()
    return translator


def names_of(tokens: list[str]) -> list[str]:
    """Ours for Marian's special tokens."""
    ours = {"<pad>": SPECIAL_TOKENS[BOS], "</s>": SPECIAL_TOKENS[EOS]}
    return [ours.get(token, token) for token in tokens]


@torch.no_grad()
def check_log_probabilities(ours: Translator, model: MarianMTModel, tokenizer: MarianTokenizer) -> None:
    """Of every target token under teacher forcing; our columns are found by their tokens' names."""
    batch = tokenizer(SOURCES[:20], text_target=TARGETS[:20], return_tensors="pt", padding=True)
    sources = [[*ours.reader.tokenizer.encode(text), EOS] for text in SOURCES[:20]]
    targets = [[BOS, *ours.target_reader.tokenizer.encode(text)] for text in TARGETS[:20]]
    is_real = batch["labels"] != tokenizer.pad_token_id
    labels = batch["labels"].masked_fill(~is_real, -100)
    logits = model.double()(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels
    ).logits
    source, target = ours.machine.padded(sources), ours.machine.padded(targets)
    hidden = ours.model(source, source == PAD, target)
    names = names_of([tokenizer.decoder[index] for index in range(len(tokenizer.decoder))])
    columns = [ours.target_reader.tokenizer.vocabulary.tokens.index(name) for name in names]
    found = ours.model.output(hidden, None, is_real)
    torch.testing.assert_close(found[:, columns], logits[is_real].log_softmax(-1), rtol=0, atol=1e-6)
    assert found[:, PAD].exp().max() == 0


def the_others_slow(names: Iterable[str], *fast: str) -> list[ParameterSet]:
    return [pytest.param(name, marks=() if name in fast else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("variant", the_others_slow(VARIANTS, "as Opus-MT", "gelu", "nothing tied"))
def test_log_probabilities_are_those_of_transformers(tmp_path: Path, variant: str) -> None:
    changed, tied = VARIANTS[variant]
    model, tokenizer = write_marian(tmp_path, **changed)
    ours = imported(tmp_path)
    assert ours.trained.contents.config["model"]["tied_embeddings"] == tied
    check_log_probabilities(ours, model, tokenizer)


def test_vocabularies_of_their_own_for_sources_and_targets(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path, separate=True)
    model, _ = write_marian(tmp_path, tokenizer, **NOT_SHARED)
    ours = imported(tmp_path)
    assert ours.reader.tokenizer.vocabulary.tokens != ours.target_reader.tokenizer.vocabulary.tokens
    check_log_probabilities(ours, model, tokenizer)


def test_weights_in_half_precision_are_read(tmp_path: Path) -> None:
    model, tokenizer = write_marian(tmp_path)
    model.half().save_pretrained(tmp_path)
    again = MarianMTModel.from_pretrained(tmp_path, dtype=torch.float32)
    check_log_probabilities(imported(tmp_path), again, tokenizer)


# Else EOS is forced at the maximum length, for nothing: answers that are so ended may rank otherwise here.
UNFORCED = {"forced_eos_token_id": None}
SEARCHES = {
    "greedy": {"num_beams": 1},
    "beam 4": {"num_beams": 4},
    "beam 3, for short answers": {"num_beams": 3, "length_penalty": 0.3},
    "beam 5, early": {"num_beams": 5, "early_stopping": True},
    "beam 4, never early": {**UNFORCED, "num_beams": 4, "early_stopping": "never", "length_penalty": 2.0},
    "beam 4, cut": {**UNFORCED, "num_beams": 4, "max_length": 7},
    "greedy, ended": {"num_beams": 1, "max_length": 7},
    "beam 2, renormalised": {"num_beams": 2, "renormalize_logits": True},
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[MarianMTModel, MarianTokenizer, Path]:
    folder = tmp_path_factory.mktemp("learned")
    return (*write_marian(folder, learn=learn_to_translate), folder)


@pytest.mark.parametrize("search", the_others_slow(SEARCHES, "greedy", "beam 4", "beam 4, cut"))
def test_answers_are_those_of_transformers(
    learned: tuple[MarianMTModel, MarianTokenizer, Path], search: str, tmp_path: Path
) -> None:
    _, tokenizer, folder = learned
    for file in folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = MarianMTModel.from_pretrained(folder).generation_config
    for name, value in SEARCHES[search].items():
        setattr(settings, name, value)
    settings.save_pretrained(tmp_path)
    ours, theirs = imported(tmp_path), MarianMTModel.from_pretrained(tmp_path).double()
    sources = [*SOURCES, *(text for text in UNKNOWN if text)]
    batch = tokenizer(sources, return_tensors="pt", padding=True)
    generated = theirs.generate(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
    special = {tokenizer.pad_token_id, tokenizer.eos_token_id}
    wanted = [[index for index in row if index not in special] for row in generated.tolist()]
    expected = [tokenizer.decode(row, use_source_tokenizer=False) for row in wanted]
    found = [answer.text.replace("<unk>", "<unk> ").strip() for answer in ours.translate(sources)]
    assert found == expected
    assert len(set(expected)) > 20, "the answers should not be trivial"


def test_pairs_have_the_probability_that_transformers_gives_them(
    learned: tuple[MarianMTModel, MarianTokenizer, Path],
) -> None:
    model, tokenizer, folder = learned
    ours = imported(folder)
    for source, target in PAIRS[:10]:
        batch = tokenizer(source, text_target=target, return_tensors="pt")
        loss = model.double()(**batch).loss.detach()
        score = ours.score(source, target)
        assert score.tokens == batch["labels"].shape[1]
        assert score.perplexity == pytest.approx(float(loss.exp()), rel=1e-6)
