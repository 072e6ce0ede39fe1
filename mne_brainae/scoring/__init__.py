"""Scores of predictions, identifications and reconstructions."""

# License: BSD-3-Clause
