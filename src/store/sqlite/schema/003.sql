-- Subscriptions: who is told of changes, and how far. Secrets are not here: they are derived (`store/subscription.rs`).
CREATE TABLE subscription (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  client TEXT NOT NULL,
  url TEXT NOT NULL,
  filters TEXT NOT NULL,
  state INTEGER NOT NULL,
  reason TEXT,
  secret INTEGER NOT NULL, -- which of its secrets is the current one, from 1
  overlap_until INTEGER, -- until when the one before still signs, too
  made_at INTEGER NOT NULL,
  cursor INTEGER NOT NULL, -- everything up to here is delivered, not asked for, or stands in `delivery`
  replay_at INTEGER, -- a replay under way: the same, within the window …
  replay_until INTEGER, -- … that ends here
  delivered INTEGER NOT NULL DEFAULT 0,
  succeeded_at INTEGER,
  warned INTEGER NOT NULL DEFAULT 0, -- percent of the failure budget operators were told of
  version INTEGER NOT NULL DEFAULT 1 -- counts what people changed
) STRICT;

-- Deliveries that did not succeed at once: waiting for their next attempt, or dead. The rest needs no row: the cursor
-- says that it is done.
CREATE TABLE delivery (
  subscription INTEGER NOT NULL,
  change INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  first_at INTEGER,
  next_at INTEGER NOT NULL,
  status INTEGER, -- HTTP status of the last answer
  trouble TEXT,
  dead_at INTEGER,
  PRIMARY KEY (subscription, change)
) STRICT, WITHOUT ROWID;
