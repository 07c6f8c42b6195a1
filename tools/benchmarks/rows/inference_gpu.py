"""Rows: inference on a GPU, networks alone and from file to file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from harness import Measurement, Settings, alternate, benchmark

RATE = 'the measured rate of bfloat16 matrix products'
BATCH = {'tiny': 2, '0.3b': 32, '0.6b': 16, '1b': 16, '2b': 8}
"""Size -> people in a batch of the network alone."""
WARM_UP, PHOTOS = 4, 40
"""Batches of the pipeline before the clock starts, and while it runs."""


def _network(size: str, device: str) -> tuple[Any, Any]:
    """A pose network with random weights in bfloat16, and its config."""
    import torch
    from training.models import build, config_of

    cfg = config_of('pose', size)
    model = build(cfg, device).eval().requires_grad_(False)
    model.backbone.to(torch.bfloat16)
    model.head.to(torch.bfloat16)
    return model, cfg


def _forward_flops(model: Any, shape: tuple[int, ...]) -> float:
    """Operations of backbone and head."""
    import copy

    import torch
    from model_cost import count_operations

    twin = copy.deepcopy(model).float().to('meta')
    like = torch.empty((1, *shape[1:]), device='meta')
    cost = count_operations(lambda: twin.head.forward(twin.extract_feat(like)))
    return 2.0 * cost.total * shape[0]


def _forward(size: str, settings: Settings) -> Iterator[Measurement]:
    """Backbone and head, without compilation, with it, by kernel."""
    import torch
    from mmsapiens.models.layers import compile_blocks
    from training.attention import prefer

    if settings.small:
        size = 'tiny'
    torch.backends.cudnn.benchmark = True
    model, cfg = _network(size, settings.device)
    height, width = model.backbone.img_size
    shape = (BATCH[size], 3, height, width)
    flops = _forward_flops(model, shape)
    inputs = torch.randn(shape, device=settings.device, dtype=torch.bfloat16)

    @torch.inference_mode()
    def call() -> Any:
        return model.head.forward(model.extract_feat(inputs))

    arch = model.backbone.arch
    kernels = ['']
    # The kernel of cuDNN takes only such heads.
    if arch['embed_dims'] // arch['num_heads'] % 8 == 0:
        kernels.append('cudnn')
    variants = [('without compilation', '')]
    variants += [('compiled blocks', kernel) for kernel in kernels]
    rate = settings.limits.flops_per_s.get('bfloat16', 1e12)
    for name, kernel in variants:
        if name == 'compiled blocks':
            torch._dynamo.reset()
            backend = 'inductor' if settings.device == 'cuda' else 'aot_eager'
            compile_blocks(model.backbone, backend=backend)
        with prefer(kernel):
            call()  # or the second call would still compile
            timing = alternate({'ours': call}, repeat=8, device=settings.device, most_s=20)['ours']
        yield Measurement(
            shape[0] / timing.median,
            'people/s',
            mode=f'batch {shape[0]}, {name}, attention {kernel or "default"}',
            higher_is_better=True,
            ratio=flops / timing.median / rate,
            target=0.6,
            flops=flops,
            seconds=timing.median,
            dtype='bfloat16',
            first_s=timing.first_s,
        )


def register_forward(size: str) -> None:
    """Add a row: the forward pass of a size."""

    @benchmark(
        f'gpu-forward-{size}',
        work=f'forward pass, pose 308, {size.upper()}, 1024x768, bfloat16',
        against=RATE,
        side='inference',
        devices=('cuda',),
        limit_s=60,
    )
    def _row(settings: Settings) -> Iterator[Measurement]:
        yield from _forward(size, settings)


for _size in ('0.3b', '0.6b', '1b', '2b'):
    register_forward(_size)


@benchmark(
    'gpu-pipeline-308',
    work='JPEG in, JSON of 308 keypoints out, 0.3B, bfloat16, one person each',
    against='the forward pass alone, same batch',
    side='inference',
    devices=('cuda',),
    limit_s=90,
)
def gpu_pipeline(settings: Settings) -> Iterator[Measurement]:
    """Decoding, cropping, network, post-processing and files together."""
    import shutil

    import torch
    from harness.photographs import write_photographs
    from mmsapiens.inference.inferencer import SapiensInferencer
    from mmsapiens.inference.write_run import WriteOptions
    from mmsapiens.models.layers import compile_blocks

    size, batch, batches = ('0.3b', 16, PHOTOS)
    if settings.small:
        size, batch, batches = ('tiny', 2, 3)
    torch.backends.cudnn.benchmark = True
    folder = settings.scratch / 'pipeline'
    shutil.rmtree(folder, ignore_errors=True)
    paths = write_photographs(folder / 'in', batch * (WARM_UP + batches))
    inferencer = SapiensInferencer(
        f'sapiens-{size}',
        ['pose-308'],
        device=settings.device,
        dtype='bfloat16' if settings.device == 'cuda' else 'float32',
        batch_size=batch,
        workers=4,
        flip_test=False,
        random_weights=True,
    )
    model = inferencer.networks['pose-308'].model
    if settings.device == 'cuda':
        compile_blocks(model.backbone)
    height, width = model.backbone.img_size
    inputs = torch.randn(
        (batch, 3, height, width),
        device=settings.device,
        dtype=next(model.backbone.parameters()).dtype,
    )

    @torch.inference_mode()
    def forward() -> Any:
        return model.heads['pose-308'](model.backbone(inputs))

    forward()
    alone = alternate({'alone': forward}, repeat=8, device=settings.device)
    rate = batch / alone['alone'].median
    times: list[float] = []
    inferencer.run(
        paths,
        folder / 'out',
        people='image',
        write=WriteOptions(outputs=('keypoints',)),
        on_item=lambda item: times.append(time.perf_counter()),
    )
    first = WARM_UP * batch - 1
    done, seconds = len(times) - 1 - first, times[-1] - times[first]
    yield Measurement(
        done / seconds,
        'people/s',
        rate,
        mode=f'batch {batch}, {done} photographs of 1024x768',
        higher_is_better=True,
        target=0.85,
        note='stock column: the network alone',
    )
    shutil.rmtree(folder, ignore_errors=True)
