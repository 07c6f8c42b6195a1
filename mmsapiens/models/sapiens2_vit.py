"""The vision transformer of Sapiens2.

Parameter names are those of the released files. Shapes: B batch, L tokens (9 in front, then the
patches row by row), D width, N heads, d width of a head, F inner width, h w patch rows and columns.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .archs import SAPIENS2_ARCHS
from .encoder import PlainViT
from .fast_cpu import attend, is_fast, is_plain, linear, multiply
from .layers import PatchEmbed, run_block
from .tasks import INPUT_4K_HW

EPS = 1e-6
NUM_STORAGE_TOKENS = 8
FULL_LAYERS = 8
"""So many of the first and of the last layers have as many key as query heads, others half."""
BASE = 100.0
"""Longest period of the rotation."""
WINDOW = 4
"""Side of the windows of the 4K model, in patches."""
WINDOWS_AT_ONCE = 1024
ROPE_DTYPES = {'bfloat16': torch.bfloat16, 'float32': torch.float32}


def kv_heads_of(arch: Mapping[str, int], index: int) -> int:
    """Key heads of block ``index``."""
    is_full = index < FULL_LAYERS or index >= arch['num_layers'] - FULL_LAYERS
    return arch['num_heads'] if is_full else arch['num_heads'] // 2


def rope_periods(head_dim: int, dtype: torch.dtype) -> Tensor:
    """Periods (d / 4,) of the rotation, computed in ``dtype``; never those of a file, which are
    rounded."""
    steps = 2 * torch.arange(head_dim // 4, dtype=dtype, device='cpu') / (head_dim // 2)
    return BASE**steps


def rope_tables(centers: Sequence[Tensor], periods: Tensor) -> tuple[Tensor, Tensor]:
    """Sine and cosine (h * w, d) for rows (h,) and columns (w,) of patches, in -1 to 1."""
    axes = torch.meshgrid(*centers, indexing='ij')
    places = torch.stack(axes, dim=-1).flatten(0, 1)  # (h * w, 2)
    angles = (2 * math.pi * places[:, :, None] / periods).flatten(1)
    angles = angles.repeat(1, 2)
    return angles.sin(), angles.cos()


def patch_centers(count: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Centers of ``count`` patches along an axis, from -1 to 1."""
    return 2.0 * (torch.arange(0.5, count, dtype=dtype, device=device) / count) - 1.0


def rotate(x: Tensor, sin: Tensor, cos: Tensor) -> Tensor:
    """Turn the halves of heads ``x`` (B, L, N, d) by tables (L, d), in the type of the tables.

    The first half of ``sin`` is negated: :class:`Sapiens2ViT` does it once for all layers.
    """
    dtype, x = x.dtype, x.to(cos.dtype)
    turned = x * cos[:, None] + x.roll(x.shape[-1] // 2, dims=-1) * sin[:, None]
    return turned.to(dtype)


class RMSNorm(nn.RMSNorm):
    """That of torch, in the type of its input also under autocast, where only that is fused."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize ``x`` (..., D)."""
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class LayerScale(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, dims: int, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((dims,), value))

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x`` (..., D)."""
        return x * self.weight


class GroupedAttention(nn.Module):
    """Self-attention in which several query heads may share a key head.

    ``num_kv_heads`` is the number of key heads. Only ``is_plain`` attention, that of windows, has
    neither norms of queries and keys nor ``gamma``.
    """

    def __init__(
        self, dims: int, num_heads: int, num_kv_heads: int, is_plain: bool, gamma: float
    ) -> None:
        super().__init__()
        self.head_dim = dims // num_heads
        kv_dims = num_kv_heads * self.head_dim
        self.wq = nn.Linear(dims, dims)
        self.wk, self.wv = nn.Linear(dims, kv_dims), nn.Linear(dims, kv_dims)
        self.q_norm, self.k_norm = (
            nn.Identity() if is_plain else RMSNorm(self.head_dim, EPS) for _ in range(2)
        )
        self.proj = nn.Linear(dims, dims)
        self.gamma = nn.Identity() if is_plain else LayerScale(dims, gamma)

    def forward(self, x: Tensor, sin: Tensor | None = None, cos: Tensor | None = None) -> Tensor:
        """Attend within each sample of ``x`` (B, L, D); same shape."""
        query, key, value = (
            linear(layer, x).unflatten(-1, (-1, self.head_dim))
            for layer in (self.wq, self.wk, self.wv)
        )
        query, key = self.q_norm(query), self.k_norm(key)
        if sin is not None and cos is not None:
            query, key = rotate(query, sin, cos), rotate(key, sin, cos)
        # Under autocast, norms and rotation may have left the type of the values.
        query, key, value = (each.to(value.dtype).transpose(1, 2) for each in (query, key, value))
        x = attend(query, key, value).transpose(1, 2).flatten(2)
        return self.gamma(linear(self.proj, x))


class GatedFeedForward(nn.Module):
    """SwiGLU: the first half of the inner channels gates the second."""

    def __init__(self, dims: int, inner: int) -> None:
        super().__init__()
        self.w12 = nn.Linear(dims, 2 * inner)
        self.w3 = nn.Linear(inner, dims)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, L, D) to the same shape."""
        if is_fast(x) and is_plain(self.w12, x):
            # Each half has memory of its own, without gaps.
            gate, inner = (
                multiply(x, *half) for half in zip(self.w12.weight.chunk(2), self.w12.bias.chunk(2))
            )
            return linear(self.w3, F.silu(gate, inplace=True).mul_(inner))
        gate, inner = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * inner)


