"""A stranger's configuration builds models, data sources and tasks, and runs nothing else."""

import functools
import importlib
import pkgutil
from collections import OrderedDict
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml
from torch import nn

import attendo.data
import attendo.metrics
import attendo.models
import attendo.tasks
import attendo.tokenization
from attendo.checkpoint import check_safe
from attendo.checkpoint.building import SAFE_FUNCTIONS, check_target
from attendo.data.sources import SyntheticSentiment
from attendo.metrics import Bleu
from attendo.tasks import GreedyDecoding

CONF = Path(__file__).parents[2] / "conf"

HOSTILE = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "functools.partial",
    "subprocess.Popen",
    "logging.os.system",
    "hydra.utils.instantiate",
    "torch.load",
    "torch.hub.load",
    "torch.nn.modules.module.torch.load",
    "torch.nn.modules.module.register_module_forward_hook",
    "torch.nn.modules.module.functools.partial",
    "torch.nn.modules.Module.load_state_dict",
    "attendo",
    "attendo.models",
    "attendo.modelsx.Evil",
    "attendo.__main__.main",
    "attendo.cli.main.main",
    "attendo.data.cache.os.system",
    "attendo.data.cache.shutil.rmtree",
    "attendo.data.cache.cached_folder",
    "attendo.data.tables.TextTable.write",
    "attendo.data.tables.IdTableWriter",
    "attendo.data.loader.threading.Thread",
    "attendo.data.sources.hub.datasets.load_dataset",
    "attendo.tokenization.Tokenizer.from_dict",
    "attendo.tasks.task.importlib.import_module",
    "attendo.tasks.seq2seq.greedy",
    "attendo.models.SelfAttentiveClassifier.__init__",
    "attendo.models.SelfAttentiveClassifier.__init__.__globals__",
    "attendo.models.SelfAttentiveClassifier.__class__",
    "attendo.models.SelfAttentiveClassifier.__subclasses__",
    "attendo.models.SelfAttentiveClassifier.__reduce_ex__",
    "attendo.models.SelfAttentiveClassifier.forward",
    "attendo.models.self_attentive.Callable",
    "attendo.models.self_attentive.__builtins__.eval",
    "attendo.models.self_attentive.__loader__.get_data",
    "attendo.models..os.system",
    "attendo.models.",
    ".os.system",
    "",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_what_could_do_harm_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"model\._target_"):
        check_safe({"_target_": target}, key="model")


@pytest.mark.parametrize("target", [None, 3, ["os.system"], {"a": 1}, print, nn.Linear, b"os.system"])
def test_a_target_has_to_be_a_name(target: object) -> None:
    with pytest.raises(ValueError, match=r"model\._target_"):
        check_safe({"_target_": target}, key="model")


EVIL = {"_target_": "os.system", "_args_": ["true"]}


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"model": {"encoder": EVIL}}, r"model\.encoder\._target_"),
        ({"model": {"layers": [1, {"x": [EVIL]}]}}, r"model\.layers\[1\]\.x\[0\]\._target_"),
        ({"model": {"_target_": "torch.nn.ReLU", "_args_": [EVIL]}}, r"model\._args_\[0\]\._target_"),
        ({"model": {"_target_": "torch.nn.ReLU", "_recursive_": False, "a": (EVIL,)}}, r"model\.a\[0\]"),
        ({"model": {"_partial_": True, **EVIL}}, r"model\._target_"),
        ({"a": "${oc.env:HOME}"}, r"a='\$\{oc\.env:HOME\}'.*interpolation"),
        ({"model": {"_target_": "${a}", "a": "os.system"}}, r"model\._target_"),
        ({"a": [{"b": "x ${hydra:runtime.cwd} y"}]}, r"a\[0\]\.b"),
        ({"a": OrderedDict(EVIL)}, "a: expected a plain value, not OrderedDict"),
        ({"a": {1, 2}}, "a: expected a plain value, not set"),
        ({"a": torch.ones(1)}, "a: expected a plain value, not Tensor"),
        ({"a": functools.partial(print)}, "a: expected a plain value, not partial"),
    ],
)
def test_harm_is_found_wherever_it_hides(config: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        check_safe(config)


def modules_below(package: ModuleType) -> list[ModuleType]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package, *(importlib.import_module(each.name) for each in found)]


