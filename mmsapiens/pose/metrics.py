"""Evaluation of poses."""

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from mmengine.fileio import dump
from mmengine.logging import MessageHub, print_log
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.evaluation.metrics import CocoMetric
from xtcocotools.coco import COCO

from ..evaluation.oks import (
    PROTOCOLS,
    WHOLEBODY,
    convert_by_equal_names,
    evaluate_oks,
    evaluated_groups,
    evaluated_keypoints,
    read_keypoints,
    write_keypoints,
)
from ..keypoints.keypoint_sets import (
    convert_keypoints,
    get_keypoint_set,
    keypoint_fields,
    read_metainfo,
)
from ..registry import METRICS
from .datasets.coco_style_datasets import check_file, read_people


@METRICS.register_module()
class CheckedCocoMetric(CocoMetric):
    """Stock ``CocoMetric`` of what :class:`AnnotationFile` reads, with the ids of the dataset;
    predictions for another image than the file has under that id are refused.

    Args:
        ann_file (str, optional): Annotation file. Defaults to that of the dataset of the same
            ``dataset_name`` that was built last.
        **kwargs: Arguments of ``CocoMetric``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file contradicts itself.
    """

    coco: Any
    _dataset_meta: dict | None

    def __init__(self, ann_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ann_file = ann_file
        if ann_file is not None:
            check_file('ann_file', ann_file, 'Check the path in the evaluator.')

    @property
    def dataset_meta(self) -> dict | None:
        """Metainfo of the dataset."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._set_meta(dataset_meta)

    def _set_meta(self, dataset_meta: dict) -> None:
        key = f'{dataset_meta["dataset_name"]}_ann_file'
        path = self.ann_file or MessageHub.get_current_instance().get_info(key, None)
        if self.coco is None and path is not None:
            self.ann_file, self.coco = path, self._read(path, dataset_meta)
        CocoMetric.dataset_meta.fset(self, dataset_meta)

    def _read(self, path: str, metainfo: Mapping[str, Any]) -> COCO:
        """The annotation file as the tools of COCO have it."""
        return read_coco(path, metainfo, with_people=not self.format_only)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Collect predictions; a ValueError if their image is not that of the file."""
        if self.coco is not None:
            categories = list(self.coco.cats)
            for sample in data_samples:
                check_image(sample, self.coco.imgs, self.ann_file)
            if len(categories) == 1:  # boxes of a detector have its category, or none
                data_samples = [dict(each, category_id=categories[0]) for each in data_samples]
        super().process(data_batch, data_samples)


def read_coco(
    path: str,
    metainfo: Mapping[str, Any],
    fields: Sequence[str] = ('keypoints',),
    with_people: bool = True,
) -> COCO:
    """An annotation file as the tools of COCO have it."""
    coco = COCO()
    coco.dataset = read_people(path, metainfo, fields, with_people).document()
    with redirect_stdout(StringIO()):
        coco.createIndex()
    return coco


def check_image(sample: Mapping[str, Any], images: Mapping[int, Any], path: Any) -> None:
    """Refuse a sample whose image is not that of ``images`` of the file ``path`` by its id."""
    given = PurePosixPath(str(sample.get('img_path') or '').replace('\\', '/'))
    image = images.get(sample['img_id'])
    name = PurePosixPath((image or {}).get('file_name', ''))
    end = given.parts[-len(name.parts) :]
    if image is None or (given.name and name.name and end != name.parts):
        text = f'image {sample["img_id"]} {given} of the predictions is not in the annotation file'
        raise ValueError(
            f'{text} {path} of the evaluator, which has {name if image else "none"}; give it that '
            'of the dataset, and of several choose by `dataset_name` or `img_folder`'
        )


@METRICS.register_module()
class ConvertingCocoMetric(CheckedCocoMetric):
    """Stock ``CocoMetric`` in front of which predictions are converted.

    A model of 133 or 308 keypoints is evaluated with its own loader on the 17 of COCO, for which
    stock's ``pred_converter`` needs a dataset of the target set.

    Args:
        source (str): Keypoint set of the predictions, see :mod:`mmsapiens.keypoints.keypoint_sets`.
        target (str): Keypoint set of ``ann_file``. Defaults to 'coco'.
        **kwargs: Arguments of ``CocoMetric``.

    Raises:
        KeyError: If a keypoint set is unknown.
    """

    def __init__(self, source: str, target: str = 'coco', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        get_keypoint_set(source)  # refuses unknown names
        self.source, self.target = source, target
        self._target_meta = parse_pose_metainfo(read_metainfo(target))

    def _set_meta(self, dataset_meta: dict) -> None:
        """Take that of ``target``, whatever that of the loader is."""
        if self.coco is None and self.ann_file is not None:
            self.coco = self._read(self.ann_file, self._target_meta)
        self._dataset_meta = self._target_meta

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Convert and collect the predictions of a batch; its samples are left as they are."""
        converted = []
        for sample in data_samples:
            pred = dict(sample['pred_instances'])
            pred['keypoints'], pred['keypoint_scores'] = convert_keypoints(
                pred['keypoints'], pred['keypoint_scores'], self.source, self.target
            )
            converted.append(dict(sample, pred_instances=pred))
        super().process(data_batch, converted)


@METRICS.register_module()
class WholeBodyMetric(CheckedCocoMetric):
    """AP and AR of body, feet, face, hands and the whole body; see ``docs/pose_metrics.md``.

    Scores, their collection and OKS-NMS are those of ``CocoMetric``; OKS is that of
    ``xtcocotools``, for each group, with the person's area. ``hand`` is one instance of the points
    of both hands. Predictions of another vocabulary are converted, and only the points that they
    have are compared, scored and used by the NMS.

    Several datasets in one run: one of these for each in a list, all with a ``prefix`` and
    ``dataset_name``; each takes the samples of its own.

    Args:
        vocabulary (str): That of the annotation file, 'coco_wholebody' or 'goliath308'.
        ann_file (str, optional): Annotation file. Defaults to that of the dataset of this
            ``dataset_name`` that was built last.
        pred_vocabulary (str, optional): That of the model. Defaults to ``vocabulary``.
        protocol (str): 'all' compares all points that predictions have; 'common114' the points
            common to both vocabularies, for figures as those of Table 3 of the `paper
            <https://arxiv.org/abs/2408.12569>`_. Defaults to 'all'.
        dataset_name (str, optional): Take only samples of this name. Defaults to any.
        img_folder (str, optional): Take only samples whose ``img_path`` is below this folder; for
            several sets of one name. Defaults to any.
        reference_unmapped (bool): Figures of the reference for 308 predictions on COCO-WholeBody:
            all 133 points are compared, those without a namesake are predicted at (0, 0).
        **kwargs: ``use_area``, ``score_mode``, ``keypoint_score_thr``, ``nms_mode``, ``nms_thr``,
            ``format_only``, ``outfile_prefix``, ``collect_device`` and ``prefix`` of stock.

    Raises:
        ValueError: If an argument is none of its choices, or the file of another vocabulary.
    """

    # Not None, which is worth a warning: groups tell the names apart.
    default_prefix = ''

    def __init__(
        self,
        vocabulary: str,
        ann_file: str | None = None,
        *,
        pred_vocabulary: str | None = None,
        protocol: str = 'all',
        dataset_name: str | None = None,
        img_folder: str | None = None,
        reference_unmapped: bool = False,
        **kwargs: Any,
    ) -> None:
        pred_vocabulary = pred_vocabulary or vocabulary
        given = (pred_vocabulary, vocabulary, protocol)
        for name, value, choices in (
            ('vocabulary', vocabulary, WHOLEBODY),
            ('pred_vocabulary', pred_vocabulary, WHOLEBODY),
            ('protocol', protocol, PROTOCOLS),
        ):
            if value not in choices:
                raise ValueError(f'`{name}` must be one of {list(choices)}, but got {value!r}')
        if reference_unmapped and given != (*WHOLEBODY[::-1], 'all'):
            wanted = "goliath308 predictions on coco_wholebody with protocol 'all'"
            got = f'{pred_vocabulary} on {vocabulary} with {protocol!r}'
            raise ValueError(f'`reference_unmapped` is for {wanted}, but got {got}')
        for name in {'iou_type', 'pred_converter', 'gt_converter'} & set(kwargs):
            text = f'`{name}` is not an option of {type(self).__name__}'
            raise ValueError(f'{text}; vocabularies are converted by `pred_vocabulary`')
        self.vocabulary, self.pred_vocabulary = vocabulary, pred_vocabulary
        self.dataset_name = dataset_name
        self.img_folder = None if img_folder is None else Path(img_folder)
        self._others: set[str] = set()  # names or folders of samples that are not taken
        self.reference_unmapped = reference_unmapped
        described = get_keypoint_set(vocabulary)
        self.keypoint_ids = list(range(len(described)))
        if not reference_unmapped:
            self.keypoint_ids = evaluated_keypoints(vocabulary, pred_vocabulary, protocol)
        self.groups = evaluated_groups(vocabulary, self.keypoint_ids)
        self.sigmas = np.array(described.sigmas)  # (K,)
        self._persons: list[dict[str, Any]] | None = None
        self._detections: list[dict[str, Any]] = []
        super().__init__(ann_file=ann_file, **kwargs)
        if ann_file is not None:
            self.coco = self._read(ann_file, {})
            self._read_persons()

    @property
    def dataset_meta(self) -> dict[str, Any]:
        """What ``CocoMetric`` asks of it: the keypoints to be compared."""
        return dict(num_keypoints=len(self.keypoint_ids), sigmas=self.sigmas[self.keypoint_ids])

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any]) -> None:
        # CocoMetric looks the annotation file up by this name.
        name = self.dataset_name or dataset_meta['dataset_name']
        self._set_meta(dict(dataset_meta, dataset_name=name))

    def _read(self, path: str, metainfo: Mapping[str, Any]) -> COCO:
        names = get_keypoint_set(self.vocabulary).keypoint_names
        metainfo = dict(num_keypoints=len(names), keypoint_id2name=dict(enumerate(names)))
        return read_coco(path, metainfo, keypoint_fields(self.vocabulary))

    def _read_persons(self) -> list[dict[str, Any]]:
        """Ground truth of the annotation file, read once."""
        if self.coco is None:
            text = '`ann_file` is required: no dataset of that name was built for testing'
            raise ValueError(text)
        if self._persons is None:
            people, vocabulary = self.coco.dataset.get('annotations', []), self.vocabulary
            self._persons = [dict(p, keypoints=read_keypoints(p, vocabulary)) for p in people]
        return self._persons

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the predictions for this dataset: ``pred_instances`` with ``keypoints`` (N, K, 2) in
        pixels of the image and ``keypoint_scores`` (N, K). Another K, numbers that are not finite
        and unknown images are a ValueError.
        """
        self._read_persons()
        own = [sample for sample in data_samples if self._is_own(sample)]
        for data_sample in own:
            _check_prediction(data_sample, self.pred_vocabulary)
        start = len(self.results)
        super().process(data_batch, own)
        convert = convert_by_equal_names if self.reference_unmapped else convert_keypoints
        for pred, _ in self.results[start:]:
            points, scores = convert(
                pred['keypoints'], pred['keypoint_scores'], self.pred_vocabulary, self.vocabulary
            )
            pred['keypoints'] = points[:, self.keypoint_ids]  # (N, E, 2)
            pred['keypoint_scores'] = scores[:, self.keypoint_ids]

    def _is_own(self, data_sample: Mapping[str, Any]) -> bool:
        """Whether a sample is of ``dataset_name``, and below ``img_folder`` as written there."""
        name, path = data_sample.get('dataset_name'), data_sample.get('img_path')
        wanted = dict(dataset_name=self.dataset_name, img_path=self.img_folder)
        for key in (key for key, value in wanted.items() if value and not data_sample.get(key)):
            text = f'data samples must have `{key}` to tell datasets apart'
            raise ValueError(f'{text}; name it in `meta_keys` of PackPoseInputs')
        if self.dataset_name is not None and name != self.dataset_name:
            self._others.add(str(name))
            return False
        if self.img_folder is not None and self.img_folder not in Path(str(path)).parents:
            self._others.add(str(Path(str(path)).parent))
            return False
        return True

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The figures of all groups, such as ``'hand/AP'``: 0 without predictions, -1 without
        ground truth; a ValueError if all samples were of other datasets.
        """
        if results:
            return super().compute_metrics(results)
        if self._others:
            text = f'no predictions are for dataset {self.dataset_name or self.img_folder}'
            raise ValueError(f'{text}, only for {sorted(self._others)}')
        self.results2json({}, self.outfile_prefix or '')
        return {} if self.format_only else dict(self._do_python_keypoint_eval(''))

    def results2json(self, keypoints: Mapping[int, list], outfile_prefix: str) -> None:
        """Keep the persons of each image, and write ``PREFIX.keypoints.json`` if there is one."""
        self._detections = []
        for person in (person for people in keypoints.values() for person in people):
            points = np.zeros((len(self.sigmas), 3))
            points[self.keypoint_ids] = person['keypoints']
            # The size of a person found is that of its body, for every group, as in the whole-body
            # evaluation of stock xtcocotools.
            width, height = np.ptp(points[self.groups['body'], :2], axis=0)
            found = dict(image_id=person['img_id'], category_id=person['category_id'])
            found.update(keypoints=points, score=float(person['score']), area=float(width * height))
            self._detections.append(found)
        if self.outfile_prefix is not None:
            rows, name = self._detections, self.vocabulary
            rows = [{**each, **write_keypoints(each['keypoints'], name)} for each in rows]
            dump(rows, f'{outfile_prefix}.keypoints.json')

    def _do_python_keypoint_eval(self, outfile_prefix: str) -> list[tuple[str, float]]:
        """Pairs of name and figure, and a table of them in the log."""
        figures = []
        table = [f'{"group":<12}{"points":>8}{"AP":>8}{"AR":>8}']
        options = dict(image_ids=self.coco.imgs, use_area=self.use_area)
        people = self._read_persons(), self._detections
        for group, ids in self.groups.items():
            values = evaluate_oks(*people, ids, self.sigmas[ids], **options)
            figures += [(f'{group}/{key}', v) for key, v in values.items()]
            table.append(f'{group:<12}{len(ids):>8}{values["AP"]:>8.3f}{values["AR"]:>8.3f}')
        print_log('\n'.join(table), logger='current')
        return figures


def _check_prediction(data_sample: Mapping[str, Any], vocabulary: str) -> None:
    """Refuse predictions (N, K, 2) that would give wrong figures without a word."""
    image_id = data_sample['img_id']
    points = np.asarray(data_sample['pred_instances']['keypoints'])
    count = len(get_keypoint_set(vocabulary))
    if points.ndim != 3 or points.shape[1] != count:
        text = f'predictions must be (N, {count}, 2), `pred_vocabulary` being {vocabulary!r}'
        raise ValueError(f'{text}, but got {points.shape} for image {image_id}')
    if wrong := (~np.isfinite(points)).sum():
        text = f'predictions must be finite, but got {wrong} other values for image {image_id}'
        raise ValueError(text)
