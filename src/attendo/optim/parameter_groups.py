"""Which parameters decay."""

from typing import Any

from torch import nn

NO_DECAY = (
    nn.Embedding,
    nn.EmbeddingBag,
    nn.LayerNorm,
    nn.RMSNorm,
    nn.GroupNorm,
    nn.modules.batchnorm._NormBase,
)


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Two groups: matrices, which decay as the optimizer says, and the rest, which never do.

    The rest: biases and every other vector, the parameters of torch's embeddings and norms, and those of any
    module with an attribute ``decays = False``. Tied parameters are counted once; frozen ones are left out.
    """
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, NO_DECAY) or not getattr(module, "decays", True)
        for parameter in module.parameters(recurse=False)
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    decaying = [p for p in trained if p.ndim >= 2 and id(p) not in spared]
    constant = [p for p in trained if p.ndim < 2 or id(p) in spared]
    groups: list[dict[str, Any]] = [
        {"params": decaying, "name": "decaying"},
        {"params": constant, "name": "spared", "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
