"""Contact sheets: rows of pictures on one page."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP, BACKGROUND, INK = 4, "white", "black"


def contact_sheet(
    rows: dict[str, Sequence[Image.Image]], *, size: int = 96, n_columns: int = 10
) -> Image.Image:
    """Lay pictures out, those of one stimulus below one another.

    Parameters
    ----------
    rows : dict of sequence of PIL.Image.Image
        Pictures by the name of their row, such as ``"stimulus"`` and ``"generated"``;
        every row has as many.
    size : int
        Height and width in pixels of a picture on the sheet.
    n_columns : int
        Stimuli side by side; further ones go below.

    Returns
    -------
    sheet : PIL.Image.Image
        The sheet.
    """
    lengths = {name: len(pictures) for name, pictures in rows.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"Rows must be of one length, at least one, got {lengths}.")
    (n_pictures,) = set(lengths.values())
    if n_pictures < 1 or size < 1 or n_columns < 1:
        raise ValueError(
            "A sheet needs at least one picture, column and pixel, got "
            f"{n_pictures} pictures, n_columns={n_columns} and size={size}."
        )
    n_columns = min(n_columns, n_pictures)
    font = ImageFont.load_default(max(size // 8, 9))
    margin = 2 * GAP + int(max(font.getlength(name) for name in rows))
    band = len(rows) * (size + GAP) + 2 * GAP
    n_bands = -(-n_pictures // n_columns)
    sheet = Image.new(
        "RGB", (margin + n_columns * (size + GAP), n_bands * band), BACKGROUND
    )
    draw = ImageDraw.Draw(sheet)
    for place in range(n_bands):
        for line, (name, pictures) in enumerate(rows.items()):
            top = place * band + line * (size + GAP) + GAP
            draw.text((GAP, top + size // 2), name, INK, font, "lm")
            part = pictures[place * n_columns : (place + 1) * n_columns]
            for column, picture in enumerate(part):
                shown = picture.convert("RGB").resize((size, size))
                sheet.paste(shown, (margin + column * (size + GAP), top))
    return sheet
