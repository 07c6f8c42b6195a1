"""Registration: bare and prefixed names, imports, public names."""

import json
import subprocess
import sys
import textwrap

import pytest

from mmsapiens import _parts as hosts

PUBLIC = {
    'DATASETS': {
        'ATRDataset',
        'AlbedoDataset',
        'BodyParts28Dataset',
        'BodyParts29Dataset',
        'CIHPDataset',
        'CheckedCocoDataset',
        'CheckedCocoWholeBodyDataset',
        'CombinedVocabularyDataset',
        'DenseFolderDataset',
        'Goliath308Dataset',
        'Hi4DDataset',
        'HumanImageDataset',
        'LIPPartsDataset',
        'MattingDataset',
        'MultiTaskDataset',
        'PointMapDataset',
        'ShardedImageDataset',
        'THuman2Dataset',
    },
    'DATA_SAMPLERS': {'ResumableBatchSampler', 'ResumableSampler', 'TaskBatchSampler'},
    'HOOKS': {
        'BrokenImagesHook',
        'CheckpointGuardHook',
        'CompileBlocksHook',
        'DenseDataCheckHook',
        'DensePanelHook',
        'PoseDataCheckHook',
        'ProgressHook',
        'ReconstructionHook',
        'ResumeDataHook',
        'SafeCheckpointHook',
        'StepSeedHook',
    },
    'LOOPS': {
        'MultiTaskTestLoop',
        'MultiTaskValLoop',
        'ResumableEpochTrainLoop',
        'ResumableIterTrainLoop',
    },
    'METRICS': {
        'CheckedCocoMetric',
        'ConvertingCocoMetric',
        'ExactIoUMetric',
        'MapErrorMetric',
        'NormalAngleMetric',
        'RelativeDepthMetric',
        'WholeBodyMetric',
    },
    'MODELS': {
        'AlbedoHead',
        'AllPixelCrossEntropyLoss',
        'DenseDataPreprocessor',
        'DenseEstimator',
        'DepthHead',
        'HardKeypointMSELoss',
        'InstanceNormHeatmapHead',
        'MaskedPatchDecoder',
        'MaskedSapiensViT',
        'MattingHead',
        'MultiTaskModel',
        'NormalCosineLoss',
        'NormalHead',
        'NormalL1Loss',
        'ParsingHead',
        'PixelShuffleNormalHead',
        'PointMapHead',
        'PresentClassDiceLoss',
        'Sapiens2ViT',
        'SapiensMAE',
        'SapiensViT',
        'ScaleInvariantLogLoss',
    },
    'OPTIM_WRAPPERS': {'AutocastOptimWrapper'},
    'OPTIM_WRAPPER_CONSTRUCTORS': {'ViTLayerDecayConstructor'},
    'RUNNERS': {'StrategyRunner'},
    'STRATEGIES': {'ShardedFSDPStrategy'},
    'TRANSFORMS': {
        'ConvertVocabulary',
        'FitAndPadFields',
        'GenerateAlbedoTarget',
        'GenerateDepthTarget',
        'GenerateNormalTarget',
        'GeneratePointTarget',
        'LoadCamera',
        'LoadCheckedImage',
        'LoadDenseTarget',
        'LoadMatte',
        'PackDenseInputs',
        'PoseTableDistortion',
        'RandomBackground',
        'RandomCropFields',
        'RandomDegradation',
        'RandomFlipFields',
        'RandomRotateFields',
        'RejectSamples',
        'RequireVisibleKeypoints',
        'ResizeFields',
        'TableDistortion',
    },
    'VISUALIZERS': {'DenseVisualizer', 'GroupedPoseVisualizer'},
}
SHARED = {
    'HOOKS': 'CheckpointGuardHook',
    'MODELS': 'SapiensViT',
    'OPTIM_WRAPPERS': 'AutocastOptimWrapper',
    'OPTIM_WRAPPER_CONSTRUCTORS': 'ViTLayerDecayConstructor',
    'TRANSFORMS': 'LoadCheckedImage',
}


