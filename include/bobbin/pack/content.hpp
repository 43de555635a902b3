#ifndef BOBBIN_PACK_CONTENT_HPP
#define BOBBIN_PACK_CONTENT_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/pack/detail/fields.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// The address of a chunk or of another record: the collision-resistant digest of its bytes.
using Address = std::array<std::byte, 32>;

/// Limits of contents and their lists.
struct ContentLimits {
    static constexpr std::uint64_t size = std::numeric_limits<std::int64_t>::max();
    static constexpr std::uint64_t chunk = std::uint64_t{1} << 31;
    static constexpr std::size_t in_entry = 64;  ///< extents
    static constexpr std::size_t in_list = 1024;
    /// From here on a list ends behind an address that begins with a byte of zero.
    static constexpr std::size_t list_may_end = 64;
    static constexpr std::uint8_t level = 8;
};

/// A part of a content: at level 0 a chunk or a hole, above it a list of extents of the level
/// below.
struct Extent {
    std::uint64_t length = 0;  ///< bytes of the content
    Address address{};         ///< zero for a hole
    bool is_hole = false;      ///< reads as zeros, and takes no room
    friend bool operator==(const Extent&, const Extent&) = default;
};

/// The bytes of a file, by address. One of more than `ContentLimits::in_entry` extents is a tree of
/// lists, so that its size in an entry is bounded; `ContentBuilder` makes it.
struct Content {
    std::uint64_t size = 0;
    std::uint8_t level = 0;  ///< of its extents
    std::vector<Extent> extents;
    friend bool operator==(const Content&, const Content&) = default;
};

namespace detail {

/// Whether `content` may be encoded: levels and lengths in range, no hole beside another, the sum
/// right.
inline bool is_valid(const Content& content, std::size_t most) noexcept {
    const auto longest = content.level == 0 ? ContentLimits::chunk : ContentLimits::size;
    if (content.size > ContentLimits::size || content.level > ContentLimits::level ||
        content.extents.size() > most || (content.level != 0 && content.extents.empty()))
        return false;
    auto left = content.size;
    bool is_behind_hole = false;
    for (const auto& extent : content.extents) {
        if (extent.length == 0 || extent.length > left) return false;
        if (extent.is_hole ? content.level != 0 || is_behind_hole || extent.address != Address{}
                           : extent.length > longest)
            return false;
        left -= extent.length;
        is_behind_hole = extent.is_hole;
    }
    return left == 0;
}

inline void put_extents(std::vector<std::byte>& to, const Content& content) {
    for (const auto& extent : content.extents) {
        put_varint(to, extent.length << 1 | (extent.is_hole ? 1U : 0U));
        if (!extent.is_hole) put_bytes(to, extent.address);
    }
}

/// Fills in the extents, which end where their sum is `content.size`.
/// @allocates `content.extents`, by no more than is left to read
inline void read_extents(FieldReader& from, Content& content, std::size_t most) {
    const auto longest = content.level == 0 ? ContentLimits::chunk : ContentLimits::size;
    content.extents.clear();
    bool is_behind_hole = false;
    for (auto left = content.size; left != 0 && !from.has_failed();) {
        const auto code = from.varint();
        Extent extent{code >> 1, {}, (code & 1) != 0};
        if (extent.length == 0 || extent.length > left || content.extents.size() == most ||
            (extent.is_hole ? content.level != 0 || is_behind_hole : extent.length > longest))
            return from.fail(Errc::tree_malformed);
        if (!extent.is_hole)
            std::ranges::copy(from.bytes(extent.address.size()), extent.address.begin());
        left -= extent.length;
        is_behind_hole = extent.is_hole;
        content.extents.push_back(extent);
    }
}

}  // namespace detail

/// A record that holds the extents of a part of a large content.
/// @source docs/formats.md, "Content list"
struct ContentList {
    /// @errors `invalid_argument`: no list can be like that; `out_of_memory`
    /// @allocates the result
    static Result<std::vector<std::byte>> encode(const Content& list) noexcept {
        return bobbin::detail::without_throwing(
            Operation::encode, [&]() -> Result<std::vector<std::byte>> {
                if (list.extents.empty() || list.level >= ContentLimits::level ||
                    !detail::is_valid(list, ContentLimits::in_list))
                    return Error{Errc::invalid_argument, Operation::encode};
                std::vector<std::byte> bytes;
                bytes.reserve(16 + list.extents.size() * (5 + sizeof(Address)));
                detail::put_bytes(bytes, as_bytes(magic));
                detail::put_byte(bytes, version);
                detail::put_byte(bytes, list.level);
                detail::put_varint(bytes, list.size);
                detail::put_extents(bytes, list);
                return bytes;
            });
    }

    /// A list of which `bytes` is all.
    /// @errors `tree_malformed`; `format_unknown`: another version; `out_of_memory`
    /// @allocates the result, in proportion to `bytes`
    static Result<Content> decode(ByteView bytes) noexcept {
        return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<Content> {
            detail::FieldReader from{bytes};
            if (as_text(from.bytes(magic.size())) != magic) from.fail(Errc::tree_malformed);
            if (from.byte() != version) from.fail(Errc::format_unknown);
            Content list;
            list.level = static_cast<std::uint8_t>(from.byte());
            if (list.level >= ContentLimits::level) from.fail(Errc::tree_malformed);
            list.size = from.varint(1, ContentLimits::size);
            detail::read_extents(from, list, ContentLimits::in_list);
            if (const auto error = from.finish()) return *error;
            return list;
        });
    }

