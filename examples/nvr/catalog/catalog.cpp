#include "catalog/catalog.hpp"

#include "catalog/schema.hpp"

#include <algorithm>

namespace nvr {

using namespace bobbin;

namespace {

constexpr std::string_view kinds[] = {"main", "sub", "ext"};

constexpr const char* sql_columns =
    "select id, start_90k, wall_duration_90k, media_duration_90k, run_start, open, samples, bytes, "
    "sample_entry, trailing_zero, end_reason from recording ";
// Not those that are set aside. The first condition is that of the index.
constexpr const char* sql_is_sound = "and id not in (select id from object where state <> 2 and state = 4) ";

Result<std::vector<Recording>> read_recordings(SqliteStatement& select) {
    std::vector<Recording> all;
    using I = std::int64_t;
    const auto read =
        select.each<ObjectId, I, I, I, Sequence, OpenId, std::uint64_t, Bytes, std::uint32_t, bool,
                    std::optional<std::string>>(
            [&](ObjectId id, I start, I wall, I media, Sequence run_start, OpenId open,
                std::uint64_t samples, Bytes bytes, std::uint32_t entry, bool trailing_zero,
                std::optional<std::string> end_reason) {
                Recording recording;
                recording.id = id;
                recording.open = open;
                recording.start = WallTime{start};
                recording.wall_duration = WallDuration{wall};
                recording.media_duration = MediaDuration{media};
                recording.run_start = run_start;
                recording.samples = samples;
                recording.bytes = bytes;
                recording.sample_entry = entry;
                recording.has_trailing_zero = trailing_zero;
                recording.end_reason = std::move(end_reason);
                all.push_back(std::move(recording));
            });
    if (!read) return read.error();
    return all;
}

Result<std::vector<CameraStream>> read_streams(SqliteReader& reader, std::int64_t camera) {
    auto select = reader.statement(
        "select c.id, c.kind, c.url, c.retain_bytes, s.retain_bytes, c.recordings, "
        "c.wall_duration_90k, c.bytes, c.allocated from camera_stream c join stream s on s.id = c.id "
        "where c.camera = ?1 order by c.kind");
    if (!select) return select.error();
    if (auto ok = select->bind(camera); !ok) return ok.error();
    std::vector<CameraStream> all;
    const auto read = select->each<StreamId, std::uint8_t, std::string, std::optional<Bytes>, Bytes,
                                   std::int64_t, std::int64_t, Bytes, Bytes>(
        [&](StreamId id, std::uint8_t kind, std::string url, std::optional<Bytes> retain, Bytes limit,
            std::int64_t recordings, std::int64_t duration, Bytes bytes, Bytes allocated) {
            all.push_back({id, static_cast<StreamKind>(kind), std::move(url), retain, limit,
                           recordings, WallDuration{duration}, bytes, allocated});
        });
    if (!read) return read.error();
    return all;
}

Result<std::optional<std::int64_t>> find_camera(SqliteTransaction& tx, const std::string& name) {
    auto select = tx.statement("select id from camera where name = ?1");
    if (!select) return select.error();
    const auto found = select->one<std::int64_t>(name);
    if (!found) return found.error();
    if (!*found) return std::optional<std::int64_t>{};
    return std::optional{std::get<0>(**found)};
}

Result<std::int64_t> add_camera(SqliteTransaction& tx, const std::string& name, const Uuid& uuid) {
    if (auto ok = tx.run("insert into camera (uuid, name) values (?1, ?2)", uuid, name); !ok)
        return ok.error();
    const auto id = find_camera(tx, name);
    if (!id) return id.error();
    return **id;
}

}  // namespace

std::string_view name_of(StreamKind kind) noexcept {
    return kinds[static_cast<std::size_t>(kind) - 1];
}

std::optional<StreamKind> stream_kind(std::string_view name) noexcept {
    for (std::size_t i = 0; i < std::size(kinds); ++i)
        if (kinds[i] == name) return static_cast<StreamKind>(i + 1);
    return {};
}

Result<std::vector<Camera>> Catalog::cameras() {
    auto reader = store_->reader();
    if (!reader) return reader.error();
    if (auto ok = reader->snapshot(); !ok) return ok.error();
    auto select = reader->statement("select id, uuid, name, description from camera order by id");
    if (!select) return select.error();
    if (auto ok = select->bind(); !ok) return ok.error();
    std::vector<Camera> all;
    const auto read = select->each<std::int64_t, Uuid, std::string, std::string>(
        [&](std::int64_t id, Uuid uuid, std::string name, std::string description) {
            all.push_back({id, uuid, std::move(name), std::move(description), {}});
        });
    if (!read) return read.error();
    for (auto& camera : all) {
        auto streams = read_streams(*reader, camera.id);
        if (!streams) return streams.error();
        camera.streams = std::move(*streams);
    }
    return all;
}

Result<void> Catalog::put_camera(const std::string& name, const std::string& url,
                                 std::optional<Bytes> retain) {
    const auto known = cameras();
    if (!known) return known.error();
    const auto found = std::ranges::find(*known, name, &Camera::name);
    const auto uuid = found == known->end() ? random_uuid() : found->uuid;
    // The store's stream has a name that stays when the camera gets another.
    auto stream = store_->stream(to_string(uuid) + "/main");
    if (!stream) return stream.error();

    auto tx = store_->begin();
    if (!tx) return tx.error();
    auto camera = found == known->end() ? add_camera(*tx, name, uuid) : Result<std::int64_t>{found->id};
    if (!camera) return camera.error();
    if (auto ok = tx->run("insert into camera_stream (id, camera, kind, url, retain_bytes) "
                          "values (?1, ?2, 1, ?3, ?4) on conflict (id) do update set "
                          "url = excluded.url, retain_bytes = coalesce(excluded.retain_bytes, retain_bytes)",
                          *stream, *camera, url, retain);
        !ok)
        return ok;
    return tx->commit();
}

Result<void> Catalog::share_space(Bytes space) {
    auto all = cameras();
    if (!all) return all.error();
    std::uint64_t sharing = 0;
    for (const auto& camera : *all)
        for (const auto& stream : camera.streams) {
            sharing += stream.retain ? 0 : 1;
            if (stream.retain) space -= *stream.retain;
        }
    auto tx = store_->begin();
    if (!tx) return tx.error();
    for (const auto& camera : *all)
        for (const auto& stream : camera.streams) {
            const auto share = Bytes{std::max<std::uint64_t>(1, sharing ? space.value / sharing : 1)};
            const auto limit = stream.retain.value_or(share);
            if (auto ok = tx->set_retention(stream.id, limit); !ok) return ok;
        }
    return tx->commit();
}

const char* Catalog::sql_by_time() noexcept {
    static const std::string sql = std::string{sql_columns} +
                                   "where stream = ?1 and start_90k > ?2 and start_90k < ?3 " +
                                   sql_is_sound + "order by start_90k";
    return sql.c_str();
}

Result<std::vector<Recording>> Catalog::by_time(StreamId stream, WallTime from, WallTime to) {
    auto reader = store_->reader();
    if (!reader) return reader.error();
    auto select = reader->statement(sql_by_time());
    if (!select) return select.error();
    // Nothing is longer, so what started earlier has ended before `from`.
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    const auto first = from.ticks < least + longest_recording.count ? least
                                                                    : from.ticks - longest_recording.count;
    if (auto ok = select->bind(stream, first, to.ticks); !ok) return ok.error();
    auto all = read_recordings(*select);
    if (all) std::erase_if(*all, [&](const Recording& r) { return r.end() <= from; });
    return all;
}

Result<std::vector<Recording>> Catalog::by_number(StreamId stream, Sequence first, Sequence last) {
    auto reader = store_->reader();
    if (!reader) return reader.error();
    static const std::string sql =
        std::string{sql_columns} + "where id between ?1 and ?2 " + sql_is_sound + "order by id";
    auto select = reader->statement(sql);
    if (!select) return select.error();
    if (auto ok = select->bind(ObjectId{stream, first}, ObjectId{stream, last}); !ok) return ok.error();
    return read_recordings(*select);
}

Result<std::optional<TimeSpan>> Catalog::span_of(StreamId stream) {
    auto reader = store_->reader();
    if (!reader) return reader.error();
    auto select = reader->statement(
        "with ends (first, last) as (select "
        "(select start_90k from recording where stream = ?1 order by start_90k limit 1), "
        "(select start_90k from recording where stream = ?1 order by start_90k desc limit 1)) "
        "select first, (select max(start_90k + wall_duration_90k) from recording "
        "where stream = ?1 and start_90k > last - 27000000) from ends where first is not null");
    if (!select) return select.error();
    const auto found = select->one<std::int64_t, std::int64_t>(stream);
    if (!found) return found.error();
    if (!*found) return std::optional<TimeSpan>{};
    const auto [first, last] = **found;
    return std::optional{TimeSpan{WallTime{first}, WallTime{last}}};
}

}  // namespace nvr
