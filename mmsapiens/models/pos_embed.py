"""Position embeddings of patch grids: resizing, and reading from files.

Shapes: h w patch rows and columns, D width. A table is (1, T, D), T = h * w or one more with the
row of a class token.
"""

from math import isqrt

import torch
import torch.nn.functional as F
from torch import Tensor

Grid = tuple[int, int]


def resize_pos_embed(
    pos_embed: Tensor, src_grid: Grid, dst_grid: Grid, num_extra_tokens: int = 0
) -> Tensor:
    """Resize a table (1, E + h * w, D) for ``src_grid`` (h, w) to another patch grid. Bicubic
    without antialiasing, in float32, as in the reference implementation; the E leading rows are
    kept as they are."""
    if src_grid == dst_grid:
        return pos_embed
    extra = pos_embed[:, :num_extra_tokens]
    table = pos_embed[:, num_extra_tokens:]
    maps = table.float().reshape(1, *src_grid, -1).permute(0, 3, 1, 2)
    maps = F.interpolate(maps, size=dst_grid, mode='bicubic', align_corners=False)
    table = maps.flatten(2).transpose(1, 2).to(pos_embed.dtype)
    return torch.cat([extra, table], dim=1)


def infer_grid(num_patches: int, dst_grid: Grid) -> Grid:
    """The patch grid of a table that does not say its own: ``dst_grid``, else a square, else a grid
    of the shape of ``dst_grid`` at another resolution, else a ValueError."""
    rows, columns = dst_grid
    if num_patches == rows * columns:
        return dst_grid
    side = isqrt(num_patches)
    if side * side == num_patches:
        return side, side
    scaled = isqrt(num_patches * rows // columns)
    if scaled and num_patches % scaled == 0:
        other = num_patches // scaled
        if scaled * columns == other * rows:
            return scaled, other
    raise ValueError(
        f'the position embedding has {num_patches} patch rows, which is neither the '
        f'{rows}x{columns} grid of the model, nor a square, nor {rows}x{columns} at another scale. '
        'Set `img_size` of the model to the size that the checkpoint was trained with.'
    )


def adapt_pos_embed(
    pos_embed: Tensor, dst_grid: Grid, *, file_has_cls_token: bool, with_cls_token: bool
) -> Tensor:
    """Fit the table of a checkpoint (1, T, D) to a model, (1, E + rows * columns, D).

    E is 1 with a class token. Its first row belongs to a class token if the file has a
    ``cls_token``, or if its length rules out a grid without that row (4097). A ValueError if that
    token is missing, or the grid cannot be told.
    """
    has_row = file_has_cls_token
    if not has_row:
        try:
            infer_grid(pos_embed.shape[1], dst_grid)
        except ValueError:
            infer_grid(pos_embed.shape[1] - 1, dst_grid)
            has_row = True
    if with_cls_token and not has_row:
        raise ValueError(
            'the model has a class token, but the checkpoint has none. Build the model with '
            '`with_cls_token=False`, or load a pretraining checkpoint.'
        )
    if has_row and not with_cls_token:
        pos_embed = pos_embed[:, 1:]
    extra = int(with_cls_token)
    src_grid = infer_grid(pos_embed.shape[1] - extra, dst_grid)
    return resize_pos_embed(pos_embed, src_grid, dst_grid, extra)
