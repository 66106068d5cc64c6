"""Folders of small Marian models, as Hugging Face's transformers writes them."""

import io
import json
import random
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import sentencepiece
import torch
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

WORDS = {
    "two three four five many": "zwei drei vier fünf viele",
    "red small old wild tired": "rote kleine alte wilde müde",
    "dogs cats houses children trees": "Hunde Katzen Häuser Kinder Bäume",
    "run sleep wait fall dance": "laufen schlafen warten fallen tanzen",
    "here today again outside slowly": "hier heute wieder draußen langsam",
}
SLOTS = [list(zip(english.split(), german.split(), strict=True)) for english, german in WORDS.items()]
WIDTH, HEADS, FEED_FORWARD = 32, 4, 48


def sentence_pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """("two red dogs run here.", "zwei rote Hunde laufen hier."), with words left out at random."""
    generator = random.Random(seed)
    pairs = []
    for _ in range(count):
        words = [generator.choice(slot) for slot in SLOTS if generator.random() < 0.8] or [SLOTS[0][0]]
        pairs.append((" ".join(en for en, _ in words) + ".", " ".join(de for _, de in words) + "."))
    return pairs


def sentencepieces(texts: Sequence[str], size: int, **options: object) -> bytes:
    """A SentencePiece model, trained."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, vocab_size=size, minloglevel=2, num_threads=1,
        hard_vocab_limit=False, **options,
    )  # fmt: skip
    return model.getvalue()


@cache
def usual_models() -> tuple[bytes, bytes]:
    """Of sources and targets."""
    sources, targets = zip(*sentence_pairs(300), strict=True)
    return sentencepieces(sources, 60), sentencepieces(targets, 70)


def pieces_of(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    kept = [i for i in range(len(processor)) if not (processor.is_control(i) or processor.is_unknown(i))]
    return processor.id_to_piece(kept)


def vocabulary_of(pieces: Sequence[str]) -> dict[str, int]:
    """As in vocab.json: </s>, <unk>, the pieces, and <pad> at the end."""
    return {token: index for index, token in enumerate(dict.fromkeys(["</s>", "<unk>", *pieces, "<pad>"]))}


def write_tokenizer(
    folder: Path,
    models: tuple[bytes, bytes] | None = None,
    more: Sequence[str] = (),
    without: Sequence[str] = (),
    separate: bool = False,
) -> MarianTokenizer:
    """source.spm, target.spm, vocab.json and so on.

    Args:
        models: of sources and targets.
        more: tokens that only the vocabulary has.
        without: pieces that it lacks.
        separate: whether sources and targets have vocabularies of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    models = models or usual_models()
    for name, model in zip(("source", "target"), models, strict=True):
        (folder / f"{name}.spm").write_bytes(model)
    source, target = ([p for p in pieces_of(model) if p not in without] for model in models)
    files = {"vocab": [*source, *target, *more]}
    if separate:  # of one size, as transformers needs it: the id of <pad> is that of both
        filler = [f"unused{number}" for number in range(abs(len(target) - len(source)))]
        files = {"vocab": source + filler * (len(source) < len(target))}
        files["target_vocab"] = target + filler * (len(target) < len(source))
    for name, pieces in files.items():
        (folder / f"{name}.json").write_text(json.dumps(vocabulary_of(pieces)))
    paths = {f"{side}_spm": str(folder / f"{side}.spm") for side in ("source", "target")}
    if separate:
        paths["target_vocab_file"] = str(folder / "target_vocab.json")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Recommended: pip install sacremoses")
        tokenizer = MarianTokenizer(vocab=str(folder / "vocab.json"), separate_vocabs=separate, **paths)
    tokenizer.save_pretrained(folder)
    return tokenizer


def model_of(tokenizer: MarianTokenizer, **changed: object) -> MarianMTModel:
    """With random weights."""
    settings = {
        "vocab_size": len(tokenizer.encoder),
        "d_model": WIDTH,
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": HEADS,
        "decoder_attention_heads": HEADS,
        "encoder_ffn_dim": FEED_FORWARD,
        "decoder_ffn_dim": FEED_FORWARD,
        "activation_function": "swish",
        "max_position_embeddings": 64,
        "scale_embedding": True,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "forced_eos_token_id": tokenizer.eos_token_id,
        "decoder_start_token_id": tokenizer.pad_token_id,
        "init_std": 0.1,
    }
    torch.manual_seed(0)
    model = MarianMTModel(MarianConfig(**{**settings, **changed})).eval()
    with torch.no_grad():  # what a converted model has; random ones have zeros
        model.final_logits_bias.normal_(std=0.3)
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "layer_norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def write_marian(
    folder: Path,
    tokenizer: MarianTokenizer | None = None,
    generation: dict[str, object] | None = None,
    learn: Callable[[MarianMTModel, MarianTokenizer], None] | None = None,
    **changed: object,
) -> tuple[MarianMTModel, MarianTokenizer]:
    """A whole folder, and what was written to it.

    Args:
        generation: settings of its search.
        learn: trains the model before it is written.
        changed: settings of the model.
    """
    tokenizer = tokenizer or write_tokenizer(folder)
    model = model_of(tokenizer, **changed)
    if learn is not None:
        learn(model, tokenizer)
    usual = {"bad_words_ids": [[tokenizer.pad_token_id]], "max_length": 40, "num_beams": 4}
    for name, value in {**usual, **(generation or {})}.items():
        setattr(model.generation_config, name, value)
    model.save_pretrained(folder)
    return model, tokenizer


def learn_to_translate(model: MarianMTModel, tokenizer: MarianTokenizer) -> None:
    """A little training: with random weights the answers would be one token over and over, without an end."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for step in range(80):
        sources, targets = zip(*sentence_pairs(32, seed=step), strict=True)
        batch = tokenizer(list(sources), text_target=list(targets), return_tensors="pt", padding=True)
        labels = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
