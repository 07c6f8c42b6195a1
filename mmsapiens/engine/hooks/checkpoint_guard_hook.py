"""A last look at a checkpoint before it goes into a model, and a note in what is saved."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from ...checkpoints.contents import check_same_task, get_state_dict
from ...checkpoints.families import find_family
from ...checkpoints.heads import check_heads, split_heads
from ...registry import HOOKS
from .checkpoint_metadata import add_metadata, inner_model


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Refuses a Sapiens checkpoint that would be silently wrong.

    The runner loads ``load_from`` without strictness: weights of a Sapiens head go into a stock
    head with batch norms, or of 308 keypoints into 17, with a warning among others. This hook
    raises an error instead; also where the file says that its head is for another task. Checkpoints
    that are saved say what they hold.
    """

    priority = 'VERY_HIGH'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Let the checkpoint say what it holds."""
        add_metadata(runner, checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the head of ``checkpoint`` against the model."""
        model = inner_model(runner)
        source = runner.cfg.get('load_from')
        try:
            file = get_state_dict(checkpoint)
            # Not without need: FSDP gathers all weights for `state_dict`.
            if find_family(file) and split_heads(file):
                check_heads(file, model.state_dict())
                check_same_task(model, checkpoint.get('meta'), source)
        except ValueError as error:
            name = source or 'the checkpoint'
            raise ValueError(f'{name} does not fit the model: {error}') from None