private:
    static constexpr std::string_view magic = "BPcl";
    static constexpr unsigned version = 1;
};

/// Makes a content of its chunks and holes, one after the other, in bounded memory: 1024 extents
/// for each level. Large ones become lists, which it gives to `Store`, a
/// `Result<Address>(ByteView)`.
///
/// The same chunks and holes make the same lists. Where a list ends is told by the addresses in it,
/// so that a chunk put in or taken out changes the lists around it and not all that follow.
/// External sync.
template <class Store>
    requires std::same_as<std::invoke_result_t<Store&, ByteView>, Result<Address>>
class ContentBuilder {
public:
    explicit ContentBuilder(Store store) : store_{std::move(store)} {}

    /// After an error of any of the three there is no content.
    /// @errors `invalid_argument`: empty, or over `ContentLimits`; `out_of_memory`; `Store`'s
    Result<void> add_chunk(const Address& address, std::uint64_t length) noexcept {
        if (length > ContentLimits::chunk) return Error{Errc::invalid_argument, Operation::encode};
        return add({length, address, false});
    }
    /// Two, one after the other, are one.
    Result<void> add_hole(std::uint64_t length) noexcept { return add({length, {}, true}); }

    /// The content, and all is begun anew.
    Result<Content> finish() noexcept {
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<Content> {
            if (last_.length != 0)
                if (auto put = push(0, last_); !put) return put.error();
            Content content;
            for (std::size_t level = 0; level < levels_.size(); ++level) {
                auto& extents = levels_[level].extents;
                if (!levels_[level].has_lists && extents.size() <= ContentLimits::in_entry) {
                    content = {size_, static_cast<std::uint8_t>(level), std::move(extents)};
                    break;
                }
                if (!extents.empty())
                    if (auto put = end_list(level); !put) return put.error();
            }
            levels_.clear();
            last_ = {};
            size_ = 0;
            return content;
        });
    }

private:
    struct Level {
        std::vector<Extent> extents;  // of the list that is open
        bool has_lists = false;       // some were ended
    };

    Result<void> add(const Extent& extent) noexcept {
        if (extent.length == 0 || extent.length > ContentLimits::size - size_)
            return Error{Errc::invalid_argument, Operation::encode};
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<void> {
            if (extent.is_hole && last_.is_hole) {
                last_.length += extent.length;
            } else {
                if (last_.length != 0)
                    if (auto put = push(0, last_); !put) return put;
                last_ = extent;
            }
            size_ += extent.length;
            return {};
        });
    }

    Result<void> push(std::size_t level, const Extent& extent) {
        if (level > ContentLimits::level) return Error{Errc::invalid_argument, Operation::encode};
        if (level == levels_.size()) levels_.emplace_back();
        auto& extents = levels_[level].extents;
        extents.push_back(extent);
        const bool may_end = extents.size() >= ContentLimits::list_may_end && !extent.is_hole &&
                             extent.address[0] == std::byte{0};
        if (may_end || extents.size() == ContentLimits::in_list) return end_list(level);
        return {};
    }

    Result<void> end_list(std::size_t level) {
        Content list{0, static_cast<std::uint8_t>(level), {}};
        list.extents.swap(levels_[level].extents);
        for (const auto& extent : list.extents) list.size += extent.length;
        levels_[level].has_lists = true;
        const auto bytes = ContentList::encode(list);
        if (!bytes) return bytes.error();
        const auto address = store_(ByteView{*bytes});
        if (!address) return address.error();
        return push(level + 1, {list.size, *address, false});
    }

    Store store_;
    std::vector<Level> levels_;
    Extent last_;  // not pushed yet, as a hole may grow; of length 0: none
    std::uint64_t size_ = 0;
};

namespace detail {

template <class Fetch, class Visit>
Result<void> for_each_chunk(const Content& content, Fetch& fetch, Visit& visit,
                            bool& is_behind_hole) {
    for (const auto& extent : content.extents) {
        if (content.level == 0) {
            // Only where one list ends and the next begins can it be.
            if (extent.is_hole && is_behind_hole)
                return Error{Errc::tree_malformed, Operation::decode};
            is_behind_hole = extent.is_hole;
            if (auto went = visit(extent); !went) return went;
            continue;
        }
        auto bytes = fetch(extent.address);
        if (!bytes) return bytes.error();
        auto list = ContentList::decode(*bytes);
        if (!list) return list.error();
        if (list->level + 1 != content.level || list->size != extent.length)
            return Error{Errc::tree_malformed, Operation::decode};
        *bytes = std::vector<std::byte>{};
        if (auto went = for_each_chunk(*list, fetch, visit, is_behind_hole); !went) return went;
    }
    return {};
}

}  // namespace detail

/// Calls `visit(extent)`, a `Result<void>`, for each chunk and hole of a content that was decoded,
/// in their order. Stops at the first error. It holds one list of each level; a content of *n*
/// bytes may have *n* chunks.
/// @param fetch gives the record of an address, checked: a `Result<std::vector<std::byte>>`
/// @errors those of both functions; `tree_malformed`: a list is not of the level or length that is
///   said where it is named; `format_unknown`; `out_of_memory`
template <class Fetch, class Visit>
Result<void> for_each_chunk(const Content& content, Fetch&& fetch, Visit&& visit) {
    bool is_behind_hole = false;
    return detail::for_each_chunk(content, fetch, visit, is_behind_hole);
}

}  // namespace bobbin::pack

#endif
