"""One file a command: its `main(words)` returns the exit code. The work is in ganctl.job."""
