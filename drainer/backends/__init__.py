"""Balancers: each module is one kind of layer and exports `KIND`. None of them imports another."""
