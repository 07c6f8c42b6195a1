"""docs/vocabularies.md says what the sets are."""

import re

from parity import ROOT

from mmsapiens.keypoints import KEYPOINT_SETS, NO_MATCH, correspondences, get_keypoint_set

PAGE = (ROOT / 'docs/vocabularies.md').read_text(encoding='utf-8')


def test_every_name_has_its_index():
    for name in KEYPOINT_SETS:
        section = PAGE.split(f'## `{name}`: {len(get_keypoint_set(name))} keypoints')[1]
        listed = section.split('<details>')[1].split('</details>')[0]
        names = dict(re.findall(r'(\d+) `([^`]+)`', listed))
        expected = get_keypoint_set(name).keypoint_names
        assert names == {str(index): each for index, each in enumerate(expected)}


def test_relations_are_counted():
    for source in KEYPOINT_SETS:
        counts = [sum(i != NO_MATCH for i in correspondences(source, t)) for t in KEYPOINT_SETS]
        assert f'| `{source}` | {" | ".join(map(str, counts))} |' in PAGE


def test_images_are_there():
    images = re.findall(r'\]\((images/[^)]+)\)', PAGE)
    assert images and all((ROOT / 'docs' / image).is_file() for image in images)
