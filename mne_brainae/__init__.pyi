__all__ = [
    "MB2C",
    "MVNN",
    "AdaptationScores",
    "AverageScores",
    "Band",
    "BraVL",
    "BrainAE",
    "Calibration",
    "CategoryContrast",
    "Consistency",
    "ContrastiveDecoder",
    "Coverage",
    "CrossValidation",
    "EncodingScores",
    "FoundImages",
    "GroupModel",
    "Guess",
    "Identification",
    "ImageEncoder",
    "LinearBrainAE",
    "LinearEncodingModel",
    "LiveDecoder",
    "Losses",
    "NonlinearEncodingModel",
    "Occlusion",
    "Plan",
    "RDMComparison",
    "RSACourse",
    "ReconstructionScores",
    "ResponseSimilarity",
    "Result",
    "RidgeModel",
    "SubjectComparison",
    "TimeClusters",
    "TimeScores",
    "Training",
    "VarianceShares",
    "average_repetitions",
    "band_power",
    "channel_correlation",
    "channel_regions",
    "compare_rdms",
    "compare_rdms_over_time",
    "compare_subjects",
    "compute_image_features",
    "compute_rdm",
    "compute_text_features",
    "contrast_categories",
    "cross_validate",
    "datasets",
    "encoding_systems",
    "epochs_from_imgs",
    "epochs_to_img",
    "find_images",
    "find_time_clusters",
    "fit",
    "fit_many",
    "generation",
    "list_image_encoders",
    "make_mask",
    "make_model",
    "make_report",
    "mask_epochs",
    "occlude_channels",
    "occlude_times",
    "phase_lag",
    "plan_experiment",
    "pool_identifications",
    "read_brainae",
    "read_image_features",
    "score_adaptation",
    "score_averages",
    "score_consistency",
    "score_coverage",
    "score_encoding",
    "score_over_time",
    "score_reconstruction",
    "score_similarity",
    "share_variance",
    "split_epochs",
    "viz",
]

from . import datasets, generation, viz
from .images import (
    ImageEncoder,
    compute_image_features,
    compute_text_features,
    list_image_encoders,
    read_image_features,
)
from .live import Guess, LiveDecoder
from .many import fit_many
from .models.band import Band
from .models.brainae import BrainAE
from .models.coverage import Coverage, score_coverage
from .models.cross_validation import CrossValidation, cross_validate
from .models.fit import fit, read_brainae
from .models.group import AdaptationScores, GroupModel, score_adaptation
from .models.linear import LinearBrainAE
from .models.over_time import (
    TimeClusters,
    TimeScores,
    find_time_clusters,
    score_over_time,
)
from .models.parts import Losses, Training
from .models.recipes import make_model
from .models.systems import (
    MB2C,
    BraVL,
    ContrastiveDecoder,
    LinearEncodingModel,
    NonlinearEncodingModel,
    RidgeModel,
    encoding_systems,
)
from .models.variance import VarianceShares, share_variance
from .planning import Plan, plan_experiment
from .preprocessing.averaging import average_repetitions
from .preprocessing.imgs import epochs_from_imgs, epochs_to_img
from .preprocessing.masking import make_mask, mask_epochs
from .preprocessing.regions import channel_regions
from .preprocessing.splits import split_epochs
from .preprocessing.whitening import MVNN
from .report import make_report
from .scoring.encoding import (
    EncodingScores,
    SubjectComparison,
    compare_subjects,
    score_encoding,
)
from .scoring.identification import Identification, pool_identifications
from .scoring.occlusion import (
    Consistency,
    Occlusion,
    occlude_channels,
    occlude_times,
    score_consistency,
)
from .scoring.probabilities import Calibration
from .scoring.reconstruction import ReconstructionScores, score_reconstruction
from .scoring.repetitions import AverageScores, score_averages
from .scoring.result import Result
from .scoring.rhythms import band_power, phase_lag
from .scoring.rsa import (
    CategoryContrast,
    RDMComparison,
    RSACourse,
    compare_rdms,
    compare_rdms_over_time,
    compute_rdm,
    contrast_categories,
)
from .scoring.similarity import (
    ResponseSimilarity,
    channel_correlation,
    score_similarity,
)
from .search import FoundImages, find_images
