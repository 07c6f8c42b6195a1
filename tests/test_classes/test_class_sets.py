import json

import numpy as np
import pytest

from mmsapiens.classes.class_sets import (
    check_flip_pairs,
    class_set_names,
    conversion_table,
    find_wrong_pairs,
    get_class_set,
    read_class_set,
)

IGNORED_OF_34 = {
    'Chair',
    'Eyeglass_Frame',
    'Eyeglass_Lenses',
    'Headset',
    'Lower_Spandex',
    'Visible_Badge',
}


def test_names_of_vocabularies():
    assert class_set_names() == ['atr', 'cihp', 'goliath28', 'goliath29', 'goliath34', 'lip']


@pytest.mark.parametrize(
    ('name', 'count', 'pairs'),
    [
        ('goliath28', 28, [(i, i + 9) for i in range(4, 12)]),
        ('goliath29', 29, [(i, i + 9) for i in range(5, 13)]),
        ('goliath34', 34, [(i, i + 10) for i in range(8, 16)]),
        ('lip', 20, [(14, 15), (16, 17), (18, 19)]),
        ('cihp', 20, [(14, 15), (16, 17), (18, 19)]),
    ],
)
def test_each_vocabulary_is_complete(name, count, pairs):
    vocabulary = get_class_set(name)
    assert len(set(vocabulary.classes)) == len(vocabulary.palette) == count
    assert list(vocabulary.flip_pairs) == pairs
    assert vocabulary.classes[0] == 'Background'
    assert not find_wrong_pairs(vocabulary.classes, vocabulary.flip_pairs)


def test_colors_are_rgb():
    assert get_class_set('goliath28').palette[3] == (255, 0, 109)  # hair
    assert get_class_set('lip').palette[18] == (255, 255, 0)


def test_nothing_to_convert():
    assert conversion_table('lip', 'lip') is None


def test_34_labels_become_28():
    table = conversion_table('goliath34', 'goliath28')
    stored = get_class_set('goliath34').classes
    wanted = get_class_set('goliath28').classes
    for index, name in enumerate(stored):
        expected = 255 if name in IGNORED_OF_34 else wanted.index(name)
        assert table[index] == expected, name
    assert sorted(set(table[:34]) - {255}) == list(range(28))
    assert (table[34:] == 255).all()
    assert table.dtype == np.uint8 and table.shape == (256,)


@pytest.mark.parametrize('name', ['lip', 'cihp'])
def test_parsing_sets_become_28(name):
    table = conversion_table(name, 'goliath28')
    expected = {0: 0, 2: 3, 5: 22, 7: 22, 9: 12, 12: 12, 13: 2, 18: 8, 19: 17}
    assert {i: t for i, t in enumerate(table) if t != 255} == expected


def test_atr_becomes_28():
    table = conversion_table('atr', 'goliath28')
    expected = {0: 0, 2: 3, 4: 22, 5: 12, 6: 12, 9: 8, 10: 17, 11: 2}
    assert {i: t for i, t in enumerate(table) if t != 255} == expected
    assert len(set(get_class_set('atr').palette)) == 18


def test_conversion_respects_sides():
    for name in ('goliath34', 'lip', 'cihp', 'atr'):
        table = conversion_table(name, 'goliath28')
        swap = {255: 255, **{i: i for i in range(28)}}
        for a, b in get_class_set('goliath28').flip_pairs:
            swap.update({a: b, b: a})
        for a, b in get_class_set(name).flip_pairs:
            assert swap[table[a]] == table[b]


def test_impossible_conversions_are_refused():
    with pytest.raises(ValueError, match="can stay .* or become 'goliath28'"):
        conversion_table('goliath28', 'lip')
    with pytest.raises(KeyError, match='must be one of .*cihp'):
        conversion_table('mhp', 'goliath28')


def test_reading_a_file_of_ones_own(tmp_path):
    path = tmp_path / 'hands.json'
    doc = dict(classes=['Background', 'Left-hand', 'Right-hand'])
    path.write_text(json.dumps({**doc, 'flip_pairs': [[2, 1]]}))
    vocabulary = read_class_set(path)
    assert vocabulary.name == 'hands' and vocabulary.flip_pairs == ((2, 1),)
    for wrong in ('[]', '{', json.dumps(doc), '{"classes": 1}'):
        path.write_text(wrong)
        with pytest.raises(ValueError, match='hands.json must be JSON with'):
            read_class_set(path)


@pytest.mark.parametrize(
    ('pairs', 'message'),
    [
        ([(1, 2)], None),
        ([(2, 1)], None),
        ([], 'left hand must be exchanged with right_hand, not none'),
        ([(1, 3)], 'left hand must be exchanged with right_hand, not Hair'),
        ([(1, 2), (0, 3)], 'Background and Hair have no side, but are a pair'),
        ([(1, 2), (2, 1)], 'repeats an id'),
        ([(1, 1)], 'no pair of two ids'),
        ([(1, 4)], 'no pair of ids below 4'),
    ],
)
def test_pairs_are_checked_against_names(pairs, message):
    metainfo = dict(classes=['Background', 'left hand', 'Right-hand', 'Hair'], flip_pairs=pairs)
    if message is None:
        check_flip_pairs('set', metainfo)
        return
    with pytest.raises(ValueError, match=f'`flip_pairs` of set .*{message}'):
        check_flip_pairs('set', metainfo)


def test_sets_without_classes_pass():
    check_flip_pairs('set', {})
