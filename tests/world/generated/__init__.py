"""Findings that never happened, in the shapes that AWS and others really send.

`dice` is the chance, seeded; `estate` is what an account owns; one file per source makes its findings about the estate.
Hosts, addresses, people, companies, packages and vulnerabilities are invented: documentation address ranges,
example.com, CVE-2099, country codes that ISO assigns to nobody.
"""
