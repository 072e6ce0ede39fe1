"""Ctrl-C at a moment that a test chooses."""

from mne_brainae.models import training


def interrupt(patch, function, *, at):
    """Raise KeyboardInterrupt at a call of a function of the training loop."""
    called, original = [], getattr(training, function)

    def interrupted(*args):
        called.append(1)
        if len(called) == at:
            raise KeyboardInterrupt
        return original(*args)

    patch.setattr(training, function, interrupted)
