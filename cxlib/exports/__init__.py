"""A report in the formats that people work on: PDF, Word, Excel, PowerPoint, from the page's own content.

:mod:`cxlib.exports.document` reads the sections that the page frames; each format has a module that turns
the document into the bytes of one file. Nothing here asks a host or runs a browser.
"""
