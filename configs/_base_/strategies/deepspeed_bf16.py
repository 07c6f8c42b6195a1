# Weights, gradients and optimizer states in shards (ZeRO-3), in bfloat16 with float32 copies. A
# config adds `train_micro_batch_size_per_gpu` and the optimizer wrapper of DeepSpeed, see
# docs/pretraining.md.
runner_type = 'mmsapiens.StrategyRunner'

strategy = dict(
    type='DeepSpeedStrategy',
    bf16=dict(enabled=True),
    zero_optimization=dict(stage=3),
    gradient_clipping=1.0,
    inputs_to_half=['inputs'],
)
