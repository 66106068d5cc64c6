import torch

from attendo.decoding import Constraints, greedy_search
from random_language import BOS, EOS, RandomLanguage


def naive(language: RandomLanguage, sentence: int, limit: int) -> list[int]:
    answer: list[int] = []
    while len(answer) < limit:
        log_probs = language.after(sentence, answer).tolist()
        best = max((token for token in range(language.vocab) if token != BOS), key=log_probs.__getitem__)
        if best == EOS:
            break
        answer.append(best)
    return answer


def test_greedy_takes_the_most_probable_token_of_each_row_until_its_end_or_limit():
    language, limits = RandomLanguage(7, end=1.0), [(7 * row) % 12 for row in range(40)]
    constraints = Constraints.of(EOS, torch.tensor(limits), banned=(BOS,))
    found = greedy_search(language.step, language.start(list(range(40))), constraints, bos=BOS)
    answers = [each.ids for (each,) in found]
    assert answers == [naive(language, row, limit) for row, limit in enumerate(limits)]
    lengths = [len(answer) for answer in answers]
    ended = [length < limit for length, limit in zip(lengths, limits, strict=True)]
    assert any(ended)
    assert not all(ended)
    # the probability of the end is part of the answer's, so each row is asked once more than it has tokens
    assert language.rows == [sum(length >= step for length in lengths) for step in range(max(lengths) + 1)]
    assert all(
        abs(each.log_prob - language.log_prob(row, each.ids)) < 1e-12 for row, (each,) in enumerate(found)
    )


def test_no_rows_give_no_answers():
    language = RandomLanguage(7)
    constraints = Constraints.of(EOS, torch.zeros(0, dtype=torch.long))
    assert greedy_search(language.step, language.start([]), constraints, bos=BOS) == []
