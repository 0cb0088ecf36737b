"""From a request's pictures to an MP4: inspected, kept, drawn, encoded. Knows no HTTP and no account."""
