-- The store of mlsbom fleet, form 1. BLOB is BYTEA in PostgreSQL. All of it can be made anew from the documents.
-- Names stand once in `name`: a search reads the few million distinct names, never the rows that use them.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS target (
    id BIGINT PRIMARY KEY, uri TEXT NOT NULL UNIQUE, name TEXT, revision TEXT, digest TEXT, created TEXT, tool TEXT, packs TEXT NOT NULL, packs_date TEXT,
    passed INTEGER, incomplete INTEGER, source TEXT, first_seen TEXT, sha256 BLOB NOT NULL, findings TEXT NOT NULL, needs TEXT, document BLOB);
CREATE INDEX IF NOT EXISTS target_packs ON target (packs);
-- kind: an ecosystem (pypi, npm), a kind of component (model, dataset, service), license, mark or reference
CREATE TABLE IF NOT EXISTS name (id BIGINT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (name, kind));
CREATE INDEX IF NOT EXISTS name_kind ON name (kind);
CREATE TABLE IF NOT EXISTS dependency (
    target BIGINT NOT NULL, name BIGINT NOT NULL, version TEXT NOT NULL, path TEXT, since TEXT, specifier TEXT NOT NULL,
    line BIGINT, via TEXT, scope TEXT);
-- a question first asks which versions and specifiers of a package there are, from the index alone, and then for the rows of those that matter
CREATE INDEX IF NOT EXISTS dependency_name ON dependency (name, version, specifier);
CREATE INDEX IF NOT EXISTS dependency_target ON dependency (target);
CREATE TABLE IF NOT EXISTS component (
    target BIGINT NOT NULL, name BIGINT NOT NULL, version TEXT, path TEXT, since TEXT, shown TEXT, kind TEXT, how TEXT, supplier TEXT, line BIGINT);
CREATE INDEX IF NOT EXISTS component_name ON component (name);
CREATE INDEX IF NOT EXISTS component_target ON component (target);
CREATE TABLE IF NOT EXISTS license (target BIGINT NOT NULL, name BIGINT NOT NULL, component TEXT, path TEXT, line BIGINT);
CREATE INDEX IF NOT EXISTS license_name ON license (name);
CREATE INDEX IF NOT EXISTS license_target ON license (target);
CREATE TABLE IF NOT EXISTS mark (target BIGINT NOT NULL, name BIGINT NOT NULL, kind TEXT, path TEXT, line BIGINT);
CREATE INDEX IF NOT EXISTS mark_name ON mark (name);
CREATE INDEX IF NOT EXISTS mark_target ON mark (target);
CREATE TABLE IF NOT EXISTS lineage (target BIGINT NOT NULL, name BIGINT NOT NULL, reference TEXT, verdict TEXT, log10_p TEXT, suspect TEXT);
CREATE INDEX IF NOT EXISTS lineage_name ON lineage (name);
CREATE INDEX IF NOT EXISTS lineage_target ON lineage (target);
-- digest: SHA-256 of a file, of a member of an archive, or (format `fingerprint`) of a lineage fingerprint
CREATE TABLE IF NOT EXISTS file (target BIGINT NOT NULL, path TEXT, format TEXT, digest BLOB);
CREATE INDEX IF NOT EXISTS file_digest ON file (digest);
CREATE INDEX IF NOT EXISTS file_target ON file (target);
CREATE TABLE IF NOT EXISTS signature (target BIGINT NOT NULL, verdict TEXT NOT NULL, signer TEXT, path TEXT);
CREATE INDEX IF NOT EXISTS signature_verdict ON signature (verdict);
CREATE INDEX IF NOT EXISTS signature_target ON signature (target);
CREATE TABLE IF NOT EXISTS gap (target BIGINT NOT NULL, path TEXT, status TEXT, reason TEXT);
CREATE INDEX IF NOT EXISTS gap_target ON gap (target);
-- what the packs were: which files, and a digest of what they say of each name, so that a change of packs leads to the targets that it concerns
CREATE TABLE IF NOT EXISTS packs (digest TEXT PRIMARY KEY, files TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS said (sha256 TEXT PRIMARY KEY, names BLOB NOT NULL);
-- changes found and not yet told
CREATE TABLE IF NOT EXISTS alert (target BIGINT PRIMARY KEY, body TEXT NOT NULL);
