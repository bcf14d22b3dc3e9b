"""The images built and run without a Docker daemon: `make test-images`."""
