"""Many surveys in one database: an index over documents, which can be made anew from them at any time.

store = open_store("sqlite:///fleet.db")        # or postgresql://...
store.ingest([path, ...]); store.query(Question(package="litellm==1.82.7")); store.reassess(settings)
"""
