"""A trained generator in forms that others can use without ganctl: plain Python, safetensors, ONNX, a model card."""
