#!/usr/bin/env python
"""Sapiens2 beside the model of transformers: forward pass, loading, and outputs on the image.

Both have the same weights, random ones. transformers is in a folder apart (`make install`), beside
which stock mmpretrain cannot be imported.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import added_peak, alternate, show, show_header

from mmsapiens.checkpoints import load_checkpoint, without_parameter_memory, write_checkpoint
from mmsapiens.checkpoints.families.sapiens2 import to_transformers
from mmsapiens.models import Sapiens2ViT
from mmsapiens.models.build import assemble
from mmsapiens.models.input_rule import InputRule
from mmsapiens.models.tasks import get_task, tasks_of

DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
NAMES = {
    'embed_dims': 'hidden_size',
    'num_layers': 'num_hidden_layers',
    'num_heads': 'num_attention_heads',
    'feedforward_channels': 'intermediate_size',
}


def import_transformers(folder: Path) -> Any:
    """The package, also from a folder apart."""
    sys.path.append(str(folder))
    import transformers

    transformers.logging.set_verbosity_error()
    return transformers


def make_pair(transformers: Any, size: str, size_hw: tuple[int, int]) -> tuple[Any, Any]:
    """Our encoder and theirs with the same weights."""
    torch.manual_seed(0)
    ours = Sapiens2ViT(size, size_hw, rope_dtype='float32', layer_scale=1.0).eval()
    ours.init_weights()
    config = transformers.Sapiens2Config(
        **{theirs: ours.arch[name] for name, theirs in NAMES.items()},
        num_key_value_attention_heads=ours.arch['num_heads'] // 2,
        image_size=list(size_hw),
    )
    theirs = transformers.Sapiens2Model(config).eval()
    theirs.load_state_dict(to_transformers(ours.state_dict()))
    return ours, theirs


def compare_forward(ours: Any, theirs: Any, size: str, dtype: str, args: Any) -> None:
    """A line for the forward pass of one image."""
    image = torch.randn(1, 3, *args.image).to(DTYPES[dtype])
    for model in (ours, theirs):
        model.to(DTYPES[dtype])
    ours.use_rope_dtype(dtype)  # theirs has tables of the type of the model
    with torch.inference_mode():
        seconds = alternate({'o': lambda: ours(image), 't': lambda: theirs(image)}, args.repeat)
        ours.out_type = 'raw'
        difference = (ours(image)[0] - theirs(image).last_hidden_state).float().abs()
        ours.out_type = 'featmap'
    note = f'differ by {difference.mean():.1g} on average, {difference.max():.1g} at most'
    show(f'forward, {size}, {dtype}', 's', seconds['o'][1], seconds['t'][1], note)


def compare_loading(transformers: Any, ours: Any, theirs: Any, size: str, args: Any) -> None:
    """A line for a model ready from a file."""
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = write_checkpoint(ours.state_dict(), Path(folder) / 'ours.safetensors')
        theirs.save_pretrained(Path(folder) / 'theirs')

        def load() -> None:
            with without_parameter_memory():
                model = Sapiens2ViT(size, args.image)
            load_checkpoint(model.eval(), path)

        read = transformers.Sapiens2Model.from_pretrained
        ways = {'o': load, 't': lambda: read(Path(folder) / 'theirs')}
        seconds = alternate(ways, max(3, args.repeat))
    show(f'ready from a file, {size}', 's', seconds['o'][1], seconds['t'][1])


def make_restore(args: Any, task: str, side: str) -> Callable[[], Any]:
    """What brings an output for a padded input to the size of a photograph."""
    torch.manual_seed(0)
    maps, scale = torch.randn(1, 3, *args.image), torch.full((1, 1), 0.8)
    if side == 'ours':
        arch = dict(embed_dims=32, num_layers=1, num_heads=2, feedforward_channels=32)
        layers = {
            'normal': dict(upsample_channels=(8,), conv_out_channels=(8,)),
            'pointmap': dict(
                upsample_channels=(8,),
                conv_out_channels=(8,),
                scale_channels=(8,),
                scale_hidden=(8,),
            ),
        }
        row = get_task(task, tasks_of('sapiens2'))
        options = dict(img_size=args.image, head_layers=layers, encoder=Sapiens2ViT)
        model = assemble(arch, [row], **options)
        model.use_rule(InputRule(args.image))
        output = maps[0]
        if task == 'pointmap':
            output = torch.cat([maps, scale[..., None, None].expand_as(maps[:, :1])], dim=1)[0]
        return lambda: model.restore(task, output, args.photo)
    transformers = import_transformers(args.apart)
    processor = transformers.Sapiens2ImageProcessor(
        do_pad=True, size=dict(height=args.image[0], width=args.image[1])
    )
    sizes = dict(source_sizes=[args.photo], target_sizes=[args.photo])
    if task == 'normal':
        outputs = transformers.models.sapiens2.modeling_sapiens2.Sapiens2NormalEstimatorOutput(
            normals=maps
        )
        return lambda: processor.post_process_normal_estimation(outputs, **sizes)
    outputs = transformers.models.sapiens2.modeling_sapiens2.Sapiens2PointmapEstimatorOutput(
        pointmaps=maps, scales=scale
    )
    return lambda: processor.post_process_pointmap_estimation(outputs, **sizes)


def measure_restore(args: Any, task: str, side: str, queue: Any) -> None:
    """Seconds, and bytes beyond the returned map, in a process of its own."""
    torch.set_num_threads(args.threads)
    run = make_restore(args, task, side)
    run()
    _, seconds = alternate({side: run}, args.repeat)[side]
    returned = 3 * 4 * args.photo[0] * args.photo[1]
    queue.put((seconds, min(added_peak(run) for _ in range(3)) - returned))


def compare_restore(args: Any, task: str) -> None:
    """Lines for time and memory of what follows the network."""
    found = {}
    context = multiprocessing.get_context('spawn')
    for side in ('ours', 'theirs'):
        queue = context.Queue()
        process = context.Process(target=measure_restore, args=(args, task, side, queue))
        process.start()
        found[side] = queue.get()
        process.join()
    (ours, our_bytes), (theirs, their_bytes) = found['ours'], found['theirs']
    photo = 'x'.join(map(str, args.photo))
    show(f'{task} to {photo}', 's', ours, theirs)
    show(f'{task} to {photo}, beyond the map', 'MiB', our_bytes / 2**20, their_bytes / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--sizes', nargs='+', default=['0.1b', '0.4b'])
    parser.add_argument('--dtypes', nargs='+', default=list(DTYPES))
    parser.add_argument('--image', type=int, nargs=2, default=(1024, 768))
    parser.add_argument('--photo', type=int, nargs=2, default=(4096, 3072))
    parser.add_argument('--repeat', type=int, default=4)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--folder', help='for files of weights')
    parser.add_argument('--apart', type=Path, default=Path(sys.prefix) / 'apart')
    args = parser.parse_args()
    args.image, args.photo = tuple(args.image), tuple(args.photo)
    torch.set_num_threads(args.threads)
    transformers = import_transformers(args.apart)
    show_header()
    for size in args.sizes:
        ours, theirs = make_pair(transformers, size, args.image)
        compare_loading(transformers, ours, theirs, size, args)
        for dtype in args.dtypes:
            compare_forward(ours, theirs, size, dtype, args)
    for task in ('normal', 'pointmap'):
        compare_restore(args, task)


if __name__ == '__main__':
    main()
