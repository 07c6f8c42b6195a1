"""A visitor uploads a photograph, looks, moves a slider, downloads."""

import zipfile

import pytest
from odd_inputs.describe import make_image
from odd_inputs.images import GREY16, bomb, cut, deep, encoded, see_through
from parity import data_folder

TASKS = ('pose-308', 'seg-28', 'depth', 'normal')
WAIT_S = 120


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, WAIT_S, 0.2).until(condition)


def find(browser, selector):
    from selenium.webdriver.common.by import By

    return browser.find_elements(By.CSS_SELECTOR, selector)


def source_of(browser, task):
    """Address of the image of a task, once it is there."""

    def loaded(driver):
        images = find(driver, f'#view-{task} img')
        if not images:
            return False
        width = driver.execute_script(
            'return arguments[0].complete && arguments[0].naturalWidth', images[0]
        )
        return images[0].get_attribute('src') if width else False

    return wait_for(browser, loaded)


@pytest.mark.slow
def test_a_visitor_sees_and_downloads_results(page_url, browser, screenshot, tmp_path):
    browser.get(page_url)
    (upload,) = wait_for(browser, lambda d: find(d, '#image input[type=file]'))[:1]
    photo = data_folder() / 'coco_sample/000000197388.jpg'
    upload.send_keys(str(photo))
    wait_for(browser, lambda d: find(d, '#image img'))
    find(browser, '#analyse')[0].click()
    before = {task: source_of(browser, task) for task in TASKS}
    assert len(set(before.values())) == len(TASKS)
    text = find(browser, '#found')[0].text
    assert 'keypoints' in text
    screenshot('web-demo')

    (slider,) = find(browser, '#opacity-depth input[type=range]')
    browser.execute_script(
        """
        const slider = arguments[0];
        slider.value = 0;
        for (const kind of ['input', 'change', 'pointerup', 'mouseup'])
            slider.dispatchEvent(new Event(kind, {bubbles: true}));
        """,
        slider,
    )
    wait_for(browser, lambda d: source_of(d, 'depth') != before['depth'])
    assert source_of(browser, 'normal') == before['normal']

    find(browser, '#download')[0].click()
    folder = tmp_path / 'downloads'
    (archive,) = wait_for(browser, lambda _: list(folder.glob('*-mmsapiens.zip')))
    with zipfile.ZipFile(archive) as bundle:
        names = bundle.namelist()
    assert sum(name.endswith('.npy') for name in names) == 3
    assert sum(name.endswith('.json') for name in names) == 1


@pytest.fixture(scope='module')
def inferencer():
    from mmsapiens import SapiensInferencer

    return SapiensInferencer('sapiens-tiny', ['pose-17'], device='cpu', random_weights=True)


UPLOADS = {
    'notes.jpg': (b'no image', 'notes.jpg cannot be decoded'),
    'empty.png': (b'', 'empty.png is an empty file'),
    'bomb.png': (bomb(), 'bomb.png has 60000 x 60000 pixels'),
    'cut.jpg': (cut('JPEG'), 'cut.jpg was cut short'),
    'a.svg': (b'<svg xmlns="..."></svg>', 'a.svg cannot be decoded: it is a text or drawing'),
    'paths.txt': (b'/etc/passwd', 'paths.txt cannot be decoded'),
}


@pytest.mark.parametrize('name', UPLOADS)
def test_what_cannot_be_read_is_explained_without_the_path_of_the_server(
    name, inferencer, tmp_path
):
    from web_demo.analysis import NoImageError, analyse

    content, reason = UPLOADS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NoImageError) as error:
        analyse(inferencer, tmp_path / name, 'image', tmp_path)
    assert str(error.value).startswith(reason)
    assert str(tmp_path) not in str(error.value)
    with pytest.raises(NoImageError, match='Choose an image first'):
        analyse(inferencer, None, 'image', tmp_path)


def test_files_of_a_visitor_do_not_say_where_the_server_keeps_them(inferencer, tmp_path):
    from web_demo.analysis import analyse

    (tmp_path / 'a.png').write_bytes(encoded('PNG'))
    found = analyse(inferencer, tmp_path / 'a.png', 'image', tmp_path)
    with zipfile.ZipFile(found.archive) as bundle:
        for name in bundle.namelist():
            assert str(tmp_path).encode() not in bundle.read(name)


