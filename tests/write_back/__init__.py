"""What is written back: directions, the outbox, the stage that delivers, and the laws of two ways."""
