"""Features of encoders, pretrained and fine-tuned."""

import numpy as np
import pytest
import torch
from parity import Case, data_folder
from PIL import Image as PILImage
from tiny_inference import ARCH, make_image, tiny_task

from mmsapiens.checkpoints import CheckpointInfo, write_checkpoint
from mmsapiens.checkpoints.build_model import build_encoder
from mmsapiens.checkpoints.families import FAMILIES
from mmsapiens.checkpoints.metadata import facts_of_task
from mmsapiens.inference.features import FeatureExtractor
from mmsapiens.models import SapiensViT

SIZE_HW = (64, 64)


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """An encoder with a class token, as the clean releases are."""
    torch.manual_seed(0)
    encoder = SapiensViT(ARCH, img_size=64, with_cls_token=True)
    encoder.init_weights()
    path = tmp_path_factory.mktemp('encoder') / 'encoder.pth'
    return write_checkpoint(encoder.state_dict(), path)


def extractor(weights, **kwargs):
    kwargs = dict(arch=ARCH, size_hw=SIZE_HW, device='cpu') | kwargs
    return FeatureExtractor(weights=weights, **kwargs)


def test_features_are_those_of_the_last_layer(pretrained):
    features = extractor(pretrained)
    frames = [make_image(40, 60, seed=1), make_image(90, 30, seed=2)]
    found = list(features.stream([frame.image for frame in frames]))
    model, _ = build_encoder(pretrained, arch=ARCH)
    for frame, result in zip(frames, found):
        rgb = PILImage.fromarray(np.ascontiguousarray(frame.image[..., ::-1]))
        pixels = np.array(rgb.resize((64, 64), PILImage.Resampling.BICUBIC))
        pixels = (pixels - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
        img = torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)
        with torch.no_grad():
            (tokens,) = model(img[None])
        tokens = tokens[0].numpy()
        dense, vectors = result.features['dense'], result.features
        assert dense.shape == (32, 4, 4) and dense.dtype == np.float32
        np.testing.assert_allclose(dense.reshape(32, 16).T, tokens[1:], atol=1e-5)
        np.testing.assert_allclose(vectors['cls'], tokens[0], atol=1e-5)
        np.testing.assert_allclose(vectors['mean'], tokens[1:].mean(axis=0), atol=1e-5)


def test_the_small_demo_prepares_images_in_its_way(pretrained):
    case = Case('lite_preprocess')
    features = extractor(pretrained, mode='lite', size_hw=tuple(case.config['shape_h_w']))
    from mmsapiens.structures.results import Image

    frame = Image(case['inputs/image'].numpy(), 'a', 'a.png')
    torch.testing.assert_close(
        features.prepare(frame), case['outputs/tensor'], atol=case.tolerance['atol'], rtol=0
    )


def test_features_of_a_fine_tuned_model(tmp_path):
    _, weights = tiny_task('pose-17', tmp_path)
    features = extractor(weights)
    assert features.kinds == ('dense', 'mean')
    assert features.encoder.patch_embed.padding == 2
    assert features.encoder.img_size == (64, 48)
    (result,) = features.stream(make_image().image)
    assert result.features['dense'].shape == (32, 4, 4)
    with pytest.raises(KeyError, match='no class token, which fine-tuned'):
        features.run(make_image().image, tmp_path / 'out', kinds=('cls',))


def test_files_are_written_once(pretrained, tmp_path):
    features = extractor(pretrained)
    inputs = [*sorted((data_folder() / 'coco_sample').glob('*.jpg')), 'no.jpg']
    kinds = ('dense', 'mean', 'cls')
    summary = features.run(inputs, tmp_path, kinds=kinds)
    assert summary.done == 4 and len(summary.failed) == 1
    for kind, shape in (('dense', (32, 4, 4)), ('cls', (32,))):
        paths = sorted((tmp_path / kind).glob('*.npy'))
        assert len(paths) == 4
        array = np.load(paths[0])
        assert array.shape == shape and array.dtype == np.float32
    again = features.run(inputs, tmp_path, kinds=kinds)
    assert (again.done, again.skipped) == (0, 4)
    other = extractor(pretrained, mode='lite')
    with pytest.raises(ValueError, match="features.mode was 'default'"):
        other.run(inputs, tmp_path, kinds=kinds)


@pytest.mark.parametrize(
    'layout, channels, padding',
    [
        ('pose', 308, 2),
        ('normal', 3, 2),
        ('seg', 20, 2),
        ('seg', 28, 'corner'),
        ('depth', 1, 'corner'),
        ('encoder', None, 'corner'),
    ],
)
def test_padding_is_that_of_the_released_models(layout, channels, padding):
    facts = None if channels is None else facts_of_task(layout)
    info = CheckpointInfo({}, 16, 12, False, out_channels=channels, facts=facts)
    assert info.patch_padding == padding


def test_size_that_a_table_was_made_for():
    def size(tokens, has_cls_token):
        return FAMILIES['sapiens'].input_hw(CheckpointInfo({}, 16, tokens, has_cls_token))

    assert size(4097, True) == (1024, 1024)
    assert size(3072, False) == (1024, 768)
    assert size(12, False) == (64, 48)
    with pytest.raises(ValueError, match='15 patches'):
        size(15, False)


def test_wrong_arguments_are_refused(pretrained, tmp_path):
    with pytest.raises(ValueError, match='no known size: give `arch`'):
        extractor(pretrained, arch=None)
    with pytest.raises(ValueError, match='`size_hw` must be at least'):
        extractor(pretrained, size_hw=(8, 64))
    with pytest.raises(KeyError, match=r"some of \('dense', 'mean', 'cls'\)"):
        extractor(pretrained).run('a.jpg', tmp_path, kinds=('max',))
    with pytest.raises(KeyError, match="`model` must be one of .*'big'"):
        FeatureExtractor('big')


def test_images_get_the_size_that_the_checkpoint_was_trained_with(tmp_path):
    from tiny_inference import SIZE_HW, tiny_task

    _, weights = tiny_task('pose-17', tmp_path)
    extractor = FeatureExtractor(weights=weights, arch=ARCH, device='cpu', task='pose-17')
    assert extractor.size_hw == SIZE_HW and extractor.grid == (4, 3)
