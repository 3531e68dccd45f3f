"""What is written while a run trains: console, metrics, TensorBoard, pictures. Plain numbers, text, tensors in."""
