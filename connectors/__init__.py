"""Connectors: one package a product, each speaks one wire and yields raw records; they do not know each other."""
