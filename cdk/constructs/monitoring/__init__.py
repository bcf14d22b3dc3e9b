"""Monitoring: alarms, notifications, the CloudWatch dashboard, event marks."""
