"""Features of images: maps and vectors of the encoder.

Shapes: B batch, D width of the encoder, L tokens, h w rows and columns of patches, H W height and
width of the input.
"""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PILImage
from torch import Tensor

from ..checkpoints import get_state_dict, read_checkpoint
from ..checkpoints.build_model import build_encoder
from ..core.atomic_files import atomic_write
from ..io.read_options import ReadOptions
from ..io.sources import open_source
from ..models.tasks import DEFAULT_MODEL, family_and_size
from ..structures.results import Image, ImageResult, People, ReadFailure
from ..zoo import resolve_checkpoint
from .lite import MEAN as LITE_MEAN
from .lite import STD as LITE_STD
from .model_files import weights_identity
from .output_folder import OutputFolder
from .pipeline import Pipeline
from .task_network import DTYPES, Options, batches_at_once, own_stream
from .write_run import RunSummary, write_results
from .writers import Writer

KINDS = ('dense', 'mean', 'cls')


@dataclass
class FrameFeatures(ImageResult):
    """Features of an image, float32, after the final norm: 'dense' (D, h, w), 'mean' of all patches
    (D,), and 'cls' (D,) if the encoder has a class token.
    """

    features: dict[str, NDArray] = field(default_factory=dict)


class FeatureWriter(Writer):
    """One array of each image, of one of :data:`KINDS`, as npy."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind, '.npy')

    def write(self, result: ImageResult, path: Path) -> None:
        """Write the array of a result."""
        assert isinstance(result, FrameFeatures)
        content = BytesIO()
        np.save(content, result.features[self.folder])
        atomic_write(content.getvalue(), path, is_durable=False)


class FeatureExtractor:
    """The encoder alone, from images to features.

    Args:
        model (str): Whose pretrained encoder is downloaded without ``weights``, as in
            :class:`mmsapiens.inference.inferencer.SapiensInferencer`. Defaults to 'sapiens-0.3b'.
        weights (str | Path, optional): A pretrained or fine-tuned checkpoint.
        device (str, optional): Defaults to None, a GPU if there is one.
        dtype (str): As in the inferencer. Defaults to 'float32'.
        size_hw (tuple[int, int], optional): Height and width that images are resized to, whatever
            their aspect. Defaults to None, those that the checkpoint was trained with.
        mode (str): 'default' resizes by Pillow's bicubic filter, 'lite' by OpenCV's bilinear one
            and normalizes as the reference's small demo does.
        batch_size (int): Images that the encoder sees at once. Defaults to 4.
        workers (int): Threads that decode files, and as many that prepare images. Defaults to 2.
        arch (str | Mapping, optional): Size of ``weights`` that are of none of the known ones.
        patch_padding (int | str, optional): As in :class:`mmsapiens.models.SapiensViT`. Defaults to
            None, that of the released models of the checkpoint's task.
        task (str, optional): What a checkpoint is for, where it does not say so itself.
        kinds (Sequence[str]): Features that will be asked for, to refuse others at once.

    Raises:
        KeyError: If a name is unknown.
        ValueError: If an argument is out of range or weights are wrong.
        FileNotFoundError: If there is no such file.
        DownloadError: If a release cannot be fetched.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str | None = None,
        dtype: str = 'float32',
        size_hw: tuple[int, int] | None = None,
        mode: str = 'default',
        batch_size: int = 4,
        workers: int = 2,
        arch: str | Mapping[str, int] | None = None,
        patch_padding: int | str | None = None,
        task: str | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.mode, self.device = mode, torch.device(Options(device, dtype, mode=mode).device)
        self.batch_size, self.workers = batch_size, workers
        for name, value, least in (
            ('batch_size', batch_size, 1),
            ('workers', workers, 1),
            ('size_hw', min(size_hw or (16,)), 16),
        ):
            if value < least:
                raise ValueError(f'`{name}` must be at least {least}, but got {value}')
        family_and_size(model)  # a wrong name is an error, also where it is not needed
        self.weights = resolve_checkpoint(weights, 'pretrain', model, 'encoder')
        if kinds:
            self._check_kinds(kinds)
        self.encoder, rule = build_encoder(
            self.weights,
            device=self.device,
            dtype=DTYPES[dtype],
            arch=arch,
            patch_padding=patch_padding,
            task=task,
        )
        self.size_hw = size_hw or rule.size_hw
        if mode == 'lite':
            rule = replace(rule, mean=LITE_MEAN, std=LITE_STD)
        self.mean, self.std = torch.tensor(rule.mean), torch.tensor(rule.std)
        self.swap_channels = rule.swap_channels
        self.at_once = batches_at_once(self.device)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches, each of which is a token."""
        rows, columns = self.encoder.patch_embed.grid_size(self.size_hw)
        return rows, columns

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Features that the checkpoint has."""
        weights = get_state_dict(read_checkpoint(self.weights, 'cpu', mmap=True))
        return KINDS if any(key.endswith('cls_token') for key in weights) else KINDS[:2]

    def _check_kinds(self, kinds: Sequence[str]) -> None:
        unknown = set(kinds) - set(self.kinds if 'cls' in kinds else KINDS)
        if unknown or not kinds:
            why = ': it has no class token, which fine-tuned models do not have'
            text = f'`kinds` must be some of {self.kinds} for {self.weights.name}, but got '
            raise KeyError(f'{text}{list(kinds)}{why if "cls" in unknown else ""}')

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What features depend on, of JSON types."""
        found = dict(
            size_hw=list(self.size_hw),
            mode=self.mode,
            dtype=str(next(self.encoder.parameters()).dtype),
            patch_padding=self.encoder.patch_embed.padding,
        )
        return dict(features=found | weights_identity(self.weights))

    def count(self, people: People) -> int:
        """One sample, whoever is in the image."""
        return 1

    def prepare(self, frame: Image, people: People | None = None, index: int = 0) -> Tensor:
        """An image at the size of the input, normalized, (3, H, W)."""
        height, width = self.size_hw
        image = frame.image[..., ::-1] if self.swap_channels else frame.image
        pixels = np.ascontiguousarray(image)
        if self.mode == 'lite':
            resized = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        else:
            image = PILImage.fromarray(pixels)
            resized = np.array(image.resize((width, height), PILImage.Resampling.BICUBIC))
        values = torch.from_numpy(resized).float()
        return ((values - self.mean) / self.std).permute(2, 0, 1)

    def forward(self, images: Sequence[Tensor]) -> list[dict[str, NDArray]]:
        """Features of a batch, as in :class:`FrameFeatures`; several threads may ask at a time."""
        encoder = self.encoder
        with torch.inference_mode(), own_stream(self.device):
            dtype = next(encoder.parameters()).dtype
            (tokens,) = encoder(torch.stack(list(images)).to(self.device, dtype))  # (B, L, D)
            tokens = tokens.float()
            extra = encoder.num_extra_tokens
            patches = tokens[:, extra:]
            dense = patches.transpose(1, 2).unflatten(2, self.grid)  # (B, D, h, w)
            found = dict(dense=dense, mean=patches.mean(dim=1))
            if extra:
                found['cls'] = tokens[:, 0]
            arrays = {kind: values.contiguous().cpu().numpy() for kind, values in found.items()}
        rows = range(len(images))
        return [{kind: values[row].copy() for kind, values in arrays.items()} for row in rows]

    def finish(
        self, frame: Image, people: People, outputs: Sequence[dict[str, NDArray]]
    ) -> dict[str, NDArray]:
        """Features of an image."""
        return outputs[0]

    def stream(
        self, inputs: Any, *, read: ReadOptions | None = None
    ) -> Generator[FrameFeatures | ReadFailure, None, None]:
        """Features, one image after the other; arguments are as in ``SapiensInferencer.stream``."""
        return self._results(open_source(inputs, read).items())

    def run(
        self,
        inputs: Any,
        out: str | os.PathLike[str],
        *,
        kinds: Sequence[str] = ('dense',),
        read: ReadOptions | None = None,
        overwrite: bool = False,
        on_start: Callable[[int | None], None] | None = None,
        on_item: Callable[[ImageResult | ReadFailure], None] | None = None,
    ) -> RunSummary:
        """Write features; what is already there is not made again.

        Args:
            inputs (Any): As in :meth:`stream`.
            out (str | Path): Folder; ``dense/NAME.npy`` and the like.
            kinds (Sequence[str]): Some of :data:`KINDS`, or a KeyError. Defaults to ('dense',).
            read (ReadOptions, optional): As in :meth:`stream`.
            overwrite (bool): Whether to replace features of other weights or options. Defaults to
                False.
            on_start (Callable, optional): Told the number of images, None if that is unknown.
            on_item (Callable, optional): Told each result once it is written.
        """
        self._check_kinds(kinds)
        source = open_source(inputs, read, exclude=Path(out))
        writers = [FeatureWriter(kind) for kind in kinds]
        folder = OutputFolder(out, writers, self.identity, overwrite=overwrite)
        if on_start is not None:
            on_start(source.length)
        results = self._results(source.items(folder.progress))
        return write_results(folder, results, on_item=on_item)

    def _results(self, source: Any) -> Generator[FrameFeatures | ReadFailure, None, None]:
        pipeline = Pipeline({'features': self}, _no_people, self.batch_size, self.workers)
        with closing(pipeline.run(source)) as results:
            for item in results:
                if isinstance(item, ImageResult):
                    found: Any = item.tasks['features']
                    item = FrameFeatures(item.frame, item.people, features=found)
                    del found
                yield item
                del item


def _no_people(frames: Sequence[Image]) -> list[People]:
    boxes: NDArray = np.zeros((0, 4), dtype=np.float32)
    return [People(boxes, boxes[:, 0], 'image') for _ in frames]
