"""One thread of the linear algebra library where products are small."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mne_brainae.utils.threads import one_blas_thread


def threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    return [
        each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"
    ]


def test_threads_are_given_back():
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with one_blas_thread():
            assert set(threads()) == {1}
        assert threads() == before
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert threads() == before
        with one_blas_thread(when=False):
            assert threads() == before
