"""Draws the pictures in `results/`: the confusion matrix and the confidence histogram, as PNG.

`manent test nlu` calls these functions with the counts of `evaluation.py`. They return bytes and write no files. The
pictures are drawn with Pillow, because it is a tenth of the size of matplotlib. Only this module imports Pillow.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

_WHITE, _BLACK, _GREY = (255, 255, 255), (20, 20, 20), (200, 200, 200)
_RIGHT, _WRONG = (32, 110, 180), (200, 60, 40)
_MARGIN = 24
_LONGEST_NAME = 32


def draw_confusions(labels: Sequence[str], counts: Sequence[Sequence[int]], *, title: str) -> bytes:
    """Draw a confusion matrix with a row per right label and a column per predicted label.

    Cells with higher counts are darker.

    Args:
        labels: names of rows and columns.
        counts: (labels, labels).
        title: title above the picture.
    """
    names = [label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…" for label in labels]
    cell = 34 if len(labels) <= 40 else 22  # noqa: PLR2004  # up to this number, both fit on a screen
    font = _font(cell // 3)
    wide = int(max((font.getlength(name) for name in names), default=0)) + 10
    top = _MARGIN * 2 + wide
    size = cell * len(labels)
    image, draw = _canvas(wide + size + 3 * _MARGIN, top + size + 2 * _MARGIN)
    draw.text((_MARGIN, _MARGIN // 2), title, fill=_BLACK, font=_font(16))
    left = _MARGIN * 2 + wide
    most = max((count for row in counts for count in row), default=0)
    for row, name in enumerate(names):
        y = top + row * cell
        draw.text((left - 6, y + cell / 2), name, fill=_BLACK, font=font, anchor="rm")
        _write_upwards(image, name, (left + row * cell + cell // 2, top - 6), font)
        for column, count in enumerate(counts[row]):
            x = left + column * cell
            strength = (count / most) ** 0.5 if most else 0.0
            color = _RIGHT if row == column else _WRONG
            fill = tuple(round(255 + (part - 255) * strength) for part in color)
            draw.rectangle((x, y, x + cell, y + cell), fill=fill, outline=_GREY)
            if count:
                ink = _WHITE if strength > 0.6 else _BLACK  # noqa: PLR2004  # readable on the fill
                draw.text((x + cell / 2, y + cell / 2), str(count), fill=ink, font=font, anchor="mm")
    draw.text((left + size / 2, top + size + _MARGIN), "predicted", fill=_BLACK, font=_font(13), anchor="mm")
    _write_upwards(image, "right", (_MARGIN, top + size // 2), _font(13))
    return _png(image)


def draw_histogram(right: Sequence[float], wrong: Sequence[float], *, title: str, bins: int = 25) -> bytes:
    """Draw the confidences of right predictions on the left, and of wrong predictions on the right.

    Args:
        right: confidences in [0, 1].
        wrong: confidences in [0, 1].
        title: title above the picture.
        bins: number of bars per side.
    """
    font, bar, half = _font(12), 20, 320
    image, draw = _canvas(2 * half + 6 * _MARGIN, bins * bar + 5 * _MARGIN)
    middle, bottom = 3 * _MARGIN + half, bins * bar + 3 * _MARGIN
    draw.text((_MARGIN, _MARGIN // 2), title, fill=_BLACK, font=_font(16))
    sides = ((right, _RIGHT, -1, "right"), (wrong, _WRONG, 1, "wrong"))
    tallest = max([1, *(count for values, *_ in sides for count in _count(values, bins))])
    for values, color, way, name in sides:
        for index, count in enumerate(_count(values, bins)):
            y, length = bottom - (index + 1) * bar, half * count / tallest
            ends = sorted((middle, middle + way * length))
            draw.rectangle((ends[0], y + 2, ends[1], y + bar - 2), fill=color)
            if count:
                anchor = "rm" if way < 0 else "lm"
                draw.text((middle + way * (length + 5), y + bar / 2), str(count), fill=_BLACK, font=font, anchor=anchor)
        draw.text((middle + way * half / 2, bottom + _MARGIN / 2), name, fill=color, font=_font(14), anchor="mm")
    for tenth in range(0, 11, 2):
        height = bottom - tenth / 10 * bins * bar
        draw.text((_MARGIN / 3, height), f"{tenth / 10:.1f}", fill=_BLACK, font=font, anchor="lm")
    draw.line((middle, 3 * _MARGIN, middle, bottom), fill=_GREY)
    draw.text((_MARGIN / 3, bottom + 1.5 * _MARGIN), "confidence", fill=_BLACK, font=font, anchor="lm")
    return _png(image)


def _count(values: Sequence[float], bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        counts[min(int(value * bins), bins - 1)] += 1
    return counts


def _canvas(width: int, height: int) -> "tuple[Image.Image, ImageDraw.ImageDraw]":
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (max(width, 320), max(height, 120)), _WHITE)
    return image, ImageDraw.Draw(image)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _write_upwards(image: "Image.Image", text: str, foot: tuple[int, int], font: Any) -> None:
    """Draw a text upwards from a point, centred on it."""
    from PIL import Image, ImageDraw

    width, height = int(font.getlength(text)) + 2, int(font.size * 1.5)
    strip = Image.new("RGB", (width, height), _WHITE)
    ImageDraw.Draw(strip).text((0, height / 2), text, fill=_BLACK, font=font, anchor="lm")
    image.paste(strip.rotate(90, expand=True), (foot[0] - height // 2, foot[1] - width))


def _png(image: "Image.Image") -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()
