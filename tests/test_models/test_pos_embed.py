import pytest
import torch

from mmsapiens.models.pos_embed import adapt_pos_embed, infer_grid, resize_pos_embed


def table(rows, width=4):
    return torch.arange(rows * width, dtype=torch.float32).view(1, rows, width)


def test_same_grid_is_returned_as_it_is():
    pos_embed = table(12)
    assert resize_pos_embed(pos_embed, (4, 3), (4, 3)) is pos_embed


def test_extra_rows_are_kept_aside():
    resized = resize_pos_embed(table(13), (4, 3), (8, 6), num_extra_tokens=1)
    assert resized.shape == (1, 49, 4)
    assert torch.equal(resized[:, 0], table(13)[:, 0])


def test_constant_stays_constant_and_keeps_its_type():
    pos_embed = torch.full((1, 12, 4), 0.5, dtype=torch.bfloat16)
    resized = resize_pos_embed(pos_embed, (4, 3), (7, 5))
    assert resized.dtype == torch.bfloat16
    assert (resized == 0.5).all()


@pytest.mark.parametrize(
    'rows, dst, src',
    [
        (12, (4, 3), (4, 3)),
        (16, (4, 3), (4, 4)),
        (3072, (128, 96), (64, 48)),
        (12288, (64, 48), (128, 96)),
        (49, (8, 6), (7, 7)),
    ],
)
def test_grid_is_inferred(rows, dst, src):
    assert infer_grid(rows, dst) == src


@pytest.mark.parametrize('rows', [60, 50, 3071])
def test_unknown_grid_is_refused(rows):
    with pytest.raises(ValueError, match=f'has {rows} patch rows'):
        infer_grid(rows, (8, 6))


def adapt(rows, file_has_cls_token, with_cls_token):
    return adapt_pos_embed(
        table(rows), (4, 4), file_has_cls_token=file_has_cls_token, with_cls_token=with_cls_token
    )


def test_row_of_the_class_token_is_cut():
    assert torch.equal(adapt(17, True, False), table(17)[:, 1:])


def test_row_of_the_class_token_is_kept():
    assert torch.equal(adapt(17, True, True), table(17))


def test_odd_square_without_class_token_keeps_its_first_patch():
    # 25 rows are a 5x5 grid: the reference would cut the first patch.
    kept = adapt(25, False, False)
    torch.testing.assert_close(kept, resize_pos_embed(table(25), (5, 5), (4, 4)))


def test_left_over_row_is_cut_when_no_grid_fits_with_it():
    assert torch.equal(adapt(17, False, False), table(17)[:, 1:])


def test_missing_class_token_is_refused():
    with pytest.raises(ValueError, match='the checkpoint has none'):
        adapt(16, False, True)