class Sapiens2Block(nn.Module):
    """Pre-norm block: attention, then feed-forward, both residual."""

    def __init__(
        self,
        dims: int,
        num_heads: int,
        inner: int,
        num_kv_heads: int,
        is_plain: bool = False,
        gamma: float = 1e-4,
    ) -> None:
        super().__init__()
        self.ln1, self.ln2 = RMSNorm(dims, EPS), RMSNorm(dims, EPS)
        self.attn = GroupedAttention(dims, num_heads, num_kv_heads, is_plain, gamma)
        self.ffn = GatedFeedForward(dims, inner)

    def forward(self, x: Tensor, sin: Tensor | None = None, cos: Tensor | None = None) -> Tensor:
        """Transform tokens ``x`` (B, L, D), turned by tables (L, d); same shape."""
        x = x + self.attn(self.ln1(x), sin, cos)
        return x + self.ffn(self.ln2(x))


class WindowTokenizer(nn.Module):
    """One token for each window of 4x4 patches."""

    def __init__(self, dims: int, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.w_cls = nn.Parameter(torch.zeros(1, 1, dims))
        self.local_pos_embed = nn.Parameter(torch.zeros(1, WINDOW**2 + 1, dims))
        self.blocks = nn.ModuleList(
            Sapiens2Block(dims, num_heads, 4 * dims, num_heads, is_plain=True)
            for _ in range(num_layers)
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Tokens (n, D) of windows (n, 16, D)."""
        x = torch.cat(
            [self.w_cls.to(windows.dtype).expand(windows.shape[0], -1, -1), windows], dim=1
        )
        x = x + self.local_pos_embed
        for block in self.blocks:
            x = block(x)
        return x[:, 0]


def split_windows(x: Tensor, grid: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """Windows (B * n, 16, D) of patches (B, h * w, D), and their grid; rows are whole windows."""
    if grid[0] % WINDOW or grid[1] % WINDOW:
        raise ValueError(
            f'the window tokenizer needs a multiple of {WINDOW} patches in both directions, but '
            f'got {grid[0]}x{grid[1]}. Give images whose sides are multiples of '
            f'{WINDOW} patches, such as 4096x3072.'
        )
    rows, columns = grid[0] // WINDOW, grid[1] // WINDOW
    x = x.unflatten(1, (rows, WINDOW, columns, WINDOW)).transpose(2, 3)
    return x.flatten(3, 4).flatten(0, 2), (rows, columns)


class Sapiens2ViT(PlainViT):
    """The encoder of `Sapiens2 <https://github.com/facebookresearch/sapiens2>`_.

    Parameters have the names of the released files; load these, and those of transformers, with
    :func:`mmsapiens.checkpoints.load_checkpoint`.

    Images of any size are taken. There is no position table and no padding: as in the release, the
    last pixels of a side that is no multiple of ``patch_size`` are not seen, which a warning says.

    Args:
        arch (str | dict): A key of :data:`mmsapiens.models.archs.SAPIENS2_ARCHS`, with or without
            the prefix; or a dict with the entries of one. With ``num_tokenizer_layers``, windows of
            4x4 patches become one token before the first block.
        img_size (int | Sequence[int]): Usual height and width in pixels; it changes nothing here.
            Defaults to (1024, 768).
        patch_size (int): Side of a patch in pixels. Defaults to 16.
        rope_dtype (str): Type that positions are computed in and heads rotated in: 'bfloat16', the
            numbers of the release, or 'float32', those of transformers. Defaults to 'bfloat16'.
        out_type (str): 'featmap' (B, D, h, w), 'raw' (B, L, D), 'cls_token' (B, D), 'avg_featmap'
            (B, D), or 'featmap_and_cls_token'. Defaults to 'featmap'.
        out_indices (int | Sequence[int]): Layers to return; negative ones count from the end.
            Defaults to -1.
        final_norm (bool): Whether to normalize after the last layer. Defaults to True.
        layer_scale (float): Initial factor of the attention branch. Defaults to 1e-4.
        coord_shift (float, optional): In training, positions are moved by up to this, one number
            for rows and one for columns of a batch. Defaults to None, not at all.
        coord_jitter (float, optional): Likewise stretched by a factor between 1 / this and this.
            Defaults to None.
        coord_rescale (float, optional): Likewise, by one factor for both. Defaults to None.
        frozen_stages (int): -1 trains everything, 0 freezes patch embedding, tokenizer, class and
            storage tokens, n > 0 the first n layers as well. Defaults to -1.
        with_cp (bool): Whether to recompute activations in the backward pass to save memory.
            Defaults to False.
        patch_padding (int): 0, for callers that know other families. Defaults to 0.
        with_cls_token (bool): True, likewise. Defaults to True.

    Raises:
        KeyError: If ``arch`` is an unknown name.
        ValueError: If another argument is out of range.
    """

    family = 'sapiens2'
    archs = SAPIENS2_ARCHS
    embeddings = ('cls_token', 'storage_tokens', 'patch_embed', 'tokenizer')
    num_extra_tokens = 1 + NUM_STORAGE_TOKENS

    def __init__(
        self,
        arch: str | Mapping[str, int],
        img_size: int | Sequence[int] = (1024, 768),
        patch_size: int = 16,
        rope_dtype: str = 'bfloat16',
        out_type: str = 'featmap',
        out_indices: int | Sequence[int] = -1,
        final_norm: bool = True,
        layer_scale: float = 1e-4,
        coord_shift: float | None = None,
        coord_jitter: float | None = None,
        coord_rescale: float | None = None,
        frozen_stages: int = -1,
        with_cp: bool = False,
        patch_padding: int | str = 0,
        with_cls_token: bool = True,
    ) -> None:
        super().__init__()
        if patch_padding != 0 or not with_cls_token:
            raise ValueError(
                'Sapiens2ViT has a class token and pads nothing: `patch_padding` must be 0 and '
                f'`with_cls_token` true, but got {patch_padding!r} and {with_cls_token!r}'
            )
        self._set_options(arch, img_size, out_type, out_indices, frozen_stages, with_cp)
        dims, heads = self.embed_dims, self.arch['num_heads']
        if dims % (4 * heads) or (heads % 2 and self.num_layers > 2 * FULL_LAYERS):
            raise ValueError(
                '`embed_dims` must be divisible by 4 * `num_heads`, and that be even for more than '
                f'{2 * FULL_LAYERS} layers, but got {dims} and {heads}'
            )
        self.coord_shift = coord_shift
        self.coord_factors = {
            'coord_jitter': (coord_jitter, 2),
            'coord_rescale': (coord_rescale, 1),
        }
        for name, (factor, _) in self.coord_factors.items():
            if factor is not None and factor < 1:
                raise ValueError(f'`{name}` must be at least 1, but got {factor}')
        if coord_shift is not None and coord_shift < 0:
            raise ValueError(f'`coord_shift` must not be negative, but got {coord_shift}')
        self.use_rope_dtype(rope_dtype)
        self.patch_embed = PatchEmbed(dims, patch_size, padding=0)
        self._check_grid()
        self.tokenizer = None
        if tokenizer_layers := self.arch.get('num_tokenizer_layers'):
            self.tokenizer = WindowTokenizer(dims, heads, tokenizer_layers)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dims))
        self.storage_tokens = nn.Parameter(torch.zeros(1, NUM_STORAGE_TOKENS, dims))
        self.blocks = nn.ModuleList(
            Sapiens2Block(
                dims,
                heads,
                self.arch['feedforward_channels'],
                kv_heads_of(self.arch, index),
                gamma=layer_scale,
            )
            for index in range(self.num_layers)
        )
        self.ln1 = RMSNorm(dims, EPS) if final_norm else nn.Identity()
        if out_type == 'avg_featmap':
            self.ln2 = RMSNorm(dims, EPS)
        self._freeze()

    def use_rope_dtype(self, name: str) -> None:
        """Rotate in another type from here on, see ``rope_dtype``."""
        if name not in ROPE_DTYPES:
            raise ValueError(f'`rope_dtype` must be of {list(ROPE_DTYPES)}, but got {name!r}')
        self.rope_name, self.rope_dtype = name, ROPE_DTYPES[name]
        head_dim = self.embed_dims // self.arch['num_heads']
        # Numbers, not a buffer, which the type of the model would round.
        self.periods = rope_periods(head_dim, self.rope_dtype).tolist()

    @classmethod
    def usual_hw(cls, arch: Mapping[str, int]) -> tuple[int, int]:
        """Also of that with a window tokenizer."""
        return INPUT_4K_HW if 'num_tokenizer_layers' in arch else super().usual_hw(arch)

    @property
    def token_grid(self) -> tuple[int, int]:
        """Rows and columns of the features of an image of ``img_size``."""
        side = 1 if self.tokenizer is None else WINDOW
        return self.patch_grid[0] // side, self.patch_grid[1] // side

    def init_weights(self) -> None:
        """Initialize at random: weights and tokens with std 0.02, biases 0."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        tokens = [self.cls_token, self.storage_tokens]
        if self.tokenizer is not None:
            tokens += [self.tokenizer.w_cls, self.tokenizer.local_pos_embed]
        for each in tokens:
            nn.init.normal_(each, std=0.02)

    def forward(self, img: Tensor) -> tuple[Any, ...]:
        """Extract features.

        Args:
            img (Tensor): RGB, normalized with the mean and the standard deviation of ImageNet, (B,
                3, H, W).

        Returns:
            tuple: One tensor (or pair of them) for each of ``out_indices``, as ``out_type`` says;
            the final norm is applied to the last layer only.

        Raises:
            ValueError: If the image is smaller than a patch, or does not divide into windows.
        """
        self._check_size(img.shape[2], img.shape[3])
        x, grid = self.patch_embed(img)  # (B, h * w, D)
        if self.tokenizer is not None:
            batch = x.shape[0]
            windows, grid = split_windows(x, grid)
            recompute = self.with_cp and self.training
            parts = [
                run_block(self.tokenizer, part, recompute=recompute)
                for part in windows.split(WINDOWS_AT_ONCE)
            ]
            x = torch.cat(parts).unflatten(0, (batch, grid[0] * grid[1]))
        tokens = torch.cat([self.cls_token, self.storage_tokens], dim=1).to(x.dtype)
        x = torch.cat([tokens.expand(x.shape[0], -1, -1), x], dim=1)  # (B, L, D)
        return self._encode(x, grid, *self._rotation(grid, x.device))

    def _check_size(self, height: int, width: int) -> None:
        size = self.patch_embed.patch_size
        if min(height, width) < size:
            raise ValueError(
                f'an image must hold at least one patch of {size} pixels, but got {height}x{width}'
            )
        if (height % size or width % size) and not torch.compiler.is_compiling():
            seen = height // size * size, width // size * size
            warnings.warn(
                f'of images of {height}x{width} only {seen[0]}x{seen[1]} are seen: Sapiens2 has '
                f'patches of {size} pixels and no padding. Resize to multiples of {size}.',
                stacklevel=3,
            )

    def _rotation(self, grid: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Tables (L, d) that leave the tokens in front as they are."""
        dtype = self.rope_dtype
        centers = [patch_centers(count, dtype, device) for count in grid]
        if self.training:
            centers = self._moved(centers)
        periods = torch.tensor(self.periods, dtype=dtype, device=device)
        sin, cos = rope_tables(centers, periods)
        half = sin.shape[1] // 2
        sin = torch.cat([-sin[:, :half], sin[:, half:]], dim=1)
        front = self.num_extra_tokens
        return F.pad(sin, (0, 0, front, 0)), F.pad(cos, (0, 0, front, 0), value=1.0)

    def _moved(self, centers: list[Tensor]) -> list[Tensor]:
        """Patch centers of a training step."""
        if self.coord_shift is not None:
            centers = [
                each + each.new_empty(1).uniform_(-1, 1) * self.coord_shift for each in centers
            ]
        for limit, count in self.coord_factors.values():
            if limit is not None:
                bound = math.log(limit)
                factors = centers[0].new_empty(count).uniform_(-1, 1).mul(bound).exp().expand(2)
                centers = [each * factor for each, factor in zip(centers, factors)]
        return centers
