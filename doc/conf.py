"""How Sphinx builds the documentation.

Without a network, set ``MNE_BRAINAE_DOC_OFFLINE=1``: links to other projects are then
left out instead of being looked up.
"""

# License: BSD-3-Clause

import os
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

import mne_brainae

sys.path.insert(0, str(Path(__file__).parent))
from command_pages import write_pages

mpl.use("agg")
os.environ.setdefault("MNE_TQDM", "off")  # progress bars are for terminals

OFFLINE = os.environ.get("MNE_BRAINAE_DOC_OFFLINE", "") not in ("", "0")

project = "mne_brainae"
author = "The mne_brainae developers"
copyright = f"{datetime.now(tz=UTC).year}, {author}"
version = release = mne_brainae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "changes", "Thumbs.db", ".DS_Store"]
suppress_warnings = ["config.cache"]

# -- links to other projects ----------------------------------------------------------

intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "nibabel": ("https://nipy.org/nibabel", None),
    "nilearn": ("https://nilearn.github.io/stable", None),
    "mne": ("https://mne.tools/stable", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
}
if OFFLINE:
    intersphinx_mapping = {}
    # Links to other projects have no target; links within this one must have one.
    suppress_warnings += ["ref.ref"]
    elsewhere = (
        "joblib|matplotlib|mne|mne_connectivity|mne_lsl|nilearn|numpy|pandas|pathlib|"
        "sklearn|torch"
    )
    nitpick_ignore_regex = [(r"py:.*", rf"({elsewhere})\..*")]

# -- reference ------------------------------------------------------------------------

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True
numpydoc_xref_param_type = not OFFLINE
numpydoc_xref_aliases = {
    "BrainAE": "mne_brainae.BrainAE",
    "BraVL": "mne_brainae.BraVL",
    "ContrastiveDecoder": "mne_brainae.ContrastiveDecoder",
    "DataFrame": "pandas.DataFrame",
    "Epochs": "mne.Epochs",
    "EpochsArray": "mne.EpochsArray",
    "EncodingScores": "mne_brainae.EncodingScores",
    "Evoked": "mne.Evoked",
    "EvokedArray": "mne.EvokedArray",
    "Figure": "matplotlib.figure.Figure",
    "Identification": "mne_brainae.Identification",
    "Guess": "mne_brainae.Guess",
    "ImageEncoder": "mne_brainae.ImageEncoder",
    "Info": "mne.Info",
    "LinearBrainAE": "mne_brainae.LinearBrainAE",
    "Losses": "mne_brainae.Losses",
    "Module": "torch.nn.Module",
    "Niimg-like": "nibabel.Nifti1Image",
    "NiftiMasker": "nilearn.maskers.NiftiMasker",
    "Path": "pathlib.Path",
    "RidgeModel": "mne_brainae.RidgeModel",
    "SimulatedData": "mne_brainae.datasets.SimulatedData",
    "Training": "mne_brainae.Training",
    "array": "numpy.ndarray",
    "array-like": ":term:`numpy:array_like`",
    "path-like": ":term:`python:path-like object`",
}
numpydoc_xref_ignore = {
    "callable",
    "default",
    "instance",
    "n_candidates",
    "n_channels",
    "n_epochs",
    "n_features",
    "n_images",
    "n_scores",
    "n_terms",
    "n_times",
    "n_trials",
    "n_voxels",
    "of",
    "or",
    "shape",
    "optional",
}


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds to every estimator for its pipelines."""
    routing = name.endswith("_request") or name in (
        "get_metadata_routing",
        "set_output",
    )
    return True if routing else None


def write_commands(app):
    """Write the pages of the commands before the sources are read."""
    write_pages(Path(app.srcdir) / "generated" / "commands")


def setup(app):
    """Connect the above."""
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("builder-inited", write_commands)


bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"

# -- tutorials ------------------------------------------------------------------------

warnings.filterwarnings("ignore", message=".*is non-interactive.*")
# Shown, not run: what takes large downloads, and real neurons where they are absent.
data = Path(os.environ.get("MNE_BRAINAE_DATA", ""))
not_run = ["95"]
if not all((data / name).is_dir() for name in ("macaque_v4", "macaque_it")):
    not_run.append("90")
sphinx_gallery_conf = {
    "examples_dirs": "../tutorials",
    "gallery_dirs": "auto_tutorials",
    "filename_pattern": rf"[/\\](?!{'|'.join(not_run)})\d\d_",
    "ignore_repr_types": r"matplotlib|mne\.viz",  # a figure is shown, not named
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("mne_brainae",),
    "backreferences_dir": "generated/examples",  # "Examples using ..." on API pages
    "reference_url": {"mne_brainae": None},
    "remove_config_comments": True,
    "write_computation_times": False,
    "abort_on_example_error": False,
    "plot_gallery": "True",
    "download_all_examples": False,
}

# -- look -----------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "mne_brainae"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "mne_brainae"},
    "switcher": {"json_url": "_static/switcher.json", "version_match": version},
    "check_switcher": False,  # its address is that of the site, which has none here
    "navbar_persistent": ["search-button"],
    "navbar_end": ["version-switcher", "theme-switcher"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
