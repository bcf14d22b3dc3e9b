"""What a deployment costs while nobody uses it, computed from its templates."""
