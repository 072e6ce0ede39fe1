__all__ = [
    "MVNN",
    "BrainAE",
    "CategoryContrast",
    "Consistency",
    "EncodingScores",
    "Identification",
    "ImageEncoder",
    "LinearEncoder",
    "Occlusion",
    "RDMComparison",
    "RSACourse",
    "ReconstructionScores",
    "RidgeModel",
    "average_repetitions",
    "channel_regions",
    "compare_rdms",
    "compare_rdms_over_time",
    "compute_image_features",
    "compute_rdm",
    "contrast_categories",
    "datasets",
    "fit",
    "fit_many",
    "list_image_encoders",
    "make_mask",
    "mask_epochs",
    "occlude_channels",
    "occlude_times",
    "pool_identifications",
    "read_brainae",
    "read_image_features",
    "score_averages",
    "score_consistency",
    "score_encoding",
    "score_reconstruction",
    "split_epochs",
]

from . import datasets
from .baselines import LinearEncoder, RidgeModel
from .brainae import BrainAE, fit, read_brainae
from .evaluation import EncodingScores, score_encoding
from .identification import Identification, pool_identifications
from .images import (
    ImageEncoder,
    compute_image_features,
    list_image_encoders,
    read_image_features,
)
from .many import fit_many
from .masking import make_mask, mask_epochs
from .occlusion import (
    Consistency,
    Occlusion,
    occlude_channels,
    occlude_times,
    score_consistency,
)
from .preprocessing import average_repetitions
from .reconstruction import ReconstructionScores, score_reconstruction
from .regions import channel_regions
from .repetitions import score_averages
from .rsa import (
    CategoryContrast,
    RDMComparison,
    RSACourse,
    compare_rdms,
    compare_rdms_over_time,
    compute_rdm,
    contrast_categories,
)
from .splits import split_epochs
from .whitening import MVNN
