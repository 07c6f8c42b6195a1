"""Files of a dataset, each whole or not there at all.

::

    images/NAME.png        image, RGB (or .jpg)
    masks/NAME.png         0 or 255
    depths/NAME.npy        float32 (H, W), meters, 0 outside
    normals/NAME.npy       float32 (H, W, 3) (or .png, 16 bits)
    labels/NAME.png        ids of the 28 classes
    instances/NAME.png     0 or the person's number from 1
    samples/NAME.json      camera, people, keypoints; written last

A file is written under a temporary name and renamed; one that is there is never written again.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .landmarks import BODY, WHOLEBODY, names_308
from .sample import PersonLabels, Sample

FOLDERS = (
    'images', 'masks', 'depths', 'normals', 'labels', 'instances', 'samples',
)  # fmt: skip
SCALE_16 = 65535


@dataclass(frozen=True)
class Formats:
    """How maps are stored.

    Args:
        image (str): 'png' or 'jpg'. Defaults to 'png'.
        normal (str): 'npy' or 'png'. Defaults to 'npy'.
        axes (str): 'opengl', x right, y up, z towards the camera, or 'opencv', x right, y down, z
            forward. Defaults to 'opengl'.
    """

    image: str = 'png'
    normal: str = 'npy'
    axes: str = 'opengl'

    def __post_init__(self) -> None:
        allowed = {'image': ('png', 'jpg'), 'normal': ('npy', 'png'), 'axes': ('opengl', 'opencv')}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f'`{name}` must be one of {values}, but got {getattr(self, name)!r}'
                )


class AtomicFolder:
    """Writes files that are complete as soon as they are visible.

    Args:
        root (Path): Folder of the dataset.
        scratch (Path): Folder on the same disk for unfinished files.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root, self.scratch = root, scratch

    def write(self, name: str, content: Callable[[], bytes], *, replace: bool = False) -> None:
        """Write a file unless it is there.

        Args:
            name (str): Path in the dataset.
            content (Callable[[], bytes]): Makes the bytes.
            replace (bool): Write it in any case. Defaults to False.
        """
        path = self.root / name
        if path.exists() and not replace:
            return
        for folder in (path.parent, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.scratch / f'{os.getpid()}-{name.replace("/", "-")}'
        unfinished.write_bytes(content())
        os.replace(unfinished, path)


def encode_image(image: NDArray, ending: str) -> bytes:
    """Bytes of an image, RGB or gray."""
    if image.ndim == 3:
        image = np.ascontiguousarray(image[:, :, ::-1])
    if ending == 'jpg':
        options = [cv2.IMWRITE_JPEG_QUALITY, 95]
    else:
        options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    done, data = cv2.imencode(f'.{ending}', image, options)
    assert done
    return data.tobytes()


def encode_array(array: NDArray) -> bytes:
    """Bytes of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def encode_json(data: Any) -> bytes:
    """Bytes of a JSON file."""
    return (json.dumps(data, separators=(',', ':')) + '\n').encode()


def encode_normals(normals: NDArray, ending: str) -> bytes:
    """Bytes of unit normals: floats, or 16 bits from -1 to 1.

    The three channels of the PNG are x, y, z as R, G, B; decode with ``value / 65535 * 2 - 1``
    inside the mask.
    """
    if ending == 'npy':
        return encode_array(normals)
    scaled = np.round((normals.astype(np.float64) + 1) / 2 * SCALE_16)
    return encode_image(scaled.astype(np.uint16), 'png')


def decode_normals(path: Path) -> NDArray[np.float32]:
    """Unit normals (H, W, 3) of a file of :func:`encode_normals`.

    Raises:
        ValueError: If the file cannot be read.
    """
    if path.suffix == '.npy':
        return np.load(path)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16:
        raise ValueError(f'{path} is not an image of 16 bits')
    return (image[:, :, ::-1] / SCALE_16 * 2 - 1).astype(np.float32)


def write_sample(folder: AtomicFolder, name: str, sample: Sample, formats: Formats) -> None:
    """Write all files of an image; the listing's entry comes last."""
    maps = sample.maps
    normal = maps.normal
    if formats.axes == 'opencv':
        normal = normal * np.array([1, -1, -1], np.float32)
    mask = np.where(maps.instance > 0, 255, 0).astype(np.uint8)
    files: dict[str, Callable[[], bytes]] = {
        f'images/{name}.{formats.image}': lambda: encode_image(sample.rgb, formats.image),
        f'masks/{name}.png': lambda: encode_image(mask, 'png'),
        f'depths/{name}.npy': lambda: encode_array(maps.depth),
        f'normals/{name}.{formats.normal}': lambda: encode_normals(normal, formats.normal),
        f'instances/{name}.png': lambda: encode_image(maps.instance, 'png'),
    }
    if sample.has_parts:
        files[f'labels/{name}.png'] = lambda: encode_image(maps.label, 'png')
    for path, content in files.items():
        folder.write(path, content)
    entry = describe_sample(name, sample, formats)
    folder.write(f'samples/{name}.json', lambda: encode_json(entry))


def describe_sample(name: str, sample: Sample, formats: Formats) -> dict[str, Any]:
    """Everything about an image that is not a map."""
    height, width = sample.maps.label.shape
    return {
        'name': name,
        'file_name': f'{name}.{formats.image}',
        'height': height,
        'width': width,
        'view': sample.view,
        'camera': sample.camera.to_dict(),
        'normal_axes': formats.axes,
        'setting': sample.facts,
        'people': [_describe_person(person) for person in sample.people],
    }


def _describe_person(person: PersonLabels) -> dict[str, Any]:
    out: dict[str, Any] = {
        'subject': person.subject,
        'bbox': person.box,
        'area': person.area,
        'segmentation': person.outline,
        'facts': person.facts,
    }
    if person.keypoints is not None:
        for key, names in (
            ('keypoints_17', BODY),
            ('keypoints_133', WHOLEBODY),
            ('keypoints_308', names_308()),
        ):
            table = person.keypoints.table(list(names))
            out[key] = [[round(float(x), 3), round(float(y), 3), int(v)] for x, y, v in table]
    return out
