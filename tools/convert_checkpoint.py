#!/usr/bin/env python
"""Convert a Sapiens checkpoint to .safetensors or a cleaned .pth.

Reads every released layout: MAE, clean encoder, pose, segmentation, depth and normal, from .pth,
.safetensors, TorchScript and torch.export files, and the folders in shards of FSDP training.
Optimizer states are dropped, key names stay. TorchScript and torch.export need --trust-pickle,
because torch may run code in them.
"""

import argparse

import mmsapiens  # noqa: F401  makes mmengine's checkpoints readable
from mmsapiens.checkpoints import convert_checkpoint


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint to read, a file or a folder in shards')
    parser.add_argument(
        'target', help='file to write; its suffix, .safetensors or .pth, selects the format'
    )
    parser.add_argument(
        '--encoder-only',
        action='store_true',
        help='keep the encoder alone, without `backbone.`, as the `_clean` files are',
    )
    parser.add_argument(
        '--dtype', choices=['float32', 'bfloat16', 'float16'], help='convert floating-point weights'
    )
    parser.add_argument(
        '--task',
        help='what its head is for, such as normal or seg-28, where the file does not say it',
    )
    parser.add_argument(
        '--no-hash',
        action='store_true',
        help='do not add the first digits of the SHA-256 to the name',
    )
    parser.add_argument(
        '--trust-pickle',
        action='store_true',
        help='let code in the source file run; only for files you trust',
    )
    return parser.parse_args()


def main() -> None:
    """Convert and say what was written."""
    args = parse_args()
    info, path = convert_checkpoint(
        args.source,
        args.target,
        encoder_only=args.encoder_only,
        dtype=args.dtype,
        with_hash=not args.no_hash,
        trust_pickle=args.trust_pickle or None,
        task=args.task,
    )
    print(f'{args.source}: {info}')
    print(f'wrote {path} ({path.stat().st_size / 2**20:.1f} MiB)')


if __name__ == '__main__':
    try:
        main()
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None
