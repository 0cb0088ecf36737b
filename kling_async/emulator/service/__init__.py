"""The service without a server: rules, tasks, slots, keys and answers as plain values."""
