"""An AWS that runs on one loopback port: moto, and in front of it what moto lacks or does too kindly.

A request is read once (`call`), named (`operations`), and counted (`ledger`). What the stand-in serves itself is
authenticated for real (`signature`, `keyring`) and answered by one file per service; the rest falls through to moto.
`admin` is the door for tests: findings, Regions, subscriptions, faults, keys, counts.
"""
