"""What two stacks share."""
