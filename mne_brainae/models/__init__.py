"""What learns: estimators, the fitted shared space, training and files."""

# License: BSD-3-Clause
