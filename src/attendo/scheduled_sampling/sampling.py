"""Which tokens are replaced, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attendo.scheduled_sampling.replacements import Embed, Replacement
from attendo.suggestions import check_choice
from attendo.tokenization import BOS, PAD

StateType = TypeVar("StateType")
Unit = Literal["steps", "epochs"]
Draw = Literal["token", "sentence", "batch"]
Form = Literal["parallel", "sequential"]
FARTHEST = 10**12  # steps, epochs, positions: more than there ever are

Decay = Callable[[float], float]  # a probability that never rises, of what is counted from 0 on
Guess = Callable[
    [Float[Tensor, "batch target hidden"], Bool[Tensor, "batch target"]], Float[Tensor, "item vocab"]
]


@dataclass(frozen=True)
class ScheduledSampling:
    """Which tokens of the reference are replaced in training, and by what (Bengio et al. 2015).

    A token is kept with probability p(i, t), i being the optimizer steps (or epochs) done and t its position:
    f(i) with ``decay`` f alone, g(t) with ``position_decay`` g alone, and g(t · (1 - f(i))) with both: the
    farther from BOS, the fewer are kept, and the more so the later in training (Liu et al. 2021).

    The parallel form (Mihaylova & Martins 2019; Duckworth et al. 2019) guesses all tokens of a target at
    once, in a pass of the decoder over the reference; each further pass guesses from what the last one mixed.
    What is replaced is drawn once, and pass n leaves the first n tokens (with BOS) as they are, so that as
    many passes as tokens come to what the sequential form does: it goes through the target token by token,
    and guesses each from the state that has read the tokens chosen before, as Bengio et al. do.

    All is drawn from torch's global generator. Where p = 1 everywhere, nothing is guessed or drawn.

    Args:
        decay: f, the probability as it falls in the course of training.
        position_decay: g, the probability as it falls along the target.
        unit: what ``decay`` counts: optimizer steps or epochs.
        zero_below: a p below this becomes 0: only guesses are read from then on. None: never.
        draw: one decision for each token, for each sentence, or for each micro-batch. Where p falls along the
            target, a sentence of one decision keeps a beginning and loses the rest.
        replacement: what is read instead.
        passes: guessing passes of the parallel form.
        form: parallel or sequential.

    Raises:
        ValueError: naming the key.
    """

    decay: Decay | None
    position_decay: Decay | None
    unit: Unit
    zero_below: float | None
    draw: Draw
    replacement: Replacement
    passes: int
    form: Form

    def __post_init__(self) -> None:
        check_choice("scheduled_sampling.unit", self.unit, get_args(Unit))
        check_choice("scheduled_sampling.draw", self.draw, get_args(Draw))
        check_choice("scheduled_sampling.form", self.form, get_args(Form))
        _check_class("replacement", self.replacement)
        if self.decay is None and self.position_decay is None:
            raise ValueError("scheduled_sampling.decay and scheduled_sampling.position_decay: both are null")
        for key, decay in [("decay", self.decay), ("position_decay", self.position_decay)]:
            if decay is not None:
                _check_class(key, decay)
        self._check_zero_below()
        if self.passes < 1:
            raise ValueError(f"scheduled_sampling.passes={self.passes}: expected 1 or more")
        if self.form == "sequential" and self.passes != 1:
            raise ValueError("scheduled_sampling.form=sequential: expected scheduled_sampling.passes=1")

    def _check_zero_below(self) -> None:
        if self.zero_below is None:
            return
        if not 0.0 < self.zero_below <= 1.0:
            raise ValueError(f"scheduled_sampling.zero_below={self.zero_below}: expected above 0, up to 1")
        if self._probability(FARTHEST, FARTHEST, FARTHEST) > 0.0:
            raise ValueError(
                f"scheduled_sampling.zero_below={self.zero_below}: p never falls so low; lower the floor"
            )

    def gold_probability(self, step: int, epoch: int, positions: int) -> Float[Tensor, " target"]:
        """p of the tokens at positions 0 (that of BOS, which is kept in any case) … positions - 1.

        Args:
            step: optimizer steps done.
            epoch: epochs done.
            positions: how many.
        """
        probabilities = [self._probability(step, epoch, position) for position in range(positions)]
        return torch.tensor(probabilities, dtype=torch.float64)

    def is_off(self, step: int, epoch: int) -> bool:
        """Whether p = 1 everywhere. The answer is the same for all batches of a step, on all ranks."""
        return self._probability(step, epoch, FARTHEST) >= 1.0

    def inputs(
        self,
        gold: Int[Tensor, "batch target"],
        is_padding: Bool[Tensor, "batch target"],
        guess: Guess,
        embed: Embed,
        step: int,
        epoch: int,
    ) -> Float[Tensor, "batch target hidden"]:
        """The parallel form: embedded tokens for the decoder to read, some of the reference and some guessed.

        Args:
            gold: BOS and the reference.
            guess: (embedded tokens, where) → log-probabilities of the next token at those positions, in
                row-major order; a tensor of its own, which is written to.
            embed: tokens, also those that only copying knows, → vectors.
            step: optimizer steps done.
            epoch: epochs done.
        """
        inputs = embed(gold)
        if self.is_off(step, epoch):
            return inputs
        is_guess = self._is_guess(is_padding, step, epoch)
        positions = torch.arange(gold.shape[1], device=gold.device)
        for done in range(1, self.passes + 1):
            is_guess = is_guess & (positions >= done)  # what has only final tokens before it is final
            with torch.no_grad():
                log_probs = guess(inputs, is_guess.roll(-1, dims=1))  # position 0, which is False, comes last
            inputs = self._replaced(inputs, is_guess, log_probs, embed)
        torch.clear_autocast_cache()  # torch 2.9 would go on with the weights that it cast without gradient
        return inputs

    def states(
        self,
        gold: Int[Tensor, "batch target"],
        is_padding: Bool[Tensor, "batch target"],
        state: StateType,
        advance: Callable[
            [Float[Tensor, "batch 1 hidden"], StateType], tuple[Float[Tensor, "batch 1 hidden"], StateType]
        ],
        read: Guess,
        embed: Embed,
        step: int,
        epoch: int,
    ) -> Float[Tensor, "batch target hidden"]:
        """The sequential form: the decoder's states, each token having been chosen before it is read.

        Gradients flow back through the states. Where ``is_off``, teacher forcing takes its place.

        Args:
            gold: BOS and the reference.
            state: the decoder's before it has read anything.
            advance: (one embedded token a sentence, state) → (what the decoder says, state after it).
            read: (what the decoder says, where) → log-probabilities of the next token there, as ``guess`` of
                ``inputs``.
            embed: tokens, also those that only copying knows, → vectors.
            step: optimizer steps done.
            epoch: epochs done.
        """
        assert not self.is_off(step, epoch), "nothing is replaced: this is teacher forcing"
        vectors = embed(gold)
        is_guess = self._is_guess(is_padding, step, epoch)
        token, states = vectors[:, :1], []
        for position in range(1, gold.shape[1]):
            hidden, state = advance(token, state)
            states.append(hidden)
            here = is_guess[:, position, None]
            with torch.no_grad():
                log_probs = read(hidden, here)
            token = self._replaced(vectors[:, position, None], here, log_probs, embed)
        torch.clear_autocast_cache()  # as above
        states.append(advance(token, state)[0])
        return torch.cat(states, dim=1)

    def _probability(self, step: int, epoch: int, position: int) -> float:
        in_training = self.decay(float(step if self.unit == "steps" else epoch)) if self.decay else 0.0
        p = self.position_decay(position * (1.0 - in_training)) if self.position_decay else in_training
        return 0.0 if self.zero_below is not None and p < self.zero_below else p

    def _is_guess(
        self, is_padding: Bool[Tensor, "batch target"], step: int, epoch: int
    ) -> Bool[Tensor, "batch target"]:
        """Draws which tokens are replaced; what it says of BOS means nothing."""
        rows, positions = is_padding.shape
        shape = {"token": (rows, positions), "sentence": (rows, 1), "batch": (1, 1)}[self.draw]
        p = self.gold_probability(step, epoch, positions).float().to(is_padding.device)
        return (torch.rand(shape, device=is_padding.device) >= p) & ~is_padding

    def _replaced(
        self,
        vectors: Float[Tensor, "batch target hidden"],
        is_guess: Bool[Tensor, "batch target"],
        log_probs: Float[Tensor, "item vocab"],
        embed: Embed,
    ) -> Float[Tensor, "batch target hidden"]:
        """Vectors, with what stands for the guesses (in row-major order) in the given places."""
        log_probs[:, [PAD, BOS]] = -1e9  # finite: where nothing else is possible, there is still no NaN
        return vectors.masked_scatter(is_guess[:, :, None], self.replacement(log_probs, embed))


def _check_class(key: str, value: object) -> None:
    if not callable(value):
        raise ValueError(
            f"scheduled_sampling.{key}={value}: expected the settings of a class; options of replacement are "
            "chosen as in scheduled_sampling/replacement=sample"
        )
