"""Compiled transformer blocks in training."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from ...models.layers import compile_blocks
from ...registry import HOOKS


@HOOKS.register_module()
class CompileBlocksHook(Hook):
    """Compiles the transformer blocks of a model before training.

    For pose and dense tasks; pretraining has ``compile_blocks`` of the model. The first steps take
    longer by the time of compilation.

    Args:
        **settings (Any): Of ``torch.compile``, see
            :func:`mmsapiens.models.layers.compile_blocks`.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def before_train(self, runner: Runner) -> None:
        """Compile."""
        number = compile_blocks(runner.model, **self.settings)
        print_log(f'{number} transformer blocks are compiled', 'current')
