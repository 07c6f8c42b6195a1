"""Annotate a pool on two nodes of a Ray cluster of this machine, and lose one on the way.

python tests/annotate_on_nodes.py POOL --out OUT OPTIONS, as of `python -m human_curation annotate`
"""

import os
import sys
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / 'projects/human_curation'
sys.path[:0] = [str(PROJECT), str(PROJECT.parents[1])]
os.environ['PYTHONPATH'] = os.pathsep.join(sys.path[:2])  # for the nodes
# Ray would end workers when the machine, with whatever else it does, has little memory left.
os.environ.update(OMP_NUM_THREADS='1', RAY_worker_niceness='0', RAY_memory_monitor_refresh_ms='0')

from human_curation.cli import main  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402


def lose_a_node(cluster, node, out):
    """Kill a node when the first unit is done."""
    while not list(out.rglob('labels/**/*.parquet')):
        time.sleep(0.01)
    cluster.remove_node(node, allow_graceful=False)
    print('a node was lost with', len(list(out.rglob('labels/**/*.parquet'))), 'units done')


def run(words):
    """Start the nodes, annotate, and return the exit code."""
    out = Path(words[words.index('--out') + 1])
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0))
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    threading.Thread(target=lose_a_node, args=(cluster, nodes[0], out), daemon=True).start()
    try:
        engine = ['--engine', 'ray', '--address', cluster.address, '--workers', '2']
        return main(['annotate', *words, *engine])
    finally:
        cluster.shutdown()


if __name__ == '__main__':
    sys.exit(run(sys.argv[1:]))
