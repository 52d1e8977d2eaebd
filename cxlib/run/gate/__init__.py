"""The gate: published runs for clients by private links, behind one guard that is closed unless opened.

`rules` says what a route is and who may pass; `routes` lists them; `guard` stands before each. `portal` is
what clients see, `facilitators` what facilitators see, `shelf` and `pages` what a run hands out; `gate` holds
it all together, `serving` runs it, and `publishing` is what the command line does.
"""
