"""MongoDB on loopback for development and tests; scripts/local-mongo is the entry."""

PROOF = (
    "tested against a MongoDB 6.0 config server and two shards, real mongod processes and real chunk migration, "
    "through a test router; not with mongos"
)
"""What tests over the sharded topology prove, and what not; said everywhere in these words."""
