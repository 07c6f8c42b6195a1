"""Row: from the output of a parsing head to classes of a photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness import Measurement, Settings, alternate, benchmark
from harness.children import run_in_child
from harness.memory import reset_peak, status_bytes

INPUT_HW, PHOTO_HW, CLASSES = (1024, 768), (2048, 1536), 28
SMALL_INPUT_HW, SMALL_PHOTO_HW = (128, 96), (256, 192)


def make(side: str, small: bool) -> tuple[Callable[[], Any], Any]:
    """What restores an output, and the output."""
    import mmsapiens  # noqa: F401  before the hosts
    import torch
    import torch.nn.functional as F
    from mmengine.config import ConfigDict
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample

    input_hw = SMALL_INPUT_HW if small else INPUT_HW
    photo_hw = SMALL_PHOTO_HW if small else PHOTO_HW
    arch = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32)
    head = dict(
        type='mmsapiens.ParsingHead',
        in_channels=32,
        num_classes=CLASSES,
        deconv_out_channels=(8,),
        conv_out_channels=(8,),
    )
    model = dict(type='mmsapiens.DenseEstimator' if side == 'ours' else 'EncoderDecoder')
    model.update(
        backbone=dict(type='mmsapiens.SapiensViT', arch=arch, img_size=64),
        decode_head=head,
        test_cfg=dict(mode='whole'),
    )
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(ConfigDict(model)).eval()
    coarse = (1, CLASSES, input_hw[0] // 16, input_hw[1] // 16)
    noise = torch.randn(coarse, generator=torch.Generator().manual_seed(0))
    output_hw = (input_hw[0] // 2, input_hw[1] // 2)
    output = F.interpolate(noise, size=output_hw, mode='bicubic')
    inputs = torch.zeros(1, 3, *input_hw)
    meta = dict(
        img_shape=input_hw, ori_shape=photo_hw, pad_shape=input_hw, padding_size=[0, 0, 0, 0]
    )
    if side == 'ours':
        model._forward = lambda *_: output
    else:
        model.encode_decode = lambda _, metas: model.decode_head.predict_by_feat(output, metas)

    def restore() -> torch.Tensor:
        sample = SegDataSample(metainfo=meta)
        with torch.inference_mode():
            done = model.predict(inputs, [sample])[0]
        return done.pred_sem_seg.data

    return restore, output


def peak_bytes(side: str, small: str, threads: str) -> int:
    """Most memory that restoring adds, in this process."""
    import torch

    torch.set_num_threads(int(threads))
    make(side, True)[0]()  # what libraries allocate once
    restore, output = make(side, small == 'True')
    output.add_(0)
    reset_peak()
    before = status_bytes('VmRSS')
    restore()
    return status_bytes('VmHWM') - before


@benchmark(
    'parsing-restore',
    work='28 classes, 2048x1536: everything after the head',
    against='stock `predict_by_feat` and `postprocess_result`',
    side='inference',
    limit_s=240,
)
def parsing_restore(settings: Settings) -> Iterator[Measurement]:
    """Time and memory."""
    ways = {s: make(s, settings.small)[0] for s in ('ours', 'stock')}
    ours, stock = ways['ours'](), ways['stock']()
    differ = float((ours != stock).float().mean())
    timings = alternate(ways, repeat=settings.repeat, clock=settings.clock)
    photo_hw = SMALL_PHOTO_HW if settings.small else PHOTO_HW
    pixels = photo_hw[0] * photo_hw[1]
    yield Measurement(
        timings['ours'].median,
        's',
        timings['stock'].median,
        mode='time',
        target=4,
        num_bytes=8 * pixels + 4 * CLASSES * pixels / 16,
        error=f'{100 * differ:.2g} % of the pixels differ (ties)',
        first_s=timings['ours'].first_s,
    )
    peaks = {
        side: run_in_child(
            'rows.parsing_restore', 'peak_bytes', side, settings.small, settings.threads
        )
        for side in ways
    }
    yield Measurement(
        peaks['ours'] / 2**20,
        'MiB',
        peaks['stock'] / 2**20,
        mode='peak memory that is added',
        target=4,
    )