def run(code, stderr=subprocess.PIPE):
    """Run code in a child process and return what it prints."""
    command = [sys.executable, '-c', textwrap.dedent(code)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def test_public_names_are_the_stored_ones():
    # In a process of its own: other tests register classes.
    found = run("""
        import json
        import mmsapiens
        from mmsapiens import _parts, registry
        for part in _parts.installed_parts():
            __import__(part)
        registries = registry.REGISTRIES.items()
        print(json.dumps({name: list(each.module_dict) for name, each in registries}))
    """)
    names = json.loads(found.splitlines()[-1])
    assert {name: set(each) for name, each in names.items() if each} == PUBLIC


@pytest.mark.parametrize('host', hosts.HOSTS.values())
def test_shared_classes_resolve_by_both_names_in_each_host(host):
    run(f"""
        import mmsapiens
        import {host}.registry as theirs
        from mmengine.registry import DefaultScope
        for registry, name in {SHARED}.items():
            bare = getattr(theirs, registry).get(name)
            assert bare.__module__.startswith('mmsapiens.'), (registry, bare)
            prefixed = getattr(theirs, registry).get('mmsapiens.' + name)
            assert prefixed is bare
            with DefaultScope.overwrite_default_scope({host!r}):
                import mmengine.registry as root
                with getattr(root, registry).switch_scope_and_registry(
                        None) as scoped:
                    assert scoped.get(name) is bare
    """)


@pytest.mark.parametrize('host', hosts.HOSTS.values())
def test_bare_names_resolve_after_a_host_was_used(host):
    run(f"""
        from mmengine.config import Config
        import mmsapiens.compat
        from {host}.registry import MODELS
        MODELS.get('ResNet')
        Config(dict(x=1))
        import mmsapiens
        assert MODELS.get('SapiensViT') is not None
    """)


def test_custom_imports_are_enough(tmp_path):
    config = tmp_path / 'config.py'
    config.write_text("custom_imports = dict(imports=['mmsapiens'], allow_failed_imports=False)\n")
    run(f"""
        from mmengine.config import Config
        Config.fromfile({str(config)!r})
        from mmpose.registry import MODELS
        assert MODELS.get('SapiensViT') is not None
        assert MODELS.get('HeatmapHead').__module__.startswith('mmpose.')
    """)


def test_pose_classes_stay_out_of_other_hosts():
    run("""
        import mmsapiens, mmsapiens.pose
        import mmpose.registry, mmseg.registry
        name = 'InstanceNormHeatmapHead'
        assert mmpose.registry.MODELS.get(name) is not None
        mmseg.registry.MODELS.get('SapiensViT')
        assert mmseg.registry.MODELS.get(name) is None
    """)


def test_codecs_resolve_by_both_names():
    run("""
        import mmsapiens
        from mmpose.registry import KEYPOINT_CODECS
        bare = KEYPOINT_CODECS.get('BatchedUDPHeatmap')
        assert bare is KEYPOINT_CODECS.get('mmsapiens.BatchedUDPHeatmap')
        assert bare.__module__.startswith('mmsapiens.')
    """)


@pytest.mark.parametrize('host', hosts.HOSTS.values())
@pytest.mark.parametrize('order', ['before', 'after a look-up', 'in mmengine', 'before mmsapiens'])
def test_name_of_a_users_class_stays_the_users(host, order):
    register = """
        @registry.register_module()
        class SapiensViT:
            pass
    """
    parts = [
        f'from {host}.registry import MODELS',
        'import mmengine.registry',
        f'registry = {"mmengine.registry.MODELS" if order == "in mmengine" else "MODELS"}',
        'import mmsapiens',
    ]
    if order == 'before mmsapiens':
        parts.insert(3, textwrap.dedent(register))
    else:
        if order == 'after a look-up':
            parts.append("assert MODELS.get('SapiensViT').__module__.startswith('mmsapiens')")
        parts.append(textwrap.dedent(register))
    parts.append("""if True:
        assert MODELS.get('ResNet').__module__.startswith(MODELS.scope)
        for _ in range(3):
            assert MODELS.get('SapiensViT') is SapiensViT
        ours = MODELS.get('mmsapiens.SapiensViT')
        assert ours.__module__.startswith('mmsapiens.') and 'SapiensViT' in MODELS
        assert MODELS.build(dict(type='SapiensViT')).__class__ is SapiensViT
    """)
    done = run('\n'.join(parts), stderr=subprocess.STDOUT)
    assert done.count('write `mmsapiens.SapiensViT`') == 1


def test_name_with_the_scope_of_the_host_is_ours_where_mmengine_has_another():
    run("""
        import mmsapiens
        from mmengine.registry import MODELS
        from mmseg.registry import MODELS as theirs

        @MODELS.register_module()
        class DepthHead:
            pass

        assert theirs.get('DepthHead') is DepthHead
        assert theirs.get('mmseg.DepthHead').__module__.startswith('mmsapiens.')
    """)


BLOCK = """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.split('.')[0] in {blocked}:
                raise ModuleNotFoundError('blocked: ' + name, name=name)

    sys.meta_path.insert(0, Blocker())
    import mmsapiens._parts as hosts
    from importlib.util import find_spec as real
    hosts.find_spec = lambda name: (
        None if name.split('.')[0] in {blocked} else real(name))
    import mmsapiens
"""
EVERYTHING = {'mmpretrain', 'mmpose', 'mmseg', 'mmdet', 'mmcv'}


def test_models_and_registry_need_no_host():
    run(
        textwrap.dedent(BLOCK.format(blocked=EVERYTHING))
        + textwrap.dedent("""
        import mmsapiens.models, mmsapiens.registry, mmsapiens.engine
        import mmsapiens.checkpoints, mmsapiens.engine.launch
        from mmengine.registry import MODELS
        assert MODELS.get('mmsapiens.SapiensViT') is not None
    """)
    )


@pytest.mark.parametrize('part, host', hosts.HOSTS.items())
def test_each_part_needs_only_its_host(part, host):
    needed = {host, 'mmcv'} | ({'mmdet'} if host == 'mmpose' else set())
    run(
        textwrap.dedent(BLOCK.format(blocked=EVERYTHING - needed))
        + textwrap.dedent(f"""
        import {part}
        from {host}.registry import MODELS
        assert MODELS.get('SapiensViT') is not None
    """)
    )


def test_missing_host_is_named_when_a_name_is_not_found():
    out = run(
        textwrap.dedent(BLOCK.format(blocked={'mmpose'}))
        + textwrap.dedent("""
        from mmsapiens.registry import MODELS
        try:
            MODELS.build(dict(type='InstanceNormHeatmapHead'))
        except (KeyError, RuntimeError):
            print('refused')
    """)
    )
    assert 'refused' in out and 'mmpose were not searched' in out
