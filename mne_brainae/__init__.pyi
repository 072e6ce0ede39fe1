__all__ = [
    "MVNN",
    "BrainAE",
    "CategoryContrast",
    "Consistency",
    "EncodingScores",
    "Identification",
    "ImageEncoder",
    "LinearEncoder",
    "NonlinearEncoder",
    "Occlusion",
    "RDMComparison",
    "RSACourse",
    "ReconstructionScores",
    "ResponseSimilarity",
    "RidgeModel",
    "average_repetitions",
    "band_power",
    "channel_correlation",
    "channel_regions",
    "compare_rdms",
    "compare_rdms_over_time",
    "compare_subjects",
    "compute_image_features",
    "compute_rdm",
    "contrast_categories",
    "datasets",
    "encoding_systems",
    "fit",
    "fit_many",
    "generation",
    "list_image_encoders",
    "make_mask",
    "make_report",
    "mask_epochs",
    "occlude_channels",
    "occlude_times",
    "phase_lag",
    "pool_identifications",
    "read_brainae",
    "read_image_features",
    "score_averages",
    "score_consistency",
    "score_encoding",
    "score_reconstruction",
    "score_similarity",
    "split_epochs",
    "viz",
]

from . import datasets, generation, viz
from .baselines import LinearEncoder, NonlinearEncoder, RidgeModel, encoding_systems
from .brainae import BrainAE, fit, read_brainae
from .evaluation import EncodingScores, compare_subjects, score_encoding
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
from .report import make_report
from .rhythms import band_power, phase_lag
from .rsa import (
    CategoryContrast,
    RDMComparison,
    RSACourse,
    compare_rdms,
    compare_rdms_over_time,
    compute_rdm,
    contrast_categories,
)
from .similarity import ResponseSimilarity, channel_correlation, score_similarity
from .splits import split_epochs
from .whitening import MVNN
