#ifndef NVR_CATALOG_SCHEMA_HPP
#define NVR_CATALOG_SCHEMA_HPP

#include <bobbin/core/ticks.hpp>
#include <bobbin/store/sqlite_schema.hpp>

#include <cstddef>

namespace nvr {

/// Of any recording: what lets a range of time be found by one range of starts. The tables check it.
inline constexpr bobbin::WallDuration longest_recording{300 * 90'000};

/// Of a sample entry; the tables check it, and what comes from a camera is refused before.
inline constexpr std::size_t most_entry_bytes = 1'048'576;

/// The recorder's tables. Released steps never change; new ones are added at the end.
inline constexpr auto nvr_schema = bobbin::schema_steps("nvr", {
    R"(create table camera (
  id integer primary key,
  uuid blob not null unique check (length(uuid) = 16),
  name text not null unique check (length(name) between 1 and 100),
  description text not null default ''
) strict)",
    R"(create table camera_stream (
  id integer primary key references stream (id),
  camera integer not null references camera (id),
  kind integer not null check (kind between 1 and 3),
  url text not null check (length(url) between 1 and 2000),
  retain_bytes integer check (retain_bytes >= 1),
  recordings integer not null default 0 check (recordings >= 0),
  wall_duration_90k integer not null default 0 check (wall_duration_90k >= 0),
  bytes integer not null default 0 check (bytes >= 0),
  allocated integer not null default 0 check (allocated >= 0),
  media_ever_90k integer not null default 0 check (media_ever_90k >= 0),
  runs_ever integer not null default 0 check (runs_ever >= 0),
  unique (camera, kind)
) strict)",
    R"(create table sample_entry (
  id integer primary key,
  box blob not null unique check (length(box) between 94 and 1048576)
) strict)",
    R"(create table recording_begun (
  id integer primary key references object (id),
  start_90k integer not null,
  run_start integer not null check (run_start between 1 and (id & 4294967295)),
  sample_entry integer not null references sample_entry (id)
) strict)",
    R"(create table recording (
  id integer primary key references object (id),
  stream integer not null references camera_stream (id) check (stream = id >> 32),
  open integer not null references open (id),
  start_90k integer not null,
  wall_duration_90k integer not null check (wall_duration_90k between 1 and 27000000),
  media_duration_90k integer not null check (media_duration_90k between 0 and 27000000),
  local_start_delta_90k integer not null,
  run_start integer not null check (run_start between 1 and (id & 4294967295)),
  samples integer not null check (samples >= 1),
  sync_samples integer not null check (sync_samples between 1 and samples),
  bytes integer not null check (bytes >= samples),
  allocated integer not null check (allocated >= bytes),
  sample_entry integer not null references sample_entry (id),
  trailing_zero integer not null check (trailing_zero in (0, 1)),
  end_reason text check (length(end_reason) between 1 and 500),
  prev_media_90k integer not null check (prev_media_90k >= 0),
  prev_runs integer not null check (prev_runs >= 0)
) strict)",
    R"(create index recording_by_time on recording (stream, start_90k, wall_duration_90k,
  media_duration_90k, run_start, open, samples, bytes, sample_entry, trailing_zero, end_reason))",
    R"(create trigger recording_added after insert on recording begin
  update camera_stream set recordings = recordings + 1,
    wall_duration_90k = wall_duration_90k + new.wall_duration_90k,
    bytes = bytes + new.bytes, allocated = allocated + new.allocated,
    media_ever_90k = media_ever_90k + new.media_duration_90k,
    runs_ever = runs_ever + (new.run_start = (new.id & 4294967295))
  where id = new.stream;
end)",
    R"(create trigger recording_removed after delete on recording begin
  update camera_stream set recordings = recordings - 1,
    wall_duration_90k = wall_duration_90k - old.wall_duration_90k,
    bytes = bytes - old.bytes, allocated = allocated - old.allocated
  where id = old.stream;
end)",
});

}  // namespace nvr

#endif
