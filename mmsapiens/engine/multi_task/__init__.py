"""Several tasks on one encoder: every batch is of one task, with its own data, loss and metrics.

Models, datasets and metrics are those of the single tasks, as their configs have them;
:func:`combine_tasks` puts these configs together.
"""

# ruff: noqa: F401
from .config import combine_tasks
from .data import MultiTaskDataset, TaskBatchSampler
from .loops import MultiTaskTestLoop, MultiTaskValLoop
from .model import MultiTaskModel
