"""Contact sheets: rows of pictures on one page."""

# License: BSD-3-Clause

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from ..utils.constraints import checked, integer

GAP, BACKGROUND, INK = 4, "white", "black"


@checked(rows=[Mapping], size=[integer(1)], n_columns=[integer(1)])
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

    See Also
    --------
    mne_brainae.generation.GeneratedPictures.contact_sheet
    mne_brainae.viz.plot_sheet

    Examples
    --------
    >>> from PIL import Image
    >>> from mne_brainae import generation
    >>> picture = Image.new("RGB", (8, 8))
    >>> sheet = generation.contact_sheet({"seen": [picture], "decoded": [picture]})
    """
    n_pictures = _length_of(rows)
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


def _length_of(rows: Mapping) -> int:
    """Return how many pictures every row has; what are no such rows is an error."""
    for name, pictures in rows.items():
        are_pictures = isinstance(pictures, Sequence) and all(
            isinstance(picture, Image.Image) for picture in pictures
        )
        if not are_pictures:
            raise TypeError(
                f"rows[{name!r}] must be a sequence of PIL images, got "
                f"{pictures!r:.50}."
            )
    lengths = {name: len(pictures) for name, pictures in rows.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(
            "rows must be one or more, of as many pictures each, at least one, got "
            f"lengths {lengths}."
        )
    return next(iter(lengths.values()))
