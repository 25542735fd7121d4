"""A checker for each kind of sentence that a plan says: is it true, by the rules and by a second plan?

The checkers read the facts that a sentence is made of, and look at the snapshot itself. Where a sentence implies what
would have to change (a higher limit, a larger quota), the document is planned again with the change.
"""
