"""Alerts: an event as a message for people, formatted for e-mail and webhook, and sent once.

In: an event of the bus or an alarm of CloudWatch. Out: the text of an e-mail, the body of a
webhook call, and a mark in the data bucket that records the delivery. The function ``notify``
calls it.
"""
