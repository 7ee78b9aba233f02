"""Pictures made of text and SVG: graphs in boxes, charts, pages that need no network.

Rule: pure; knows no repository. Whatever text comes in is data of a stranger: it is escaped where it is written (`svg.Element`).
"""
