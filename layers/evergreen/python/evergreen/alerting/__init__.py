"""What people are told: an event in words, in the forms of e-mail and webhook, sent once.

In: an event of the bus or an alarm of CloudWatch. Out: the text of an e-mail, the body of a
webhook call, and a mark in the data bucket that says it was delivered. The function ``notify``
calls it.
"""
