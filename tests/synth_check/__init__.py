"""Checks of the templates of every kind of deployment: cdk-nag, the quotas, and cfn-lint."""
