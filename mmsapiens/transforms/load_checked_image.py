"""Reading of images, with a look at what was read."""

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from ..core.errors import BadSampleError, MissingFileError, ReadError
from ..io.images import AGAIN, cut_format, decode_image
from ..registry import TRANSFORMS

_UPRIGHT = {'color': True, 'color_ignore_orientation': False}
_REMEDY = 'Copy it again, or take it out of the dataset.'


def check_is_whole(path: str, content: bytes) -> None:
    """Refuse, by a BadSampleError, an image file that is empty or was cut short."""
    if not content:
        raise BadSampleError(f'the image {path} is an empty file. {_REMEDY}')
    name = cut_format(content)
    if name:  # OpenCV decodes the beginning of a JPEG and fills the rest with gray
        raise BadSampleError(
            f'the image {path} was cut short: its {len(content)} bytes lack the end of a {name} '
            f'file. {_REMEDY}'
        )


def decode_checked(path: str, content: bytes, *, upright: bool = True) -> np.ndarray:
    """Decode a whole file as inference does; a BadSampleError if that is not possible."""
    try:
        return decode_image(content, f'the image {path}', upright=upright)
    except ReadError as error:
        raise BadSampleError(str(error).replace(AGAIN, _REMEDY)) from error


@TRANSFORMS.register_module()
class LoadCheckedImage(LoadImageFromFile):
    """Stock loading of an image that names what is wrong with one, and sees what inference sees.

    The stock one decodes cut files in part, trains on images of another size than their annotations
    were made for, shows the colors below transparent pixels, leaves AVIF lying, and does not say
    which file OpenCV could not read. Arrays in ``results['img']`` pass through.

    Args:
        to_float32 (bool): Whether to convert to float32. Defaults to False.
        color_type (str): Flag of ``mmcv.imfrombytes``, which decodes all but the default and
            'color_ignore_orientation'. Defaults to 'color'.
        imdecode_backend (str): Backend of ``mmcv.imfrombytes``. Defaults to 'cv2'.
        backend_args (dict, optional): File backend of mmengine. Defaults to None, the local disk.
    """

    def __init__(
        self,
        to_float32: bool = False,
        color_type: str = 'color',
        imdecode_backend: str = 'cv2',
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(to_float32, color_type, imdecode_backend, backend_args=backend_args)

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']`` unless ``img`` (H, W, 3), BGR, is there.

        Raises:
            MissingFileError: If the image does not exist; also a FileNotFoundError.
            BadSampleError: If it is empty, cut short, no image, or not of the ``img_shape`` (H, W)
                that its annotation says; also a ValueError.
        """
        if 'img' in results:
            img = results['img']
            results.setdefault('img_path', None)
        else:
            path = results['img_path']
            img = self._read(path)
            height, width = img.shape[:2]
            expected = tuple(results.get('img_shape', img.shape)[:2])
            if (height, width) != expected:
                raise BadSampleError(
                    f'the image {path} is {width} wide and {height} high, but its annotation says '
                    f'{expected[1]} and {expected[0]}, so that its labels may be elsewhere. Use '
                    'the image that was annotated; one that was turned may have an EXIF '
                    "orientation (`color_type='color_ignore_orientation'`)."
                )
            if self.to_float32:
                img = img.astype(np.float32)
        size = img.shape[:2]
        results.update(img=img, img_shape=size, ori_shape=size)
        return results

    def _read(self, path: str) -> np.ndarray:
        try:
            content = fileio.get(path, backend_args=self.backend_args)
        except FileNotFoundError:
            raise MissingFileError(
                f'the image {path} does not exist. Check the path, or `data_root` and '
                '`data_prefix` of the dataset.'
            ) from None
        if self.imdecode_backend == 'cv2' and self.color_type in _UPRIGHT:
            try:
                return decode_checked(path, content, upright=_UPRIGHT[self.color_type])
            except BadSampleError:
                check_is_whole(path, content)  # says more
                raise
        check_is_whole(path, content)
        try:
            img = mmcv.imfrombytes(content, flag=self.color_type, backend=self.imdecode_backend)
            reason = ''
        except (cv2.error, OSError) as error:
            img, reason = None, f' The reason: {error}'
        if img is None:
            raise BadSampleError(
                f'the image {path} cannot be decoded: it is damaged or no image (it starts with '
                f'{content[:16]!r}). {_REMEDY}{reason}'
            )
        return img
