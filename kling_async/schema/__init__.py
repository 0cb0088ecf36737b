"""What travels: requests, tasks, pictures, and the wire's form of them. No I/O, no clock."""
