__all__ = [
    "MVNN",
    "BrainAE",
    "EncodingScores",
    "Identification",
    "ImageEncoder",
    "LinearEncoder",
    "NonlinearEncoder",
    "ResponseSimilarity",
    "average_repetitions",
    "band_power",
    "channel_correlation",
    "channel_regions",
    "compare_subjects",
    "compute_image_features",
    "datasets",
    "encoding_systems",
    "fit",
    "fit_many",
    "generation",
    "list_image_encoders",
    "make_mask",
    "make_report",
    "mask_epochs",
    "phase_lag",
    "read_brainae",
    "read_image_features",
    "score_encoding",
    "score_similarity",
    "viz",
]

from . import datasets, generation, viz
from .baselines import LinearEncoder, NonlinearEncoder, encoding_systems
from .brainae import BrainAE, fit, read_brainae
from .evaluation import EncodingScores, compare_subjects, score_encoding
from .identification import Identification
from .images import (
    ImageEncoder,
    compute_image_features,
    list_image_encoders,
    read_image_features,
)
from .many import fit_many
from .masking import make_mask, mask_epochs
from .preprocessing import average_repetitions
from .regions import channel_regions
from .report import make_report
from .rhythms import band_power, phase_lag
from .similarity import ResponseSimilarity, channel_correlation, score_similarity
from .whitening import MVNN
