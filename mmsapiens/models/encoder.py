"""What the encoders of all generations share: options, freezing, the loop over blocks, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .archs import get_arch, name_of_arch
from .layers import PatchEmbed, run_block
from .tasks import INPUT_HW, TINY_INPUT_HW

OUT_TYPES = ('raw', 'cls_token', 'featmap', 'avg_featmap', 'featmap_and_cls_token')


class PlainViT(nn.Module):
    """Pre-norm blocks of one width over the patches of an image, with extra tokens in front.

    A subclass calls :meth:`_set_options`, makes ``patch_embed``, ``ln1`` and its blocks, and calls
    :meth:`_freeze`.
    """

    family: str
    """Name of the family in checkpoints."""
    archs: Mapping[str, dict[str, int]]
    """Name -> size."""
    embeddings: tuple[str, ...]
    """Parameters and modules before the first block."""
    blocks: nn.ModuleList
    patch_embed: PatchEmbed
    ln1: nn.Module
    num_extra_tokens: int

    @classmethod
    def usual_hw(cls, arch: Mapping[str, int]) -> tuple[int, int]:
        """Height and width of the images of the released models of a size."""
        is_tiny = (name_of_arch(arch, cls.archs) or '').endswith('tiny')
        return TINY_INPUT_HW if is_tiny else INPUT_HW

    def _set_options(
        self,
        arch: str | Mapping[str, int],
        img_size: int | Sequence[int],
        out_type: str,
        out_indices: int | Sequence[int],
        frozen_stages: int,
        with_cp: bool,
    ) -> None:
        """Check and keep what does not depend on the kind of blocks."""
        self.arch = get_arch(arch, self.archs)
        self.embed_dims = self.arch['embed_dims']
        self.num_layers = self.arch['num_layers']
        if not isinstance(img_size, int) and len(img_size) != 2:
            raise ValueError(f'`img_size` must be an int or (height, width), but got {img_size!r}')
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        self.img_size = int(height), int(width)
        if out_type not in OUT_TYPES:
            raise ValueError(f'`out_type` must be one of {OUT_TYPES}, but got {out_type!r}')
        if out_type.endswith('cls_token') and not self.num_extra_tokens:
            raise ValueError(f'`out_type={out_type!r}` needs `with_cls_token=True`')
        self.out_type = out_type
        indices = (out_indices,) if isinstance(out_indices, int) else tuple(out_indices)
        depth = self.num_layers
        if any(not -depth <= index < depth for index in indices):
            raise ValueError(f'`out_indices` must be in [{-depth}, {depth}), but got {indices}')
        self.out_indices = tuple(index % depth for index in indices)
        if not -1 <= frozen_stages <= depth:
            raise ValueError(f'`frozen_stages` must be in [-1, {depth}], but got {frozen_stages}')
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp

    def _check_grid(self) -> None:
        self.patch_grid = self.patch_embed.grid_size(self.img_size)
        if 0 in self.patch_grid:
            raise ValueError(
                f'`img_size` must hold at least one patch of {self.patch_embed.patch_size} '
                f'pixels, but got {self.img_size}'
            )

    def layer_of(self, name: str) -> int:
        """Depth of a parameter, whose name is without parts of wrappers.

        0 for the embeddings, i + 1 for block i, ``num_layers + 1`` for what follows.
        """
        place = name.split('.')
        if place[0] in self.embeddings:
            return 0
        return int(place[1]) + 1 if place[0] in ('layers', 'blocks') else self.num_layers + 1

    def _freeze(self) -> None:
        if self.frozen_stages < 0:
            return
        frozen = [getattr(self, name) for name in self.embeddings if hasattr(self, name)]
        frozen += self.blocks[: self.frozen_stages]
        if self.frozen_stages == self.num_layers:
            frozen.append(self.ln1)
        for each in frozen:
            each.requires_grad_(False)
            if isinstance(each, nn.Module):
                each.eval()

    def train(self, mode: bool = True) -> Any:
        """Set the mode; frozen layers stay in evaluation mode."""
        super().train(mode)
        self._freeze()
        return self

    def _encode(self, x: Tensor, grid: tuple[int, int], *context: Any) -> tuple[Any, ...]:
        """Outputs of ``out_indices`` for tokens (B, L, D); ``context`` goes to every block."""
        outs = []
        for index, block in enumerate(self.blocks):
            x = run_block(block, x, *context, recompute=self.with_cp and self.training)
            if index == self.num_layers - 1:
                x = self.ln1(x)
            if index in self.out_indices:
                outs.append(self._format(x, grid))
        return tuple(outs)

    def _format(self, x: Tensor, grid: tuple[int, int]) -> Tensor | tuple[Tensor, Tensor]:
        if self.out_type == 'raw':
            return x
        if self.out_type == 'cls_token':
            return x[:, 0]
        patches = x[:, self.num_extra_tokens :]
        if self.out_type == 'avg_featmap':
            return self.ln2(patches.mean(dim=1))
        featmap = patches.transpose(1, 2).unflatten(2, grid).contiguous()
        return featmap if self.out_type == 'featmap' else (featmap, x[:, 0])
