CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.archive_parts (
    project character varying NOT NULL,
    digest character varying NOT NULL,
    start bigint NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.archive_uses (
    run_id character varying NOT NULL,
    digest character varying NOT NULL,
    project character varying NOT NULL
);
CREATE TABLE public.archives (
    project character varying NOT NULL,
    digest character varying NOT NULL,
    bytes bigint NOT NULL,
    wanted_at timestamp with time zone NOT NULL
);
CREATE TABLE public.attachments (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    volume_id character varying NOT NULL,
    instance_id character varying NOT NULL,
    job_id character varying NOT NULL,
    name character varying NOT NULL,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    source character varying NOT NULL
);
CREATE TABLE public.closures (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    actor character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    server_wide boolean NOT NULL,
    cause text NOT NULL,
    ended_at timestamp with time zone,
    operation character varying NOT NULL,
    max_unavailable integer NOT NULL,
    total integer NOT NULL,
    gone integer NOT NULL,
    deadline timestamp with time zone
);
CREATE TABLE public.events (
    seq integer NOT NULL,
    "time" timestamp with time zone NOT NULL,
    project character varying NOT NULL,
    kind character varying NOT NULL,
    name character varying NOT NULL,
    subject character varying NOT NULL,
    from_state character varying NOT NULL,
    to_state character varying NOT NULL,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    reason character varying NOT NULL,
    message text NOT NULL,
    actor character varying DEFAULT ''::character varying NOT NULL
);
CREATE SEQUENCE public.events_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_seq_seq OWNED BY public.events.seq;
CREATE TABLE public.failures (
    scope character varying NOT NULL,
    kind character varying NOT NULL,
    backend character varying NOT NULL,
    region character varying,
    zone character varying,
    instance_type character varying,
    market character varying,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    count integer NOT NULL,
    message text NOT NULL,
    resource character varying DEFAULT 'machine'::character varying NOT NULL
);
CREATE TABLE public.fleets (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    name character varying NOT NULL,
    config json NOT NULL,
    nodes integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    auto_created boolean NOT NULL,
    hold character varying DEFAULT ''::character varying NOT NULL,
    early_failures integer DEFAULT 0 NOT NULL,
    failed_early_at timestamp with time zone,
    waiting_since timestamp with time zone,
    rebalancing_until timestamp with time zone
);
CREATE TABLE public.instances (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    fleet_id character varying NOT NULL,
    fleet character varying NOT NULL,
    node integer NOT NULL,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    instance_type json NOT NULL,
    market character varying NOT NULL,
    price double precision NOT NULL,
    created_at timestamp with time zone NOT NULL,
    backend_id character varying,
    end_reason character varying NOT NULL,
    idle_since timestamp with time zone,
    unreachable_since timestamp with time zone,
    started_at timestamp with time zone,
    leaving_for character varying DEFAULT ''::character varying NOT NULL,
    endpoint json,
    address character varying,
    public_address character varying,
    outdated boolean DEFAULT false NOT NULL,
    blocks integer DEFAULT 1 NOT NULL
);
CREATE TABLE public.jobs (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    run_id character varying NOT NULL,
    run character varying NOT NULL,
    rank integer NOT NULL,
    submission integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    instance_id character varying,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    volumes json NOT NULL,
    stop character varying NOT NULL,
    exit_code integer,
    reason character varying NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    log_deleted boolean DEFAULT false NOT NULL,
    blocks json DEFAULT '[]'::json NOT NULL
);
CREATE TABLE public.log_chunks (
    job_id character varying NOT NULL,
    start bigint NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.login_codes (
    hash character varying NOT NULL,
    token_hash character varying NOT NULL,
    until timestamp with time zone NOT NULL
);
CREATE TABLE public.members (
    project character varying NOT NULL,
    "user" character varying NOT NULL,
    role character varying NOT NULL
);
CREATE TABLE public.observations (
    instance_id character varying NOT NULL,
    outcome character varying NOT NULL,
    backend character varying NOT NULL,
    region character varying NOT NULL,
    zone character varying NOT NULL,
    instance_type character varying NOT NULL,
    market character varying NOT NULL,
    at timestamp with time zone NOT NULL,
    seconds double precision,
    reason character varying NOT NULL
);
CREATE TABLE public.projects (
    name character varying NOT NULL,
    created_at timestamp with time zone,
    deleted_at timestamp with time zone
);
CREATE TABLE public.runs (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    name character varying NOT NULL,
    type character varying NOT NULL,
    config json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    stop character varying NOT NULL,
    replaces character varying,
    exit_code integer,
    reason character varying NOT NULL,
    hold character varying DEFAULT ''::character varying NOT NULL,
    early_failures integer DEFAULT 0 NOT NULL,
    failed_early_at timestamp with time zone
);
CREATE TABLE public.secrets (
    project character varying NOT NULL,
    name character varying NOT NULL,
    sealed text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by character varying NOT NULL
);
CREATE TABLE public.sessions (
    hash character varying NOT NULL,
    token_hash character varying NOT NULL,
    csrf character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
CREATE TABLE public.settings (
    key character varying NOT NULL,
    value character varying NOT NULL
);
CREATE TABLE public.tokens (
    hash character varying NOT NULL,
    name character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    "user" character varying DEFAULT 'admin'::character varying NOT NULL,
    prefix character varying NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone
);
CREATE TABLE public.users (
    name character varying NOT NULL,
    admin boolean NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.volumes (
    id character varying NOT NULL,
    project character varying NOT NULL,
    state character varying NOT NULL,
    message text NOT NULL,
    deleted_at timestamp with time zone,
    name character varying NOT NULL,
    config json NOT NULL,
    size_gb double precision NOT NULL,
    backend character varying,
    region character varying,
    zone character varying,
    zone_id character varying,
    zone_kind character varying,
    created_at timestamp with time zone NOT NULL,
    backend_id character varying,
    end_reason character varying NOT NULL
);
CREATE TABLE public.work (
    kind character varying NOT NULL,
    id character varying NOT NULL,
    due_at timestamp with time zone NOT NULL,
    leased_until timestamp with time zone,
    fence bigint NOT NULL,
    woken boolean NOT NULL,
    attempts integer NOT NULL
);
ALTER TABLE ONLY public.events ALTER COLUMN seq SET DEFAULT nextval('public.events_seq_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0007');
INSERT INTO public.archive_parts VALUES ('project-1', 'digest-1', 1, '\x6c696e650a');
INSERT INTO public.archive_parts VALUES ('project-2', 'digest-2', 2, '\x6c696e650a');
INSERT INTO public.archive_uses VALUES ('run_id-1', 'digest-1', 'main');
INSERT INTO public.archive_uses VALUES ('run_id-2', 'digest-2', 'main');
INSERT INTO public.archives VALUES ('project-1', 'digest-1', 1, '2026-11-24 10:01:00+00');
INSERT INTO public.archives VALUES ('project-2', 'digest-2', 2, '2026-11-24 10:02:00+00');
INSERT INTO public.attachments VALUES ('id-1', 'main', 'attached', 'message-1', NULL, 'volume_id-1', 'instance_id-1', 'job_id-1', 'name-1', 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', 'source-1');
INSERT INTO public.attachments VALUES ('id-2', 'main', 'attached', 'message-2', NULL, 'volume_id-2', 'instance_id-2', 'job_id-2', 'name-2', 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', 'source-2');
INSERT INTO public.closures VALUES ('id-1', 'main', 'active', 'message-1', NULL, 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', 'actor-1', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', true, 'cause-1', '2026-11-24 10:01:00+00', 'cordon', 1, 1, 1, '2026-11-24 10:01:00+00');
INSERT INTO public.closures VALUES ('id-2', 'main', 'active', 'message-2', NULL, 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', 'actor-2', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', false, 'cause-2', '2026-11-24 10:02:00+00', 'cordon', 2, 2, 2, '2026-11-24 10:02:00+00');
INSERT INTO public.events VALUES (1, '2026-11-24 10:01:00+00', 'main', 'fleet', 'name-1', 'subject-1', 'from_state-1', 'to_state-1', 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', 'reason-1', 'message-1', '');
INSERT INTO public.events VALUES (2, '2026-11-24 10:02:00+00', 'main', 'fleet', 'name-2', 'subject-2', 'from_state-2', 'to_state-2', 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', 'reason-2', 'message-2', '');
INSERT INTO public.failures VALUES ('scope-1', 'fleet', 'backend-1', 'region-1', 'zone-1', 'instance_type-1', 'spot', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', 1, 'message-1', 'machine');
INSERT INTO public.failures VALUES ('scope-2', 'fleet', 'backend-2', 'region-2', 'zone-2', 'instance_type-2', 'spot', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', 2, 'message-2', 'machine');
INSERT INTO public.fleets VALUES ('id-1', 'main', 'active', 'message-1', NULL, 'name-1', '{"nodes": 2}', 1, '2026-11-24 10:01:00+00', true, '', 0, NULL, NULL, NULL);
INSERT INTO public.fleets VALUES ('id-2', 'main', 'active', 'message-2', NULL, 'name-2', '{"nodes": 2}', 2, '2026-11-24 10:02:00+00', false, '', 0, NULL, NULL, NULL);
INSERT INTO public.instances VALUES ('id-1', 'main', 'active', 'message-1', NULL, 'fleet_id-1', 'fleet-1', 1, 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', '{"name": "m", "cpus": 2, "memory_gb": 8}', 'spot', 1, '2026-11-24 10:01:00+00', 'backend_id-1', 'end_reason-1', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', NULL, '', NULL, NULL, NULL, false, 1);
INSERT INTO public.instances VALUES ('id-2', 'main', 'active', 'message-2', NULL, 'fleet_id-2', 'fleet-2', 2, 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', '{"name": "m", "cpus": 2, "memory_gb": 8}', 'spot', 2, '2026-11-24 10:02:00+00', 'backend_id-2', 'end_reason-2', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', NULL, '', NULL, NULL, NULL, false, 1);
INSERT INTO public.jobs VALUES ('id-1', 'main', 'running', 'message-1', NULL, 'run_id-1', 'run-1', 1, 1, '2026-11-24 10:01:00+00', 'instance_id-1', 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', '["data"]', 'stop-1', 1, 'reason-1', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', false, '[]');
INSERT INTO public.jobs VALUES ('id-2', 'main', 'running', 'message-2', NULL, 'run_id-2', 'run-2', 2, 2, '2026-11-24 10:02:00+00', 'instance_id-2', 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', '["data"]', 'stop-2', 2, 'reason-2', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', false, '[]');
INSERT INTO public.log_chunks VALUES ('job_id-1', 1, '\x6c696e650a');
INSERT INTO public.log_chunks VALUES ('job_id-2', 2, '\x6c696e650a');
INSERT INTO public.login_codes VALUES ('hash-1', 'token_hash-1', '2026-11-24 10:01:00+00');
INSERT INTO public.login_codes VALUES ('hash-2', 'token_hash-2', '2026-11-24 10:02:00+00');
INSERT INTO public.members VALUES ('main', 'admin', 'manager');
INSERT INTO public.members VALUES ('project-1', 'user-1', 'user');
INSERT INTO public.members VALUES ('project-2', 'user-2', 'user');
INSERT INTO public.observations VALUES ('instance_id-1', 'outcome-1', 'backend-1', 'region-1', 'zone-1', 'instance_type-1', 'spot', '2026-11-24 10:01:00+00', 1, 'reason-1');
INSERT INTO public.observations VALUES ('instance_id-2', 'outcome-2', 'backend-2', 'region-2', 'zone-2', 'instance_type-2', 'spot', '2026-11-24 10:02:00+00', 2, 'reason-2');
INSERT INTO public.projects VALUES ('main', NULL, NULL);
INSERT INTO public.projects VALUES ('name-1', NULL, NULL);
INSERT INTO public.projects VALUES ('name-2', NULL, NULL);
INSERT INTO public.runs VALUES ('id-1', 'main', 'running', 'message-1', NULL, 'name-1', 'type-1', '{"nodes": 2}', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', 'stop-1', 'replaces-1', 1, 'reason-1', '', 0, NULL);
INSERT INTO public.runs VALUES ('id-2', 'main', 'running', 'message-2', NULL, 'name-2', 'type-2', '{"nodes": 2}', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', 'stop-2', 'replaces-2', 2, 'reason-2', '', 0, NULL);
INSERT INTO public.secrets VALUES ('project-1', 'name-1', 'sealed-1', '2026-11-24 10:01:00+00', 'updated_by-1');
INSERT INTO public.secrets VALUES ('project-2', 'name-2', 'sealed-2', '2026-11-24 10:02:00+00', 'updated_by-2');
INSERT INTO public.sessions VALUES ('hash-1', 'token_hash-1', 'csrf-1', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00');
INSERT INTO public.sessions VALUES ('hash-2', 'token_hash-2', 'csrf-2', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00');
INSERT INTO public.settings VALUES ('key-1', 'value-1');
INSERT INTO public.settings VALUES ('key-2', 'value-2');
INSERT INTO public.tokens VALUES ('hash-1', 'name-1', '2026-11-24 10:01:00+00', 'admin', 'hash-1', NULL, NULL);
INSERT INTO public.tokens VALUES ('hash-2', 'name-2', '2026-11-24 10:02:00+00', 'admin', 'hash-2', NULL, NULL);
INSERT INTO public.users VALUES ('admin', true, '2026-11-25 10:49:33.869532+00');
INSERT INTO public.users VALUES ('name-1', true, '2026-11-24 10:01:00+00');
INSERT INTO public.users VALUES ('name-2', false, '2026-11-24 10:02:00+00');
INSERT INTO public.volumes VALUES ('id-1', 'main', 'available', 'message-1', NULL, 'name-1', '{"nodes": 2}', 1, 'backend-1', 'region-1', 'zone-1', 'zone_id-1', 'availability-zone', '2026-11-24 10:01:00+00', 'backend_id-1', 'end_reason-1');
INSERT INTO public.volumes VALUES ('id-2', 'main', 'available', 'message-2', NULL, 'name-2', '{"nodes": 2}', 2, 'backend-2', 'region-2', 'zone-2', 'zone_id-2', 'availability-zone', '2026-11-24 10:02:00+00', 'backend_id-2', 'end_reason-2');
INSERT INTO public.work VALUES ('fleet', 'id-1', '2026-11-24 10:01:00+00', '2026-11-24 10:01:00+00', 1, true, 1);
INSERT INTO public.work VALUES ('fleet', 'id-2', '2026-11-24 10:02:00+00', '2026-11-24 10:02:00+00', 2, false, 2);
SELECT pg_catalog.setval('public.events_seq_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.archive_parts
    ADD CONSTRAINT archive_parts_pkey PRIMARY KEY (project, digest, start);
ALTER TABLE ONLY public.archive_uses
    ADD CONSTRAINT archive_uses_pkey PRIMARY KEY (run_id, digest);
ALTER TABLE ONLY public.archives
    ADD CONSTRAINT archives_pkey PRIMARY KEY (project, digest);
ALTER TABLE ONLY public.attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.closures
    ADD CONSTRAINT closures_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.failures
    ADD CONSTRAINT failures_pkey PRIMARY KEY (scope, kind);
ALTER TABLE ONLY public.fleets
    ADD CONSTRAINT fleets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_run_id_rank_submission_key UNIQUE (run_id, rank, submission);
ALTER TABLE ONLY public.log_chunks
    ADD CONSTRAINT log_chunks_pkey PRIMARY KEY (job_id, start);
ALTER TABLE ONLY public.login_codes
    ADD CONSTRAINT login_codes_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.members
    ADD CONSTRAINT members_pkey PRIMARY KEY (project, "user");
ALTER TABLE ONLY public.observations
    ADD CONSTRAINT observations_pkey PRIMARY KEY (instance_id, outcome);
ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.secrets
    ADD CONSTRAINT secrets_pkey PRIMARY KEY (project, name);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_prefix UNIQUE (prefix);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.volumes
    ADD CONSTRAINT volumes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.work
    ADD CONSTRAINT work_pkey PRIMARY KEY (kind, id);
CREATE INDEX archive_uses_archive ON public.archive_uses USING btree (project, digest);
CREATE INDEX attachments_ended ON public.attachments USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX closures_ended ON public.closures USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX events_time ON public.events USING btree (project, "time");
CREATE INDEX fleets_ended ON public.fleets USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE UNIQUE INDEX fleets_live_name ON public.fleets USING btree (project, name) WHERE (deleted_at IS NULL);
CREATE INDEX instances_ended ON public.instances USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX instances_living ON public.instances USING btree (project, fleet, node, id) WHERE ((state)::text <> 'terminated'::text);
CREATE INDEX ix_archives_wanted_at ON public.archives USING btree (wanted_at);
CREATE INDEX ix_attachments_instance_id ON public.attachments USING btree (instance_id);
CREATE INDEX ix_attachments_job_id ON public.attachments USING btree (job_id);
CREATE INDEX ix_attachments_state ON public.attachments USING btree (state);
CREATE INDEX ix_attachments_volume_id ON public.attachments USING btree (volume_id);
CREATE INDEX ix_closures_state ON public.closures USING btree (state);
CREATE INDEX ix_events_project ON public.events USING btree (project);
CREATE INDEX ix_fleets_state ON public.fleets USING btree (state);
CREATE INDEX ix_instances_fleet_id ON public.instances USING btree (fleet_id);
CREATE INDEX ix_instances_state ON public.instances USING btree (state);
CREATE INDEX ix_jobs_finished_at ON public.jobs USING btree (finished_at);
CREATE INDEX ix_jobs_instance_id ON public.jobs USING btree (instance_id);
CREATE INDEX ix_jobs_state ON public.jobs USING btree (state);
CREATE INDEX ix_members_user ON public.members USING btree ("user");
CREATE INDEX ix_observations_at ON public.observations USING btree (at);
CREATE INDEX ix_observations_zone ON public.observations USING btree (backend, region, zone, at);
CREATE INDEX ix_runs_finished_at ON public.runs USING btree (finished_at);
CREATE INDEX ix_runs_state ON public.runs USING btree (state);
CREATE INDEX ix_tokens_user ON public.tokens USING btree ("user");
CREATE INDEX ix_volumes_state ON public.volumes USING btree (state);
CREATE INDEX ix_work_due_at ON public.work USING btree (due_at);
CREATE INDEX ix_work_leased_until ON public.work USING btree (leased_until);
CREATE INDEX jobs_ended ON public.jobs USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX jobs_with_logs ON public.jobs USING btree (finished_at) WHERE (log_deleted IS FALSE);
CREATE INDEX runs_ended ON public.runs USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE UNIQUE INDEX runs_live_name ON public.runs USING btree (project, name) WHERE (deleted_at IS NULL);
CREATE INDEX volumes_ended ON public.volumes USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE UNIQUE INDEX volumes_live_name ON public.volumes USING btree (project, name) WHERE (deleted_at IS NULL);
