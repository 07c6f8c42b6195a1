"""A last look at a checkpoint before it goes into a model."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.distributed.fsdp import FullyShardedDataParallel

from ...checkpoints.checkpoint import HEADS, get_state_dict, is_sapiens
from ...checkpoints.checkpoint_fit import check_head
from ...registry import HOOKS


@HOOKS.register_module()
class CheckpointGuardHook(Hook):
    """Refuses a Sapiens checkpoint that would be silently wrong.

    The runner loads ``load_from`` without strictness: weights of a Sapiens head go into a stock
    head with batch norms, or of 308 keypoints into 17, with a warning among others. This hook
    raises an error instead.
    """

    priority = 'VERY_HIGH'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check the head of ``checkpoint`` against the model.

        Args:
            runner (Runner): The runner, its model is built.
            checkpoint (dict): As loaded; not changed.

        Raises:
            ValueError: See :func:`mmsapiens.checkpoints.checkpoint_fit.check_head`.
        """
        model = runner.model
        # Units of FSDP have states only through the outermost one.
        if is_model_wrapper(model) and not isinstance(model, FullyShardedDataParallel):
            model = model.module
        try:
            file = get_state_dict(checkpoint)
            # Not without need: FSDP gathers all weights for `state_dict`.
            if is_sapiens(file) and any(key.startswith(tuple(HEADS)) for key in file):
                check_head(file, model.state_dict())
        except ValueError as error:
            name = runner.cfg.get('load_from') or 'the checkpoint'
            raise ValueError(f'{name} does not fit the model: {error}') from None
