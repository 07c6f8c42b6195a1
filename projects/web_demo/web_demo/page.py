"""The page: an image on the left, what the networks see on the right."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from numpy.typing import NDArray

from mmsapiens import SapiensInferencer
from mmsapiens.inference.prefetch import FrameError

from .analysis import Analysis, NoImageError, analyse, blend, first_opacity

TITLES = {
    'pose': 'Pose',
    'seg': 'Body parts',
    'depth': 'Relative depth',
    'normal': 'Surface normals',
    'pointmap': 'Distance',
    'albedo': 'Albedo',
    'matting': 'Foreground',
}
PEOPLE = {'find them': 'detect', 'one, who fills the image': 'image'}
KEPT_S = 3600
"""How long the files of a visitor are kept."""
CSS = """
footer {display: none !important}
.gradio-container {max-width: 1500px !important; margin: auto}
"""


def theme() -> gr.themes.Base:
    """Fonts of the visitor's machine: nothing is fetched."""
    return gr.themes.Soft(font=['system-ui', 'sans-serif'], font_mono=['ui-monospace', 'monospace'])


class UploadedImage(gr.Image):
    """An image as it was uploaded: read, and refused, by us instead of the page's framework, which
    changes images of 16 bits, with opacity, in gray or CMYK and refuses others without a reason.
    """

    is_template = True  # looks like its base class

    def preprocess(self, payload: Any) -> str | None:
        """The path of the file."""
        return None if payload is None else payload.path


def title_of(task: str) -> str:
    """Heading of a task, such as 'Pose, 308 keypoints'."""
    kind, _, detail = task.partition('-')
    name = TITLES[kind]
    if kind == 'pose':
        return f'{name}, {detail} keypoints'
    if kind == 'seg':
        return f'{name} ({detail.upper()})'
    return name


def build_page(inferencer: SapiensInferencer, folder: Path, people: str = 'detect') -> gr.Blocks:
    """Build the page.

    Args:
        inferencer (SapiensInferencer): The networks.
        folder (Path): For the files that visitors download.
        people (str): 'detect', or 'image' where there is no detector. Defaults to 'detect'.
    """
    tasks = inferencer.tasks
    choices = [text for text, way in PEOPLE.items() if people in ('detect', way)]
    with gr.Blocks(
        title='mmsapiens', analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)
    ) as page:
        gr.Markdown(
            f'# mmsapiens\n{inferencer.model} on {inferencer.options.device}: '
            'choose an image of people and press **Analyse**.'
        )
        memory = gr.State(None)
        with gr.Row():
            with gr.Column(scale=1, min_width=280):
                image = UploadedImage(
                    label='Image',
                    sources=['upload', 'webcam', 'clipboard'],
                    type='filepath',
                    elem_id='image',
                    height=420,
                )
                ways = gr.Radio(
                    choices,
                    value=choices[0],
                    label='People',
                    visible=inferencer.has_pose and len(choices) > 1,
                )
                start = gr.Button('Analyse', variant='primary', elem_id='analyse')
                found = gr.Markdown(elem_id='found')
                download = gr.DownloadButton(
                    'Download all results', interactive=False, elem_id='download'
                )
            with gr.Column(scale=3):
                views, sliders = _build_views(tasks)
        start.click(
            partial(_show, inferencer, folder),
            [image, ways, *sliders],
            [memory, found, download, *views],
            concurrency_limit=1,
            api_name='analyse',
        )
        for task, view, slider in zip(tasks, views, sliders):
            slider.release(
                partial(_blend_again, task),
                [memory, slider],
                view,
                show_progress='hidden',
                api_visibility='private',
            )
    return page


def _build_views(tasks: tuple[str, ...]) -> tuple[list[gr.Image], list[gr.Slider]]:
    """An image and a slider for each task, two in a row."""
    views, sliders = [], []
    for first in range(0, len(tasks), 2):
        with gr.Row():
            for task in tasks[first : first + 2]:
                with gr.Column(min_width=280):
                    views.append(
                        gr.Image(
                            label=title_of(task),
                            interactive=False,
                            format='png',
                            buttons=['download', 'fullscreen'],
                            elem_id=f'view-{task}',
                            height=420,
                        )
                    )
                    sliders.append(
                        gr.Slider(
                            0,
                            1,
                            value=first_opacity(task),
                            step=0.05,
                            label='Opacity',
                            elem_id=f'opacity-{task}',
                        )
                    )
    return views, sliders


def _show(
    inferencer: SapiensInferencer, folder: Path, path: str | None, way: str, *opacities: float
) -> list[Any]:
    """Analyse an image; values of state, text, button and views."""
    try:
        analysis = analyse(inferencer, path, PEOPLE[way], folder)
    except (NoImageError, FrameError) as error:
        raise gr.Error(str(error), print_exception=False) from error
    button = gr.DownloadButton(value=str(analysis.archive), interactive=True)
    views = [
        blend(analysis.image, analysis.layers[task], opacity)
        for task, opacity in zip(inferencer.tasks, opacities)
    ]
    found = '\n\n'.join(f'**{title_of(task)}**: {text}' for task, text in analysis.found.items())
    return [analysis, found, button, *views]


def _blend_again(task: str, analysis: Analysis | None, opacity: float) -> NDArray | None:
    """The view of a task at another opacity."""
    if analysis is None:
        return None
    return blend(analysis.image, analysis.layers[task], opacity)
