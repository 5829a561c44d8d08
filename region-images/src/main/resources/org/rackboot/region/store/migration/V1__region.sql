-- One schema for SQLite and PostgreSQL; ${id}, ${ref}, ${bytes}, ${serial} and ${timestamp} are the dialect's words.

create table boot_source (
    id           ${id},
    name         text not null unique,
    url          text not null unique,
    priority     integer not null,
    enabled      integer not null,
    unsigned     integer not null,
    keyring_file text,
    keyring      ${bytes},
    created_at   ${timestamp} not null
);

create table selection (
    id         ${id},
    os         text not null,
    release    text not null,
    arch       text not null,
    subarch    text not null,
    label      text not null,
    created_at ${timestamp} not null,
    unique (os, release, arch, subarch, label)
);

-- How new each metadata file of each source was when it was last accepted: an older one is refused.
create table stream_mark (
    source_id  ${ref} not null references boot_source (id) on delete cascade,
    path       text not null,
    updated_at ${timestamp} not null,
    primary key (source_id, path)
);

-- Bytes, named by their sha256. Rows of content_chunk come as they arrive, in order; chunk_list is set, and the
-- content visible, once the sha256 of the whole was verified.
create table content (
    sha256     text primary key,
    size       ${ref} not null,
    chunk_list text,
    etag       text
);

create table content_chunk (
    sha256 text not null references content (sha256) on delete cascade,
    idx    integer not null,
    digest ${bytes} not null,
    data   ${bytes} not null,
    primary key (sha256, idx)
);

-- What a verified archive was unpacked to; its own bytes are not kept.
create table archive_member (
    archive_sha256 text not null,
    name           text not null,
    sha256         text not null references content (sha256),
    primary key (archive_sha256, name)
);

-- kind: image or bootloader. For a bootloader, release is empty and method says how it boots.
create table image (
    id              ${id},
    source_id       ${ref} not null references boot_source (id),
    product         text not null,
    kind            text not null,
    os              text not null,
    release         text not null,
    release_version text not null,
    title           text not null,
    arch            text not null,
    subarch         text not null,
    flavour         text not null,
    label           text not null,
    method          text not null,
    subarches       text not null,
    unique (source_id, product)
);

create table image_version (
    id           ${id},
    image_id     ${ref} not null references image (id) on delete cascade,
    serial       ${serial} not null,
    published_at ${timestamp} not null,
    unique (image_id, serial)
);

create table artifact (
    version_id ${ref} not null references image_version (id) on delete cascade,
    name       text not null,
    ftype      text not null,
    sha256     text not null references content (sha256),
    primary key (version_id, name)
);

create table counter (
    name  text primary key,
    value ${ref} not null
);

insert into counter (name, value) values ('catalog', 1);