@pytest.mark.parametrize('kind', ['gray 16 bits', 'opacity', 'CMYK', 'gray JPEG', 'empty'])
def test_uploads_reach_our_reader_as_they_are(kind, tmp_path):
    from types import SimpleNamespace

    from web_demo.page import UploadedImage

    contents = {
        'gray 16 bits': deep(GREY16),
        'opacity': encoded('PNG', see_through()),
        'CMYK': encoded('JPEG', make_image().convert('CMYK')),
        'gray JPEG': encoded('JPEG', make_image().convert('L')),
        'empty': b'',
    }
    path = tmp_path / 'a.png'
    path.write_bytes(contents[kind])
    upload = UploadedImage(type='filepath')
    payload = SimpleNamespace(path=str(path), orig_name='a.png', url=None, size=1)
    assert upload.get_block_name() == 'image'
    with open(upload.preprocess(payload), 'rb') as file:
        assert file.read() == contents[kind]
    assert upload.preprocess(None) is None


def test_large_images_shrink_with_their_results(tmp_path):
    import numpy as np
    from web_demo.analysis import LONGER_SIDE, shrink

    from mmsapiens.structures.results import Image, ImageResult, MapResult, People, PoseResult

    height, width = 2 * LONGER_SIDE, LONGER_SIDE
    frame = Image(np.zeros((height, width, 3), np.uint8), 'a', 'a.jpg')
    points = np.array([[[width - 1, height - 1]]], np.float32)
    scores = np.ones((1, 1), np.float32)
    result = ImageResult(
        frame,
        People.whole_image(frame.size_hw),
        {
            'pose-17': PoseResult(points, scores, 'coco'),
            'depth': MapResult(np.ones((height, width), np.float32), 'depth_map'),
        },
    )
    small = shrink(result)
    assert small.frame.size_hw == (LONGER_SIDE, LONGER_SIDE // 2)
    assert small.tasks['depth'].values.shape == small.frame.size_hw
    np.testing.assert_allclose(
        small.tasks['pose-17'].keypoints[0, 0], (LONGER_SIDE / 2 - 0.75, LONGER_SIDE - 0.75)
    )
    np.testing.assert_allclose(small.people.boxes[0], (0, 0, LONGER_SIDE / 2, LONGER_SIDE))


def test_tasks_of_the_second_generation(tmp_path):
    import torch
    from web_demo.analysis import analyse
    from web_demo.page import build_page

    from mmsapiens import SapiensInferencer
    from mmsapiens.models.tasks import SAPIENS2_TASKS

    made = SapiensInferencer('sapiens2-tiny', list(SAPIENS2_TASKS), random_weights=True)
    last = made.networks['pointmap'].model.heads['pointmap'].scale_final_layer[-1]
    (tmp_path / 'a.png').write_bytes(encoded('PNG'))
    for scale, words in ((1.0, 'focal length'), (-9.0, 'no points: their scale cannot be told')):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, scale)
        found = analyse(made, tmp_path / 'a.png', 'image', tmp_path)
        assert words in found.found['pointmap']
        assert '% of the image is in front' in found.found['matting']
    assert set(found.layers) == set(SAPIENS2_TASKS)
    with zipfile.ZipFile(found.archive) as bundle:
        folders = {name.partition('/')[0] for name in bundle.namelist()}
    assert {'pointmap_points', 'matting_composite', 'albedo'} <= folders
    assert len(build_page(made, tmp_path).blocks) > 2 * len(SAPIENS2_TASKS)


def test_the_family_has_its_tasks(monkeypatch):
    import app

    for model, task in (('sapiens-tiny', 'depth'), ('sapiens2-tiny', 'pointmap')):
        command = ['app.py', '--model', model, '--random-weights', '--device', 'cpu']
        monkeypatch.setattr('sys.argv', command)
        assert task in app.build_inferencer(app.parse_args()).tasks
