-- A database of version 1, as one of that time was: without an audit log and without an index for searches.
PRAGMA application_id = 1280066376;
PRAGMA user_version = 1;
BEGIN;
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entries (id TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  num INTEGER PRIMARY KEY, room TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, id TEXT NOT NULL UNIQUE,
  sender TEXT NOT NULL, nick TEXT NOT NULL, body TEXT NOT NULL, cid TEXT, is_bot INTEGER NOT NULL, recipient TEXT,
  recipient_nick TEXT, UNIQUE (room, seq)
);
CREATE UNIQUE INDEX messages_by_cid ON messages (sender, cid) WHERE cid IS NOT NULL;
CREATE TABLE rooms (num INTEGER PRIMARY KEY, room TEXT NOT NULL UNIQUE, topic TEXT NOT NULL, slow REAL NOT NULL);
CREATE TABLE accounts (
  num INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE, nick TEXT NOT NULL, skeleton TEXT NOT NULL UNIQUE,
  secret TEXT NOT NULL, generation INTEGER NOT NULL, bot_of TEXT
);
CREATE TABLE roles (num INTEGER PRIMARY KEY, room TEXT NOT NULL, account TEXT NOT NULL, UNIQUE (room, account));
CREATE TABLE sanctions (
  num INTEGER PRIMARY KEY, what TEXT NOT NULL, room TEXT NOT NULL, target TEXT NOT NULL, nick TEXT NOT NULL,
  by TEXT NOT NULL, until REAL, reason TEXT NOT NULL, UNIQUE (what, room, target)
);
INSERT INTO facts VALUES ('epoch', 'fedcba9876543210');
INSERT INTO facts VALUES ('key', '1111111111111111111111111111111111111111111111111111111111111111');
INSERT INTO facts VALUES ('position', 12);
INSERT INTO facts VALUES ('motd', 'Welcome to the old house');
INSERT INTO entries VALUES ('e0', '');
INSERT INTO entries VALUES ('e1', '');
INSERT INTO entries VALUES ('e2', 'taken');
INSERT INTO messages VALUES
  (1, 'lobby', 1, 1700000000.5, 'old1', 'ann', 'Ann', 'The kettle is on', 'c1', 0, NULL, NULL),
  (2, '@ann,bob', 1, 1700000001.0, 'old2', 'bob', 'Bob', 'a kettle of our own', NULL, 0, 'ann', 'Ann'),
  (3, 'lobby', 2, 1700000002.0, 'old3', 'logger', 'logger', 'Crème brûlée, 茶会', NULL, 1, NULL, NULL);
INSERT INTO rooms VALUES (1, 'lobby', 'Tea and talk', 2.5);
INSERT INTO accounts VALUES (1, 'ann', 'Ann', 'ann', 'scrypt of ann', 3, NULL);
INSERT INTO accounts VALUES (2, 'logger', 'logger', 'logger', 'token of logger', 0, 'ann');
INSERT INTO roles VALUES (1, 'lobby', 'ann');
INSERT INTO sanctions VALUES (1, 'ban', 'lobby', 'address:192.0.2.7', 'Eve', 'Ann', NULL, 'noise');
COMMIT;
