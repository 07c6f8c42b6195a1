"""What is where in a tar shard."""

from __future__ import annotations

import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from .name_table import IMAGE_SUFFIXES

MANIFEST = 'shards.json'
INDEX_SUFFIX = '.index.json'
VERSION = 1
BLOCK = 512
"""Unit of tar files; one of zeros marks the end."""


@dataclass
class ShardIndex:
    """Where the images of a shard are.

    Attributes:
        names (list[str]): Of the images inside the tar file.
        offsets (list[int]): First byte of each.
        sizes (list[int]): Bytes of each.
    """

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
        """From JSON.

        Args:
            content (bytes): See :meth:`dumps`.
            path (str): For messages.

        Raises:
            ValueError: If it is no index.
        """
        try:
            fields = json.loads(content)
            if fields.pop('version') != VERSION:
                raise KeyError('version')
            return cls(**fields)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise ValueError(
                f'{path} is no index of a shard of version {VERSION}. Write '
                'it with `tools/dataset/pack_shards.py --index-only`.'
            ) from None


def index_shard(path: str | Path) -> ShardIndex:
    """Find the images of a tar file.

    Args:
        path (str | Path): An uncompressed tar file in webdataset layout.

    Returns:
        ShardIndex: Members whose suffix is that of an image, in their order.

    Raises:
        ValueError: If it is no tar file, or cut short.
    """
    index = ShardIndex([], [], [])
    end = 0
    try:
        with tarfile.open(path, 'r:') as tar:
            for member in tar:
                end = member.offset_data + member.size
                suffix = Path(member.name).suffix.lower()
                if member.isfile() and suffix in IMAGE_SUFFIXES:
                    index.names.append(member.name)
                    index.offsets.append(member.offset_data)
                    index.sizes.append(member.size)
    except tarfile.TarError as error:
        raise ValueError(f'{path} is no tar shard: {error}') from None
    with open(path, 'rb') as file:
        file.seek(-(-end // BLOCK) * BLOCK)
        if file.read(BLOCK) != bytes(BLOCK):
            raise ValueError(
                f'{path} was cut short: the end of a tar file is missing. Copy or pack it again.'
            )
    return index


@dataclass
class Manifest:
    """The shards of a folder.

    Attributes:
        names (list[str]): File names of the shards.
        counts (list[int]): Images of each.
    """

    names: list[str]
    counts: list[int]

    def dumps(self) -> bytes:
        """As JSON, a shard per line."""
        shards = [
            json.dumps(dict(name=name, count=count)) for name, count in zip(self.names, self.counts)
        ]
        lines = ',\n'.join(shards)
        return f'{{"version": {VERSION}, "shards": [\n{lines}\n]}}\n'.encode()

    @classmethod
    def loads(cls, content: bytes, path: str) -> Manifest:
        """From JSON; see :meth:`ShardIndex.loads`."""
        try:
            fields = json.loads(content)
            if fields['version'] != VERSION:
                raise KeyError('version')
            shards = fields['shards']
            names = [shard['name'] for shard in shards]
            return cls(names, [int(shard['count']) for shard in shards])
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f'{path} is no list of shards of version {VERSION}. Write it '
                'with `tools/dataset/pack_shards.py`.'
            ) from None
