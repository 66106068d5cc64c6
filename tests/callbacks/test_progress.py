"""Plain lines where there is no terminal, a moving bar where there is one."""

import io
import logging
import re
from collections.abc import Iterator

import pytest
import pytorch_lightning as pl
import rich

from attendo.callbacks import Progress
from attendo.data.preparation import PreparedData
from small_runs import Diary, batch_sizes, trained

LINE = re.compile(
    r"epoch (?P<epoch>\d)/2  step (?P<step>\d+)/12  (?P<facts>.*)  [\d,]+ tokens/s  (?P<left>\d+:\d\d) left"
)


BETWEEN = re.compile(
    r"epoch \d/2  step (?P<step>\d+)/12  [\d,]+ tokens/s  loss (?P<loss>\S+)(?P<score>.*)  \d+:\d\d left"
)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What is logged through ``attendo``, as it comes."""
    found: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    logger, keeper = logging.getLogger("attendo.callbacks"), Keeper()
    logger.addHandler(keeper)
    with caplog.at_level(logging.INFO, logger="attendo.callbacks"):
        yield found
    logger.removeHandler(keeper)


@pytest.fixture
def console() -> Iterator[rich.console.Console]:
    """Rich's own console, writing into a string; tests say whether it is a terminal."""
    own = rich.get_console()
    before = own.__dict__.copy()
    rich.reconfigure(file=io.StringIO(), width=200, force_terminal=False)
    yield own
    own.__dict__.update(before)


def test_without_a_terminal_there_is_a_line_after_every_validation(
    data: PreparedData, lines: list[str], console: rich.console.Console, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(refresh_seconds=0.0, line_seconds=1e9)
    task, diary = trained(data, None, batch_sizes(16), progress)
    found = [LINE.fullmatch(line) for line in lines]
    assert [line and line["step"] for line in found] == ["6", "12"]
    assert [line and line["epoch"] for line in found] == ["1", "2"]
    last = diary.epochs[0]
    assert found[1] is not None and found[1]["left"] == "0:00"
    for name in ("loss", "accuracy" if data.labels else "token_accuracy"):
        assert f"train/{name} {last[f'train/epoch_{name}']:.4g}" in found[1]["facts"]
    for name, value in last.items():
        if name.startswith("validation/"):
            is_chief = name.removeprefix("validation/") in task.chief_metrics
            assert (f"{name} {value:.4g}" in found[1]["facts"]) == is_chief
    written = console.file.getvalue() + "".join(capsys.readouterr())
    assert "\x1b" not in written + "".join(lines) and "\r" not in written


def test_between_validations_lines_come_at_their_interval(
    texts: PreparedData, lines: list[str], console: rich.console.Console
) -> None:
    progress = Progress(refresh_seconds=1e9, line_seconds=0.0)
    _, diary = trained(texts, None, batch_sizes(16), progress, trainer={"max_epochs": 2})
    between = [line for line in map(BETWEEN.fullmatch, lines) if line]
    assert [int(line["step"]) for line in between] == list(range(1, 13))
    for line, loss in zip(between, diary.losses, strict=True):
        assert line["loss"] == f"{loss:.4g}"
    assert [line["score"] for line in between[:6]] == [""] * 6
    assert all(line["score"].startswith("  validation/loss ") for line in between[6:])
    assert len(lines) == len(between) + 2


def test_a_training_that_does_not_validate_has_a_line_per_epoch(
    texts: PreparedData, lines: list[str], console: rich.console.Console
) -> None:
    trained(texts, None, batch_sizes(16), Progress(1e9, 1e9), trainer={"limit_val_batches": 0})
    assert [line[:21].split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("train/loss" in line and "validation" not in line for line in lines)


def test_on_a_terminal_a_bar_moves_to_the_end(
    texts: PreparedData, lines: list[str], console: rich.console.Console
) -> None:
    rich.reconfigure(file=io.StringIO(), width=200, force_terminal=True)
    progress = Progress(refresh_seconds=1e9, line_seconds=0.0)
    trained(texts, None, batch_sizes(16), progress)
    screen = console.file.getvalue()
    assert progress.bar is None and screen.count("\x1b[?25l") == screen.count("\x1b[?25h") == 1
    assert "12/12" in screen.splitlines()[-2], "the last steps count although no refresh was due"
    assert len([line for line in lines if "validation/loss" in line]) == len(lines) == 2

    rich.reconfigure(file=io.StringIO(), width=200, force_terminal=True)
    trained(texts, None, batch_sizes(16), Progress(refresh_seconds=0.0, line_seconds=0.0))
    screen = console.file.getvalue()
    assert "tokens/s  loss" in screen and "epoch 2/2" in screen and "validation/loss" in screen


def test_an_error_gives_the_terminal_back(texts: PreparedData, console: rich.console.Console) -> None:
    class Fails(pl.Callback):
        def on_train_batch_end(self, trainer, *arguments: object) -> None:
            if trainer.global_step == 3:
                raise RuntimeError("on purpose")

    rich.reconfigure(file=io.StringIO(), width=200, force_terminal=True)
    progress = Progress(0.0, 0.0)
    with pytest.raises(RuntimeError, match="on purpose"):
        trained(texts, None, None, progress, Fails())
    screen = console.file.getvalue()
    assert progress.bar is None and screen.count("\x1b[?25l") == screen.count("\x1b[?25h") == 1


def test_the_time_left_after_a_resume_counts_this_session_alone() -> None:
    class Standing(pl.Trainer):
        """A trainer that stands at step 110 of 130."""

        global_step, estimated_stepping_batches = 110, 130

        def __init__(self) -> None:
            pass

    progress = Progress(1.0, 1.0)
    progress.first_step, progress.clock.seconds = 100, 60.0
    assert progress.time_left(Standing()) == "2:00 left"


def test_training_without_an_end_has_no_time_left(
    texts: PreparedData, lines: list[str], console: rich.console.Console
) -> None:
    class Enough(Diary):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            trainer.should_stop = True

    for is_terminal in (False, True):
        rich.reconfigure(file=io.StringIO(), width=200, force_terminal=is_terminal)
        trained(texts, None, None, Progress(0.0, 0.0), Enough(), trainer={"max_epochs": -1})
    assert lines[-1].startswith("epoch 1  step 6  train/loss") and lines[-1].endswith("tokens/s")
