"""The inferencer on real photographs with tiny networks."""

import json
import subprocess
import sys
import textwrap

import cv2
import numpy as np
import pytest
from parity import data_folder
from test_parts import BLOCK, EVERYTHING
from tiny_inference import tiny_task

from mmsapiens import SapiensInferencer
from mmsapiens.inference.prefetch import FrameError
from mmsapiens.inference.write_run import WriteOptions
from mmsapiens.structures.results import ImageResult, People, ReadFailure

TASKS = ('pose-17', 'seg-28', 'depth', 'normal')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Configs and weights of tiny models."""
    folder = tmp_path_factory.mktemp('models')
    found = {task: tiny_task(task, folder) for task in TASKS}
    return (
        {task: config for task, (config, _) in found.items()},
        {task: weights for task, (_, weights) in found.items()},
    )


def make(files, tasks=TASKS, **kwargs):
    configs, weights = files
    return SapiensInferencer(
        'sapiens-tiny',
        tasks,
        configs={task: configs[task] for task in tasks},
        weights={task: weights[task] for task in tasks},
        batch_size=kwargs.pop('batch_size', 3),
        device='cpu',
        **kwargs,
    )


@pytest.fixture(scope='module')
def inferencer(files):
    return make(files)


@pytest.fixture(scope='module')
def photographs():
    return sorted((data_folder() / 'coco_sample').glob('*.jpg'))


def test_four_tasks_on_photographs_of_different_sizes(inferencer, photographs):
    boxes = {photographs[0].name: [[10, 10, 200, 300], [50, 60, 300, 400]]}
    results = list(
        inferencer.stream(photographs, people=lambda frame: boxes.get(frame.name + '.jpg', []))
    )
    assert [one.frame.name for one in results] == [p.stem for p in photographs]
    assert len({one.frame.size_hw for one in results}) > 1
    for one in results:
        size_hw = one.frame.size_hw
        assert one.tasks['pose-17'].keypoints.shape == (len(one.people), 17, 2)
        assert one.tasks['seg-28'].values.shape == size_hw
        assert one.tasks['depth'].values.dtype == np.float32
        lengths = np.linalg.norm(one.tasks['normal'].values, axis=-1)
        np.testing.assert_allclose(lengths, 1, atol=1e-3)
        assert one.human_mask.shape == size_hw
    assert [len(one.people) for one in results] == [2, 0, 0, 0]


def test_a_batch_changes_nothing(files, photographs, inferencer):
    alone = make(files, batch_size=1)
    for one, other in zip(
        alone.stream(photographs[:3], people='image'),
        inferencer.stream(photographs[:3], people='image'),
    ):
        np.testing.assert_allclose(
            one.tasks['depth'].values, other.tasks['depth'].values, atol=1e-4
        )
        np.testing.assert_allclose(
            one.tasks['pose-17'].scores, other.tasks['pose-17'].scores, rtol=1e-3
        )


def test_answers_in_the_shape_of_mmpose(inferencer, photographs, tmp_path):
    image = cv2.imread(str(photographs[0]))
    answers = list(
        inferencer(
            [image, photographs[1], 'missing.jpg'],
            people=[[10, 10, 200, 300]],
            return_vis=True,
            out=tmp_path,
        )
    )
    assert [set(answer) for answer in answers] == [{'predictions', 'visualization'}] * 3
    (first,) = answers[0]['predictions']
    (person,) = first['pose-17']
    assert set(person) == {'keypoints', 'keypoint_scores', 'bbox', 'bbox_score'}
    assert first['name'] == 'array_000000'
    assert first['normal'].shape == image.shape
    assert answers[0]['visualization'][0].dtype == np.uint8
    assert 'does not exist' in answers[2]['predictions'][0]['error']
    assert answers[2]['visualization'] == []
    path = tmp_path / 'depth' / f'{photographs[1].stem}.npy'
    assert path.is_file()


def test_a_second_run_makes_nothing_again(files, photographs, tmp_path):
    inferencer = make(files, ('pose-17', 'depth'))
    inputs = [photographs[0], tmp_path / 'missing.jpg']
    seen = []
    first = inferencer.run(
        inputs, tmp_path / 'out', people='image', on_start=seen.append, on_item=seen.append
    )
    assert (first.done, first.skipped, first.people) == (1, 0, 1)
    assert [one.name for one in first.failed] == ['missing']
    assert isinstance(seen[1], ImageResult)
    assert isinstance(seen[2], ReadFailure)
    manifest = json.loads((tmp_path / 'out' / 'manifest.json').read_text())
    assert len(manifest['tasks']['depth']['sha256']) == 64
    assert manifest['people'] == 'image'
    keypoints = tmp_path / 'out' / 'pose-17' / f'{photographs[0].stem}.json'
    people = json.loads(keypoints.read_text())['instance_info']
    assert len(people) == 1 and len(people[0]['keypoints']) == 17

    second = inferencer.run(inputs, tmp_path / 'out', people='image')
    assert (second.done, second.skipped) == (0, 1)
    with pytest.raises(ValueError, match='of other models or options: fallb'):
        inferencer.run(inputs, tmp_path / 'out', people='image', fallback='image')
    write = WriteOptions(overwrite=True, outputs=('maps',))
    third = inferencer.run(inputs, tmp_path / 'out', people='image', fallback='image', write=write)
    assert third.done == 1


def test_strict_stops_at_an_unreadable_image(files, photographs, tmp_path):
    inferencer = make(files, ('depth',))
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'no image')
    items = list(inferencer.stream([bad, photographs[0]]))
    assert isinstance(items[0], ReadFailure)
    assert isinstance(items[1], ImageResult)
    with pytest.raises(FrameError, match='reading of bad: ReadError'):
        list(inferencer.stream([bad, photographs[0]], strict=True))


def test_people_come_from_where_one_says(files, photographs, tmp_path):
    inferencer = make(files, ('pose-17',), detector=find_two)
    (found,) = inferencer.stream(photographs[0])  # a pose task detects
    assert found.people.origin == 'detector' and len(found.people) == 2
    (whole,) = inferencer.stream(photographs[0], people='image')
    assert whole.people.origin == 'image'
    document = [
        dict(image_id=int(photographs[0].stem), bbox=[5, 6, 70, 80], score=0.9, category_id=1)
    ]
    path = tmp_path / 'people.json'
    path.write_text(json.dumps(document))
    (listed,) = inferencer.stream(photographs[0], people=path)
    assert listed.people.origin == 'file'
    np.testing.assert_allclose(listed.people.boxes, [[5, 6, 75, 86]])
    with pytest.raises(FileNotFoundError, match="'detect', 'image' or a file"):
        inferencer.stream(photographs[0], people='everybody')
    with pytest.raises(TypeError, match='but got int'):
        inferencer.stream(photographs[0], people=3)


def find_two(frames):
    boxes = np.array([[5, 5, 60, 60], [70, 20, 150, 80]], dtype=np.float32)
    scores = np.ones(2, dtype=np.float32)
    return [People(boxes, scores, 'detector') for _ in frames]


def test_dense_tasks_alone_look_for_nobody(files, photographs):
    def fail(frames):
        raise AssertionError('the detector was called')

    inferencer = make(files, ('depth',), detector=fail)
    (result,) = inferencer.stream(photographs[0])
    assert result.people.origin == 'image'


def write_video(path, frames):
    """The clip again and again, a number of frames long."""
    clip = cv2.VideoCapture(str(data_folder() / 'person_clip.mp4'))
    images = []
    while (read := clip.read())[0]:
        images.append(cv2.resize(read[1], (160, 90)))
    clip.release()
    code = cv2.VideoWriter_fourcc(*'mp4v')
    video = cv2.VideoWriter(str(path), code, 10, (160, 90))
    for index in range(frames):
        video.write(images[index % len(images)])
    video.release()
    return path


def test_a_video_is_tracked_and_continued(files, tmp_path):
    clip = write_video(tmp_path / 'clip.mp4', 10)
    # Batches of other frames would differ by rounding.
    inferencer = make(files, ('pose-17',), detector=find_two, batch_size=1)
    kwargs = dict(
        smooth=True,
        write=WriteOptions(outputs=('keypoints',), video='pose-17', checkpoint_frames=4),
    )
    whole = inferencer.run(clip, tmp_path / 'whole', **kwargs)
    assert whole.done == 10

    def stop(item):
        if item.frame.index == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inferencer.run(clip, tmp_path / 'twice', on_item=stop, **kwargs)
    rest = inferencer.run(clip, tmp_path / 'twice', **kwargs)
    assert rest.done == 3
    for name in (f'{index:06d}.json' for index in range(10)):
        path = f'pose-17/clip/{name}'
        one, other = (
            json.loads((tmp_path / folder / path).read_text()) for folder in ('whole', 'twice')
        )
        assert one == other
        ids = [person['track_id'] for person in one['instance_info']]
        assert ids == [1, 2]
    sizes = []
    for folder in ('whole', 'twice'):
        video = cv2.VideoCapture(str(tmp_path / folder / VIDEO))
        sizes.append(int(video.get(cv2.CAP_PROP_FRAME_COUNT)))
        video.release()
    assert sizes == [10, 10]


VIDEO = 'video/clip.mp4'


def test_wrong_arguments_are_refused(files):
    configs, weights = files
    with pytest.raises(KeyError, match='`configs` must be for some of'):
        SapiensInferencer('sapiens-tiny', ['depth'], configs={'normal': 'a'})
    with pytest.raises(ValueError, match='`batch_size` must be at least 1'):
        SapiensInferencer('sapiens-tiny', ['depth'], batch_size=0)
    with pytest.raises(ValueError, match='`workers` must be at least 1'):
        SapiensInferencer('sapiens-tiny', ['depth'], workers=0)
    with pytest.raises(ValueError, match='nothing was released'):
        SapiensInferencer('sapiens-tiny', ['depth'])
    with pytest.raises(ValueError, match='depth.pth.*normal|channels|task'):
        SapiensInferencer(
            'sapiens-tiny',
            ['normal'],
            configs={'normal': configs['normal']},
            weights={'normal': weights['depth']},
        )


def run(code, blocked):
    code = textwrap.dedent(BLOCK.format(blocked=blocked)) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_poses_need_only_mmpose(files, tmp_path):
    configs, weights = files
    out = run(
        f"""
        import numpy as np
        from mmsapiens import SapiensInferencer

        def make(task, config, weights):
            return SapiensInferencer(
                'sapiens-tiny', [task], device='cpu',
                configs={{task: config}}, weights={{task: weights}})

        inferencer = make(
            'pose-17', {str(configs['pose-17'])!r},
            {str(weights['pose-17'])!r})
        image = np.zeros((40, 30, 3), dtype=np.uint8)
        summary = inferencer.run(image, {str(tmp_path)!r}, people='image')
        print('images:', summary.done)
        try:
            make('depth', {str(configs['depth'])!r},
                 {str(weights['depth'])!r})
        except ImportError as error:
            print(error)
        """,
        EVERYTHING - {'mmpose', 'mmdet', 'mmcv'},
    )
    assert 'images: 1' in out
    assert "'depth' needs `pip install mmsapiens[dense]`" in out
    drawn = [path.parent.name for path in tmp_path.rglob('*.jpg')]
    assert sorted(drawn) == ['panel', 'pose-17_overlay']


def test_maps_need_only_mmsegmentation(files, tmp_path):
    configs, weights = files
    out = run(
        f"""
        import numpy as np
        from mmsapiens import SapiensInferencer
        inferencer = SapiensInferencer(
            'sapiens-tiny', ['depth'], device='cpu',
            configs=dict(depth={str(configs['depth'])!r}),
            weights=dict(depth={str(weights['depth'])!r}))
        image = np.zeros((40, 30, 3), dtype=np.uint8)
        summary = inferencer.run(image, {str(tmp_path)!r})
        print('images:', summary.done)
        """,
        EVERYTHING - {'mmseg', 'mmcv'},
    )
    assert 'images: 1' in out


def test_the_package_starts_without_torch():
    out = run(
        """
        import sys
        print('torch' in sys.modules)
        try:
            mmsapiens.Other
        except AttributeError as error:
            print(error)
        """,
        set(),
    )
    assert out.splitlines()[0] == 'False'
    assert "no attribute 'Other'" in out
