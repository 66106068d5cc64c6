"""Schedules, parameter groups, freezing, gradient clipping."""

from attendo.optim.clipping import Clip, ClipBounds, ClipNorm, ClipValue
from attendo.optim.freezing import Freezing
from attendo.optim.parameter_groups import parameter_groups, scale_rates
from attendo.optim.schedules import ScheduleFactory, constant, cosine, inverse_sqrt, linear, noam, plateau

__all__ = [
    "Clip",
    "ClipBounds",
    "ClipNorm",
    "ClipValue",
    "Freezing",
    "ScheduleFactory",
    "constant",
    "cosine",
    "inverse_sqrt",
    "linear",
    "noam",
    "parameter_groups",
    "plateau",
    "scale_rates",
]
