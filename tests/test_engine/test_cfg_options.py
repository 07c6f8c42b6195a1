"""``--cfg-options`` arrive as they were typed, and what nothing reads is told."""

import argparse
import math

import pytest
from mmengine.config import Config
from parity import ROOT

from mmsapiens.engine import launch, options
from mmsapiens.engine.options import parse_value, set_options

TYPED = [
    ('/data/my set/people.json', None, '/data/my set/people.json'),
    ('/data/a,b/people.json', 'old', '/data/a,b/people.json'),
    ("it's here", None, "it's here"),
    ('say "so"', None, 'say "so"'),
    ('a=b=c', None, 'a=b=c'),
    (' a ', None, ' a '),
    ('', 'old', ''),
    ('None', 'old', None),
    ('none', None, 'none'),
    ('true', None, True),
    ('False', None, False),
    ('4', None, 4),
    ('-5', None, -5),
    ('1e-3', None, 0.001),
    ('.5', None, 0.5),
    ('inf', None, math.inf),
    ('007', None, '007'),
    ('2024_01', None, '2024_01'),
    ('1.2.3', None, '1.2.3'),
    ('"4"', None, '4'),
    ("'None'", None, 'None'),
    ('"a, b"', ['old'], 'a, b'),
    ('1,2', None, '1,2'),
    ('1,2', (3, 4), (1, 2)),
    ('a b,c', ['old'], ['a b', 'c']),
    ('170,', [200], [170]),
    ('[1,2]', None, [1, 2]),
    ('(1,)', None, (1,)),
    ('(1)', None, (1,)),
    ('[]', None, []),
    ('()', None, ()),
    ('[a b, "c, d", None, [1, (2, x)]]', None, ['a b', 'c, d', None, [1, (2, 'x')]]),
    ("[don't, x]", None, ["don't", 'x']),
    ('[a].png', None, '[a].png'),
    ('[a]/[b]', None, '[a]/[b]'),
    ('[', None, '['),
    ('(copy', None, '(copy'),
    ("{'a': 1}", None, {'a': 1}),
    ('{name}.png', None, '{name}.png'),
]


@pytest.mark.parametrize('text, old, expected', TYPED)
def test_values_are_what_was_typed(text, old, expected):
    value = parse_value(text, old)
    assert value == expected and type(value) is type(expected)


def test_options_go_to_their_places():
    cfg = Config(dict(a=dict(b=[dict(c=1), dict(c=2)], betas=(0.9, 0.999)), resume=False))
    words = ['a.b.1.c=x y', 'a.betas=0.9,0.95', 'resume=true', 'a.new=[1, 2]']
    set_options(cfg, words)
    assert cfg.a.to_dict() == dict(b=[dict(c=1), dict(c='x y')], betas=(0.9, 0.95), new=[1, 2])
    assert cfg.resume is True


def test_options_may_be_given_in_several_places():
    parser = argparse.ArgumentParser()
    parser.add_argument('config')
    options.add_options(parser)
    parsed = parser.parse_args(['c.py', '--cfg-options', 'a=1', '--cfg-options', 'b=2', 'c=3'])
    assert parsed.cfg_options == ['a=1', 'b=2', 'c=3']


@pytest.mark.parametrize(
    'word, text',
    [
        ('set/people.json', "takes KEY=VALUE, but got 'set/people.json'"),
        ('=3', 'takes KEY=VALUE'),
        ('epochs.x=3', "epochs is of type int, which has no 'x'"),
        ('steps.7.type=x', "steps is of type list, 1 long, which has no '7'"),
        ('steps.type=x', "which has no 'type'"),
    ],
)
def test_options_that_lead_nowhere_are_refused(word, text):
    with pytest.raises(ValueError, match='`--cfg-options') as caught:
        set_options(Config(dict(epochs=3, steps=[dict(type='a')])), [word])
    assert text in str(caught.value)


POSE = 'configs/pose/coco/sapiens-tiny_2xb7-300e_coco-256x192.py'


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(options, 'print_log', lambda text, *args: messages.append(text))
    return messages


@pytest.mark.parametrize(
    'word, reason',
    [
        ('codec.input_size=(96,128)', 'codec is a variable; set what was copied from it'),
        ('codec.input_size=(96,128)', 'model.head.decoder.input_size'),
        ('data_root=/data/x/', 'train_dataloader.dataset.data_root'),
        ('train_pipeline.0.type=X', 'train_dataloader.dataset.pipeline.0.type'),
        ('train_dataloder.batch_size=3', 'is train_dataloader meant?'),
        ('mine=3', 'no runner reads it'),
        ('test_dataloader.batch_size=3', 'test_dataloader is not read here'),
        ('train_dataloader.batch_size=3', None),
        ('model.head.decoder.input_size=(96,128)', None),
        ('work_dir=/data/a b', None),
    ],
)
def test_options_that_nothing_reads_are_told(word, reason, told):
    cfg = launch.read_config(str(ROOT / POSE))
    set_options(cfg, [word], options.NOT_TRAINED)
    assert bool(told) is (reason is not None)
    if reason is not None:
        assert word.partition('=')[0] in told[0] and reason in told[0]


@pytest.mark.parametrize('key', ['train_cfg.max_epochs', 'load_from', 'val_dataloader.batch_size'])
def test_an_evaluation_says_what_it_does_not_read(key, told):
    set_options(launch.read_config(str(ROOT / POSE)), [f'{key}=3'], options.NOT_TESTED)
    assert len(told) == 1 and 'is not read here' in told[0]
