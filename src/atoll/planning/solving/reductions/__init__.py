"""What makes a problem smaller before the exact model decides it, and loses no best plan.

Each takes documents or a problem and returns a smaller one, or the solution; none of them is needed for the result, and
what they leave out is in no explanation, which looks at the documents and the terrain again.
"""
