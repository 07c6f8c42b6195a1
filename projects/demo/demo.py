#!/usr/bin/env python
"""Four tasks from nothing: render people, train, evaluate, show.

Each step is done once; the same command continues an interrupted run.
"""

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from four_tasks.configs import config_text
from four_tasks.data import write_lists
from four_tasks.photographs import use_portrait
from four_tasks.report import results, write_page
from four_tasks.stages import Record, Runner, Stage, write_atomically
from four_tasks.variants import STARTS_FROM, TITLES, VARIANTS, Variant, get_variant
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
SIZE = '256x192'


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add('--variant', default=next(iter(VARIANTS)), help=f'of {list(VARIANTS)}')
    add('--data', type=Path, help='folder with photographs of people')
    add('--work-dir', type=Path, default=Path('work_dirs/demo'))
    add('--processes', type=int, help='2, or one for each GPU')
    return parser.parse_args()


def count_processes(variant: Variant) -> int:
    """Processes of a training.

    Raises:
        SystemExit: If the variant needs a GPU and there is none.
    """
    if not variant.on_gpu:
        return 2
    import torch

    if not torch.cuda.device_count():
        raise SystemExit('error: DEMO=gpu needs a CUDA device; DEMO=long runs on the CPU')
    return torch.cuda.device_count()


def render_stage(variant: Variant, data: Path, lists: Path) -> Stage:
    """Render people, and divide them."""
    workers = min(len(os.sched_getaffinity(0)), 8) if variant.on_gpu else 2
    command = [
        *(sys.executable, 'projects/synthetic_humans/render.py'),
        *('--out', str(data), '--num', str(variant.images)),
        *('--size', SIZE, '--normal-format', 'png'),
        *('--val-share', '0.15', '--seed', '0', '--workers', str(workers)),
    ]
    if not variant.on_gpu:
        command += ['--device', 'cpu']
    return Stage(
        'render',
        f'Rendering {variant.images} images of people',
        command,
        lists / 'val.json',
        finish=lambda: write_lists(data, variant.images, lists),
    )


def export_weights(work_dir: Path, target: Path) -> None:
    """Keep the weights of the last checkpoint, and what they are for, without the optimizer.

    Args:
        work_dir (Path): Of the training.
        target (Path): The file; it appears when it is complete.
    """
    import torch

    from mmsapiens.core.atomic_files import atomic_open

    newest = Path((work_dir / 'last_checkpoint').read_text('utf-8').strip())
    checkpoint = torch.load(newest, map_location='cpu', weights_only=False)
    with atomic_open(target) as partial:
        torch.save({key: checkpoint[key] for key in ('state_dict', 'meta')}, partial)


def weights_of(run: Path, task: str) -> Path:
    """The file with the network of a task."""
    return run / f'weights/{task}.pth'


def train_stage(task: str, variant: Variant, run: Path, processes: int, start: str = '') -> Stage:
    """Train the network of a task; ``start`` is the key of the one before."""
    config, target = run / f'configs/{task}.py', weights_of(run, task)
    # With all that it inherits: the key of the step depends on it.
    cfg = Config.fromfile(str(config), import_custom_modules=False)
    text = json.dumps(cfg.to_dict(), sort_keys=True) + start
    stage = Stage(f'train-{task}', f'Training: {TITLES[task]}', [], target, text)
    work_dir = run / 'train' / f'{task}-{stage.key}'
    command = [
        *('tools/dist_train.sh', str(config), str(processes)),
        *('--work-dir', str(work_dir), '--no-validate', '--resume'),
        *(['--amp'] if variant.amp else []),
    ]
    return Stage(
        stage.name,
        stage.title,
        command,
        target,
        text,
        finish=lambda: export_weights(work_dir, target),
    )


def predict_stages(run: Path, data: Path, photographs: Path, trained: str) -> tuple[Stage, Stage]:
    """Evaluate on held-out people, and look at photographs."""
    command = [*(sys.executable, 'projects/demo/predict.py', str(run)), *('--data', str(data))]
    heldout = Stage(
        'heldout', 'Evaluation on held-out people', command, run / 'heldout.json', trained
    )
    files = sorted(str(p) for p in photographs.rglob('*') if p.is_file())
    photos = Stage(
        'photographs',
        'Prediction on photographs',
        [*command, '--photographs', str(photographs)],
        run / 'photographs/photographs.json',
        trained + '\n'.join(files),
    )
    return heldout, photos


def run_demo(args: argparse.Namespace) -> Path:
    """Everything; gives the page."""
    variant = get_variant(args.variant)
    processes = args.processes or count_processes(variant)
    base = args.work_dir.resolve()
    data, run = base / 'renders', base / args.variant
    if args.data:
        photographs = args.data.expanduser().resolve()
        if not photographs.is_dir():
            raise FileNotFoundError(f'DATA must be a folder, but got {photographs}')
    else:
        photographs = use_portrait(base / 'portrait')
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    runner, records = Runner(run / 'stages', ROOT), []
    records.append(runner.run(render_stage(variant, data, run / 'lists')))
    keys: dict[str, str] = {}
    for task, before in STARTS_FROM.items():
        config = run / f'configs/{task}.py'
        encoder = weights_of(run, before) if before else None
        text = config_text(task, variant, data, run / 'lists', encoder)
        write_atomically(config, text)
        start = keys[before] if before else ''
        stage = train_stage(task, variant, run, processes, start)
        records.append(runner.run(stage))
        keys[task] = stage.key
    trained = ','.join(keys.values())
    for stage in predict_stages(run, data, photographs, trained):
        records.append(runner.run(stage))
    return write_report(args.variant, variant, run, records)


def write_report(name: str, variant: Variant, run: Path, records: list[Record]) -> Path:
    """Write the page and print the table."""
    heldout = json.loads((run / 'heldout.json').read_text('utf-8'))
    folder = run / 'photographs'
    photos = json.loads((folder / 'photographs.json').read_text('utf-8'))
    text = write_page(
        name=name,
        variant=variant,
        heldout=heldout,
        photos=photos,
        folders=(run / 'heldout', folder),
        records=records,
    )
    page = run / 'report.html'
    write_atomically(page, text)
    print(f'\n{"":46} {"baseline":>9} {"network":>9}')
    for row in results(heldout['tasks']):
        print(f'{row.metric:46} {row.baseline:9.2f} {row.ours:9.2f}  {row.change()}, {row.guess}')
    wall = sum(record.seconds for record in records)
    print(f'\n{wall / 60:.1f} minutes; the page: {page}')
    return page


def main() -> None:
    """Run the demo."""
    try:
        run_demo(parse_args())
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise SystemExit(f'error: {error}') from None


if __name__ == '__main__':
    main()
