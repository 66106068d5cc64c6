"""Finds what constructors refuse before any data is read, with stand-ins for what the data decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.utils import get_class

from attendo.checkpoint import build_model
from attendo.cli.building import build_module, build_optimization, build_task, building
from attendo.cli.starting import check_start
from attendo.data import PreparedData
from attendo.data.preparation import Trainers
from attendo.optim import parameter_groups
from attendo.predictor import PRECISIONS
from attendo.suggestions import did_you_mean
from attendo.tasks import Seq2SeqTask, Task
from attendo.tokenization import Tokenizer, train_character

REPLACED = {
    "gradient_clip_val": "clipping=norm or clipping=value",
    "gradient_clip_algorithm": "clipping=norm or clipping=value",
    "accumulate_grad_batches": "data.tokens_per_micro_batch",
}
BETTER = {  # metric → mode; those of other people's tasks may go either way
    **dict.fromkeys(("loss", "penalty", "ece", "hop_overlap", "ter"), "min"),
    **dict.fromkeys(("character_error_rate", "word_error_rate", "token_error_rate"), "min"),
    **dict.fromkeys(("accuracy", "macro_f1", "micro_f1", "mcc", "auroc", "average_precision"), "max"),
    **dict.fromkeys(("token_accuracy", "bleu", "chrf", "exact_match"), "max"),
    **dict.fromkeys(("rouge1", "rouge2", "rougeL", "rougeLsum"), "max"),
}
MANY_STEPS = 10**9  # more than any warm-up


def rehearse(config: Mapping[str, Any], roles: Sequence[str], trainers: Trainers) -> None:
    """Builds model, task, optimizer and schedule around a vocabulary of a few letters.

    Args:
        config: checked and resolved.
        roles: what a row of the data has.
        trainers: role → how its tokenizer is trained, or the tokenizer.

    Raises:
        ValueError: model and data do not belong together, or a constructor refuses its arguments.
    """
    check_task_fits(config, roles)
    check_classifier(config, roles)
    check_balance(config)
    check_vocabularies(config, roles, trainers)
    check_positions(config)
    check_subword_dropout(config)
    check_trainer(config["trainer"])
    check_monitoring(config)
    tokenizer = train_character(["stand-in"], lowercase=False, minimum_count=1, maximum_size=None)
    labels = ["this", "that"] if "label" in roles else []
    data = PreparedData(
        {},
        dict.fromkeys((role for role in roles if role != "label"), tokenizer),
        labels,
        is_multilabel=config["data"]["label_separator"] is not None,
    )
    build_module(config, data)
    with building("model"):
        model = build_model(config["model"], data.tokenizers, labels)
    optimization = build_optimization(config)
    check_monitored(config, build_task(config, model, data, optimization))
    if config["resume"] is None:
        check_start(config, model, data)
    groups = parameter_groups(model, optimization.learning_rates)
    try:
        optimizer = optimization.optimizer(groups)
    except (ValueError, TypeError) as error:
        raise ValueError(f"optimizer: {error}") from error
    optimization.schedule(optimizer, MANY_STEPS)


def check_task_fits(config: Mapping[str, Any], roles: Sequence[str]) -> None:
    """Labelled texts are for the classifier, pairs for the Transformer."""
    data = config["data"]["name"]
    task: type[Task] = get_class(config["task"]["_target_"])
    wanted = task.roles
    if "label" in wanted and "label" not in roles:
        raise ValueError(f"data={data} has pairs, but the model classifies texts: add model=transformer")
    if "label" not in wanted and "label" in roles:
        raise ValueError(
            f"data={data} has labelled texts, but the model needs pairs: add model=self_attentive, "
            "or choose data with a source and a target (data=synthetic_dates, data=parallel_texts, …)"
        )


def check_classifier(config: Mapping[str, Any], roles: Sequence[str]) -> None:
    """The number of texts in a row, and of labels, must be those that the model is made for."""
    data, model = config["data"], config["model"]
    if "label" not in roles:
        return
    if "text_b" in roles and model.get("pair") is None:
        raise ValueError(
            f"data={data['name']} has two texts a row, but the model reads one: "
            "add model/pair=features or model/pair=cross_attention"
        )
    if "text_b" not in roles and model.get("pair") is not None:
        raise ValueError(
            f"data={data['name']} has one text a row, but the model reads two: name the column of the second "
            "(data.columns.text_b=…), or add model/pair=null"
        )
    separator, is_multilabel = data["label_separator"], model.get("head") == "multilabel"
    if is_multilabel and separator is None:
        raise ValueError(
            'model.head=multilabel needs data.label_separator, between the labels of a row, such as "|"'
        )
    if separator is not None and not is_multilabel:
        raise ValueError(
            f"data.label_separator={separator!r}: rows then have several labels: add model.head=multilabel"
        )


def check_balance(config: Mapping[str, Any]) -> None:
    """Rare classes are made up for once."""
    if (
        config["data"]["sampling"] == "balanced"
        and config["regularization"].get("class_weights") == "balanced"
    ):
        raise ValueError(
            "data.sampling=balanced and regularization.class_weights=balanced would make up for rare classes "
            "twice: take one of them"
        )


def check_vocabularies(config: Mapping[str, Any], roles: Sequence[str], trainers: Trainers) -> None:
    """Separate vocabularies leave nothing to tie between the source and the target."""
    vocabularies = [each.vocabulary.tokens for each in trainers.values() if isinstance(each, Tokenizer)]
    is_one = len(vocabularies) == len(trainers) and all(each == vocabularies[0] for each in vocabularies)
    separate = config["target_tokenizer"] is not None and not is_one
    if config["target_tokenizer"] is not None and "target" not in roles:
        raise ValueError("target_tokenizer: the model classifies texts, and there is no target to tokenize")
    if separate and config["model"].get("tied_embeddings") == "all":
        raise ValueError(
            "model.tied_embeddings=all needs one vocabulary for both sides, but target_tokenizer makes a "
            "second one: set model.tied_embeddings=decoder, or target_tokenizer=null"
        )


def check_positions(config: Mapping[str, Any]) -> None:
    """Learned positions end somewhere: texts (and EOS, where a model translates) must not be longer."""
    model, longest = config["model"], config["data"]["max_length"]
    for key, part, end in (("model", model, 1), ("model.encoder", model.get("encoder", {}), 0)):
        places = part.get("max_positions")  # encoders of translators have none of their own
        if part.get("positions") == "learned" and places and (longest is None or longest + end > places):
            raise ValueError(
                f"{key}.positions=learned has room for {key}.max_positions={places} tokens, but texts may "
                f"have data.max_length={longest}{' and EOS' * end}: raise the one, lower the other, or use "
                f"{key}.positions=sinusoidal"
            )


def check_subword_dropout(config: Mapping[str, Any]) -> None:
    """Only merges can be left out."""
    node = config["data"]["subword_dropout"]
    if node is None or not node.get("probability"):
        return
    for key in ("tokenizer", "target_tokenizer"):
        if config[key] is not None and not config[key]["_target_"].endswith(".train_bpe"):
            raise ValueError(
                f"regularization.bpe_dropout={node['probability']}: {key} has no merges to leave out; choose "
                f"{'tokenizer' if key == 'tokenizer' else 'tokenizer@target_tokenizer'}=bpe, or set it to 0"
            )


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """What Lightning's Trainer offers and our optimizer step replaces or cannot do."""
    precision = trainer["precision"]
    if precision not in PRECISIONS:
        hint = did_you_mean(str(precision), PRECISIONS)
        raise ValueError(f"trainer.precision={precision}: expected {', '.join(PRECISIONS)}.{hint}")
    for name, ours in REPLACED.items():
        if trainer.get(name) is not None:
            raise ValueError(f"trainer.{name}: use {ours} instead")


