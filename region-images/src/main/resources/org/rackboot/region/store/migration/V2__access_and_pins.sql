-- How a source is reached: further addresses of the same stream (one a line), a proxy, certificates to trust (PEM).
alter table boot_source add column mirrors text not null default '';
alter table boot_source add column proxy text;
alter table boot_source add column ca_certificates text;
alter table boot_source add column start_path text; -- The metadata file to begin with, if not the usual index.

-- The version that machines get although there are newer ones; kept whatever else is deleted.
alter table image add column pinned_serial text;
