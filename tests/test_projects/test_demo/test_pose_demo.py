"""The pose demo finds keypoints in a folder of anything."""

import json

import odd_annotations as odd
import pytest
from pose_demo import find_annotations, find_images


@pytest.fixture
def folder(tmp_path):
    """A good file whose first entry is a track without points, among others."""
    document = odd.document()
    document['annotations'].insert(
        0, dict(id=9, image_id=1, category_id=1, bbox=[0, 0, 0, 0], keypoints=[], num_keypoints=0)
    )
    (tmp_path / 'annotations').mkdir()
    text = json.dumps(document)
    (tmp_path / 'annotations/people.json').write_text(text, encoding='utf-8-sig')
    (tmp_path / 'broken.json').write_text('{"images": [')
    (tmp_path / 'settings.json').write_text('\ufeff{}', encoding='utf-8')
    (tmp_path / 'list.json').write_text('[1]')
    (tmp_path / 'in').mkdir()
    for number in odd.IMAGES:
        (tmp_path / f'in/{number}.png').touch()
    return tmp_path


def test_the_file_with_people_is_found_among_others(folder, capsys):
    found = find_annotations(folder)
    assert found.path.name == 'people.json'
    assert sum(bool(person['num_keypoints']) for person in found.people) == 3
    assert find_images(folder, found) == folder / 'in'
    assert '1 of 4 annotations are left out, they have no keypoints: 9' in capsys.readouterr().out


def test_a_folder_without_people_names_what_is_there(folder):
    (folder / 'annotations/people.json').unlink()
    with pytest.raises(FileNotFoundError, match='list.json has list.*broken.json starts with'):
        find_annotations(folder)
