"""A million pairs on disk must not become a million pairs in memory."""

import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest

from attendo.data.tables import IdTableWriter, TextTable

PAIRS, CHUNK, LIMIT = 1_000_000, 10_000, 50  # MB of anonymous memory

# Opens the tables, plans an epoch and builds training and evaluation batches; prints the highest and the last
# growth of anonymous memory in MB. A small table goes first, so that what libraries need once is not counted.
PROGRAM = """
import sys, threading, time
from pathlib import Path
import numpy as np, torch
from attendo.data import BatchSizes, PreparedData, Split, TextDataModule
from attendo.data.tables import IdTable, TextTable

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024

class FakeTrainer:
    global_rank, world_size, global_step, overfit_batches = 0, 1, 0, 0
    num_training_batches = 500

def opened(folder):
    ids = IdTable.open(Path(folder), ["source", "target"])
    return Split("", "", TextTable.open(Path(folder) / "texts.arrow"), ids, None, 0)

def use(train, validation):
    data = PreparedData({"train": opened(train), "validation": opened(validation)}, {}, [])
    module = TextDataModule(data, BatchSizes(4096, None, 16384, 50), seed=0)
    module.trainer = FakeTrainer()
    loader = module.train_dataloader()
    rows = sum(len(part.rows) for step in loader for part in step)
    rows += sum(len(batch.rows) for batch in module.val_dataloader())
    return module, loader, rows

def watch():
    while True:
        seen.append(anonymous())
        time.sleep(0.002)

torch.set_num_threads(1)
use(sys.argv[1], sys.argv[1])
seen = [anonymous()]
threading.Thread(target=watch, daemon=True).start()
time.sleep(0.05)
before = anonymous()
kept = use(sys.argv[2], sys.argv[1])
assert kept[2] > 70_000
print(max(seen) - before, anonymous() - before)
"""


def write_pairs(folder: Path, count: int) -> Path:
    """Random ids, 4 to 60 a side, and texts of as many words; the same ones again in every chunk."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    lengths = np.clip(generator.gamma(8.0, 14 / 8, (2, CHUNK)).astype(int), 3, 60)
    sides = [[generator.integers(4, 8000, length).tolist() for length in side] for side in lengths]
    writer = IdTableWriter(folder, ["source", "target"], [8000, 8000])
    for start in range(0, count, CHUNK):
        writer.append(np.arange(start, start + CHUNK), sides)
    writer.finish()
    rows = [("word " * len(source), "Wort " * len(target)) for source, target in zip(*sides, strict=True)]
    texts = chain.from_iterable(repeat(rows, count // CHUNK))
    TextTable.write(folder / "texts.arrow", ["source", "target"], texts)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pairs")
    return write_pairs(folder / "small", CHUNK), write_pairs(folder / "million", PAIRS)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells anonymous memory apart")
def test_a_million_pairs_take_less_than_fifty_megabytes(folders: tuple[Path, Path]) -> None:
    assert sum(path.stat().st_size for path in folders[1].iterdir()) > 4 * LIMIT * 2**20
    command = [sys.executable, "-c", PROGRAM, *map(str, folders)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    highest, last = map(float, result.stdout.split())
    print(f"{highest:.1f} MB at the highest, {last:.1f} MB at the end")
    assert highest < LIMIT
