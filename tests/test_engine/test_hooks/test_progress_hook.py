import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset


class Numbers(Dataset):
    def __len__(self):
        return 20

    def __getitem__(self, index):
        return dict(inputs=torch.full((1,), float(index)))


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, inputs, mode='tensor'):
        out = self.linear(inputs)
        return dict(loss=out.square().mean()) if mode == 'loss' else [out]


def test_lines_replace_the_bar_where_there_is_no_terminal(tmp_path, capsys):
    loader = dict(
        dataset=Numbers(),
        batch_size=5,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
    )
    runner = Runner(
        model=Model(),
        work_dir=str(tmp_path),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=2),
        val_cfg=dict(),
        val_evaluator=[],
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[dict(type='mmsapiens.ProgressHook', label='learning')],
        experiment_name='test_progress_hook',
        log_level='ERROR',
    )
    runner.train()
    lines = capsys.readouterr().out.splitlines()
    training = [line for line in lines if line.startswith('learning:')]
    assert training[-1].startswith('learning: 8/8 loss')
    assert 'evaluation: 4/4 ' in lines
