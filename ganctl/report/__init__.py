"""The sinks of a run: console, metrics file, TensorBoard, pictures. Plain numbers, text and tensors in; nothing comes back."""
