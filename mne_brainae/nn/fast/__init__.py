"""Exact fast forms of the networks of :mod:`mne_brainae.nn`."""

# License: BSD-3-Clause
