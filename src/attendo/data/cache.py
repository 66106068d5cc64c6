"""Work that is done once: folders named by a hash of everything that determines their contents."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

FORMAT = 1  # raise it whenever the contents of cached folders change


def content_key(*parts: object) -> str:
    """Hash of plain values (strings, numbers, lists, dicts): the same in every process."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def cached_folder(cache: Path, key: str, build: Callable[[Path], None]) -> Path:
    """The folder ``cache/key``; ``build(folder)`` fills it the first time.

    It is built beside its target and renamed as a whole, so it is complete or absent: two runs that start at
    once may both build it, and the second one's copy is thrown away.

    Raises:
        ValueError: the cache folder cannot be written.
    """
    target = cache / key
    if target.is_dir():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        building = cache / f".{key}-{uuid.uuid4().hex}"
        building.mkdir()  # not tempfile's: other users of a shared cache may read it
    except OSError as error:
        raise ValueError(
            f"data.cache_dir={cache} cannot be written ({error}); name a folder that can, "
            "or set the environment variable ATTENDO_CACHE"
        ) from error
    try:
        build(building)
        os.rename(building, target)
    except OSError:
        if not target.is_dir():  # not merely the other run's copy that came first
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target
