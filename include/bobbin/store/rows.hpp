#ifndef BOBBIN_STORE_ROWS_HPP
#define BOBBIN_STORE_ROWS_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/end_reason.hpp>
#include <bobbin/core/ids.hpp>
#include <bobbin/core/result.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace bobbin {

enum class ObjectState : std::uint8_t { growing = 1, committed = 2, garbage = 3, quarantined = 4 };

/// A digest of up to 32 bytes; its format says how many count.
struct DigestValue {
    std::array<std::byte, 32> bytes{};
    std::uint8_t size = 0;

    ByteView view() const noexcept { return {bytes.data(), size}; }
    static Result<DigestValue> from(ByteView view) noexcept {
        if (view.size() > 32) return Error{Errc::store_invariant, Operation::query};
        DigestValue value;
        std::ranges::copy(view, value.bytes.begin());
        value.size = static_cast<std::uint8_t>(view.size());
        return value;
    }
    friend bool operator==(const DigestValue&, const DigestValue&) = default;
};

/// An object as the store knows it.
struct ObjectRow {
    ObjectId id;
    DirectoryId directory;
    OpenId open;  ///< which wrote it
    ObjectState state = ObjectState::growing;
    EndReason end_reason = EndReason::growing;
    bool is_protected = false;
    bool is_recovered = false;
    Bytes size;       ///< of data that counts: all of it, or up to the last mark
    Bytes allocated;  ///< `size` rounded up to the blocks of its file system
    FormatId index_format;
    FormatId digest_format;
    DigestValue digest;  ///< over the digests of its blocks
};

/// Parts of an object that grow with it, in the order of their numbers.
enum class PieceKind : std::uint8_t {
    index = 1,
    block_digests = 2,
    /// The bytes of the last, partly filled sector of a mark. What is written behind them rewrites
    /// that sector; should the write tear, recovery puts them back.
    tail = 3,
    /// What a soft mark says beyond the last hard one; the next mark replaces it.
    soft_mark = 4,
};

/// What a commit that has answered ok outlasts.
enum class Durability : std::uint8_t {
    hard,  ///< a loss of power
    soft,  ///< the death of the process; a loss of power from the next hard commit on
};

/// What may tear as a whole when power fails: a page.
inline constexpr std::uint64_t sector_size = 4096;

struct Piece {
    ObjectId object;
    PieceKind kind = PieceKind::index;
    std::uint32_t number = 0;
    ByteView bytes;
};

/// Also the largest number that every store can hold.
inline constexpr Bytes no_limit{INT64_MAX};

struct StreamOptions {
    Bytes retain = no_limit;  ///< the most its objects may take on disk; 0 is refused
};

namespace detail {

/// Whether it is rows that contradict something, the program's or the store's, and not a disk.
constexpr bool is_refusal(const Error& error) noexcept {
    switch (error.kind()) {
        case ErrorKind::bad_input:
        case ErrorKind::stale: return true;
        // A database that can't be read says nothing about a row.
        case ErrorKind::corrupt:
        case ErrorKind::permanent: return error.domain == Domain::bobbin;
        default: return false;
    }
}

}  // namespace detail

struct StreamRow {
    StreamId id;
    std::string name;
    Bytes retain;
};

/// What one stream has in one directory. Kept when the objects are gone, so that no number is used
/// twice.
struct UsageRow {
    StreamId stream;
    DirectoryId directory;
    Sequence highest = 0;        ///< the highest number ever used
    std::uint64_t objects = 0;   ///< committed
    Bytes allocated;             ///< by committed objects
};

struct DirectoryRow {
    DirectoryId id;
    Uuid uuid;
    OpenId last_open;  ///< the last that was completed there; 0: none
    Uuid last_open_uuid;
};

}  // namespace bobbin

#endif
