"""What the service offers: one file for each endpoint of its own types, and what all of them share."""
