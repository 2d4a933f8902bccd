"""The template language: text to document, document to sections, sections to what is to be made.

Everything here is pure. `parse` reads text, `sections` checks a document's form, `parameters` and
`conditions` give it values, `functions` evaluates intrinsic functions, and `plan` puts these
together into targets: resources with nothing left to evaluate but references to each other.
"""
