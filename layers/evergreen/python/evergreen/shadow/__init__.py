"""The shadow stage: a challenger scores live traffic beside the champion before it may serve.

In: the rows that the champion answers, and the request log. Out: log rows with the role
``shadow``, and a comparison on live traffic. Serving calls the scorer; the functions ``set_shadow``
and ``compare_shadow`` call the rest.
"""
