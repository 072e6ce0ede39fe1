__all__ = [
    "has_positions",
    "plot_area_maps",
    "plot_band_power",
    "plot_comparison",
    "plot_connectivity_circles",
    "plot_encoding_scores",
    "plot_history",
    "plot_identification",
    "plot_matrices",
    "plot_mean_response",
    "plot_repetitions",
    "plot_time_courses",
]

from .decoding import plot_identification
from .encoding import (
    has_positions,
    plot_area_maps,
    plot_band_power,
    plot_comparison,
    plot_connectivity_circles,
    plot_encoding_scores,
    plot_history,
    plot_matrices,
    plot_mean_response,
    plot_repetitions,
    plot_time_courses,
)
