"""Mixed precision on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel

from ...registry import OPTIM_WRAPPERS
from .loss_guard import LossGuard

DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16, 'float32': torch.float32}


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Autocast and, for float16, loss scaling; on CPU and GPU alike.

    The stock ``AmpOptimWrapper`` refuses to run without a GPU. This one may also reject outlier
    losses and gradients that are not finite, and clips the gradients that FSDP shards by their norm
    over all processes.

    Args:
        dtype (str): 'bfloat16', 'float16' or 'float32' (no autocast). Defaults to 'bfloat16'.
        loss_scale (dict, optional): Arguments of ``torch.amp.GradScaler``, only for float16.
            Defaults to None.
        loss_guard (dict, optional): Arguments of :class:`LossGuard`. Defaults to None, no guard.
        **kwargs: Arguments of ``OptimWrapper``.
    """

    def __init__(
        self,
        dtype: str = 'bfloat16',
        loss_scale: dict | None = None,
        loss_guard: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if dtype not in DTYPES:
            raise ValueError(f'`dtype` must be one of {list(DTYPES)}, but got {dtype!r}')
        if loss_scale is not None and dtype != 'float16':
            raise ValueError(f"`loss_scale` needs `dtype='float16'`, but got {dtype!r}")
        self.dtype = DTYPES[dtype]
        self.device_type = torch.device(get_device()).type
        self.scaler = torch.amp.GradScaler(
            self.device_type, enabled=dtype == 'float16', **(loss_scale or {})
        )
        self.guard = None if loss_guard is None else LossGuard(**loss_guard)
        self._sharded: FullyShardedDataParallel | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        if isinstance(model, FullyShardedDataParallel):
            self._sharded = model
        with (
            super().optim_context(model),
            torch.autocast(self.device_type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            yield

    def update_params(
        self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None
    ) -> None:
        """Backward and, when due, step; nothing at all for an outlier."""
        if self.guard is None or self.guard.accepts(loss):
            super().update_params(loss, step_kwargs, zero_kwargs)
            return
        self._log_rejected(self.guard)
        # No backward pass: gradients of a non-finite loss are not finite, whatever they are
        # multiplied by.
        self._inner_count += 1
        if self.should_update():
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        super().backward(self.scaler.scale(loss), **kwargs)

    def _log_rejected(self, guard: LossGuard) -> None:
        self.message_hub.update_scalar('train/rejected_losses', guard.num_rejected)

    def _clip_grad(self) -> None:
        if self._sharded is None:
            super()._clip_grad()
            return
        # Each process holds a part, whose norm is not that of the whole.
        norm = self._sharded.clip_grad_norm_(**self.clip_grad_kwargs)
        self.message_hub.update_scalar('train/grad_norm', float(norm))

    def step(self, **kwargs: Any) -> None:
        """Clip gradients and update the parameters, but not by ones that the guard rejects."""
        # An overflow in float16 is the business of the loss scale.
        if self.guard is not None and not self.scaler.is_enabled():
            groups = self.optimizer.param_groups
            grads = (param.grad for group in groups for param in group['params'])
            if not self.guard.accepts_gradients(grad for grad in grads if grad is not None):
                self._log_rejected(self.guard)
                return
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def state_dict(self) -> dict:
        state = super().state_dict()
        state['loss_scaler'] = self.scaler.state_dict()
        if self.guard is not None:
            state['loss_guard'] = self.guard.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Continue from :meth:`state_dict`, or that of another wrapper."""
        state_dict = dict(state_dict)
        scaler = state_dict.pop('loss_scaler', None)
        guard = state_dict.pop('loss_guard', None)
        if scaler and self.scaler.is_enabled():
            self.scaler.load_state_dict(scaler)
        if guard and self.guard is not None:
            self.guard.load_state_dict(guard)
        super().load_state_dict(state_dict)
