"""Many surveys in one database: an index over documents, which can be made anew from them at any time.

db = Database("sqlite:///fleet.db")             # or postgresql://...
ingest(db, ["results/"]); ask(db, Question(package="litellm==1.82.7"), packs); reassess(db, settings)
"""
