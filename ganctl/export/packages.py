"""What ONNX needs beside ganctl's own packages; asked before anything heavy is imported."""

from importlib.util import find_spec

_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def check_packages() -> None:
    """Raises ValueError, in one line with the cure, where a package is missing."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise ValueError(
            f"onnx=true: needs {', '.join(missing)}; pip install 'ganctl[export]', or leave it out with onnx=false"
        )
