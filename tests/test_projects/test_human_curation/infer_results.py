"""Results of `annotate` beside those of `mmsapiens infer`."""

import json
import tarfile

import numpy as np
import pyarrow.parquet as pq


def rows_of(out):
    """All rows of the labels, in the order of the units."""
    tables = [pq.read_table(path) for path in sorted(out.rglob('labels/**/*.parquet'))]
    return [row for table in tables for row in table.to_pylist()]


def members_of(out):
    """Files in the shards of maps, by the path of the shard below `maps` and their name."""
    found = {}
    for path in out.rglob('maps/**/*.tar'):
        with tarfile.open(path) as tar:
            for member in tar:
                shard = str(path.relative_to(out / 'maps'))
                found[shard, member.name] = tar.extractfile(member).read()
    return found


def differences(out, inferred, poses=(), maps=(), name_of=lambda row: row['name']):
    """What differs, and the numbers of images, people and maps that were compared."""
    found, images, people = [], 0, 0
    members = members_of(out)
    for row in rows_of(out):
        name = name_of(row)
        if row['error'] is not None:
            if any((inferred / task / f'{name}.png').exists() for task in maps):
                found.append(f'{name}: {row["error"]}')
            continue
        images += 1
        for task in poses:
            document = json.loads((inferred / task / f'{name}.json').read_bytes())
            people += len(document['instance_info'])
            if _people_of(row, task) != _rounded(document['instance_info']):
                found.append(f'{name}: {task}')
        for task in maps:
            content = members.pop((row['unit'], row[task]))
            if content != (inferred / task / f'{name}.png').read_bytes():
                found.append(f'{name}: {task}')
    found += [f'{name} in {shard} belongs to no row' for shard, name in members]
    return found, dict(images=images, people=people, maps=images * len(maps))


def _people_of(row, task):
    boxes = np.array(row['boxes'], np.float64).reshape(-1, 4)
    points = np.array(row[task], np.float64).reshape(len(boxes), -1, 2)
    scores = np.array(row[f'{task}_scores'], np.float64).reshape(len(boxes), -1)
    columns = zip(points, scores, boxes, row['box_scores'])
    return [
        (p.round(3).tolist(), s.round(5).tolist(), b.round(3).tolist(), round(score, 5))
        for p, s, b, score in columns
    ]


def _rounded(instances):
    names = ('keypoints', 'keypoint_scores', 'bbox', 'bbox_score')
    return [tuple(person[name] for name in names) for person in instances]
