"""Evaluation: accuracy of models, measured on labelled sets by finished jobs."""
