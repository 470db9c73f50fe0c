"""Models: the registry of computable models and their bonds."""
