-- When the last piece of an upload came; those that nobody goes on with are given up.
alter table upload add column active_at ${timestamp} not null default 0;
update upload set active_at = created_at;
