"""The sinks of a run: console, metrics, TensorBoard, pictures. Plain numbers, text, tensors in; nothing comes back."""
