"""Rows: one photograph of one person in, 308 keypoints out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from harness import Measurement, Settings, Timing, alternate, benchmark

MOST_S = 200
"""Seconds after which no further round begins."""

AGAINST = 'stock `TopdownPoseEstimator` of stock parts, float32'


def has_bfloat16() -> bool:
    """Whether the CPU multiplies matrices of bfloat16."""
    import torch

    return torch.cpu._is_avx512_bf16_supported() or (torch.cpu._is_amx_tile_supported())


class Comparison:
    """The same photograph through both networks.

    Args:
        settings (Settings): Of the run.
    """

    def __init__(self, settings: Settings) -> None:
        from harness import pose_models as models

        self.settings = settings
        cfg = models.config_of(settings.small)
        self.keypoints: dict[str, Any] = {}
        self.photo = str(models.write_photo(settings.scratch / 'photo.jpg'))
        self.models = {'ours': models.build_ours(cfg)}
        self.models['stock'] = models.build_stock(cfg)
        self.set_flip_test(False)
        self.inputs = self.prepare_inputs()
        models.plant_peaks(self.models['ours'], self.inputs)
        weights = self.models['ours'].state_dict()
        self.models['stock'].load_state_dict(weights, strict=True)

    def set_flip_test(self, on: bool) -> None:
        """Switch the flip test of both."""
        for model in self.models.values():
            model.test_cfg['flip_test'] = on

    def prepare_inputs(self) -> Any:
        """The normalized crop."""
        import numpy as np
        from mmcv.image import imread
        from mmengine.dataset import Compose, pseudo_collate

        model = self.models['ours']
        pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
        height, width = imread(self.photo).shape[:2]
        box = np.array([[0, 0, width, height]], dtype=np.float32)
        sample = dict(img_path=self.photo, bbox=box, bbox_score=np.ones(1, np.float32))
        sample = pipeline(dict(sample, **model.dataset_meta))
        return model.data_preprocessor(pseudo_collate([sample]))['inputs']

    def run(self, name: str) -> None:
        """Photograph in, keypoints (K, 2) in its pixels out."""
        from mmpose.apis import inference_topdown

        result = inference_topdown(self.models[name], self.photo)[0]
        self.keypoints[name] = result.pred_instances.keypoints[0]

    def error(self) -> str:
        """Of our latest keypoints, against those of stock."""
        import numpy as np

        difference = self.keypoints['ours'] - self.keypoints['stock']
        distance = np.linalg.norm(difference, axis=-1)
        return f'{np.median(distance):.2g} px median, {distance.max():.2g} px at most'

    def flops(self) -> float:
        """Of one forward pass."""
        import copy

        import torch
        from model_cost import count_operations

        twin = copy.deepcopy(self.models['ours']).to('meta')
        like = torch.empty_like(self.inputs, device='meta')
        cost = count_operations(lambda: twin.head.forward(twin.extract_feat(like)))
        return 2.0 * cost.total


def compare(
    settings: Settings, flip_test: bool, targets: tuple[float, float]
) -> Iterator[Measurement]:
    """Modes against stock; ``targets`` of float32 and of the best one."""
    from mmsapiens.models.layers import compile_blocks

    work = Comparison(settings)
    work.set_flip_test(flip_test)
    ways = {name: partial(work.run, name) for name in ('ours', 'stock')}
    flops = work.flops() * (1 + flip_test)
    timings = alternate(ways, repeat=settings.repeat, most_s=MOST_S, clock=settings.clock)
    stock = timings['stock'].median

    def line(timing: Timing, dtype: str, target: float | None, mode: str = '') -> Measurement:
        return Measurement(
            timing.median,
            's',
            stock,
            mode=mode or dtype,
            target=target,
            flops=flops,
            dtype=dtype,
            error=work.error(),
            first_s=timing.first_s,
        )

    yield line(timings['ours'], 'float32', targets[0])
    model, dtype = work.models['ours'], 'float32'
    again = partial(
        alternate,
        {'ours': ways['ours']},
        repeat=settings.repeat,
        most_s=MOST_S,
        clock=settings.clock,
    )
    if has_bfloat16():
        dtype = 'bfloat16'
        model.backbone.bfloat16()
        model.head.bfloat16()
        yield line(again()['ours'], dtype, targets[1])
    else:
        why = 'best mode: float32, as this CPU has no bfloat16'
        yield line(timings['ours'], dtype, targets[1], why)
    if not flip_test:
        compile_blocks(model.backbone)
        yield line(again()['ours'], dtype, None, f'{dtype}, compiled blocks')


@benchmark(
    'pose308-photo',
    work='One person, 308 keypoints, 0.3B: photograph in, keypoints out',
    against=AGAINST,
    side='inference',
    limit_s=900,
)
def pose_photo(settings: Settings) -> Iterator[Measurement]:
    """Without the flip test."""
    yield from compare(settings, False, (1.1, 1.5))


@benchmark(
    'pose308-photo-flip',
    work='The same with flip test',
    against=AGAINST,
    side='inference',
    limit_s=1200,
)
def pose_photo_flip(settings: Settings) -> Iterator[Measurement]:
    """With the flip test."""
    yield from compare(settings, True, (1.5, 1.5))
