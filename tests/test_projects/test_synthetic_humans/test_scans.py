"""Scans from disk, against spheres and boxes worked out by hand."""

import numpy as np
import pytest
import trimesh
from PIL import Image
from synthetic_humans.cameras import VIEWS
from synthetic_humans.checks import normal_errors
from synthetic_humans.scans import find_unit, list_scans, load_scan, render_scan
from synthetic_humans.settings import Settings

RADIUS = 0.9


def write_sphere(path):
    sphere = trimesh.creation.icosphere(subdivisions=6, radius=RADIUS)
    sphere.visual.vertex_colors = [200, 90, 60, 255]
    sphere.export(str(path))


def write_box(path, extents):
    box = trimesh.creation.box(extents=extents)
    uv = np.random.default_rng(0).uniform(size=(len(box.vertices), 2))
    image = Image.new('RGB', (64, 64), (40, 160, 220))
    box.visual = trimesh.visual.TextureVisuals(uv=uv, image=image)
    box.export(str(path))


def pixel_rays(sample):
    """Directions of unit depth, and the pixels they belong to."""
    rows, columns = np.nonzero(sample.maps.instance)
    pixels = np.stack([columns, rows], 1) + 0.5
    return sample.camera.rays(pixels), rows, columns


@pytest.mark.parametrize('view', VIEWS)
def test_depth_of_a_sphere_is_exact_to_a_millimetre(view, tmp_path):
    path = tmp_path / 'sphere.ply'
    write_sphere(path)
    sample = render_scan(Settings((96, 72), views=(view,)), (path,), 0)
    d, rows, columns = pixel_rays(sample)
    assert len(d) > 1000
    offset = sample.camera.center - [0, 0, RADIUS]
    a, b = (d * d).sum(1), d @ offset
    discriminant = b * b - a * (offset @ offset - RADIUS**2)
    # At the outline the polyhedron and the sphere differ without a bound.
    inner = discriminant > 0.02 * discriminant.max()
    expected = (-b - np.sqrt(np.maximum(discriminant, 0))) / a
    depth = sample.maps.depth[rows, columns]
    assert np.abs(depth - expected)[inner].max() < 1e-3
    normal = (sample.camera.center + d * expected[:, None]) - [0, 0, RADIUS]
    normal = normal / RADIUS @ sample.camera.rotation.T * [1, -1, -1]
    found = sample.maps.normal[rows, columns]
    assert np.abs(found - normal)[inner].max() < 0.01


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize('ending', ['obj', 'glb'])
def test_depth_of_a_textured_box_is_exact(view, ending, tmp_path):
    path = tmp_path / f'box.{ending}'
    extents = [0.5, 1.8, 0.4]  # y up
    write_box(path, extents)
    sample = render_scan(Settings((96, 72), views=(view,)), (path,), 0)
    d, rows, columns = pixel_rays(sample)
    half = np.array([0.25, 0.2, 0.9])
    center = sample.camera.center - [0, 0, 0.9]
    d = np.where(np.abs(d) < 1e-9, 1e-9, d)
    enter = np.minimum((-half - center) / d, (half - center) / d).max(1)
    depth = sample.maps.depth[rows, columns]
    assert np.abs(depth - enter).max() < 1e-3
    normals = sample.maps.normal[rows, columns] * [1, -1, -1]
    world = np.abs(normals @ sample.camera.rotation)
    # Sides are flat in the labels too: one world axis each.
    assert world.max(1).min() > 0.999
    assert (sample.rgb[rows, columns].mean(0).argmax()) == 2


def test_one_scan_gives_three_views(tmp_path):
    path = tmp_path / 'box.glb'
    write_box(path, [0.5, 1.8, 0.4])
    views = [render_scan(Settings((32, 24)), (path,), index).view for index in range(3)]
    assert tuple(views) == VIEWS


def test_scan_has_no_parts_and_no_keypoints(tmp_path):
    write_sphere(tmp_path / 'a.ply')
    sample = render_scan(Settings((32, 24)), (tmp_path / 'a.ply',), 0)
    assert not sample.has_parts
    assert sample.people[0].subject == 'scan-a'
    angles = normal_errors(sample.maps.depth, sample.maps.normal, sample.camera.to_dict())
    assert np.median(angles) < 8


@pytest.mark.parametrize(('factor', 'meters'), [(1, 1), (100, 0.01)])
def test_unit_is_found_from_the_height(factor, meters, tmp_path):
    path = tmp_path / 'box.obj'
    write_box(path, np.array([0.5, 1.8, 0.4]) * factor)
    assert find_unit(1.8 * factor, path) == meters
    scan = load_scan(path)
    extent = np.ptp(scan.surface.positions, axis=0)
    np.testing.assert_allclose(extent, [0.5, 0.4, 1.8], atol=1e-6)


def test_unclear_unit_raises(tmp_path):
    with pytest.raises(ValueError, match='give `unit`'):
        find_unit(10.0, tmp_path)


def test_folder_without_scans_raises(tmp_path):
    with pytest.raises(FileNotFoundError, match='there are no'):
        list_scans(tmp_path)
