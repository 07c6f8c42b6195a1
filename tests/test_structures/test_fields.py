import pytest

from mmsapiens.structures.fields import FIELDS, Field, add_field, get_field, present_fields


def test_names_in_samples_are_those_of_stock():
    assert get_field('seg_map').gt_name == 'gt_sem_seg'
    assert get_field('seg_map').pred_name == 'pred_sem_seg'
    assert get_field('depth_map').gt_name == 'gt_depth_map'
    assert get_field('normal_map').path_key == 'normal_map_path'


def test_present_fields_are_those_with_an_array():
    results = dict(img=0, gt_normal_map=1, depth_map_path=2)
    assert present_fields(results) == [get_field('normal_map')]


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(KeyError, match="'depth_map', .* but got 'albedo'"):
        get_field('albedo')


def test_a_row_cannot_be_replaced():
    row = Field('depth_map', channels=2, dtype='float32', fill=0)
    with pytest.raises(KeyError, match='another dense field'):
        add_field(row)
    assert add_field(FIELDS['depth_map']) is FIELDS['depth_map']
