"""Where conf/ lies, and the resolvers that its files use."""

import secrets
from datetime import datetime
from pathlib import Path

from omegaconf import OmegaConf

import attendo

PACKAGE = Path(attendo.__file__).parent


def conf_folder() -> Path:
    """``attendo/conf`` of an installed wheel, or ``conf`` at the root of a checkout."""
    for folder in (PACKAGE / "conf", PACKAGE.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise FileNotFoundError(f"attendo's conf/ is neither in {PACKAGE} nor at the root of a checkout")


def run_id() -> str:
    """The clock, and four letters that keep apart two runs of the same second."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(2)}"


CONF = str(conf_folder())
OmegaConf.register_new_resolver("run_id", run_id, use_cache=True, replace=True)
