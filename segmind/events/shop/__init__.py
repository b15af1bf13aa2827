"""The synthetic shop: people, products and a log with the shape of a real month of a real shop.

Shapes follow the published figures of the REES46 multi-category store, November 2019
(REES46 Marketing Platform, rees46.com): see ``published``. Everything is drawn from one seed.
"""
