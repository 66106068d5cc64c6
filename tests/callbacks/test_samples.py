"""Examples in TensorBoard: the same rows every time, readable, whatever is in them."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from pytorch_lightning.loggers import TensorBoardLogger
from tensorboard import plugin_util
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from attendo.callbacks import Samples
from attendo.callbacks.samples import markdown, spread
from attendo.data.preparation import PreparedData
from small_runs import trained

NASTY = [
    "a | b || c",
    "<unk> & <b>bold</b> &lt;",
    "*stars* _lines_ __two__ `code` ``",
    "[link](http://x.org) ![image](y)",
    "\\ \\| \\\\ \\<",
    "# no title",
    "1. no list - nor this",
    "<script>alert(1)</script>",
    "tab\tand\nline\r\nbreak\u2028here",
    "{x} + (y) ~~z~~ ^w^ $v$",
    "他说：“你好”，Ägypten",
    "",
]


class Cells(HTMLParser):
    """Texts of the cells of a table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag == "td":
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data


def test_every_character_shows_as_it_is() -> None:
    """As TensorBoard itself renders it."""
    records = [{"row": number, "text": text, "hidden": {}} for number, text in enumerate(NASTY)]
    page = Cells(plugin_util.markdown_to_safe_html(markdown(records)))
    expected = [" ".join(text.split()) for text in NASTY]
    assert [text.strip() for text in page.texts[1::2]] == expected
    assert [text.strip() for text in page.texts[::2]] == [str(number) for number in range(len(NASTY))]
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}


def test_samples_are_spread_evenly() -> None:
    records = [{"row": number} for number in range(10)]
    assert [record["row"] for record in spread(records, 3)] == [0, 3, 6]
    assert spread(records, 99) == records and spread([], 3) == []


def tables(folder: Path) -> list[tuple[int, str]]:
    """Steps and texts of what stands in the folder's event files."""
    events = EventAccumulator(str(folder))
    events.Reload()
    found = events.Tensors("validation/samples/text_summary")
    return [(event.step, event.tensor_proto.string_val[0].decode()) for event in found]


def test_the_same_rows_appear_after_every_validation(data: PreparedData, folder: Path) -> None:
    logger = TensorBoardLogger(folder, name="", version="")
    trainer = {"logger": logger, "num_sanity_val_steps": 1, "max_epochs": 3}
    task, _ = trained(data, None, None, Samples(5), trainer=trainer)
    found = tables(folder)
    assert [step for step, _ in found] == [6, 12, 18]
    expected = [record["row"] for record in spread(task.records, 5)]
    role = "text" if data.labels else "source"
    for _, table in found:
        header, ruler, *lines = table.splitlines()
        assert header.startswith(f"| row | {role} |") and set(ruler) == {"|", "-", " "}
        assert [int(line.split("|")[1]) for line in lines] == expected
        for line, row in zip(lines, expected, strict=True):
            assert task.records[row][role] in line
    assert "predicted" in found[0][1].splitlines()[0] and "probabilities" not in found[0][1]


def test_without_tensorboard_there_is_nothing_to_write(texts: PreparedData) -> None:
    trained(texts, None, None, Samples(5))


@pytest.mark.parametrize("count", [1, 1000])
def test_any_number_of_samples_is_fine(texts: PreparedData, folder: Path, count: int) -> None:
    logger = TensorBoardLogger(folder, name="", version="")
    trained(texts, None, None, Samples(count), trainer={"logger": logger, "max_epochs": 1})
    ((_, table),) = tables(folder)
    assert len(table.splitlines()) == 2 + min(count, len(texts.splits["validation"]))
