"""Which samples of a run over several datasets are for one metric."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class DatasetFilter:
    """Takes the samples of one dataset, wherever they are in the run.

    Args:
        dataset_name (str, optional): Their ``dataset_name``. Defaults to any.
        img_folder (str, optional): Folder that their ``img_path`` is below, as it is written there.
            Defaults to any.

    Attributes:
        others (set[str]): Names or folders of the samples not taken.
    """

    def __init__(self, dataset_name: str | None = None, img_folder: str | None = None) -> None:
        self.dataset_name = dataset_name
        self.img_folder = None if img_folder is None else Path(img_folder)
        self.others: set[str] = set()

    def takes(self, data_sample: Mapping[str, Any]) -> bool:
        """Whether a sample belongs to the dataset.

        Args:
            data_sample (Mapping[str, Any]): With the keys that tell the dataset.

        Returns:
            bool: False for those of other datasets.

        Raises:
            ValueError: If the sample does not say what it is.
        """
        if self.dataset_name is not None:
            name = self._read(data_sample, 'dataset_name')
            if name != self.dataset_name:
                self.others.add(name)
                return False
        if self.img_folder is not None:
            path = Path(self._read(data_sample, 'img_path'))
            if self.img_folder not in path.parents:
                self.others.add(str(path.parent))
                return False
        return True

    @staticmethod
    def _read(data_sample: Mapping[str, Any], key: str) -> str:
        if data_sample.get(key) is None:
            raise ValueError(
                f'data samples must have `{key}` to tell datasets apart; '
                'name it in `meta_keys` of PackPoseInputs'
            )
        return data_sample[key]

    def __str__(self) -> str:
        return str(self.dataset_name or self.img_folder)
