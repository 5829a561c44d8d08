-- What machines boot, and what is to be different when they do.
update machine set name = 'default-' || id where name = 'default'; -- A word of the API from now on.
alter table machine add column kernel_options text not null default '';
alter table machine add column network text; -- Canonical JSON.
alter table machine add column netboot integer not null default 1;
alter table machine add column bytes integer not null default 256; -- In the catalog, about.
create index machine_bytes on machine (bytes);

create table machine_tag (
    machine_id ${ref} not null references machine (id) on delete cascade,
    tag        ${serial} not null,
    primary key (machine_id, tag)
);

create table tag (
    name           ${serial} primary key,
    kernel_options text not null
);

-- User data and vendor data, each once.
create table document (
    sha256 text primary key,
    bytes  integer not null, -- In the catalog.
    body   text not null
);

-- Of a machine, for always or once; or of those that target names. An id is never used again.
create table assignment (
    id               ${id},
    machine_id       ${ref} references machine (id) on delete cascade,
    once             integer not null,
    target           ${serial} unique,
    purpose          text not null,
    image            text,
    version          text,
    cloud_config_url text,
    user_data        text references document (sha256),
    vendor_data      text references document (sha256),
    metadata         integer not null,
    bytes            integer not null,
    unique (machine_id, once)
);
create index assignment_bytes on assignment (bytes);
create index assignment_user_data on assignment (user_data);
create index assignment_vendor_data on assignment (vendor_data);

-- What the stream gives an image's kernel, and what operators do: for all images that a reference means.
alter table image add column kparams text not null default '';
create table image_options (
    image          ${serial} primary key,
    kernel_options text not null
);

-- Machines that nobody made known.
create table seen_machine (
    mac      text primary key,
    uuid     text,
    arch     text,
    address  text not null,
    rack     text not null,
    asked    text not null,
    first_at ${timestamp} not null,
    last_at  ${timestamp} not null,
    times    ${ref} not null
);
create index seen_machine_last on seen_machine (last_at);
