"""Who is told what: alarms, notifications, the CloudWatch dashboard, event marks."""
