"""The model card of a fitted model: what it learned from, and how well it does."""

# License: BSD-3-Clause

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .. import __version__
from ..scoring.result import Result
from ..utils.checks import counted
from .file import name_of
from .latent import Latent

#: What the methods of a model are for.
DIRECTIONS = {
    "predict_epochs": "predict the responses to images (`predict_epochs`)",
    "retrieve": "find the image behind a response (`retrieve`)",
    "classify": "find the concept behind a response (`classify`)",
    "reconstruct": "complete partial recordings (`reconstruct`)",
}
CARD = """\
---
library_name: mne_brainae
{license}tags:
{tags}
---

# {name}

A model of images and of the brain responses that they evoke, fitted by `mne_brainae`
{version} on objects of MNE-Python. It is of the class `{kind}`.

```python
import mne_brainae

model = mne_brainae.read_brainae("hf://{name}")
```

The file is read without executing anything that it holds. The model can

{directions}

## What it was fitted on

{facts}

## How well it does

{scores}

## What the file holds

The maps of the model, its mean response and noise, the names and positions of the
channels, and the names of the training images. {noise} Dates of the recording and
particulars of the person were removed.

## Limits

The model knows the channels and the window above. It is meant for research on vision,
and not for clinical decisions, the identification of persons or lie detection. A score
of few candidates or of averages of many repetitions says little about many candidates
or single trials.
"""


def model_card(
    model, name: str, scores: Iterable[Result] = (), terms: str | None = None
) -> str:
    """Write the card of a fitted model in Markdown.

    Parameters
    ----------
    model : instance of Model | GroupModel
        The model.
    name : str
        Owner and name of the repository.
    scores : iterable of Result
        Scores on test data.
    terms : str | None
        The license of the weights.

    Returns
    -------
    card : str
        The card, with the metadata block that the Hub reads.
    """
    latents = latents_of(model)
    types = sorted(
        set().union(*(latent.info.get_channel_types() for latent in latents))
    )
    can = [
        f"* {text};" for method, text in DIRECTIONS.items() if hasattr(model, method)
    ]
    keeps = any(latent.trial_noise is not None for latent in latents)
    return CARD.format(
        license="" if terms is None else f"license: {terms.lower()}\n",
        tags="\n".join(
            f"- {tag}" for tag in ("mne-python", "neuroscience", *sorted(types))
        ),
        name=name,
        version=__version__,
        kind=type(model).__name__,
        directions="\n".join(can)[:-1] + ".",
        facts="\n\n".join(_table(fact) for fact in _facts(model)),
        scores=_scores(scores),
        noise="The noise of single trials is kept, too." if keeps else "",
    )


def latents_of(model) -> list[Latent]:
    """Return the shared space of every subject of a model."""
    models = getattr(model, "models_", {"": model})
    return [each.latent_ for each in models.values()]


def _facts(model) -> Iterable[dict]:
    """Yield what is known of every subject."""
    models = getattr(model, "models_", {"": model})
    for subject, each in models.items():
        named = {"subject": subject} if subject else {}
        yield named | _facts_of_one(each)


def _facts_of_one(model) -> dict:
    latent = model.latent_
    info, times = latent.info, latent.times
    types = Counter(info.get_channel_types())
    encoder = None if latent.image_encoder is None else model.image_encoder
    facts = {
        "channels": ", ".join(f"{n} {kind}" for kind, n in types.items()),
        "window": f"{times[0]:g} to {times[-1]:g} s, {counted(len(times), 'sample')}",
        "sampling frequency": f"{info['sfreq']:g} Hz",
        "baseline": str(latent.baseline),
        "training images": len(latent.train_images),
        "trials averaged for each": f"{latent.n_averaged:.3g}",
    }
    if latent.image_scaler is not None:
        facts |= {
            "image encoder": name_of(encoder) or "ready features",
            "image features": len(latent.image_scaler.mean),
            "held-out slope": f"{latent.slope:.2f}",
        }
    return facts | {
        "model selection": model.selection_,
        "dimension of the shared space": latent.n_embedding,
        "seed": model.seed_,
    }


def _table(facts: dict) -> str:
    rows = [f"| {key} | {_cell(value)} |" for key, value in facts.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(value) -> str:
    return " ".join(str(value).replace("|", "\\|").split())


def _scores(scores: Iterable[Result]) -> str:
    """Return all scores with chance and protocol, as they print themselves."""
    texts = [f"```text\n{repr(each).replace('```', '')}\n```" for each in scores]
    return "\n\n".join(texts) or "No scores on test data were given."
