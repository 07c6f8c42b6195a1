"""Shards through data loaders of two processes with two workers each."""

import json
import pickle
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from image_shards import write_images
from mmengine.runner import Runner
from pack_shards import pack_images

from mmsapiens.pretrain.datasets import HumanImageDataset

WORLD_SIZE = 2


def build_loader(folder, seed):
    return Runner.build_dataloader(
        dict(
            batch_size=16,
            num_workers=2,
            persistent_workers=True,
            prefetch_factor=4,
            sampler=dict(type='mmsapiens.ResumableSampler', window=500),
            batch_sampler=dict(type='mmsapiens.ResumableBatchSampler'),
            dataset=dict(type='mmsapiens.ShardedImageDataset', data_root=folder),
        ),
        seed=seed,
    )


def samples(batches):
    return [batch['sample_idx'] for batch in batches]


def process(folder, state_path):
    """What one process sees: two epochs; the first again, interrupted."""
    import torch.distributed as dist

    dist.init_process_group('gloo')
    loader = build_loader(folder, 0)
    seen = {}
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        seen[f'epoch {epoch}'] = samples(loader)
    stop = len(loader) // 3
    loader = build_loader(folder, 0)
    seen['before'] = samples(islice(loader, stop))  # workers drew more
    if dist.get_rank() == 0:  # one state serves all processes
        state = loader.batch_sampler.state_after(stop)
        Path(state_path).write_bytes(pickle.dumps(state))
    dist.barrier()
    loader = build_loader(folder, 7)
    state = pickle.loads(Path(state_path).read_bytes())
    loader.batch_sampler.sampler.load_state_dict(state)
    seen['after'] = samples(loader)
    loader.batch_sampler.sampler.set_epoch(1)
    seen['next'] = samples(loader)
    print('\n' + json.dumps(seen))
    dist.destroy_process_group()


def run(folder, state_path):
    import kill_training

    environment = kill_training.environment
    port = kill_training.free_port()
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, folder, state_path],
            env=environment(rank, port),
            stdout=subprocess.PIPE,
        )
        for rank in range(WORLD_SIZE)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert not any(process.returncode for process in processes)
    return [json.loads(output.splitlines()[-1]) for output in outputs]


@pytest.mark.slow
@pytest.mark.parametrize('number', [300, 2_000])  # less and more than a window
def test_each_image_once(number, tmp_path):
    images = HumanImageDataset(str(write_images(tmp_path / 'a', number)))
    # Broken ones make the shards uneven.
    for index in (3, 4, 5, 130):
        Path(images.get_name(index)).write_bytes(b'')
    folder = str(tmp_path / 'shards')
    left = pack_images(images, folder, per_shard=number // 13).num_images
    assert left == number - 4
    ranks = run(folder, str(tmp_path / 'state'))
    for name in ('epoch 0', 'epoch 1'):
        assert len({len(seen[name]) for seen in ranks}) == 1
        drawn = [i for seen in ranks for batch in seen[name] for i in batch]
        assert sorted(drawn) == list(range(left))
    for seen in ranks:
        assert seen['epoch 0'] != seen['epoch 1']
        assert seen['before'] + seen['after'] == seen['epoch 0']
        assert seen['next'] == seen['epoch 1']


if __name__ == '__main__':
    import mmsapiens.pretrain.samplers  # noqa: F401

    process(*sys.argv[1:])
