"""Bad images."""

from pathlib import Path

from mmengine.config import Config
from mmpose.apis import inference_topdown, init_model

from . import row
from .builders import CONFIG, coco, dataset, make_image, train


def read(content):
    """Read the first person when their image has this content."""
    coco()
    Path('1.jpg').write_bytes(content)
    return dataset()[0]


@row('I01')
def random_bytes():
    read(b'\x07' * 500)


@row('I02')
def damaged_jpg():
    content = make_image(Path('whole.jpg')).read_bytes()
    read(content[:2] + b'\x00' * 300 + content[-2:])


@row('I03')
def truncated_jpg():
    content = make_image(Path('whole.jpg')).read_bytes()
    read(content[: len(content) // 2])


@row('I04')
def truncated_png():
    content = make_image(Path('whole.png')).read_bytes()
    read(content[: len(content) // 2])


@row('I05')
def text_file():
    read(b'a list of images')


@row('I06')
def empty_file():
    read(b'')


@row('I07')
def empty_file_in_training():
    coco()
    Path('1.jpg').write_bytes(b'')
    train()


@row('I08')
def other_size():
    coco(width=64, height=48)
    dataset()[0]


@row('I09')
def missing_in_inference():
    model = init_model(Config.fromfile(CONFIG), device='cpu')
    inference_topdown(model, 'me.jpg', [[0, 0, 10, 10]])


@row('I10')
def missing_image():
    coco()
    Path('1.jpg').unlink()
    dataset()[0]
