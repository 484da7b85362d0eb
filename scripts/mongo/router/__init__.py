"""A router for tests: it speaks the wire protocol and answers as mongos does, in front of a real sharded cluster.

What tests over it show is "tested against a MongoDB 6.0 config server and two shards, real mongod processes and real
chunk migration, through a test router; not with mongos".

mongod 6.0 carries MongoDB's own router code under the names clusterFind, clusterAggregate, clusterGetMore,
clusterInsert, clusterUpdate and clusterDelete. A shard server that knows its cluster but was never added to it runs
them without data of its own: the router mongod. A command takes one of three ways:

- Reads, and writes that are not retryable, go to the router mongod under those names (`forwarding`).
- Retryable writes, findAndModify and all that is in transactions would abort the router mongod, or it does not know
  them. They are sent to the owning shards here, with the version of the routing table that was used (`targeting`,
  `writes`, `transactions`). A shard that knows better refuses; then the table is read anew. The commit of a
  transaction over several shards is the server's own two-phase commit.
- Changes of collections, zones and chunks are the internal commands that mongos sends (`ddl`, `administration`).

`server` accepts connections, one thread each; `raw` and `wire` are BSON and messages as bytes, because most of what
passes through is never looked at.
"""
