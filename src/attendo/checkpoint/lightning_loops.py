"""Where training stands, in the form in which Lightning goes on from it exactly.

Lightning restores its loops rightly from a few of its hooks only: from others it skips a validation that is
due, counts a step or an epoch twice, or calls hooks again. The place follows from the number of optimizer
steps, so it is written here as one of the states that are restored rightly, whenever the checkpoint is saved.

After 5 or 6 steps of an epoch of 6, the first one, counted in "processed":

====================================  ======  =======  ==================  ============
place                                 epochs  batches  validation batches  logged steps
====================================  ======  =======  ==================  ============
5: inside the epoch                   0       5        0                   5
6: the validation is due              0       6        0 of 1 started      5
6: it is done, the epoch still open   0       6        0                   5
6: between the epochs                 1       0        0                   5
====================================  ======  =======  ==================  ============
"""

from enum import Enum
from typing import Any

WRITTEN = {
    "epoch_progress",
    "epoch_loop.batch_progress",
    "epoch_loop.state_dict",
    "epoch_loop.val_loop.batch_progress",
}


class Validation(Enum):
    """What has become of the validation after the last step."""

    NONE = "none is due there"
    DUE = "it has begun, or has yet to, and counts for nothing"
    DONE = "it is done"


def write_place(fit_loop: dict[str, Any], steps: int, steps_per_epoch: int, validation: Validation) -> None:
    """Rewrites ``checkpoint["loops"]["fit_loop"]`` in place.

    Args:
        fit_loop: state as Lightning collects it; keys are attributes of its loops.
        steps: optimizer steps done.
        steps_per_epoch: of the run, the same for all epochs.
        validation: after the last step. NONE at the end of an epoch means that the epoch is closed.
    """
    assert fit_loop.keys() >= WRITTEN, "this version of Lightning names its loops otherwise"
    epochs, done = divmod(steps, steps_per_epoch)
    if done == 0 and validation is not Validation.NONE:
        # The epoch's last step is done, and the epoch still open.
        epochs, done = epochs - 1, steps_per_epoch
    is_open = done > 0
    # Between epochs the next one is announced, not begun: no option of the Trainer alters what that means.
    place = {"ready": epochs + 1, "started": epochs + is_open, "processed": epochs, "completed": epochs}
    fit_loop["epoch_progress"] = {"total": dict(place), "current": dict(place)}
    # There, "processed" one behind "started" keeps Lightning from looking for a validation to skip.
    behind = 0 if is_open else 1
    fit_loop["epoch_loop.batch_progress"] = {
        "total": {"ready": steps, "started": steps, "processed": steps - behind, "completed": steps - behind},
        "current": dict.fromkeys(("ready", "started", "processed", "completed"), done),
        "is_last_batch": done == steps_per_epoch,
    }
    # Of the loggers. Lightning adds one on its way to where the next step begins, unless it is there already.
    logged = steps if is_open and validation is Validation.NONE else steps - 1
    fit_loop["epoch_loop.state_dict"] = {**fit_loop["epoch_loop.state_dict"], "_batches_that_stepped": logged}
    # A validation that is due is written as interrupted in its first batch: Lightning then begins it anew.
    begun = int(validation is Validation.DUE)
    inside = {"ready": begun, "started": begun, "processed": 0, "completed": 0}
    fit_loop["epoch_loop.val_loop.batch_progress"] = {
        "total": dict(inside),
        "current": dict(inside),
        "is_last_batch": False,
    }
