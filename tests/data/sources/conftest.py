"""Lets the tests of this folder import ``broken_files``, and keeps the hub's library off the network."""

import sys
from pathlib import Path

import datasets

sys.path.insert(0, str(Path(__file__).parent))
datasets.disable_progress_bars()
