#ifndef NVR_HTTP_ENTITY_HPP
#define NVR_HTTP_ENTITY_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace nvr::http {

/// A stretch of an entity: bytes in memory, or of an open file.
struct Piece {
    bobbin::ByteView memory;   ///< where `file` is none
    int file = -1;
    std::uint64_t offset = 0;  ///< in the file
    std::uint64_t length = 0;  ///< bytes, of either kind
    std::shared_ptr<const void> keeps;  ///< what the piece looks at
};

/// Walks through a stretch of an entity. External sync.
class Pieces {
public:
    virtual ~Pieces() = default;
    /// The next one, never empty; none at the end. Valid until the next call.
    virtual bobbin::Result<std::optional<Piece>> next() = 0;
};

/// Something of known size that is sent in parts: immutable.
class Entity {
public:
    virtual ~Entity() = default;
    virtual std::uint64_t size() const noexcept = 0;
    /// The bytes [begin, end). The entity must outlive them.
    virtual std::unique_ptr<Pieces> pieces(std::uint64_t begin, std::uint64_t end) const = 0;

    std::string content_type;
    std::string etag;  ///< with its quotes; empty: none
    std::optional<std::chrono::sys_seconds> last_modified;
};

}  // namespace nvr::http

#endif
