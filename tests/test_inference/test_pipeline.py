"""The stages together: order, frames in flight, errors, ends."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from mmsapiens.detection.box_source import BoxSource
from mmsapiens.inference.pipeline import Pipeline
from mmsapiens.inference.prefetch import FrameError
from mmsapiens.structures.results import Image, People, ReadFailure


class StubNetwork:
    """Counts people; batches are recorded."""

    def __init__(self, per_person=True, at_once=1):
        self.per_person = per_person
        self.at_once = at_once
        self.batches = []
        self.error_at = {}

    def count(self, people):
        return len(people) if self.per_person else 1

    def step(self, name, frame):
        if self.error_at.get(name) == frame.name:
            raise ValueError(f'bad {name}')

    def prepare(self, frame, people, index):
        self.step('prepare', frame)
        return frame, index

    def forward(self, samples):
        self.batches.append([(f.name, index) for f, index in samples])
        for frame, _ in samples:
            self.step('forward', frame)
        return [(frame.name, index) for frame, index in samples]

    def finish(self, frame, people, outputs):
        self.step('finish', frame)
        assert outputs == [(frame.name, index) for index in range(self.count(people))]
        return len(outputs)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def frame(index, size=8):
    image = np.zeros((size, size, 3), dtype=np.uint8)
    return Image(image, f'f{index}', f'f{index}.png', index)


def crowd(frames):
    """As many people as the number of the image says, modulo 4."""
    found = []
    for one in frames:
        count = one.index % 4
        found.append(
            People(
                np.tile(np.array([[0, 0, 4, 4]], np.float32), (count, 1)),
                np.ones(count, dtype=np.float32),
                'detector',
            )
        )
    return found


def test_results_keep_the_order_and_batches_mix_images():
    pose, dense = StubNetwork(), StubNetwork(per_person=False)
    pipeline = Pipeline(dict(pose=pose, dense=dense), crowd, batch_size=4)
    source = [frame(0), ReadFailure('broken', 'broken.png', 'no image'), *map(frame, range(1, 11))]
    results = list(pipeline.run(iter(source)))
    assert results[1] is source[1]
    found = [one for one in results if not isinstance(one, ReadFailure)]
    assert [one.frame.index for one in found] == list(range(11))
    assert [one.tasks['pose'] for one in found] == [i % 4 for i in range(11)]
    assert all(one.tasks['dense'] == 1 for one in found)
    assert max(map(len, pose.batches)) == 4
    # People of different images are seen together.
    assert any(len({name for name, _ in batch}) > 1 for batch in pose.batches)


@pytest.mark.parametrize('at_once', [1, 2, 3])
def test_so_many_batches_are_on_the_device(at_once):
    inside, most, firsts = set(), [], []
    lock, all_met = threading.Lock(), threading.Event()

    def enter(one):
        inside.add(one)
        most.append(len(inside))
        if len(inside) == at_once:
            all_met.set()

    class Network(StubNetwork):
        def forward(self, samples):
            with lock:
                is_first = not self.batches
                self.batches.append(len(samples))
                enter(id(samples))
            time.sleep(0.02)
            if not is_first:
                all_met.wait(5)
            with lock:
                if is_first:
                    firsts.append(len(inside))
                inside.discard(id(samples))
            return [(frame.name, index) for frame, index in samples]

    def detect(frames):
        with lock:
            enter('detector')
        time.sleep(0.005)
        with lock:
            inside.discard('detector')
        return crowd(frames)

    pipeline = Pipeline(
        dict(pose=Network(at_once=at_once), depth=Network(per_person=False)), detect, batch_size=2
    )
    results = list(pipeline.run(map(frame, range(20))))
    assert [one.frame.index for one in results] == list(range(20))
    assert [one.tasks['pose'] for one in results] == [i % 4 for i in range(20)]
    assert max(most) == at_once
    assert firsts == [1, 1]  # nobody beside the first batch of a network


@pytest.mark.parametrize('batch_size', [1, 4])
@pytest.mark.parametrize('at_once', [1, 2])
def test_a_long_stream_has_few_frames_in_flight(batch_size, at_once):
    alive = set()
    most = 0
    number = 400

    def stream():
        nonlocal most
        for index in range(number):
            one = frame(index)
            alive.add(index)
            weakref.finalize(one.image, alive.discard, index)
            most = max(most, len(alive))
            yield one

    pipeline = Pipeline(
        dict(pose=StubNetwork(at_once=at_once), dense=StubNetwork(per_person=False)),
        crowd,
        batch_size=batch_size,
    )
    count = 0
    for result in pipeline.run(stream()):
        count += 1
        del result
    gc.collect()
    assert count == number
    # Chunks: one grows, one waits and one is in the hand of the reading thread, two are prepared,
    # two are on the device, one is given out. Images: both pools have one for each worker and one
    # in the hand; three between the loop and the caller.
    images = 2 * (pipeline.workers + 1) + 3
    assert most <= (8 + at_once - 1) * batch_size + images
    assert not alive


def test_a_live_image_does_not_wait_for_the_next():
    is_there = threading.Event()
    waited = []

    def camera():
        for index in range(5):
            is_there.clear()
            yield frame(index)
            waited.append(is_there.wait(5))

    pipeline = Pipeline(
        dict(dense=StubNetwork(per_person=False, at_once=2)),
        BoxSource('image'),
        batch_size=1,
        is_live=True,
    )
    for _ in pipeline.run(camera()):
        is_there.set()
    assert waited == [True] * 5


def test_large_images_come_in_small_chunks(monkeypatch):
    monkeypatch.setattr('mmsapiens.inference.pipeline.CHUNK_BYTES', 200)
    dense = StubNetwork(per_person=False)
    pipeline = Pipeline(dict(dense=dense), BoxSource('image'), batch_size=8)
    list(pipeline.run(map(frame, range(6))))  # 192 bytes each
    assert [len(batch) for batch in dense.batches] == [2, 2, 2]


@pytest.mark.parametrize('step', ['prepare', 'forward', 'finish'])
def test_an_error_names_the_frame_and_stops_everything(step):
    network = StubNetwork(per_person=False)
    network.error_at = {step: 'f5'}
    read = []

    def stream():
        for index in range(1000):
            read.append(index)
            yield frame(index)

    pipeline = Pipeline(dict(depth=network), BoxSource('image'), batch_size=1)
    seen = []
    with pytest.raises(FrameError, match=f'depth.*f5: ValueError: bad {step}'):
        for result in pipeline.run(stream()):
            seen.append(result.frame.index)
    assert seen == [0, 1, 2, 3, 4]
    assert len(read) < 50


def test_an_error_of_the_source_or_of_people_stops_everything():
    def stream():
        yield frame(0)
        raise OSError('the disk is gone')

    pipeline = Pipeline(dict(a=StubNetwork()), crowd)
    with pytest.raises(OSError, match='the disk is gone'):
        list(pipeline.run(stream()))

    def broken(frames):
        raise KeyError('no boxes')

    pipeline = Pipeline(dict(a=StubNetwork()), broken)
    with pytest.raises(FrameError, match='people of f0, f1: KeyError'):
        list(pipeline.run(map(frame, range(2))))


@pytest.mark.parametrize('error', [KeyboardInterrupt, None])
def test_a_consumer_that_stops_early_ends_everything(error):
    is_closed = []

    def stream():
        try:
            for index in range(10000):
                yield frame(index)
        finally:
            is_closed.append(True)

    pipeline = Pipeline(dict(a=StubNetwork()), crowd)
    results = pipeline.run(stream())
    try:
        for number, _ in enumerate(results):
            if number == 3:
                if error:
                    raise error
                break
    except KeyboardInterrupt:
        assert error is KeyboardInterrupt
    results.close()
    assert is_closed


def test_nobody_is_a_result_or_the_whole_image():
    for fallback, count in (('none', 0), ('image', 1)):
        locator = BoxSource('detect', fallback, lambda: crowd)
        pipeline = Pipeline(dict(a=StubNetwork()), locator)
        (result,) = pipeline.run([frame(0)])
        assert len(result.people) == count == result.tasks['a']
    with pytest.raises(ValueError, match=r"'image', 'none'.*'nobody'"):
        BoxSource('image', 'nobody')
