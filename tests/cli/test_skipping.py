"""``data.on_error=skip`` from the command line: rows in = rows used + rows listed."""

from pathlib import Path

from command_line import FAST, SMALL_CLASSIFIER, attendo, trained
from small_corpora import TEXTS, write_table

BAD = {4: b"no label\n", 9: b"\tpos\n", 17: b"caf\xe9\tpos\n", 23: b"one\ttwo\tthree\n"}


def broken(path: Path, bad: dict[int, bytes]) -> int:
    """Writes a table with some bad lines; returns how many rows it has."""
    write_table(path, ("text", "label"), TEXTS)
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in bad.items():
        lines.insert(number - 1, line)
    path.write_bytes(b"".join(lines))
    return len(lines) - 1


def listed(file: Path) -> list[list[str]]:
    header, *lines = (line.split("\t") for line in file.read_text(encoding="utf-8").splitlines())
    assert header == ["split", "where", "problem"]
    return lines


def test_bad_lines_are_left_out_counted_and_listed(tmp_path: Path) -> None:
    train, test = tmp_path / "train.tsv", tmp_path / "test.tsv"
    rows = broken(train, BAD)
    broken(test, {3: b"a film\tmixed\n"})
    words = ("data=labelled_texts", f"data.train={train}", f"data.test={test}", *SMALL_CLASSIFIER)
    refused = attendo("train", *FAST, *words)
    assert refused.code == 2
    assert f"{train}:4" in refused.err
    ended = trained(*words, "data.on_error=skip")
    assert "4 bad train rows were left out" in ended.err
    assert "1 bad test rows were left out" in ended.err
    found = listed(ended.folder / "skipped.tsv")
    assert [where for split, where, _ in found if split == "train"] == [f"{train}:{n}" for n in BAD]
    assert [where for split, where, _ in found if split == "test"] == [f"{test}:3"]
    used = sum(
        int(line.split()[1].rstrip(","))
        for line in ended.out.splitlines()
        if line.startswith(("train ", "validation "))
    )
    assert used + len(BAD) == rows


def test_an_evaluation_lists_them_beside_its_predictions(tmp_path: Path) -> None:
    write_table(tmp_path / "train.tsv", ("text", "label"), TEXTS)
    new = tmp_path / "new.tsv"
    rows = broken(new, BAD)
    run = trained("data=labelled_texts", f"data.train={tmp_path / 'train.tsv'}", *SMALL_CLASSIFIER).folder
    words = (f"run={run}", f"data.test={new}", "accelerator=cpu", f"output={tmp_path / 'out'}")
    assert f"{new}:4" in attendo("evaluate", *words).err
    assert attendo("evaluate", *words, "data.on_error=skip").code == 0
    (file,) = (tmp_path / "out").glob("*_skipped.tsv")
    (answers,) = (tmp_path / "out").glob("*.jsonl")
    assert len(listed(file)) + len(answers.read_text(encoding="utf-8").splitlines()) == rows
