"""Work that is done once: folders named by a hash of everything that determines their contents."""

import glob
import hashlib
import json
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 3  # raise it whenever the contents of cached folders change


def content_key(*parts: object) -> str:
    """Hash of plain values (strings, numbers, lists, dicts): the same in every process."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def cached_folder(cache: Path, key: str, build: Callable[[Path], None]) -> Path:
    """The folder ``cache/key``; ``build(folder)`` fills it the first time.

    It is built beside its target and renamed as a whole, so it is complete or absent: two runs that start at
    once may both build it, and the second one's copy is thrown away.

    Raises:
        ValueError: the cache folder cannot be written, or its disk is full.
    """
    target = cache / key
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        sweep(cache)
        with own_folder(cache, key) as building:
            build(building)
            move(building, target)
    except OSError as error:
        if is_foreign(error, cache):
            raise
        raise ValueError(
            f"data.cache_dir={cache} cannot be written ({error}); name a folder that can, "
            "or set the environment variable ATTENDO_CACHE"
        ) from error
    return target


def move(building: Path, target: Path) -> None:
    try:
        os.rename(building, target)
    except OSError:
        if not target.is_dir():  # not merely the other run's copy that came first
            raise


def is_foreign(error: OSError, cache: Path) -> bool:
    """Whether the error is about a file outside the cache, such as one of the user's texts."""
    if error.filename is None:
        return isinstance(error, FileNotFoundError)  # a source's own words
    path = Path(str(error.filename))
    return not (path.is_relative_to(cache) or cache.is_relative_to(path))


@contextmanager
def own_folder(cache: Path, key: str) -> Iterator[Path]:
    """A new folder that nobody else sweeps up as long as this process lives: it holds the lock file."""
    building = cache / f".{key}@{socket.gethostname()}@{uuid.uuid4().hex}"
    lock = building.with_name(f"{building.name}.lock")
    with open(lock, "wb") as file:
        try:
            is_locked(file, wait=True)  # for whoever sweeps just now
            building.mkdir()  # not tempfile's: other users of a shared cache may read it
            yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)
            lock.unlink(missing_ok=True)


def sweep(cache: Path) -> None:
    """Removes what processes of this host were building when they were killed.

    Only a folder whose lock file nobody holds is one of those. Locks end with their process, and not all
    network disks tell them to other hosts.
    """
    for lock in cache.glob(f".*@{glob.escape(socket.gethostname())}@*.lock"):
        with suppress(OSError), open(lock, "r+b") as file:
            if is_locked(file, wait=False):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink()


def is_locked(file: BinaryIO, wait: bool) -> bool:
    """Locks a file until it is closed; False where another process has, or where there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
