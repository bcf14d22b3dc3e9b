"""What several commands share: the deployment they speak to, and how they show results."""
