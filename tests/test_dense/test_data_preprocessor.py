import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from parity import Case

from mmsapiens.dense import DenseDataPreprocessor
from mmsapiens.dense.transforms import PackDenseInputs
from mmsapiens.structures.fields import FIELDS

FILLS = dict(gt_sem_seg=255, gt_depth_map=-1, gt_normal_map=0)


def sample(height, width):
    data = SegDataSample()
    for field in FIELDS.values():
        if field.is_target:
            maps = torch.ones(field.channels, height, width)
            data.set_data({field.gt_name: PixelData(data=maps)})
    return data


def test_every_field_is_padded_with_its_own_value():
    preprocessor = DenseDataPreprocessor(size=(6, 5))
    data = preprocessor(
        dict(inputs=[torch.ones(3, 4, 4)], data_samples=[sample(4, 4)]), training=True
    )
    assert data['inputs'].shape == (1, 3, 6, 5)
    (padded,) = data['data_samples']
    for name, fill in FILLS.items():
        maps = padded.get(name).data
        assert maps.shape[1:] == (6, 5)
        assert (maps[:, :4, :4] == 1).all()
        assert (maps[:, 4:] == fill).all()
        assert (maps[:, :, 4:] == fill).all()


@pytest.mark.parametrize('name', ['seg_model', 'normal_model'])
def test_padding_equals_the_reference(name):
    case = Case(name)
    cfg = dict(case.config['data_preprocessor'])
    del cfg['type'], cfg['seg_pad_val']
    image = case['inputs/image_uint8_bgr'][0]
    cut = image[:, :-8, :-8]
    data = DenseDataPreprocessor(**cfg)(
        dict(inputs=[cut], data_samples=[sample(*cut.shape[1:])]), training=True
    )
    assert data['inputs'].shape[2:] == tuple(cfg['size'])
    assert (data['inputs'][..., -1, -1] == cfg['pad_val']).all()
    assert (data['data_samples'][0].gt_sem_seg.data[..., -1, -1] == 255).all()


def test_colors_are_turned_and_normalized():
    preprocessor = DenseDataPreprocessor(mean=[1.0, 2.0, 3.0], std=[1.0, 2.0, 4.0], bgr_to_rgb=True)
    blue, green, red = 11, 12, 13
    image = torch.tensor([blue, green, red]).view(3, 1, 1).byte()
    inputs = preprocessor(dict(inputs=[image]))['inputs']
    assert inputs.flatten().tolist() == [12, 5, 2]


def test_image_and_map_must_be_of_one_size():
    preprocessor = DenseDataPreprocessor(size=(8, 8))
    data = dict(inputs=[torch.ones(3, 4, 4)], data_samples=[sample(4, 5)])
    with pytest.raises(ValueError, match=r'\(4, 4\), but got \(4, 5\)'):
        preprocessor(data, training=True)


def test_maps_keep_their_size_in_a_test():
    preprocessor = DenseDataPreprocessor(test_cfg=dict(size=(8, 8)))
    data = preprocessor(dict(inputs=[torch.ones(3, 4, 4)], data_samples=[sample(9, 7)]))
    assert data['inputs'].shape == (1, 3, 8, 8)
    (kept,) = data['data_samples']
    assert kept.gt_depth_map.shape == (9, 7)
    assert tuple(kept.img_padding_size) == (0, 4, 0, 4)


def test_images_of_two_sizes_need_padding():
    inputs = [torch.ones(3, 4, 4), torch.ones(3, 4, 5)]
    with pytest.raises(ValueError, match='of a batch must have one size'):
        DenseDataPreprocessor()(dict(inputs=inputs))


@pytest.mark.parametrize('name', ['seg_pad_val', 'batch_augments'])
def test_settings_without_effect_are_refused(name):
    with pytest.raises(TypeError, match=f'takes no `{name}`'):
        DenseDataPreprocessor(**{name: [0]})


def test_labels_of_8_bits_become_int64():
    labels = np.array([[0, 3], [255, 27]], dtype=np.uint8)
    packed = PackDenseInputs(compact=True)(
        dict(img=np.zeros((2, 2, 3), np.uint8), gt_seg_map=labels)
    )
    assert packed['data_samples'].gt_sem_seg.data.dtype == torch.uint8
    batch = DenseDataPreprocessor(size=(2, 4))(
        dict(inputs=[packed['inputs']], data_samples=[packed['data_samples']]), training=True
    )
    data = batch['data_samples'][0].gt_sem_seg.data
    assert data.dtype == torch.int64
    assert data.tolist() == [[[0, 3, 255, 255], [255, 27, 255, 255]]]
