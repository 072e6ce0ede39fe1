__all__ = [
    "has_positions",
    "plot_area_maps",
    "plot_averages",
    "plot_band_power",
    "plot_comparison",
    "plot_confusion",
    "plot_connectivity_circles",
    "plot_consistency",
    "plot_encoding_scores",
    "plot_folds",
    "plot_history",
    "plot_identification",
    "plot_matrices",
    "plot_mean_response",
    "plot_occlusion",
    "plot_picture_scores",
    "plot_rdm",
    "plot_rdm_comparison",
    "plot_reconstruction",
    "plot_repetitions",
    "plot_rsa",
    "plot_sheet",
    "plot_similarity",
    "plot_subjects",
    "plot_time_courses",
]

from .decoding import (
    plot_averages,
    plot_confusion,
    plot_consistency,
    plot_folds,
    plot_identification,
    plot_occlusion,
    plot_reconstruction,
)
from .encoding import (
    has_positions,
    plot_area_maps,
    plot_comparison,
    plot_encoding_scores,
    plot_history,
    plot_mean_response,
    plot_repetitions,
    plot_subjects,
)
from .generation import plot_picture_scores, plot_sheet
from .rsa import plot_rdm, plot_rdm_comparison, plot_rsa
from .similarity import (
    plot_band_power,
    plot_connectivity_circles,
    plot_matrices,
    plot_similarity,
    plot_time_courses,
)
