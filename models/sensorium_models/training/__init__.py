"""Training: one trainer for every system, with exact resume, and strategies that go with it.

See docs/training.md. The parts, each with its own module: :mod:`plan` (the numbers), :mod:`task`
(what a system says of itself), :mod:`fitting` (the trainer), :mod:`sampling`, :mod:`curriculum`,
:mod:`weighting` (strategies), :mod:`rows` and :mod:`card` (figures and model cards).
"""

from sensorium_models.training.card import write_card
from sensorium_models.training.curriculum import Curriculum, Stage
from sensorium_models.training.fitting import Fitted, fit
from sensorium_models.training.history import Progress
from sensorium_models.training.plan import Plan
from sensorium_models.training.rows import Row, lines_of, rows_of
from sensorium_models.training.sampling import Balanced, Passes, Sampler
from sensorium_models.training.stopping import TrainingStopped
from sensorium_models.training.task import Draw, Shares, Task
from sensorium_models.training.weighting import GradNorm, Ratio, Uncertainty, Weighting

__all__ = [
    "Balanced", "Curriculum", "Draw", "Fitted", "GradNorm", "Passes", "Plan", "Progress", "Ratio",
    "Row", "Sampler", "Shares", "Stage", "Task", "TrainingStopped", "Uncertainty", "Weighting",
    "fit", "lines_of", "rows_of", "write_card",
]  # fmt: skip
