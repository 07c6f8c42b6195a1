#!/usr/bin/env python
"""Time pose post-processing and targets against stock MMPose, in one run.

One person with 308 keypoints at 192x256 heatmaps, one thread each.
With a CUDA device, also a batch of 32 people there.
"""

import argparse

import mmsapiens  # noqa: F401  before mmpose
import cv2
import numpy as np
import torch
from mmpose.codecs import UDPHeatmap
from mmpose.models.losses import KeypointOHKMMSELoss
from mmpose.models.utils.tta import flip_heatmaps
from mmsapiens.models import HardKeypointMSELoss
from mmsapiens.pose import BatchedUDPHeatmap
from mmsapiens.ops.udp_decoding import decode_udp_heatmaps
from mmsapiens.keypoints.keypoint_sets import get_keypoint_set
from timing import alternate, show, show_header

INPUT_WH, HEATMAP_WH, SIGMA, TOPK = (768, 1024), (192, 256), 6, 128


class Work:
    """Inputs of the comparisons.

    Args:
        num_keypoints (int): Keypoints of the person.
    """

    def __init__(self, num_keypoints: int) -> None:
        rng = np.random.default_rng(0)
        size = (1, num_keypoints, 2)
        self.keypoints = (rng.uniform(0, 1, size) * INPUT_WH).astype('f4')
        self.stock = UDPHeatmap(INPUT_WH, HEATMAP_WH, sigma=SIGMA)
        self.ours = BatchedUDPHeatmap(INPUT_WH, HEATMAP_WH, sigma=SIGMA)
        self.shipping = BatchedUDPHeatmap(INPUT_WH, HEATMAP_WH, sigma=SIGMA, encode_on_device=True)
        self.batch = np.ones((1, num_keypoints, *HEATMAP_WH[::-1]), 'f4')
        noise = rng.normal(0, 0.01, (num_keypoints, *HEATMAP_WH[::-1]))
        maps = self.stock.encode(self.keypoints)['heatmaps'] + noise
        self.maps = torch.from_numpy(maps.astype('f4'))[None]
        if num_keypoints == 308:
            self.flip = list(get_keypoint_set('goliath308').flip_indices)
        else:
            self.flip = list(range(num_keypoints))[::-1]
        self.mirrored = self.maps.flip(-1)[:, self.flip].contiguous()
        self.weights = torch.ones(1, num_keypoints)

    def encode_and_copy(self, codec: UDPHeatmap) -> None:
        """Targets of one sample, then in the batch, as collation does."""
        self.batch[0] = codec.encode(self.keypoints)['heatmaps']

    def stock_flip_test(self) -> object:
        """What stock does after the network with a flip test."""
        flipped = flip_heatmaps(
            self.mirrored, flip_mode='heatmap', flip_indices=self.flip, shift_heatmap=False
        )
        return self.stock.decode(((self.maps + flipped) * 0.5)[0].numpy())

    def loss_step(self, loss: torch.nn.Module) -> None:
        """Forward and backward pass of a loss."""
        pred = (self.maps * 0.9).requires_grad_()
        loss(pred, self.maps, self.weights).backward()


def compare(work: Work, repeat: int) -> None:
    """Print the lines of the table."""
    topk = min(TOPK, work.maps.shape[1])
    stock_loss = KeypointOHKMMSELoss(use_target_weight=True, topk=topk)
    our_loss = HardKeypointMSELoss(topk=topk)
    array = work.maps[0].numpy()
    # A network leaves little more than noise where it sees no keypoint.
    faint = array.copy()
    faint[1::2] = 1e-3 * np.random.default_rng(0).random(faint[1::2].shape, dtype='f4')
    error = np.abs(work.ours.decode(array)[0] - work.stock.decode(array)[0]).max()
    errors = {'decoding': f'{error:.2g} px'}
    pairs = {
        'decoding': (lambda: work.stock.decode(array), lambda: work.ours.batch_decode(work.maps)),
        'decoding, half of the keypoints out of sight': (
            lambda: work.stock.decode(faint),
            lambda: work.ours.decode(faint),
        ),
        'flip test and decoding': (
            work.stock_flip_test,
            lambda: work.ours.batch_decode(work.maps, work.mirrored, work.flip),
        ),
        'encoding': (
            lambda: work.stock.encode(work.keypoints),
            lambda: work.ours.encode(work.keypoints),
        ),
        'encoding, copy into a batch': (
            lambda: work.encode_and_copy(work.stock),
            lambda: work.encode_and_copy(work.ours),
        ),
        'encoding, maps drawn on the device': (
            lambda: work.stock.encode(work.keypoints),
            lambda: work.shipping.encode(work.keypoints),
        ),
        f'top-{topk} loss, forward and backward': (
            lambda: work.loss_step(stock_loss),
            lambda: work.loss_step(our_loss),
        ),
    }
    for name, (stock, ours) in pairs.items():
        seconds = alternate(dict(ours=ours, stock=stock), repeat)
        show(name, 'ms', 1e3 * seconds['ours'][1], 1e3 * seconds['stock'][1], errors.get(name, ''))


def show_gpu_decoding(work: Work, people: int = 32) -> None:
    """A batch decoded on the GPU, keypoints on the host."""
    maps = work.maps.cuda().repeat(people, 1, 1, 1)

    def decode() -> None:
        points, scores = decode_udp_heatmaps(maps, INPUT_WH)
        points.cpu(), scores.cpu()

    show(
        f'decoding {people} people on the GPU',
        'ms',
        1e3 * alternate({'': decode}, 20, 'cuda')[''][1],
    )


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--keypoints', type=int, default=308)
    parser.add_argument('--repeat', type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work = Work(args.keypoints)
    show_header()
    compare(work, args.repeat)
    if torch.cuda.is_available():
        show_gpu_decoding(work)


if __name__ == '__main__':
    main()
