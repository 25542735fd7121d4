CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0007');

CREATE TABLE archive_parts (
	project VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	start BIGINT NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (project, digest, start)
);

CREATE TABLE archive_uses (
	run_id VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	PRIMARY KEY (run_id, digest)
);

CREATE TABLE archives (
	project VARCHAR NOT NULL,
	digest VARCHAR NOT NULL,
	bytes BIGINT NOT NULL,
	wanted_at DATETIME NOT NULL,
	PRIMARY KEY (project, digest)
);

CREATE TABLE attachments (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	volume_id VARCHAR NOT NULL,
	instance_id VARCHAR NOT NULL,
	job_id VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	source VARCHAR NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE closures (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	actor VARCHAR NOT NULL,
	created_at DATETIME NOT NULL,
	until DATETIME NOT NULL,
	server_wide BOOLEAN NOT NULL,
	cause TEXT NOT NULL,
	ended_at DATETIME,
	operation VARCHAR NOT NULL,
	max_unavailable INTEGER NOT NULL,
	total INTEGER NOT NULL,
	gone INTEGER NOT NULL,
	deadline DATETIME,
	PRIMARY KEY (id)
);

CREATE TABLE events (
	seq INTEGER NOT NULL,
	time DATETIME NOT NULL,
	project VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	subject VARCHAR NOT NULL,
	from_state VARCHAR NOT NULL,
	to_state VARCHAR NOT NULL,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	reason VARCHAR NOT NULL,
	message TEXT NOT NULL, actor VARCHAR DEFAULT '' NOT NULL,
	PRIMARY KEY (seq)
);

CREATE TABLE failures (
	scope VARCHAR NOT NULL,
	kind VARCHAR NOT NULL,
	backend VARCHAR NOT NULL,
	region VARCHAR,
	zone VARCHAR,
	instance_type VARCHAR,
	market VARCHAR,
	at DATETIME NOT NULL,
	until DATETIME,
	count INTEGER NOT NULL,
	message TEXT NOT NULL, resource VARCHAR DEFAULT 'machine' NOT NULL,
	PRIMARY KEY (scope, kind)
);

CREATE TABLE "fleets" (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	name VARCHAR NOT NULL,
	config JSON NOT NULL,
	nodes INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	auto_created BOOLEAN NOT NULL,
	hold VARCHAR DEFAULT ('') NOT NULL,
	early_failures INTEGER DEFAULT '0' NOT NULL,
	failed_early_at DATETIME,
	waiting_since DATETIME,
	rebalancing_until DATETIME,
	PRIMARY KEY (id)
);

CREATE TABLE "instances" (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	fleet_id VARCHAR NOT NULL,
	fleet VARCHAR NOT NULL,
	node INTEGER NOT NULL,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	instance_type JSON NOT NULL,
	market VARCHAR NOT NULL,
	price FLOAT NOT NULL,
	created_at DATETIME NOT NULL,
	backend_id VARCHAR,
	end_reason VARCHAR NOT NULL,
	idle_since DATETIME,
	unreachable_since DATETIME,
	started_at DATETIME,
	leaving_for VARCHAR DEFAULT ('') NOT NULL,
	endpoint JSON,
	address VARCHAR,
	public_address VARCHAR,
	outdated BOOLEAN DEFAULT 0 NOT NULL,
	blocks INTEGER DEFAULT '1' NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE "jobs" (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	run_id VARCHAR NOT NULL,
	run VARCHAR NOT NULL,
	rank INTEGER NOT NULL,
	submission INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	instance_id VARCHAR,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	volumes JSON NOT NULL,
	stop VARCHAR NOT NULL,
	exit_code INTEGER,
	reason VARCHAR NOT NULL,
	started_at DATETIME,
	finished_at DATETIME,
	log_deleted BOOLEAN DEFAULT 0 NOT NULL,
	blocks JSON DEFAULT '[]' NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (run_id, rank, submission)
);

CREATE TABLE log_chunks (
	job_id VARCHAR NOT NULL,
	start BIGINT NOT NULL,
	data BLOB NOT NULL,
	PRIMARY KEY (job_id, start)
);

CREATE TABLE login_codes (
	hash VARCHAR NOT NULL,
	token_hash VARCHAR NOT NULL,
	until DATETIME NOT NULL,
	PRIMARY KEY (hash)
);

CREATE TABLE members (
	project VARCHAR NOT NULL,
	user VARCHAR NOT NULL,
	role VARCHAR NOT NULL,
	PRIMARY KEY (project, user)
);

INSERT INTO "members" VALUES('main','admin','manager');

CREATE TABLE observations (
	instance_id VARCHAR NOT NULL,
	outcome VARCHAR NOT NULL,
	backend VARCHAR NOT NULL,
	region VARCHAR NOT NULL,
	zone VARCHAR NOT NULL,
	instance_type VARCHAR NOT NULL,
	market VARCHAR NOT NULL,
	at DATETIME NOT NULL,
	seconds FLOAT,
	reason VARCHAR NOT NULL,
	PRIMARY KEY (instance_id, outcome)
);

CREATE TABLE projects (
	name VARCHAR NOT NULL, created_at DATETIME, deleted_at DATETIME,
	PRIMARY KEY (name)
);

INSERT INTO "projects" VALUES('main',NULL,NULL);

CREATE TABLE runs (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	name VARCHAR NOT NULL,
	type VARCHAR NOT NULL,
	config JSON NOT NULL,
	created_at DATETIME NOT NULL,
	finished_at DATETIME,
	stop VARCHAR NOT NULL,
	replaces VARCHAR,
	exit_code INTEGER,
	reason VARCHAR NOT NULL, hold VARCHAR DEFAULT '' NOT NULL, early_failures INTEGER DEFAULT '0' NOT NULL, failed_early_at DATETIME,
	PRIMARY KEY (id)
);

CREATE TABLE secrets (
	project VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	sealed TEXT NOT NULL,
	updated_at DATETIME NOT NULL,
	updated_by VARCHAR NOT NULL,
	PRIMARY KEY (project, name)
);

CREATE TABLE sessions (
	hash VARCHAR NOT NULL,
	token_hash VARCHAR NOT NULL,
	csrf VARCHAR NOT NULL,
	created_at DATETIME NOT NULL,
	seen_at DATETIME NOT NULL,
	PRIMARY KEY (hash)
);

CREATE TABLE settings (
	"key" VARCHAR NOT NULL,
	value VARCHAR NOT NULL,
	PRIMARY KEY ("key")
);

CREATE TABLE "tokens" (
	hash VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	created_at DATETIME NOT NULL,
	user VARCHAR DEFAULT 'admin' NOT NULL,
	prefix VARCHAR NOT NULL,
	expires_at DATETIME,
	revoked_at DATETIME,
	PRIMARY KEY (hash),
	CONSTRAINT tokens_prefix UNIQUE (prefix)
);

CREATE TABLE users (
	name VARCHAR NOT NULL,
	admin BOOLEAN NOT NULL,
	created_at DATETIME NOT NULL,
	PRIMARY KEY (name)
);

INSERT INTO "users" VALUES('admin',1,strftime('%Y-%m-%d %H:%M:%f000', 'now'));

CREATE TABLE volumes (
	id VARCHAR NOT NULL,
	project VARCHAR NOT NULL,
	state VARCHAR NOT NULL,
	message TEXT NOT NULL,
	deleted_at DATETIME,
	name VARCHAR NOT NULL,
	config JSON NOT NULL,
	size_gb FLOAT NOT NULL,
	backend VARCHAR,
	region VARCHAR,
	zone VARCHAR,
	zone_id VARCHAR,
	zone_kind VARCHAR,
	created_at DATETIME NOT NULL,
	backend_id VARCHAR,
	end_reason VARCHAR NOT NULL,
	PRIMARY KEY (id)
);

CREATE TABLE "work" (
	kind VARCHAR NOT NULL,
	id VARCHAR NOT NULL,
	due_at DATETIME NOT NULL,
	leased_until DATETIME,
	fence BIGINT NOT NULL,
	woken BOOLEAN NOT NULL,
	attempts INTEGER NOT NULL,
	PRIMARY KEY (kind, id)
);

CREATE INDEX archive_uses_archive ON archive_uses (project, digest);

CREATE INDEX attachments_ended ON attachments (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX closures_ended ON closures (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX events_time ON events (project, time);

CREATE INDEX fleets_ended ON fleets (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX instances_ended ON instances (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX instances_living ON instances (project, fleet, node, id) WHERE state != 'terminated';

CREATE INDEX ix_archives_wanted_at ON archives (wanted_at);

CREATE INDEX ix_attachments_instance_id ON attachments (instance_id);

CREATE INDEX ix_attachments_job_id ON attachments (job_id);

CREATE INDEX ix_attachments_state ON attachments (state);

CREATE INDEX ix_attachments_volume_id ON attachments (volume_id);

CREATE INDEX ix_closures_state ON closures (state);

CREATE INDEX ix_events_project ON events (project);

CREATE INDEX ix_fleets_state ON fleets (state);

CREATE INDEX ix_instances_fleet_id ON instances (fleet_id);

CREATE INDEX ix_instances_state ON instances (state);

CREATE INDEX ix_jobs_finished_at ON jobs (finished_at);

CREATE INDEX ix_jobs_instance_id ON jobs (instance_id);

CREATE INDEX ix_jobs_state ON jobs (state);

CREATE INDEX ix_members_user ON members (user);

CREATE INDEX ix_observations_at ON observations (at);

CREATE INDEX ix_observations_zone ON observations (backend, region, zone, at);

CREATE INDEX ix_runs_finished_at ON runs (finished_at);

CREATE INDEX ix_runs_state ON runs (state);

CREATE INDEX ix_tokens_user ON tokens (user);

CREATE INDEX ix_volumes_state ON volumes (state);

CREATE INDEX ix_work_due_at ON work (due_at);

CREATE INDEX ix_work_leased_until ON work (leased_until);

CREATE INDEX jobs_ended ON jobs (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX jobs_with_logs ON jobs (finished_at) WHERE log_deleted IS 0;

CREATE INDEX runs_ended ON runs (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX volumes_ended ON volumes (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE UNIQUE INDEX fleets_live_name ON fleets (project, name) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX runs_live_name ON runs (project, name) WHERE deleted_at IS NULL;

CREATE UNIQUE INDEX volumes_live_name ON volumes (project, name) WHERE deleted_at IS NULL