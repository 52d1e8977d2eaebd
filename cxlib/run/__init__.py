"""Running notebooks and publishing what comes out: the only papermill, nbconvert and Jupyter kernels."""
