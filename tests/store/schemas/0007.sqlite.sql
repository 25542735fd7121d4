BEGIN TRANSACTION;
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
INSERT INTO "archive_parts" VALUES('project-1','digest-1',1,X'6C696E650A');
INSERT INTO "archive_parts" VALUES('project-2','digest-2',2,X'6C696E650A');
CREATE TABLE archive_uses (
	run_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	project VARCHAR NOT NULL, 
	PRIMARY KEY (run_id, digest)
);
INSERT INTO "archive_uses" VALUES('run_id-1','digest-1','main');
INSERT INTO "archive_uses" VALUES('run_id-2','digest-2','main');
CREATE TABLE archives (
	project VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	bytes BIGINT NOT NULL, 
	wanted_at DATETIME NOT NULL, 
	PRIMARY KEY (project, digest)
);
INSERT INTO "archives" VALUES('project-1','digest-1',1,'2026-11-24 10:01:00.000000');
INSERT INTO "archives" VALUES('project-2','digest-2',2,'2026-11-24 10:02:00.000000');
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
INSERT INTO "attachments" VALUES('id-1','main','attached','message-1',NULL,'volume_id-1','instance_id-1','job_id-1','name-1','backend-1','region-1','zone-1','zone_id-1','availability-zone','source-1');
INSERT INTO "attachments" VALUES('id-2','main','attached','message-2',NULL,'volume_id-2','instance_id-2','job_id-2','name-2','backend-2','region-2','zone-2','zone_id-2','availability-zone','source-2');
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
INSERT INTO "closures" VALUES('id-1','main','active','message-1',NULL,'backend-1','region-1','zone-1','zone_id-1','availability-zone','actor-1','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000',1,'cause-1','2026-11-24 10:01:00.000000','cordon',1,1,1,'2026-11-24 10:01:00.000000');
INSERT INTO "closures" VALUES('id-2','main','active','message-2',NULL,'backend-2','region-2','zone-2','zone_id-2','availability-zone','actor-2','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000',0,'cause-2','2026-11-24 10:02:00.000000','cordon',2,2,2,'2026-11-24 10:02:00.000000');
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
INSERT INTO "events" VALUES(1,'2026-11-24 10:01:00.000000','main','fleet','name-1','subject-1','from_state-1','to_state-1','backend-1','region-1','zone-1','zone_id-1','availability-zone','reason-1','message-1','');
INSERT INTO "events" VALUES(2,'2026-11-24 10:02:00.000000','main','fleet','name-2','subject-2','from_state-2','to_state-2','backend-2','region-2','zone-2','zone_id-2','availability-zone','reason-2','message-2','');
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
INSERT INTO "failures" VALUES('scope-1','fleet','backend-1','region-1','zone-1','instance_type-1','spot','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000',1,'message-1','machine');
INSERT INTO "failures" VALUES('scope-2','fleet','backend-2','region-2','zone-2','instance_type-2','spot','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000',2,'message-2','machine');
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
INSERT INTO "fleets" VALUES('id-1','main','active','message-1',NULL,'name-1','{"nodes": 2}',1,'2026-11-24 10:01:00.000000',1,'',0,NULL,NULL,NULL);
INSERT INTO "fleets" VALUES('id-2','main','active','message-2',NULL,'name-2','{"nodes": 2}',2,'2026-11-24 10:02:00.000000',0,'',0,NULL,NULL,NULL);
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
INSERT INTO "instances" VALUES('id-1','main','active','message-1',NULL,'fleet_id-1','fleet-1',1,'backend-1','region-1','zone-1','zone_id-1','availability-zone','{"name": "m", "cpus": 2, "memory_gb": 8}','spot',1.0,'2026-11-24 10:01:00.000000','backend_id-1','end_reason-1','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000',NULL,'',NULL,NULL,NULL,0,1);
INSERT INTO "instances" VALUES('id-2','main','active','message-2',NULL,'fleet_id-2','fleet-2',2,'backend-2','region-2','zone-2','zone_id-2','availability-zone','{"name": "m", "cpus": 2, "memory_gb": 8}','spot',2.0,'2026-11-24 10:02:00.000000','backend_id-2','end_reason-2','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000',NULL,'',NULL,NULL,NULL,0,1);
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
INSERT INTO "jobs" VALUES('id-1','main','running','message-1',NULL,'run_id-1','run-1',1,1,'2026-11-24 10:01:00.000000','instance_id-1','backend-1','region-1','zone-1','zone_id-1','availability-zone','["data"]','stop-1',1,'reason-1','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000',0,'[]');
INSERT INTO "jobs" VALUES('id-2','main','running','message-2',NULL,'run_id-2','run-2',2,2,'2026-11-24 10:02:00.000000','instance_id-2','backend-2','region-2','zone-2','zone_id-2','availability-zone','["data"]','stop-2',2,'reason-2','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000',0,'[]');
CREATE TABLE log_chunks (
	job_id VARCHAR NOT NULL, 
	start BIGINT NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (job_id, start)
);
INSERT INTO "log_chunks" VALUES('job_id-1',1,X'6C696E650A');
INSERT INTO "log_chunks" VALUES('job_id-2',2,X'6C696E650A');
CREATE TABLE login_codes (
	hash VARCHAR NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	until DATETIME NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "login_codes" VALUES('hash-1','token_hash-1','2026-11-24 10:01:00.000000');
INSERT INTO "login_codes" VALUES('hash-2','token_hash-2','2026-11-24 10:02:00.000000');
CREATE TABLE members (
	project VARCHAR NOT NULL, 
	user VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	PRIMARY KEY (project, user)
);
INSERT INTO "members" VALUES('main','admin','manager');
INSERT INTO "members" VALUES('project-1','user-1','user');
INSERT INTO "members" VALUES('project-2','user-2','user');
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
INSERT INTO "observations" VALUES('instance_id-1','outcome-1','backend-1','region-1','zone-1','instance_type-1','spot','2026-11-24 10:01:00.000000',1.0,'reason-1');
INSERT INTO "observations" VALUES('instance_id-2','outcome-2','backend-2','region-2','zone-2','instance_type-2','spot','2026-11-24 10:02:00.000000',2.0,'reason-2');
CREATE TABLE projects (
	name VARCHAR NOT NULL, created_at DATETIME, deleted_at DATETIME, 
	PRIMARY KEY (name)
);
INSERT INTO "projects" VALUES('main',NULL,NULL);
INSERT INTO "projects" VALUES('name-1',NULL,NULL);
INSERT INTO "projects" VALUES('name-2',NULL,NULL);
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
INSERT INTO "runs" VALUES('id-1','main','running','message-1',NULL,'name-1','type-1','{"nodes": 2}','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000','stop-1','replaces-1',1,'reason-1','',0,NULL);
INSERT INTO "runs" VALUES('id-2','main','running','message-2',NULL,'name-2','type-2','{"nodes": 2}','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000','stop-2','replaces-2',2,'reason-2','',0,NULL);
CREATE TABLE secrets (
	project VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	sealed TEXT NOT NULL, 
	updated_at DATETIME NOT NULL, 
	updated_by VARCHAR NOT NULL, 
	PRIMARY KEY (project, name)
);
INSERT INTO "secrets" VALUES('project-1','name-1','sealed-1','2026-11-24 10:01:00.000000','updated_by-1');
INSERT INTO "secrets" VALUES('project-2','name-2','sealed-2','2026-11-24 10:02:00.000000','updated_by-2');
CREATE TABLE sessions (
	hash VARCHAR NOT NULL, 
	token_hash VARCHAR NOT NULL, 
	csrf VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	seen_at DATETIME NOT NULL, 
	PRIMARY KEY (hash)
);
INSERT INTO "sessions" VALUES('hash-1','token_hash-1','csrf-1','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000');
INSERT INTO "sessions" VALUES('hash-2','token_hash-2','csrf-2','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000');
CREATE TABLE settings (
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "settings" VALUES('key-1','value-1');
INSERT INTO "settings" VALUES('key-2','value-2');
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
INSERT INTO "tokens" VALUES('hash-1','name-1','2026-11-24 10:01:00.000000','admin','hash-1',NULL,NULL);
INSERT INTO "tokens" VALUES('hash-2','name-2','2026-11-24 10:02:00.000000','admin','hash-2',NULL,NULL);
CREATE TABLE users (
	name VARCHAR NOT NULL, 
	admin BOOLEAN NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "users" VALUES('admin',1,'2026-11-25 10:49:33.635597');
INSERT INTO "users" VALUES('name-1',1,'2026-11-24 10:01:00.000000');
INSERT INTO "users" VALUES('name-2',0,'2026-11-24 10:02:00.000000');
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
INSERT INTO "volumes" VALUES('id-1','main','available','message-1',NULL,'name-1','{"nodes": 2}',1.0,'backend-1','region-1','zone-1','zone_id-1','availability-zone','2026-11-24 10:01:00.000000','backend_id-1','end_reason-1');
INSERT INTO "volumes" VALUES('id-2','main','available','message-2',NULL,'name-2','{"nodes": 2}',2.0,'backend-2','region-2','zone-2','zone_id-2','availability-zone','2026-11-24 10:02:00.000000','backend_id-2','end_reason-2');
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
INSERT INTO "work" VALUES('fleet','id-1','2026-11-24 10:01:00.000000','2026-11-24 10:01:00.000000',1,1,1);
INSERT INTO "work" VALUES('fleet','id-2','2026-11-24 10:02:00.000000','2026-11-24 10:02:00.000000',2,0,2);
CREATE INDEX ix_attachments_instance_id ON attachments (instance_id);
CREATE INDEX ix_attachments_job_id ON attachments (job_id);
CREATE INDEX ix_attachments_state ON attachments (state);
CREATE INDEX ix_attachments_volume_id ON attachments (volume_id);
CREATE INDEX ix_events_project ON events (project);
CREATE UNIQUE INDEX runs_live_name ON runs (project, name) WHERE deleted_at IS NULL;
CREATE INDEX ix_runs_state ON runs (state);
CREATE UNIQUE INDEX volumes_live_name ON volumes (project, name) WHERE deleted_at IS NULL;
CREATE INDEX ix_volumes_state ON volumes (state);
CREATE INDEX ix_members_user ON members (user);
CREATE INDEX ix_tokens_user ON tokens (user);
CREATE INDEX ix_work_due_at ON work (due_at);
CREATE INDEX ix_work_leased_until ON work (leased_until);
CREATE INDEX events_time ON events (project, time);
CREATE INDEX ix_closures_state ON closures (state);
CREATE INDEX ix_observations_at ON observations (at);
CREATE INDEX ix_observations_zone ON observations (backend, region, zone, at);
CREATE INDEX instances_living ON instances (project, fleet, node, id) WHERE state != 'terminated';
CREATE INDEX ix_instances_fleet_id ON instances (fleet_id);
CREATE INDEX ix_instances_state ON instances (state);
CREATE INDEX ix_fleets_state ON fleets (state);
CREATE UNIQUE INDEX fleets_live_name ON fleets (project, name) WHERE deleted_at IS NULL;
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX ix_jobs_instance_id ON jobs (instance_id);
CREATE INDEX attachments_ended ON attachments (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX closures_ended ON closures (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX fleets_ended ON fleets (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX instances_ended ON instances (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX runs_ended ON runs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX volumes_ended ON volumes (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX ix_jobs_finished_at ON jobs (finished_at);
CREATE INDEX ix_runs_finished_at ON runs (finished_at);
CREATE INDEX jobs_with_logs ON jobs (finished_at) WHERE log_deleted IS 0;
CREATE INDEX ix_archives_wanted_at ON archives (wanted_at);
CREATE INDEX archive_uses_archive ON archive_uses (project, digest);
COMMIT;
