import shutil

import pytest
from dense_figures import write_figures
from planted_maps import SIZE_HW, write_good

from mmsapiens.dense.datasets import DenseFolderDataset, Hi4DDataset, THuman2Dataset
from mmsapiens.structures.fields import FIELDS, Field, add_field


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr(
        'mmsapiens.dense.datasets.paired_files.print_log',
        lambda text, logger, level: found.append(text),
    )
    return found


def test_default_fields_are_depth_and_mask(tmp_path):
    write_good(tmp_path / 'train', 'depth')
    dataset = DenseFolderDataset(data_root=str(tmp_path), split='train')
    info = dataset.get_data_info(1)
    assert info == dict(
        img_path=f'{tmp_path}/train/images/0001.png',
        depth_map_path=f'{tmp_path}/train/depths/0001.npy',
        human_mask_path=f'{tmp_path}/train/masks/0001.png',
        flip_label_pairs=[],
        sample_idx=1,
    )


def test_all_fields_at_once_with_classes(tmp_path):
    write_figures(tmp_path, 2, SIZE_HW)
    fields = ('seg_map', 'human_mask', 'depth_map', 'normal_map')
    dataset = DenseFolderDataset(data_root=str(tmp_path), fields=fields, vocabulary='goliath28')
    info = dataset.get_data_info(0)
    assert {FIELDS[name].path_key for name in fields} <= set(info)
    assert info['num_classes'] == 28 and (4, 13) in info['flip_label_pairs']
    assert len(dataset.metainfo['classes']) == 28


def test_links_that_lead_in_a_circle_end(tmp_path):
    write_good(tmp_path / 'disk', 'depth')
    (tmp_path / 'data').mkdir()
    for path in (tmp_path / 'disk').iterdir():
        (tmp_path / 'data' / path.name).mkdir()
        (tmp_path / 'data' / path.name / 'day').symlink_to(path)
        (path / 'again').symlink_to(tmp_path / 'data' / path.name)
    dataset = DenseFolderDataset(data_root=str(tmp_path / 'data'))
    assert len(dataset) == 3
    assert dataset.get_data_info(0)['img_path'] == f'{tmp_path}/data/images/day/0000.png'


def test_folders_of_renders_are_found(tmp_path):
    write_good(tmp_path, 'normal')
    for old, new in (('images', 'rgb'), ('masks', 'mask')):
        (tmp_path / old).rename(tmp_path / new)
    (tmp_path / 'normals').rename(tmp_path / 'normal')
    dataset = DenseFolderDataset(data_root=str(tmp_path), fields=('human_mask', 'normal_map'))
    info = dataset.get_data_info(0)
    assert info['normal_map_path'] == f'{tmp_path}/normal/0000.npy'
    assert info['img_path'] == f'{tmp_path}/rgb/0000.png'


def test_folders_of_two_names_must_be_chosen(tmp_path):
    write_good(tmp_path, 'depth')
    shutil.copytree(tmp_path / 'images', tmp_path / 'rgb')
    with pytest.raises(ValueError, match='`img_path` may be any of .*rgb'):
        DenseFolderDataset(data_root=str(tmp_path))
    dataset = DenseFolderDataset(data_root=str(tmp_path), data_prefix=dict(img_path='rgb'))
    assert '/rgb/' in dataset.get_data_info(0)['img_path']


def test_folders_may_have_other_names(tmp_path):
    write_good(tmp_path / 'val', 'depth')
    (tmp_path / 'val/depths').rename(tmp_path / 'val/z')
    settings = dict(data_root=str(tmp_path), split='val')
    with pytest.raises(FileNotFoundError, match='no folder .*val/depths'):
        DenseFolderDataset(**settings)
    dataset = DenseFolderDataset(data_prefix=dict(depth_map_path='z'), **settings)
    assert len(dataset) == 3


def test_previews_beside_maps_need_a_choice(tmp_path):
    write_good(tmp_path, 'depth')
    for path in (tmp_path / 'depths').iterdir():
        path.with_suffix('.png').write_bytes(b'preview')
    with pytest.raises(ValueError, match='0000.npy, 0000.png have one name'):
        DenseFolderDataset(data_root=str(tmp_path))
    dataset = DenseFolderDataset(data_root=str(tmp_path), suffixes=dict(depth_map_path='.npy'))
    assert len(dataset) == 3


