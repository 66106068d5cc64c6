"""The options of conf/scheduled_sampling build what they say, and refuse by key what makes no sense."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from attendo.cli.building import build
from attendo.cli.conf import CONF
from attendo.scheduled_sampling import Argmax, GumbelMixture, Sample, ScheduledSampling

FOLDER = Path(CONF) / "scheduled_sampling"
OPTIONS = sorted(file.stem for file in FOLDER.glob("[a-z]*.yaml") if file.stem != "none")


def chosen(option: str, *words: str) -> ScheduledSampling:
    with initialize_config_dir(str(FOLDER.parent), version_base="1.3"):
        config = compose(overrides=[f"+scheduled_sampling={option}", *words])
    return build(OmegaConf.to_container(config.scheduled_sampling), "scheduled_sampling")


@pytest.mark.parametrize("option", OPTIONS)
def test_options_begin_with_the_reference_and_end_with_guesses(option) -> None:
    sampler = chosen(option)
    assert sampler.gold_probability(0, 0, 2).min() > 0.95
    assert not sampler.is_off(10**6, 10**6)
    assert sampler.gold_probability(10**6, 10**6, 100)[-1] <= 0.5
    assert isinstance(sampler.replacement, Argmax)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("argmax", Argmax()),
        ("sample", Sample(None)),
        ("top_k", Sample(5)),
        ("gumbel_mixture", GumbelMixture(0.5)),
    ],
)
def test_replacements_are_options_of_their_own(name, expected) -> None:
    assert chosen("linear", f"scheduled_sampling/replacement={name}").replacement == expected


def test_none_is_teacher_forcing() -> None:
    with initialize_config_dir(str(FOLDER.parent), version_base="1.3"):
        assert compose(overrides=["+scheduled_sampling=none"]).scheduled_sampling is None


@pytest.mark.parametrize(
    ("decay", "message"),
    [
        ({"_target_": "Linear", "start": 1.5, "slope": 0.1, "floor": 0.0}, r"start=1\.5 and floor=0"),
        ({"_target_": "Linear", "start": 0.5, "slope": 0.1, "floor": 0.6}, r"floor ≤ start ≤ 1"),
        (
            {"_target_": "Linear", "start": 1.0, "slope": -1.0, "floor": 0.0},
            r"slope=-1\.0: expected 0 or more",
        ),
        (
            {"_target_": "Exponential", "start": 1.0, "k": 1.0, "floor": 0.0},
            r"k=1\.0: expected a number between",
        ),
        (
            {"_target_": "InverseSigmoid", "start": 1.0, "k": 0.5, "floor": 0.0},
            r"k=0\.5: expected a number of 1",
        ),
    ],
)
def test_a_decay_that_makes_no_sense_is_refused_by_its_key(decay, message) -> None:
    node = {
        "_target_": "attendo.scheduled_sampling.ScheduledSampling",
        "decay": decay | {"_target_": f"attendo.scheduled_sampling.{decay['_target_']}"},
    }
    with pytest.raises(ValueError, match=rf"^scheduled_sampling\.decay: .*{message}"):
        build(node, "scheduled_sampling")
