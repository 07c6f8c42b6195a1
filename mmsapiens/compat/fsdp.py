"""Resuming with ``FSDPStrategy`` on torch 2.x."""

from __future__ import annotations

from types import ModuleType
from typing import Any


def fix_optim_state_order(fsdp: ModuleType) -> None:
    """Let ``FSDPStrategy`` load an optimizer state.

    mmengine 0.10.7 passes (state, model, optimizer) by position to
    ``FullyShardedDataParallel.optim_state_dict_to_load``, whose order became (model, optimizer,
    state) in torch 2.1: a TypeError at resume. https://github.com/pytorch/pytorch/issues/105727

    Args:
        fsdp (ModuleType): ``mmengine._strategy.fsdp``.
    """
    stock = fsdp.FSDP

    class FullyShardedDataParallel(stock):  # type: ignore[misc, valid-type]
        """The stock wrapper with the order of arguments of torch 2.0."""

        @staticmethod
        def optim_state_dict_to_load(state: dict, model: Any, optimizer: Any, *args: Any) -> dict:
            """See ``torch.distributed.fsdp.FullyShardedDataParallel``."""
            return stock.optim_state_dict_to_load(model, optimizer, state, *args)

    vars(fsdp)['FSDP'] = FullyShardedDataParallel