def test_a_further_field_has_a_folder_of_its_name(tmp_path):
    write_good(tmp_path, 'depth')
    (tmp_path / 'depths').rename(tmp_path / 'alphas')
    add_field(Field('alpha_map', channels=1, dtype='float32', fill=-1))
    try:
        dataset = DenseFolderDataset(data_root=str(tmp_path), fields=('alpha_map',))
        path = dataset.get_data_info(0)['alpha_map_path']
        assert path == f'{tmp_path}/alphas/0000.npy'
    finally:
        del FIELDS['alpha_map']


@pytest.mark.parametrize(
    ('settings', 'error', 'message'),
    [
        (dict(fields=('depth',)), KeyError, 'must be one of .*depth_map'),
        (
            dict(data_prefix=dict(seg_map_path='labels')),
            KeyError,
            '`data_prefix` must have keys of .*Set `fields`',
        ),
        (dict(suffixes=dict(depth='.npy')), KeyError, '`suffixes` must have'),
        (dict(vocabulary='mhp'), KeyError, r'`vocabulary`\) must be one of'),
        (dict(field=()), TypeError, 'field'),
        (
            dict(metainfo=dict(classes=['a'], flip_pairs=[(0, 1)])),
            ValueError,
            '`flip_pairs` of DenseFolderDataset',
        ),
    ],
)
def test_wrong_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        DenseFolderDataset(lazy_init=True, **settings)


def test_renders_of_thuman2_by_view(tmp_path, warnings):
    for view in ('face', 'upper_body', 'full_body'):
        write_good(tmp_path / view, 'normal', count=2)
    settings = dict(data_root=str(tmp_path), fields=('normal_map', 'human_mask'))
    dataset = THuman2Dataset(**settings)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['view'] for info in infos] == (
        ['face'] * 2 + ['upper_body'] * 2 + ['full_body'] * 2
    )
    assert infos[3]['img_path'] == f'{tmp_path}/upper_body/images/0001.png'
    assert dataset.test_mode and len(warnings) == 3
    assert '2 renders of the view face, but the paper tests on 526' in str(warnings)
    assert len(THuman2Dataset(views=('full_body',), **settings)) == 2


@pytest.mark.parametrize('views', [(), ('back',), ('face', 'face')])
def test_wrong_views_are_refused(views):
    with pytest.raises(ValueError, match='`views` must be different ones'):
        THuman2Dataset(views=views, lazy_init=True)


def write_hi4d(root, *sequences, camera=4):
    for sequence in sequences:
        source = write_good(root / 'figures', 'depth', count=2)
        for name in ('images', 'masks', 'depths'):
            target = root / 'hi4d' / sequence / name
            target.mkdir(parents=True)
            (source / name).rename(target / str(camera))
    return str(root / 'hi4d')


def test_sequences_of_hi4d(tmp_path, warnings):
    root = write_hi4d(
        tmp_path,
        'pair37_1/fight37',
        'pair37_2/hug37',
        'pair28/dance28',
        'pair32/talk32',
        'pair3/talk03',
    )
    dataset = Hi4DDataset(data_root=root)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['sequence'] for info in infos[::2]] == [
        'pair28/dance28',
        'pair32/talk32',
        'pair37_1/fight37',
        'pair37_2/hug37',
    ]
    assert infos[0]['img_path'] == f'{root}/pair28/dance28/images/4/0000.png'
    assert infos[0]['depth_map_path'] == (f'{root}/pair28/dance28/depths/4/0000.npy')
    assert dataset.test_mode and '8 images, but the paper' in warnings[0]


def test_hi4d_without_a_pair_or_camera_is_refused(tmp_path, warnings):
    root = write_hi4d(tmp_path, 'pair28/dance28')
    assert len(Hi4DDataset(data_root=root, pairs=(28,))) == 2
    with pytest.raises(FileNotFoundError, match='pair 32 has no images of'):
        Hi4DDataset(data_root=root)
    with pytest.raises(FileNotFoundError, match='of camera 16 in'):
        Hi4DDataset(data_root=root, pairs=(28,), camera=16)
    with pytest.raises(ValueError, match='must be different numbers'):
        Hi4DDataset(data_root=root, pairs=(28, 28))
