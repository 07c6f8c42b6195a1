# Weights, gradients and optimizer states in shards, one unit for each block; weights are gathered
# in bfloat16, gradients are summed in float32. Checkpoints are folders, each process writes its
# part.
runner_type = 'mmsapiens.StrategyRunner'

strategy = dict(
    type='mmsapiens.ShardedFSDPStrategy',
    model_wrapper=dict(
        auto_wrap_policy='mmsapiens.engine.strategies.wrap_blocks',
        mixed_precision=dict(
            param_dtype='bfloat16', reduce_dtype='float32', cast_root_forward_inputs=False
        ),
        use_orig_params=True,
    ),
)
