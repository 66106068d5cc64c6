"""Schedules, parameter groups, gradient clipping."""

from attendo.optim.clipping import Clip, ClipBounds, ClipNorm, ClipValue
from attendo.optim.parameter_groups import parameter_groups
from attendo.optim.schedules import ScheduleFactory, constant, cosine, inverse_sqrt, linear, noam, plateau

__all__ = [
    "Clip",
    "ClipBounds",
    "ClipNorm",
    "ClipValue",
    "ScheduleFactory",
    "constant",
    "cosine",
    "inverse_sqrt",
    "linear",
    "noam",
    "parameter_groups",
    "plateau",
]
