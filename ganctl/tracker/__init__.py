"""Where people follow runs: TensorBoard, Weights & Biases, MLflow, Trackio. A file each, imported when chosen."""
