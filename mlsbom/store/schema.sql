-- The store of mlsbom fleet, form 1. BLOB is BYTEA in PostgreSQL. Everything but `target.document` can be made anew from the documents.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS target (
    id BIGINT PRIMARY KEY, uri TEXT NOT NULL UNIQUE, name TEXT, revision TEXT, digest TEXT, created TEXT, first_seen TEXT, tool TEXT, packs TEXT, packs_date TEXT,
    passed INTEGER, incomplete INTEGER, source TEXT, sha256 BLOB NOT NULL, findings TEXT, document BLOB);
CREATE TABLE IF NOT EXISTS package (id BIGINT PRIMARY KEY, ecosystem TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (ecosystem, name));
CREATE TABLE IF NOT EXISTS dependency (target BIGINT NOT NULL, package BIGINT NOT NULL, version TEXT, specifier TEXT, path TEXT, line INTEGER, via TEXT, scope TEXT);
CREATE INDEX IF NOT EXISTS dependency_package ON dependency (package);
CREATE INDEX IF NOT EXISTS dependency_target ON dependency (target);
CREATE TABLE IF NOT EXISTS file (target BIGINT NOT NULL, path TEXT, sha256 BLOB);
CREATE INDEX IF NOT EXISTS file_sha256 ON file (sha256);
CREATE INDEX IF NOT EXISTS file_target ON file (target);
CREATE TABLE IF NOT EXISTS component (target BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT, lower TEXT, version TEXT, purl TEXT, license TEXT, how TEXT, supplier TEXT, path TEXT, line INTEGER);
CREATE INDEX IF NOT EXISTS component_lower ON component (lower);
CREATE INDEX IF NOT EXISTS component_target ON component (target);
CREATE TABLE IF NOT EXISTS license (target BIGINT NOT NULL, id TEXT NOT NULL, component TEXT, path TEXT, line INTEGER);
CREATE INDEX IF NOT EXISTS license_id ON license (id);
CREATE INDEX IF NOT EXISTS license_target ON license (target);
CREATE TABLE IF NOT EXISTS mark (target BIGINT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, path TEXT, line INTEGER);
CREATE INDEX IF NOT EXISTS mark_text ON mark (text);
CREATE INDEX IF NOT EXISTS mark_target ON mark (target);
CREATE TABLE IF NOT EXISTS signature (target BIGINT NOT NULL, verdict TEXT NOT NULL, signer TEXT, path TEXT);
CREATE INDEX IF NOT EXISTS signature_target ON signature (target);
CREATE TABLE IF NOT EXISTS gap (target BIGINT NOT NULL, path TEXT, status TEXT, reason TEXT);
CREATE INDEX IF NOT EXISTS gap_target ON gap (target);