def check_monitored(config: Mapping[str, Any], task: Task) -> None:
    """Which metrics there are of translations is a choice."""
    if not isinstance(task, Seq2SeqTask):
        return
    split, _, name = config["monitor"]["metric"].rpartition("/")
    of_texts = [name for metric in task.metrics.values() for name in metric(["a"], [["a"]]).values]
    known = [f"{split}/{name}" for name in (*of_texts, "loss", "token_accuracy")]
    if f"{split}/{name}" not in known:
        raise ValueError(
            f"monitor.metric={split}/{name}: with these metrics there is no such score; "
            f"expected one of {', '.join(known)}"
        )


def check_monitoring(config: Mapping[str, Any]) -> None:
    """The metric that a run is judged by must be measured, in the right direction, and its best kept."""
    metric, mode = config["monitor"]["metric"], config["monitor"]["mode"]
    right = BETTER.get(metric.rpartition("/")[2], mode)
    if mode != right:
        raise ValueError(f"monitor.metric={metric} with monitor.mode={mode}: add monitor.mode={right}")
    callbacks = config["callbacks"] or {}
    if config["trainer"]["limit_val_batches"] == 0 and callbacks.get("early_stopping"):
        raise ValueError(
            "trainer.limit_val_batches=0 leaves nothing to stop early by: add callbacks.early_stopping=null"
        )
    saver = callbacks.get("checkpoint") or {}
    if saver.get("save_top_k", 1) not in (0, 1) and "{" not in str(saver.get("filename")):
        raise ValueError(
            f"callbacks.checkpoint.save_top_k={saver['save_top_k']} needs a file name for each: "
            "add callbacks.checkpoint.filename='{step}'"
        )
