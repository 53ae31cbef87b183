"""Health of training, and findings with what helps."""
