"""The page that the demo leaves: one file, no network."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

STYLE = """
:root{--ink:#1c2330;--soft:#5d6778;--line:#dfe3ea;--paper:#fff;--wash:#f4f6f9;
--accent:#2458c5;--good:#157f4b;--bad:#b3541e;--ours:#e9f0ff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b5;
--line:#323a47;--paper:#161a21;--wash:#1e242d;--accent:#82a8ff;--good:#5fcf97;
--bad:#f0a06d;--ours:#1f2b44}}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{background:linear-gradient(120deg,#16264d,#2458c5 70%,#3f7de0);
color:#fff;padding:2.6rem 1rem 2.2rem}
header h1{margin:0 0 .3rem;font-size:2rem;letter-spacing:-.01em}
header p{margin:.2rem 0;max-width:46rem;color:#dfe8ff}
.wide{max-width:1180px;margin:0 auto;padding:0 1rem}
section{background:var(--paper);border:1px solid var(--line);
border-radius:12px;padding:1.2rem 1.4rem 1.4rem;margin:1.2rem 0}
h2{margin:.1rem 0 .5rem;font-size:1.35rem}
h3{margin:1.4rem 0 .3rem;font-size:1.08rem}
p{margin:.4rem 0 .8rem;max-width:56rem}
.note{color:var(--soft);font-size:.92rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.5rem .7rem;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-size:.8rem;text-transform:uppercase;letter-spacing:.04em;
color:var(--soft)}
td.n,th.n{text-align:right;white-space:nowrap}
td.less{white-space:nowrap}
table.results{min-width:1060px}table.results td:nth-child(2){min-width:12rem}
td.ours{background:var(--ours);font-weight:650}
.good{color:var(--good);font-weight:650}.bad{color:var(--bad);font-weight:650}
.less{color:var(--soft)}
.grid{display:grid;gap:.55rem;align-items:start;overflow-x:auto;
padding-bottom:.3rem}
figure{margin:0;min-width:104px}
figure img{width:100%;display:block;border-radius:7px;background:#282a30}
figcaption{font-size:.78rem;color:var(--soft);padding:.15rem .1rem 0;
min-height:1.3em}
.head{font-size:.8rem;font-weight:650;color:var(--soft);align-self:end}
.legend{display:flex;flex-wrap:wrap;gap:.25rem .9rem;font-size:.82rem;
margin:.7rem 0 0;padding:0;list-style:none}
.legend i{display:inline-block;width:.85em;height:.85em;border-radius:3px;
margin-right:.35em;vertical-align:-.05em}
code{font:.82rem/1.45 ui-monospace,Menlo,Consolas,monospace}
td code{word-break:break-word}
footer{color:var(--soft);font-size:.85rem;padding:0 0 2rem}
"""


@dataclass(frozen=True)
class Figure:
    """An image with a line below it.

    Args:
        path (Path): The image.
        caption (str): The line. Defaults to ''.
        alt (str): What it shows, for those who do not see it. Defaults to ''.
    """

    path: Path
    caption: str = ''
    alt: str = ''


@dataclass(frozen=True)
class Result:
    """A line of the table of results.

    Args:
        task (str): What was learned; '' continues the line above.
        metric (str): Name of the figure, with the unit; '' if it is that of the line above.
        baseline (float): Of the guess.
        guess (str): What the guess is.
        ours (float): Of the network.
        smaller_is_better (bool): Direction of the figure.
        target (float | None): Ratio of ours to the baseline to be reached, or with ``absolute`` the
            figure itself. Defaults to None.
        absolute (bool): See ``target``. Defaults to False.
        digits (int): After the point. Defaults to 1.
    """

    task: str
    metric: str
    baseline: float
    guess: str
    ours: float
    smaller_is_better: bool
    target: float | None = None
    absolute: bool = False
    digits: int = 1

    @property
    def ratio(self) -> float:
        """Ours by the baseline's; infinite if that is 0."""
        return self.ours / self.baseline if self.baseline else math.inf

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        value = self.ours if self.absolute else self.ratio
        if self.smaller_is_better:
            return value <= self.target
        return value >= self.target

    def change(self) -> str:
        """How ours compares, in words."""
        if self.smaller_is_better:
            percent = 100 * (1 - self.ratio)
            word = 'lower' if percent >= 0 else 'higher'
            return f'{abs(percent):.0f} % {word}'
        return '–' if math.isinf(self.ratio) else f'{self.ratio:.1f} x'

    def goal(self) -> str:
        """The target, in words."""
        if self.target is None:
            return ''
        if self.absolute:
            sign = '≤' if self.smaller_is_better else '≥'
            return f'{sign} {self.target:g}'
        if self.smaller_is_better:
            return f'≥ {100 * (1 - self.target):.0f} % lower'
        return f'≥ {self.target:g} x'


def embed(path: Path, quality: int = 88) -> str:
    """An image as a data URI, as JPEG or, where smaller, as PNG.

    Args:
        path (Path): The image.
        quality (int): Of the JPEG. Defaults to 88.

    Raises:
        FileNotFoundError: If it cannot be read.
    """
    image = cv2.imread(str(path))
    if image is None:
        raise FileNotFoundError(f'no image at {path}')
    kind, data = 'png', path.read_bytes()
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    jpeg = cv2.imencode('.jpg', image, options)[1].tobytes()
    if len(jpeg) < len(data) or path.suffix.lower() != '.png':
        kind, data = 'jpeg', jpeg
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'


def figure(item: Figure) -> str:
    """HTML of an image."""
    caption = html.escape(item.caption)
    return (
        f'<figure><img src="{embed(item.path)}" '
        f'alt="{html.escape(item.alt, quote=True)}">'
        f'<figcaption>{caption}</figcaption></figure>'
    )


def grid(rows: Sequence[Sequence[Figure]], heads: Sequence[str], least: int = 104) -> str:
    """HTML of rows of images.

    Args:
        rows (Sequence[Sequence[Figure]]): Each as long as ``heads``.
        heads (Sequence[str]): Above the columns; none if empty.
        least (int): Pixels that a column has at least. Defaults to 104.
    """
    columns = max(len(heads), max((len(row) for row in rows), default=1))
    style = f'grid-template-columns:repeat({columns},minmax({least}px,1fr))'
    cells = [f'<div class="head">{html.escape(head)}</div>' for head in heads]
    cells += [figure(item) for row in rows for item in row]
    return f'<div class="grid" style="{style}">{"".join(cells)}</div>'


def results_table(results: Iterable[Result]) -> str:
    """HTML of the table of results."""
    lines = []
    for row in results:
        mark = ''
        if row.is_met is not None:
            kind, word = ('good', '✓') if row.is_met else ('bad', '✗')
            mark = f' <span class="{kind}">{word}</span>'
        lines.append(
            f'<tr><td>{html.escape(row.task)}</td>'
            f'<td>{html.escape(row.metric)}</td>'
            f'<td class="n">{row.baseline:.{row.digits}f}</td>'
            f'<td class="less">{html.escape(row.guess)}</td>'
            f'<td class="n ours">{row.ours:.{row.digits}f}</td>'
            f'<td class="n">{row.change()}</td>'
            f'<td class="n">{row.goal()}{mark}</td></tr>'
        )
    heads = (
        '<th>Task</th><th>Figure</th><th class="n">Baseline</th>'
        '<th>which is</th><th class="n">Network</th>'
        '<th class="n">to baseline</th><th class="n">Target</th>'
    )
    return (
        '<div class="scroll"><table class="results">'
        f'<thead><tr>{heads}</tr></thead>'
        f'<tbody>{"".join(lines)}</tbody></table></div>'
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """HTML of a plain table; cells are escaped, ``code:`` sets them as code.

    Args:
        heads (Sequence[str]): Titles of the columns.
        rows (Iterable[Sequence[str]]): Cells.
    """

    def cell(text: str) -> str:
        if text.startswith('code:'):
            return f'<td><code>{html.escape(text[5:])}</code></td>'
        return f'<td>{html.escape(text)}</td>'

    head = ''.join(f'<th>{html.escape(h)}</th>' for h in heads)
    body = ''.join(f'<tr>{"".join(cell(text) for text in row)}</tr>' for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>'
    )


def legend(entries: Iterable[tuple[str, str]]) -> str:
    """HTML of names beside colors, ``#rrggbb``."""
    items = ''.join(
        f'<li><i style="background:{html.escape(color, quote=True)}"></i>{html.escape(name)}</li>'
        for name, color in entries
    )
    return f'<ul class="legend">{items}</ul>'


def section(title: str, *parts: str) -> str:
    """HTML of a section."""
    return f'<section><h2>{html.escape(title)}</h2>{"".join(parts)}</section>'


def paragraph(text: str, kind: str = '') -> str:
    """HTML of a paragraph.

    Args:
        text (str): It is escaped.
        kind (str): Class of the style. Defaults to ''.
    """
    attribute = f' class="{kind}"' if kind else ''
    return f'<p{attribute}>{html.escape(text)}</p>'


def page(title: str, lead: Sequence[str], sections: Sequence[str]) -> str:
    """The whole page.

    Args:
        title (str): Its title.
        lead (Sequence[str]): Lines below the title.
        sections (Sequence[str]): HTML.
    """
    lines = ''.join(f'<p>{html.escape(line)}</p>' for line in lead)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{html.escape(title)}</title><style>{STYLE}</style></head>'
        f'<body><header><div class="wide"><h1>{html.escape(title)}</h1>'
        f'{lines}</div></header><main class="wide">{"".join(sections)}</main>'
        '<footer class="wide">Made by projects/demo of mmsapiens.</footer>'
        '</body></html>\n'
    )
