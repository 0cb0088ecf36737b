"""What a request would do, drawn before it is paid for."""
