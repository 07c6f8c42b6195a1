"""Tar shards in webdataset layout: their indexes, and the list of a folder's shards."""

from __future__ import annotations

import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from .listing import PLAIN_IMAGE_SUFFIXES

MANIFEST = 'shards.json'
INDEX_SUFFIX = '.index.json'
VERSION = 1
BLOCK = 512
"""Unit of tar files; one of zeros marks the end."""


@dataclass
class ShardIndex:
    """Where the images of a shard are: name inside the tar file, first byte and size of each."""

    names: list[str]
    offsets: list[int]
    sizes: list[int]

    def __len__(self) -> int:
        return len(self.names)

    def dumps(self) -> bytes:
        """As JSON."""
        return json.dumps(dict(version=VERSION, **asdict(self))).encode()

    @classmethod
    def loads(cls, content: bytes, path: str) -> ShardIndex:
        """From JSON of the file ``path``, or a ValueError that names it."""
        try:
            fields = json.loads(content)
            if fields.pop('version') != VERSION:
                raise KeyError('version')
            return cls(**fields)
        except (KeyError, TypeError, AttributeError, ValueError):
            text = f'{path} is no index of a shard of version {VERSION}'
            remedy = 'Write it with `tools/dataset/pack_shards.py --index-only`.'
            raise ValueError(f'{text}. {remedy}') from None


def index_shard(path: str | Path) -> ShardIndex:
    """Find the images of an uncompressed tar file in webdataset layout.

    A file that is none, or cut short, is a ValueError.
    """
    index = ShardIndex([], [], [])
    end = 0
    try:
        with tarfile.open(path, 'r:') as tar:
            for member in tar:
                end = member.offset_data + member.size
                if member.isfile() and member.name.lower().endswith(PLAIN_IMAGE_SUFFIXES):
                    index.names.append(member.name)
                    index.offsets.append(member.offset_data)
                    index.sizes.append(member.size)
    except tarfile.TarError as error:
        raise ValueError(f'{path} is no tar shard: {error}') from None
    with open(path, 'rb') as file:
        file.seek(-(-end // BLOCK) * BLOCK)
        if file.read(BLOCK) != bytes(BLOCK):
            text = f'{path} was cut short: the end of a tar file is missing'
            raise ValueError(f'{text}. Copy or pack it again.')
    return index


@dataclass
class Manifest:
    """The shards of a folder: file name and number of images of each."""

    names: list[str]
    counts: list[int]

    def dumps(self) -> bytes:
        """As JSON, a shard per line."""
        shards = (dict(name=name, count=count) for name, count in zip(self.names, self.counts))
        lines = ',\n'.join(map(json.dumps, shards))
        return f'{{"version": {VERSION}, "shards": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def loads(cls, content: bytes, path: str) -> Manifest:
        """From JSON; see :meth:`ShardIndex.loads`."""
        try:
            fields = json.loads(content)
            if fields['version'] != VERSION:
                raise KeyError('version')
            shards = [(shard['name'], int(shard['count'])) for shard in fields['shards']]
            return cls([name for name, _ in shards], [count for _, count in shards])
        except (KeyError, TypeError, ValueError):
            text = f'{path} is no list of shards of version {VERSION}'
            raise ValueError(f'{text}. Write it with `tools/dataset/pack_shards.py`.') from None
