"""Running notebooks and publishing what comes out: the only papermill, nbconvert and Jupyter kernels."""

import cxlib.lean  # noqa: F401 — before papermill and Jupyter, which load jsonschema
