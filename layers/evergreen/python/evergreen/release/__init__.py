"""Release: promotes or rejects a challenger, and rolls production back.

In: a comparison, or a request to promote, reject or roll back. Out: the production pointer, a
decision record, an event and the registry's tags and aliases, each step safe to repeat. The
functions ``promote``, ``clean_up``, ``roll_back`` and ``take_lock`` and the command line call it.
"""
