"""The first Sapiens family: the names in its files, and whether weights fit an encoder.

All layouts use the parameter names of the modules, so that nothing is renamed beyond the leading
``backbone.``:

======================  =====================================================
MAE                     ``backbone.*`` with a class token, and ``neck.*``
clean encoder           the same without ``backbone.`` and without the neck
pose                    ``backbone.*`` and ``head.*``
dense tasks             ``backbone.*`` and ``decode_head.*``
======================  =====================================================
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...models import SapiensViT
from ...models.pos_embed import adapt_pos_embed
from .family import Family, count_layers

_PROJECTION = 'patch_embed.projection.weight'
_INNER = 'layers.0.ffn.layers.0.0.weight'
_BLOCK = r'(ln[12]|attn\.(qkv|proj)|ffn\.layers\.(0\.0|1))'


class SapiensFamily(Family):
    """See :mod:`mmsapiens.checkpoints.families.sapiens`."""

    encoder = SapiensViT
    signs = (_PROJECTION,)
    needed = (_INNER, 'pos_embed')
    keys = re.compile(
        r'cls_token|pos_embed|'
        rf'(patch_embed\.projection|ln[12]|layers\.\d+\.{_BLOCK})\.(weight|bias)'
    )
    others = re.compile(
        r'neck\.(mask_token|decoder_pos_embed|'
        rf'(decoder_(embed|pred)|ln1|decoder_blocks\.\d+\.{_BLOCK})\.(weight|bias))'
    )
    # A class token may be missing where the position embedding has its row.
    optional = ('cls_token', *Family.optional)
    hidden = ('num_heads',)
    patch_padding = 'corner'

    def is_encoder(self, weights: Mapping[str, Any], prefix: str = '') -> bool:
        """Whether weights hold an encoder; in a model also others have a patch embedding."""
        is_ours = not prefix or f'{prefix}layers.0.attn.qkv.weight' in weights
        return is_ours and super().is_encoder(weights, prefix)

    def measure(self, weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """Sizes, and the rows of the position embedding."""
        projection = weights[_PROJECTION]
        arch = dict(
            embed_dims=projection.shape[0], num_layers=count_layers(weights, r'layers\.(\d+)\.')
        )
        if _INNER in weights:
            arch['feedforward_channels'] = weights[_INNER].shape[0]
        return dict(
            arch=arch,
            patch_size=projection.shape[2],
            num_tokens=weights['pos_embed'].shape[1] if 'pos_embed' in weights else 0,
            has_cls_token='cls_token' in weights,
        )

    def input_hw(self, info: Any, is_task: bool = False) -> tuple[int, int]:
        """As stated, or of the position table: square of pretraining, 4 to 3 of tasks."""
        if info.own and 'img_size' in info.own:
            return super().input_hw(info)
        count = info.num_tokens - int(info.has_cls_token)
        side, rows = math.isqrt(count), math.isqrt(count * 4 // 3)
        grid = (rows, rows * 3 // 4) if is_task or side * side != count else (side, side)
        if grid[0] * grid[1] != count:
            raise ValueError(
                f'the position table has {count} patches, which is '
                f'{"not" if is_task else "neither a square nor"} 4 to 3: give `img_size`, the '
                'height and width that it was trained for'
            )
        return grid[0] * info.patch_size, grid[1] * info.patch_size

    def adapt(self, encoder: SapiensViT, weights: dict[str, Tensor]) -> bool:
        """Resize the position embedding, and drop a class token that the encoder has not."""
        if not super().adapt(encoder, weights):
            return False
        has_token = bool(encoder.num_extra_tokens)
        if 'pos_embed' in weights:
            tokens = dict(file_has_cls_token='cls_token' in weights, with_cls_token=has_token)
            weights['pos_embed'] = adapt_pos_embed(
                weights['pos_embed'], encoder.patch_grid, **tokens
            )
        if not has_token:
            weights.pop('cls_token', None)
        return True
