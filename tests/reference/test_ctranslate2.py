"""Search against CTranslate2 with the same weights, under its rules."""

import numpy as np
import pytest
import torch

from attendo.decoding import Constraints, CTranslate2Rules, PowerPenalty, Ranking, beam_search
from attendo.tokenization import BOS, EOS
from marian_copy import HEADS, LAYERS, VOCAB, attendo_from, ended, marian, sentences

ctranslate2 = pytest.importorskip("ctranslate2")
from ctranslate2.specs import common_spec, transformer_spec  # noqa: E402 (needs ctranslate2)

LONGEST = 20
WORDS = ["<pad>", "<unk>", "<s>", "</s>", *map(str, range(4, VOCAB))]


def array(tensor):
    return tensor.detach().float().numpy()


def set_linear(spec, *layers):
    spec.weight = np.concatenate([array(layer.weight) for layer in layers])
    spec.bias = np.concatenate([array(layer.bias) for layer in layers])


def set_norm(spec, layer):
    spec.gamma, spec.beta = array(layer.weight), array(layer.bias)


def set_layer(spec, layer):
    attention = layer.self_attn
    set_linear(spec.self_attention.linear[0], attention.q_proj, attention.k_proj, attention.v_proj)
    set_linear(spec.self_attention.linear[1], attention.out_proj)
    set_norm(spec.self_attention.layer_norm, layer.self_attn_layer_norm)
    if hasattr(layer, "encoder_attn"):
        attention = layer.encoder_attn
        set_linear(spec.attention.linear[0], attention.q_proj)
        set_linear(spec.attention.linear[1], attention.k_proj, attention.v_proj)
        set_linear(spec.attention.linear[2], attention.out_proj)
        set_norm(spec.attention.layer_norm, layer.encoder_attn_layer_norm)
    set_linear(spec.ffn.linear_0, layer.fc1)
    set_linear(spec.ffn.linear_1, layer.fc2)
    set_norm(spec.ffn.layer_norm, layer.final_layer_norm)


def translator(theirs, folder):
    spec = transformer_spec.TransformerSpec.from_config(
        (LAYERS, LAYERS), HEADS, pre_norm=False, activation=common_spec.Activation.RELU
    )
    weight = array(theirs.model.shared.weight)
    for part, stack in ((theirs.model.encoder, spec.encoder), (theirs.model.decoder, spec.decoder)):
        embedding = stack.embeddings[0] if isinstance(stack.embeddings, list) else stack.embeddings
        embedding.weight, stack.scale_embeddings = weight, True
        stack.position_encodings.encodings = array(part.embed_positions.weight)
        for of_layer, layer in zip(stack.layer, part.layers, strict=True):
            set_layer(of_layer, layer)
    spec.decoder.projection.weight = weight
    spec.register_source_vocabulary(WORDS)
    spec.register_target_vocabulary(WORDS)
    spec.config.decoder_start_token = "<s>"
    spec.config.add_source_bos = spec.config.add_source_eos = False
    spec.validate()
    spec.optimize()
    spec.save(str(folder))
    return ctranslate2.Translator(str(folder), device="cpu", compute_type="float32", intra_threads=1)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    torch.manual_seed(0)
    theirs = marian("relu")
    folder = tmp_path_factory.mktemp("ctranslate2")
    return translator(theirs, folder), attendo_from(theirs, "relu").float()


@pytest.mark.parametrize(
    ("size", "alpha", "n_best"),
    [
        (1, 0.0, 1),
        (2, 1.0, 2),
        (4, 1.0, 4),
        (5, 0.0, 1),
        (5, 0.0, 3),
        (4, 0.6, 4),
        (3, -1.0, 3),
        (5, 2.0, 5),
        (12, 1.0, 4),
    ],
)
def test_greedy_and_beam_search_equal_ctranslate2s_under_its_rules(models, size, alpha, n_best):
    theirs, ours = models
    torch.manual_seed(1)
    # At least a token and EOS: to a lone EOS, CTranslate2 answers with nothing and asks no model.
    source, is_padding = sentences(torch.randint(2, 14, (240,)).tolist())
    source = ended(source, is_padding)
    words = [
        [WORDS[token] for token in row[~padding].tolist()]
        for row, padding in zip(source, is_padding, strict=True)
    ]
    # It bans EOS at first, by default, and shares its probability out: then scores are not the model's.
    answers = theirs.translate_batch(
        words,
        beam_size=size,
        length_penalty=alpha,
        num_hypotheses=n_best,
        max_decoding_length=LONGEST,
        min_decoding_length=0,
        return_scores=True,
    )
    constraints = Constraints.of(EOS, torch.full((240,), LONGEST))
    ranking = Ranking(size, n_best, PowerPenalty(alpha), CTranslate2Rules())
    state = ours.start(ours.encode(source, is_padding))
    found = beam_search(ours.step, state, ranking, constraints, bos=BOS)
    expected = [[[WORDS.index(word) for word in ids] for ids in answer.hypotheses] for answer in answers]
    assert [[each.ids for each in row] for row in found] == expected
    scores = [score for answer in answers for score in answer.scores]
    assert [each.score for row in found for each in row] == pytest.approx(scores, rel=1e-4)
