"""How accounts are configured, and what must be found in them.

Each file configures some services of an account and says at once which control holds for which resource and which does
not, as AWS's "Security Hub controls reference" describes the controls. `site` holds what they share. Resources have the
names that `generated/estate.py` gives them, where AWS lets their owner choose.
"""
