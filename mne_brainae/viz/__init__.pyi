__all__ = [
    "Tile",
    "has_positions",
    "plot_area_maps",
    "plot_averages",
    "plot_band",
    "plot_band_power",
    "plot_calibration",
    "plot_channel_scores",
    "plot_comparison",
    "plot_confusion",
    "plot_connectivity_circles",
    "plot_consistency",
    "plot_coverage",
    "plot_encoding_scores",
    "plot_folds",
    "plot_found_images",
    "plot_gallery",
    "plot_history",
    "plot_identification",
    "plot_matrices",
    "plot_mean_response",
    "plot_occlusion",
    "plot_picture_scores",
    "plot_plan",
    "plot_rdm",
    "plot_rdm_comparison",
    "plot_reconstruction",
    "plot_repetitions",
    "plot_rsa",
    "plot_sheet",
    "plot_similarity",
    "plot_subjects",
    "plot_time_courses",
    "plot_time_scores",
    "plot_variance_course",
]

from .decoding import (
    plot_averages,
    plot_calibration,
    plot_confusion,
    plot_consistency,
    plot_folds,
    plot_identification,
    plot_occlusion,
    plot_plan,
    plot_reconstruction,
)
from .encoding import (
    plot_coverage,
    plot_encoding_scores,
    plot_found_images,
    plot_history,
    plot_repetitions,
    plot_subjects,
    plot_time_scores,
    plot_variance_course,
)
from .fields import has_positions, plot_area_maps, plot_channel_scores
from .gallery import Tile, plot_gallery
from .generation import plot_picture_scores, plot_sheet
from .responses import plot_band, plot_comparison, plot_mean_response
from .rsa import plot_rdm, plot_rdm_comparison, plot_rsa
from .similarity import (
    plot_band_power,
    plot_connectivity_circles,
    plot_matrices,
    plot_similarity,
    plot_time_courses,
)
