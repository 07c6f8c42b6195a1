"""Row: a dense task on a GPU, after the others, if there is time."""

from .training_gpu import register_step

register_step('parsing', '0.3b', 60)
