"""The metadata service as a VM sees it: the 2015 documents, Scheduled Events, instance, versions.

Each module turns a request into an answer and knows one category; `app` alone touches connections.
"""