def test_of_everything_in_reach_only_constructors_and_tokenizer_trainers_are_accepted() -> None:
    """Every name of every module that a target may begin with, and every attribute of what it names."""
    packages = (
        attendo.data,
        attendo.metrics,
        attendo.models,
        attendo.tasks,
        attendo.tokenization,
        torch.nn.modules,
    )
    accepted: set[object] = set()
    tried = 0
    for module in {each for package in packages for each in modules_below(package)}:
        for name, value in list(vars(module).items()):
            inner = [] if module.__name__.startswith("torch") else [f"{name}.{each}" for each in dir(value)]
            for target in (name, *inner):
                tried += 1
                try:
                    check_target(f"{module.__name__}.{target}", (), "model")
                except ValueError:
                    continue
                found = functools.reduce(getattr, target.split("."), module)
                accepted.add(found)
    assert tried > 5000
    classes = {found for found in accepted if isinstance(found, type)}
    assert accepted - classes == set(SAFE_FUNCTIONS)
    others = {found for found in classes if not issubclass(found, nn.Module)}
    homes = {found.__module__.split(".")[1] if "attendo" in found.__module__ else found for found in others}
    assert homes == {"data", "metrics", "tasks"}
    assert {SyntheticSentiment, Bleu, GreedyDecoding} <= others
    assert {found.__module__ for found in others if "data" in found.__module__} == {
        module.__name__
        for module in modules_below(attendo.data.sources)
        if module.__name__ in {found.__module__ for found in others}
    }


def targets_in(node: object) -> list[str]:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node["_target_"]] if isinstance(node, dict) and "_target_" in node else []
    return own + [target for each in inside for target in targets_in(each)]


def test_all_that_our_own_configuration_may_build_from_a_file_is_accepted() -> None:
    groups = ("model", "data", "decoding", "metrics", "tokenizer")
    files = [file for group in groups for file in (CONF / group).rglob("*.yaml")]
    # It reads another run, which no stranger's file may ask for.
    files.remove(CONF / "tokenizer" / "from_run.yaml")
    targets = {target for file in files for target in targets_in(yaml.safe_load(file.read_text()))}
    assert len(targets) >= 15
    for target in targets:
        check_safe({"_target_": target, "sizes": [1, 2.5, None, True, ("a",)]})


@pytest.mark.parametrize(
    "target", ["torch.nn.Linear", "torch.nn.modules.linear.Linear", "torch.nn.TransformerEncoder"]
)
def test_layers_of_torch_are_accepted(target: str) -> None:
    check_safe({"_target_": target})


def test_trust_widens_it_by_the_package_that_was_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "their_package").mkdir()
    (folder / "their_package/__init__.py").write_text(
        "import os\nfrom torch import nn\nclass Encoder(nn.Module): pass\ndef build(): return Encoder()\n"
    )
    (folder / "their_package_too.py").write_text("def build(): pass\n")
    monkeypatch.syspath_prepend(folder)
    for target in ("their_package.Encoder", "their_package.build"):
        with pytest.raises(ValueError, match=r"add trust=\[PACKAGE\]"):
            check_safe({"_target_": target})
        check_safe({"a": [{"_target_": target}, {"_target_": target}]}, trust=iter(["their_package"]))
    for target in (
        "their_package.os.system",
        "their_package_too.build",
        "their_package.nn",
        "their_package.gone",
    ):
        with pytest.raises(ValueError, match=r"_target_"):
            check_safe({"_target_": target}, trust=["their_package"])


def test_a_package_that_is_not_trusted_is_not_even_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loud_package.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ValueError, match=r"_target_"):
        check_safe({"_target_": "loud_package.anything"})
