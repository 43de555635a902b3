#ifndef NVR_CATALOG_CATALOG_HPP
#define NVR_CATALOG_CATALOG_HPP

#include "catalog/recording.hpp"

#include <bobbin/core/bytes.hpp>
#include <bobbin/store/sqlite.hpp>

#include <optional>
#include <string>
#include <vector>

namespace nvr {

enum class StreamKind : std::uint8_t { main = 1, sub = 2, ext = 3 };

std::string_view name_of(StreamKind kind) noexcept;
std::optional<StreamKind> stream_kind(std::string_view name) noexcept;

struct CameraStream {
    bobbin::StreamId id;  ///< the store's
    StreamKind kind = StreamKind::main;
    std::string url;
    std::optional<bobbin::Bytes> retain;  ///< none: a share of the disk
    bobbin::Bytes limit;                  ///< what the store keeps to
    // Totals of what is committed.
    std::int64_t recordings = 0;
    bobbin::WallDuration duration{};
    bobbin::Bytes bytes;
    bobbin::Bytes allocated;
};

struct Camera {
    std::int64_t id = 0;
    bobbin::Uuid uuid;
    std::string name;
    std::string description;
    std::vector<CameraStream> streams;
};

/// [first start, last end) of what a stream has.
struct TimeSpan {
    bobbin::WallTime start{};
    bobbin::WallTime end{};
};

/// Cameras and recordings as the store knows them. Internally synchronised: reads go by connections
/// of their own.
class Catalog {
public:
    explicit Catalog(bobbin::SqliteStore& store) noexcept : store_{&store} {}

    bobbin::Result<std::vector<Camera>> cameras();

    /// Adds a camera with a main stream, or updates the URL (and the quota, if one is given) of the
    /// one of that name. Before anything is recorded.
    bobbin::Result<void> put_camera(const std::string& name, const std::string& url,
                                    std::optional<bobbin::Bytes> retain);

    /// Shares `space` equally among the streams without a quota of their own, after those with one.
    bobbin::Result<void> share_space(bobbin::Bytes space);

    /// Recordings of which some part lies in [from, to), by their start: one range scan.
    bobbin::Result<std::vector<Recording>> by_time(bobbin::StreamId stream, bobbin::WallTime from,
                                                   bobbin::WallTime to);
    /// Recordings first ≤ number ≤ last, by number.
    bobbin::Result<std::vector<Recording>> by_number(bobbin::StreamId stream, bobbin::Sequence first,
                                                     bobbin::Sequence last);
    bobbin::Result<std::optional<TimeSpan>> span_of(bobbin::StreamId stream);

    bobbin::SqliteStore& store() noexcept { return *store_; }

    static const char* sql_by_time() noexcept;

private:
    bobbin::SqliteStore* store_;
};

}  // namespace nvr

#endif
