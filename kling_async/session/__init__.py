"""One request, done properly: signed, sent, classified, retried where that is safe."""
