"""Many surveys in one database: an index that can be rebuilt from the documents."""
