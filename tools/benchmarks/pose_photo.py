#!/usr/bin/env python
"""One photograph of one person in, 308 keypoints out: ours against stock parts in mmpose."""

import argparse
import tempfile
from copy import deepcopy
from functools import partial
from pathlib import Path

from networks import build_ours, build_stock, config_of, stock_config, write_photos
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmpose.apis import inference_topdown
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmsapiens.models.layers import compile_blocks
from mmsapiens.pose.datasets import Goliath308Dataset
from timing import alternate, count_flops, matrix_rate, show, show_header
from torch import Tensor, nn

PHOTO_HW = (1600, 1200)


def plant_peaks(model: nn.Module, inputs: Tensor) -> None:
    """Fit the last layer to a Gaussian for each keypoint, as random networks have no peaks.

    Args:
        model (nn.Module): Changed.
        inputs (Tensor): A normalized image, (1, 3, H, W).
    """
    head = model.head
    feats = head.conv_layers(head.deconv_layers(model.extract_feat(inputs)[-1]))[0]  # (C, H, W)
    _, height, width = feats.shape
    generator = torch.Generator().manual_seed(0)
    places = torch.rand(head.final_layer.out_channels, 2, generator=generator)
    places = (0.1 + 0.8 * places) * torch.tensor([width, height])
    dx = (torch.arange(width)[None] - places[:, :1]) ** 2  # (K, W)
    dy = (torch.arange(height)[None] - places[:, 1:]) ** 2  # (K, H)
    sigma = head.decoder.sigma
    target = torch.exp(-(dy[:, :, None] + dx[:, None]) / (2 * sigma**2)).flatten(1)
    design = feats.flatten(1).double()  # (C, H * W)
    design = torch.cat([design, torch.ones_like(design[:1])])
    gram = design @ design.T
    gram.diagonal().add_(1e-6 * gram.diagonal().mean())
    solution = torch.linalg.solve(gram, design @ target.double().T).float()
    head.final_layer.weight.copy_(solution[:-1].T[:, :, None, None])
    head.final_layer.bias.copy_(solution[-1])


def prepare(model: nn.Module, photo: str) -> Tensor:
    """The normalized image that the network gets of a photograph."""
    box = np.array([[0, 0, PHOTO_HW[1], PHOTO_HW[0]]], dtype=np.float32)
    sample = dict(img_path=photo, bbox=box, bbox_score=np.ones(1, np.float32))
    pipeline = Compose(model.cfg.test_dataloader.dataset.pipeline)
    sample = pipeline(dict(sample, **model.dataset_meta))
    return model.data_preprocessor(pseudo_collate([sample]))['inputs']


@torch.no_grad()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', default='0.3b')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--repeat', type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cfg = config_of('pose', args.size)
    ours = build_ours(cfg).eval()
    ours.init_weights()
    ours.cfg = cfg
    ours.dataset_meta = parse_pose_metainfo(Goliath308Dataset.METAINFO)
    points = {}
    with tempfile.TemporaryDirectory() as folder:
        (photo,) = write_photos(Path(folder), 1, PHOTO_HW)
        inputs = prepare(ours, photo)
        plant_peaks(ours, inputs)
        stock = build_stock('pose', stock_config('pose', cfg, ours), ours).eval()
        stock.cfg, stock.dataset_meta = deepcopy(cfg), ours.dataset_meta
        for step in stock.cfg.test_dataloader.dataset.pipeline:
            if step.type == 'mmsapiens.LoadCheckedImage':
                step.type = 'LoadImage'
        flops = count_flops(lambda: ours.head.forward(ours.extract_feat(inputs)))
        rate = matrix_rate('cpu', torch.float32)

        def run(name: str, model: nn.Module) -> None:
            points[name] = inference_topdown(model, photo)[0].pred_instances.keypoints[0]

        def compare(work: str, passes: int) -> None:
            ways = {'ours': partial(run, 'ours', ours), 'stock': partial(run, 'stock', stock)}
            seconds = {name: each[1] for name, each in alternate(ways, args.repeat).items()}
            error = np.linalg.norm(points['ours'] - points['stock'], axis=-1)
            share = passes * flops / rate / seconds['ours']
            note = f'{np.median(error):.2g} px median, {error.max():.2g} px at most; '
            note += f'{100 * share:.0f} % of the rate of matrix products'
            show(work, 's', seconds['ours'], seconds['stock'], note)

        show_header()
        for flip_test in (False, True):
            ours.test_cfg['flip_test'] = stock.test_cfg['flip_test'] = flip_test
            how = 'with flip test' if flip_test else 'float32'
            compare(f'photograph to 308 keypoints, {args.size}, {how}', 1 + flip_test)
        ours.test_cfg['flip_test'] = stock.test_cfg['flip_test'] = False
        compile_blocks(ours.backbone)
        compare(f'photograph to 308 keypoints, {args.size}, compiled blocks', 1)


if __name__ == '__main__':
    main()
