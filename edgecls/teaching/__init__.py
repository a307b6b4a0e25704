"""Teaches a model classes of one's own: pictures, embeddings, a head, one `.tflite`."""
