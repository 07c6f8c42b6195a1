"""Training several datasets in one keypoint set."""

from __future__ import annotations

from typing import Any

from mmpose.datasets.transforms import KeypointConverter

from ...keypoints.keypoint_sets import converter_mapping, get_keypoint_set
from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class ConvertVocabulary(KeypointConverter):
    """Stock ``KeypointConverter`` between two keypoint sets.

    Stands in the pipeline of a dataset inside a ``CombinedDataset``, whose ``metainfo`` is that of
    ``target``. Points without a counterpart have weight 0 in the loss.

    Args:
        source (str): Keypoint set of the dataset, see :mod:`mmsapiens.keypoints.keypoint_sets`.
        target (str): Keypoint set to train in.

    Raises:
        KeyError: If a name is unknown.
    """

    def __init__(self, source: str, target: str) -> None:
        super().__init__(len(get_keypoint_set(target)), converter_mapping(source, target))
        self.source, self.target = source, target

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Convert ``keypoints`` (N, K, 2) and what belongs to them."""
        # The stock converter takes this key for 3D keypoints whatever it is; some stock datasets
        # set it to None.
        if results.get('keypoints_3d', 0) is None:
            del results['keypoints_3d']
        return super().transform(results)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self.source!r}, {self.target!r})'
