"""Words: how texts of several languages are split and how they come back."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attendo.tokenization import SPECIAL_TOKENS, UNK, Tokenizer, train_whitespace, train_word

SENTENCES = [
    # English
    "I don't think it's well-known, do you?",
    'He said: "No, thanks!" (and left).',
    "She said “it's over” – and he didn’t answer.",
    "The dogs' bones cost $3.50 each; 1,000 of them arrived at 20:15.",
    "Is this the end... or the beginning?!",
    "It was -5 degrees, and 8 - 5 is 3.",
    "Write to jane.doe@example.com and/or see www.example.com, e.g. page #7.",
    "AT&T's R&D—a 50% rise [sic]—was 10–20 times 'too low'.",
    "The word 猫 means cat.",
    # German
    "Wie geht's? Über den Fluß, z.B. für 3,14 Euro.",
    "Er fragte: „Kommst du ‚sofort‘?“ – Und er: »Nein!«",
    "Vor- und Nachteile der E-Mail (d.h. 1.000 Stück à 5 €) im Jahr 2024.",
    "Das 3-jährige Mädchen wiegt ca. 14,5 kg; um 20:15 Uhr schläft's.",
    # Chinese and Japanese
    "我们今天去北京，你呢？",
    "他说：“你好！”然后在2024年离开了（真的）。",
    "我用Python写代码，版本3.11……很好——谢谢。",
    "《红楼梦》、《西游记》都是名著。",
    "私はスーパーで「りんご」を三つ買いました。",
    # others
    "Dov'è l'amico? ¿Qué? ¡Hola! «Oui», dit-il.",
    "हिन्दी में लिखो 👨‍👩‍👧 🇩🇪 👍🏽 ❤️!",
    "ภาษาไทย",
    "한국어 문장입니다.",
]


def train(texts, lowercase=False, minimum_count=1, maximum_size=None) -> Tokenizer:
    return train_word(texts, lowercase=lowercase, minimum_count=minimum_count, maximum_size=maximum_size)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(SENTENCES)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_sentences_come_back_exactly(tokenizer, sentence):
    assert tokenizer.decode(tokenizer.encode(sentence)) == sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I don't, geht's?", ["I", "don't", ",", "geht's", "?"]),
        ("Grüße\tÜber\n\nÄpfel", ["Grüße", "Über", "Äpfel"]),
        ("a\u0308pfel", ["a\u0308pfel"]),
        ("3.14 1,000 20:15 1,2,x", ["3.14", "1,000", "20:15", "1,2", ",", "x"]),
        ("well-known E-Mail Vor- und", ["well-known", "E-Mail", "Vor-", "und"]),
        ("a--b - c", ["a", "-", "-", "b", "-", "c"]),
        ("z.B. das.", ["z.B", ".", "das", "."]),
        ("我爱Berlin。", ["我", "爱", "Berlin", "。"]),
        ("スーパー", ["ス", "ー", "パ", "ー"]),
        ("'so' \"so\"", ["'", "so", "'", '"', "so", '"']),
        ("👨‍👩‍👧🇩🇪🇫🇷👍🏽", ["👨‍👩‍👧", "🇩🇪", "🇫🇷", "👍🏽"]),
        ("", []),
        (" \t\n\u00a0\u3000", []),
    ],
)
def test_texts_are_split_into_words_numbers_and_symbols(tokenizer, text, words):
    assert tokenizer.pieces(text) == words


CHARACTERS = st.one_of(
    st.sampled_from("aB9ß中あーกำ\u0e31.'’‐@&_-,:\"“”„«»()/—–$€#%…。，「·* \u0308\u200d\ufe0f🏽👨🇩🇪<>"),
    st.sampled_from("aB9中 .'\"-,"),
    st.characters(exclude_categories=["Cs", "Cn"]),
)


@given(st.text(CHARACTERS, max_size=20), st.booleans())
def test_what_was_decoded_is_encoded_to_the_same_ids(text, lowercase):
    if not text.strip():
        return
    try:
        tokenizer = train([text], lowercase)
    except ValueError:  # white space only, some of it unknown to Python
        return
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert tokenizer.encode(tokenizer.decode(ids)) == ids


def test_lower_casing_joins_what_differs_in_case_only():
    tokenizer = train(["The the THE Ärger ärger"], lowercase=True)
    assert tokenizer.vocabulary.tokens == [*SPECIAL_TOKENS, "the", "ärger"]
    assert tokenizer.decode(tokenizer.encode("THE ÄRGER")) == "the ärger"


@pytest.mark.parametrize("train_one", [train_word, train_whitespace])
def test_the_vocabulary_is_ordered_by_count_then_by_code_points(train_one):
    texts = ["b a ä c 中 a b z", "b z Z 中", "ä c c 中 rare"]
    counts = Counter(" ".join(texts).split())
    ranked = sorted((w for w in counts if counts[w] >= 2), key=lambda w: (-counts[w], w))
    trained = train_one(texts, lowercase=False, minimum_count=2, maximum_size=None)
    assert trained.vocabulary.tokens == [*SPECIAL_TOKENS, *ranked]
    smaller = train_one(texts, lowercase=False, minimum_count=2, maximum_size=7)
    assert smaller.vocabulary.tokens == [*SPECIAL_TOKENS, *ranked[:3]]


def test_unknown_words_are_shown_or_taken_from_the_source(tokenizer):
    source = "Python ( Xyzzy's ) 2024."
    pieces, ids = tokenizer.pieces(source), tokenizer.encode(source)
    assert pieces == ["Python", "(", "Xyzzy's", ")", "2024", "."]
    assert ids.count(UNK) == 1
    assert tokenizer.decode(ids) == "Python (<unk>) 2024."
    copied = [len(tokenizer) + 1 if index == UNK else index for index in ids]
    assert tokenizer.decode(copied, ["other", "Xyzzy's"]) == "Python (Xyzzy's) 2024."


def test_whitespace_can_split_off_some_characters():
    texts = ["call self.save(), then 'a.b'", "it's __init__ ; <eos> ] 0.5"]
    tokenizer = train_whitespace(texts, lowercase=False, minimum_count=1, maximum_size=None, split=",.];")
    assert tokenizer.pieces(texts[0]) == ["call", "self", ".", "save()", ",", "then", "'a", ".", "b'"]
    assert tokenizer.decode(tokenizer.encode(texts[0])) == "call self . save() , then 'a . b'"
    assert UNK not in tokenizer.encode(texts[1])
    with pytest.raises(ValueError, match="needed to tell special tokens"):
        train_whitespace(texts, lowercase=False, minimum_count=1, maximum_size=None, split="<")
