"""What is written while a run trains: console, metrics, pictures. Plain numbers, text, tensors in."""
