"""Hi4D for the evaluation of depth and normals."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import fileio
from mmengine.logging import print_log

from ...registry import DATASETS
from .dense_folder_dataset import DenseFolderDataset
from .listing import IMAGE_KEY

HI4D_PAIRS = (28, 32, 37)
HI4D_CAMERA = 4
HI4D_IMAGES = 1195


@DATASETS.register_module()
class Hi4DDataset(DenseFolderDataset):
    """Images of two people, in the folders of the release.

    Published by Yin et al., "Hi4D", CVPR 2023. Masks, depth and normals are renders of its meshes
    from the camera; their folders are ours, see ``docs/dense_datasets.md``. The paper tests on
    pairs 28, 32 and 37 seen by camera 4, 1195 images. Samples also have ``sequence``, as
    'pair28/dance28'.

    Args:
        pairs (Sequence[int]): Numbers of pairs. Defaults to (28, 32, 37).
        camera (int): Number of the camera. Defaults to 4.
        **kwargs: Those of :class:`DenseFolderDataset`; ``test_mode`` defaults
            to True.

    Raises:
        FileNotFoundError: If a pair has no folder, or none with images of the camera.
        ValueError: If there is no pair, or one twice.
    """

    LAYOUT = (
        'pair<NN>/<action>/images/<camera>/*.jpg and, of equal names, '
        'pair<NN>/<action>/masks/<camera>, depths/<camera> and '
        'normals/<camera>; pair<NN>_<part> where the release has parts'
    )

    def __init__(
        self, *, pairs: Sequence[int] = HI4D_PAIRS, camera: int = HI4D_CAMERA, **kwargs: Any
    ) -> None:
        if not pairs or len(set(pairs)) < len(pairs):
            raise ValueError(f'`pairs` must be different numbers, but got {tuple(pairs)}')
        self.pairs = tuple(int(pair) for pair in pairs)
        self.camera = int(camera)
        kwargs.setdefault('test_mode', True)
        super().__init__(**kwargs)

    def sequences(self) -> list[str]:
        """Folders of actions with images of the camera, as 'pair/action'.

        Raises:
            FileNotFoundError: If a pair has none.
        """
        root = os.path.join(self.data_root or '.', self.split)
        folders = self._folders_in(root)
        found: list[str] = []
        for pair in self.pairs:
            pattern = re.compile(rf'pair0*{pair}(_\d+)?')
            actions = [
                f'{folder}/{action}'
                for folder in folders
                if pattern.fullmatch(folder)
                for action in self._folders_in(os.path.join(root, folder))
                if self._has_images(os.path.join(root, folder, action))
            ]
            if not actions:
                raise FileNotFoundError(
                    f'Hi4DDataset: pair {pair} has no images of camera '
                    f'{self.camera} in {root}. Expected: {self.LAYOUT}.'
                )
            found += actions
        return found

    def folder_groups(self) -> list[dict[str, str]]:
        """Folders of each action."""
        return [
            {
                key: f'{folder}/{self.camera}'
                for key, folder in self.find_folders(
                    '/'.join(filter(None, (self.split, sequence)))
                ).items()
            }
            for sequence in self.sequences()
        ]

    def load_data_list(self) -> list[dict]:
        """List the samples; a warning says when they are not the paper's."""
        samples = super().load_data_list()
        if len(samples) != HI4D_IMAGES:
            print_log(
                f'Hi4DDataset has {len(samples)} images, but the paper has '
                f'{HI4D_IMAGES}: figures cannot be compared with its '
                'tables.',
                logger='current',
                level=logging.WARNING,
            )
        return samples

    def describe_group(self, index: int, folders: Mapping[str, str]) -> dict[str, Any]:
        """The sequence."""
        action = os.path.dirname(os.path.dirname(folders[IMAGE_KEY]))
        pair = os.path.basename(os.path.dirname(action))
        return dict(sequence=f'{pair}/{os.path.basename(action)}')

    def _folders_in(self, folder: str) -> list[str]:
        if not fileio.isdir(folder, backend_args=self.backend_args):
            return []
        return sorted(
            fileio.list_dir_or_file(folder, list_file=False, backend_args=self.backend_args)
        )

    def _has_images(self, action: str) -> bool:
        return any(
            fileio.isdir(
                os.path.join(action, name, str(self.camera)), backend_args=self.backend_args
            )
            for name in self.folder_names(IMAGE_KEY)
        )
