CREATE TABLE IF NOT EXISTS places(slot TEXT, writer TEXT, packet BLOB, expires INTEGER, PRIMARY KEY(slot, writer));
CREATE INDEX IF NOT EXISTS places_by_expiry ON places(expires);
