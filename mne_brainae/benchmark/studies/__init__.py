"""What ``mne_brainae benchmark`` measures beside the tables of the paper."""

# License: BSD-3-Clause
