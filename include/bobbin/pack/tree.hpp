#ifndef BOBBIN_PACK_TREE_HPP
#define BOBBIN_PACK_TREE_HPP

#include <bobbin/core/bytes.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/content.hpp>
#include <bobbin/pack/detail/fields.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// Limits of the entries of a tree node.
struct TreeLimits {
    static constexpr std::size_t name = 4095;           ///< bytes, and of a symlink's target
    static constexpr std::size_t owner_name = 255;      ///< bytes
    static constexpr std::size_t attribute_name = 255;  ///< bytes
    static constexpr std::size_t entry = std::size_t{1} << 20;  ///< bytes, encoded
    static constexpr std::size_t smallest_node = 6;             ///< bytes, of an empty directory
    static constexpr std::size_t depth = 4096;  ///< directories on the way below the root's
};

enum class EntryKind : std::uint8_t { file = 1, directory, symlink };

using bobbin::Attribute;
using bobbin::FileTime;

/// What a tree knows of a name in a directory. Names, targets and values are bytes.
struct TreeEntry {
    std::string name;  ///< 1 to 4095 bytes, no '/', no zero, neither "." nor ".."
    EntryKind kind = EntryKind::file;
    std::uint32_t mode = 0;  ///< permissions, and set-user-id, set-group-id, sticky: 07777
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::string user_name;  ///< empty: not known
    std::string group_name;
    FileTime modified;
    std::vector<Attribute> attributes;  ///< by name, ascending
    /// The same number for all names of one file in a snapshot; 0: it has no other name. The
    /// inode's number lets unchanged directories keep their bytes. Not of directories.
    std::uint64_t hard_link = 0;
    Content content;     ///< of a file; of a directory, the bytes of its node, without a hole
    std::string target;  ///< of a symlink: 1 to 4095 bytes without a zero
    friend bool operator==(const TreeEntry&, const TreeEntry&) = default;
};

/// Whether two names with one number of `hard_link` are of one file. While a tree is saved an inode may
/// go and be used again, and with it the number.
/// @allocates a copy
inline bool is_same_file(const TreeEntry& a, TreeEntry b) {
    b.name = a.name;
    return a == b;
}

namespace detail {

inline constexpr std::string_view tree_magic = "BPtn";
inline constexpr unsigned tree_version = 1;

struct TreeFlag {
    static constexpr unsigned user_name = 1;
    static constexpr unsigned group_name = 2;
    static constexpr unsigned attributes = 4;
    static constexpr unsigned hard_link = 8;
    static constexpr unsigned lists = 16;
    static constexpr unsigned all = 31;
};

inline bool has_zero(std::string_view text) noexcept { return text.find('\0') != text.npos; }

inline bool is_entry_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= TreeLimits::name && name != "." && name != ".." &&
           name.find('/') == name.npos && !has_zero(name);
}

inline bool is_text(std::string_view text, std::size_t least, std::size_t most) noexcept {
    return text.size() >= least && text.size() <= most && !has_zero(text);
}

/// Whether both ends of the format take it; all but the size of the whole.
inline bool is_valid(const TreeEntry& entry) noexcept {
    const bool is_directory = entry.kind == EntryKind::directory;
    const bool is_symlink = entry.kind == EntryKind::symlink;
    if (entry.kind < EntryKind::file || entry.kind > EntryKind::symlink) return false;
    if (!is_entry_name(entry.name) || entry.mode > 07777 ||
        entry.modified.nanoseconds >= 1'000'000'000 ||
        !is_text(entry.user_name, 0, TreeLimits::owner_name) ||
        !is_text(entry.group_name, 0, TreeLimits::owner_name) ||
        !is_text(entry.target, is_symlink ? 1 : 0, is_symlink ? TreeLimits::name : 0))
        return false;
    const std::string* previous = nullptr;
    for (const auto& attribute : entry.attributes) {
        if (!is_text(attribute.name, 1, TreeLimits::attribute_name) ||
            (previous && *previous >= attribute.name))
            return false;
        previous = &attribute.name;
    }
    if (is_symlink) return entry.content == Content{};
    if (is_directory && (entry.hard_link != 0 || entry.content.size < TreeLimits::smallest_node ||
                         std::ranges::any_of(entry.content.extents, &Extent::is_hole)))
        return false;
    return is_valid(entry.content, ContentLimits::in_entry);
}

/// Appends a valid entry.
inline void put_entry(std::vector<std::byte>& to, const TreeEntry& entry) {
    const unsigned flags = (entry.user_name.empty() ? 0U : TreeFlag::user_name) |
                           (entry.group_name.empty() ? 0U : TreeFlag::group_name) |
                           (entry.attributes.empty() ? 0U : TreeFlag::attributes) |
                           (entry.hard_link == 0 ? 0U : TreeFlag::hard_link) |
                           (entry.content.level == 0 ? 0U : TreeFlag::lists);
    put_text(to, entry.name);
    put_byte(to, static_cast<unsigned>(entry.kind));
    put_byte(to, flags);
    put_varint(to, entry.mode);
    put_varint(to, entry.user);
    put_varint(to, entry.group);
    put_varint(to, zigzag(entry.modified.seconds));
    put_varint(to, entry.modified.nanoseconds);
    if (flags & TreeFlag::user_name) put_text(to, entry.user_name);
    if (flags & TreeFlag::group_name) put_text(to, entry.group_name);
    if (flags & TreeFlag::attributes) {
        put_varint(to, entry.attributes.size());
        for (const auto& attribute : entry.attributes) {
            put_text(to, attribute.name);
            put_text(to, attribute.value);
        }
    }
    if (flags & TreeFlag::hard_link) put_varint(to, entry.hard_link);
    if (entry.kind == EntryKind::symlink) return put_text(to, entry.target);
    put_varint(to, entry.content.size);
    if (flags & TreeFlag::lists) put_byte(to, entry.content.level);
    put_extents(to, entry.content);
}

/// What `put_entry` made, or an error. It uses the room that `entry` has.
/// @allocates in proportion to `bytes`
inline std::optional<Error> read_entry(ByteView bytes, TreeEntry& entry) {
    FieldReader from{bytes};
    entry.name = from.text(1, TreeLimits::name);
    const auto kind = from.byte();
    const auto flags = from.byte();
    if (kind < 1 || kind > 3 || (flags & ~TreeFlag::all) != 0) from.fail(Errc::format_unknown);
    entry.kind = static_cast<EntryKind>(kind);
    entry.mode = static_cast<std::uint32_t>(from.varint(0, 07777));
    entry.user = static_cast<std::uint32_t>(from.varint(0, UINT32_MAX));
    entry.group = static_cast<std::uint32_t>(from.varint(0, UINT32_MAX));
    entry.modified.seconds = unzigzag(from.varint());
    entry.modified.nanoseconds = static_cast<std::uint32_t>(from.varint(0, 999'999'999));
    const auto owner_name = [&](unsigned flag) {
        return flags & flag ? from.text(1, TreeLimits::owner_name) : std::string_view{};
    };
    entry.user_name = owner_name(TreeFlag::user_name);
    entry.group_name = owner_name(TreeFlag::group_name);
    std::size_t attributes = 0;
    if (flags & TreeFlag::attributes) {
        // The shortest takes three bytes.
        attributes = static_cast<std::size_t>(
            from.varint(1, std::max<std::size_t>(from.remaining() / 3, 1)));
    }
    if (from.has_failed()) return from.finish();
    entry.attributes.resize(attributes);
    for (auto& attribute : entry.attributes) {
        attribute.name = from.text(1, TreeLimits::attribute_name);
        attribute.value = from.text(0, TreeLimits::entry);
    }
    entry.hard_link = flags & TreeFlag::hard_link ? from.varint(1, UINT64_MAX) : 0;
    entry.target.clear();
    entry.content.extents.clear();
    entry.content.size = 0;
    entry.content.level = 0;
    if (entry.kind == EntryKind::symlink) {
        if (flags & TreeFlag::lists) from.fail(Errc::tree_malformed);
        entry.target = from.text(1, TreeLimits::name);
    } else {
        entry.content.size = from.varint(0, ContentLimits::size);
        if (flags & TreeFlag::lists) {
            entry.content.level = static_cast<std::uint8_t>(from.byte());
            if (entry.content.level < 1 || entry.content.level > ContentLimits::level)
                from.fail(Errc::tree_malformed);
        }
        read_extents(from, entry.content, ContentLimits::in_entry);
    }
    if (auto error = from.finish()) return error;
    if (!is_valid(entry)) return Error{Errc::tree_malformed, Operation::decode};
    return {};
}

}  // namespace detail

/// Encodes a tree node: the entries of one directory. The same entries make the same bytes. They
/// come out piece by piece, so that a directory of any size takes little memory. External sync.
/// @source docs/formats.md, "Tree node"
class TreeEncoder {
public:
    /// Adds the next entry in the order of their names as bytes.
    /// @errors `name_invalid`; `invalid_argument`: it breaks a rule of `TreeEntry` or
    ///   `ContentLimits`, or its name is not greater than the one before, or `finish` was called;
    ///   `out_of_range`: it has more than `TreeLimits::entry` bytes; `out_of_memory`; all leave the
    ///   encoder as it was
    /// @allocates for the bytes not yet taken
    Result<void> add(const TreeEntry& entry) noexcept {
        if (!detail::is_entry_name(entry.name)) return Error{Errc::name_invalid, Operation::encode};
        if (is_finished_ || entry.name <= previous_ || !detail::is_valid(entry))
            return Error{Errc::invalid_argument, Operation::encode};
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<void> {
            drop_taken();
            body_.clear();
            detail::put_entry(body_, entry);
            if (body_.size() > TreeLimits::entry)
                return Error{Errc::out_of_range, Operation::encode};
            make_room(body_.size() + detail::max_varint);
            previous_ = entry.name;
            detail::put_varint(piece_, body_.size());
            detail::put_bytes(piece_, body_);
            return {};
        });
    }

    /// Likewise of an entry that `detail::put_entry` or another encoder has made.
    /// @param encoded is taken as it is
    /// @errors `invalid_argument`: its name is not greater than the one before, or `finish` was
    ///   called; `out_of_range`, `out_of_memory`; all leave the encoder as it was
    Result<void> add_encoded(std::string_view name, ByteView encoded) noexcept {
        if (is_finished_ || name <= previous_)
            return Error{Errc::invalid_argument, Operation::encode};
        if (encoded.size() > TreeLimits::entry) return Error{Errc::out_of_range, Operation::encode};
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<void> {
            drop_taken();
            make_room(encoded.size() + detail::max_varint);
            previous_ = name;
            detail::put_varint(piece_, encoded.size());
            detail::put_bytes(piece_, encoded);
            return {};
        });
    }

    /// Ends the node.
    /// @errors `invalid_argument`: again; `out_of_memory`
    Result<void> finish() noexcept {
        if (is_finished_) return Error{Errc::invalid_argument, Operation::encode};
        return bobbin::detail::without_throwing(Operation::encode, [&]() -> Result<void> {
            drop_taken();
            make_room(1);
            detail::put_byte(piece_, 0);
            is_finished_ = true;
            return {};
        });
    }

    /// Bytes since the last call, valid until the next `add` or `finish`. All of them, one after
    /// the other, are the node.
    ByteView take_piece() noexcept {
        drop_taken();
        is_taken_ = true;
        return piece_;
    }
    /// How many bytes the next `take_piece` gives.
    std::size_t pending() const noexcept { return is_taken_ ? 0 : piece_.size(); }

private:
    void drop_taken() noexcept {
        if (is_taken_) piece_.clear();
        is_taken_ = false;
    }
    // So that nothing throws half-way; the header comes before the first bytes.
    void make_room(std::size_t size) {
        const auto needed = piece_.size() + detail::tree_magic.size() + 1 + size;
        if (needed > piece_.capacity()) piece_.reserve(std::max(needed, 2 * piece_.capacity()));
        if (std::exchange(has_header_, true)) return;
        detail::put_bytes(piece_, as_bytes(detail::tree_magic));
        detail::put_byte(piece_, detail::tree_version);
    }

    std::vector<std::byte> piece_;
    std::vector<std::byte> body_;
    std::string previous_;
    bool has_header_ = false;
    bool is_taken_ = false;
    bool is_finished_ = false;
};

/// Decodes a tree node, which may be any bytes, in pieces of any size. What it takes encodes to the
/// same bytes again. It holds the piece and one entry. External sync.
class TreeDecoder {
public:
    /// The next bytes of the node.
    /// @errors `out_of_memory`
    Result<void> add(ByteView piece) noexcept {
        return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<void> {
            bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(used_));
            used_ = 0;
            detail::put_bytes(bytes_, piece);
            return {};
        });
    }

    /// Whether there was an entry; if not, more bytes are needed, or the node `is_complete`.
    /// @errors `tree_malformed`: damaged, not canonical or beyond a limit; `format_unknown`: another
    ///   version, kind or flag; both stay, and `entry` means nothing. `out_of_memory`
    /// @allocates what of `entry` has not the room yet
    Result<bool> next(TreeEntry& entry) noexcept {
        if (wrong_) return *wrong_;
        return bobbin::detail::without_throwing(Operation::decode, [&]() -> Result<bool> {
            auto got = next_entry(entry);
            if (!got && got.error().code != static_cast<std::int32_t>(Errc::out_of_memory))
                wrong_ = got.error();
            return got;
        });
    }

    bool is_complete() const noexcept { return is_complete_ && !wrong_; }

    /// No bytes are left to add.
    /// @errors `tree_malformed`: the node has not ended; those of `next`
    Result<void> finish() const noexcept {
        if (wrong_) return *wrong_;
        if (!is_complete_) return malformed();
        return {};
    }

private:
    static Error malformed() noexcept { return {Errc::tree_malformed, Operation::decode}; }

    Result<bool> next_entry(TreeEntry& entry) {
        auto rest = ByteView{bytes_}.subspan(used_);
        if (is_complete_) {
            if (!rest.empty()) return malformed();
            return false;
        }
        if (!has_header_) {
            constexpr auto magic = detail::tree_magic;
            const auto size = std::min(rest.size(), magic.size());
            if (as_text(rest.first(size)) != magic.substr(0, size)) return malformed();
            if (rest.size() <= magic.size()) return false;
            if (std::to_integer<unsigned>(rest[magic.size()]) != detail::tree_version)
                return Error{Errc::format_unknown, Operation::decode};
            used_ += magic.size() + 1;
            rest = rest.subspan(magic.size() + 1);
            has_header_ = true;
        }
        const auto size = detail::get_varint(rest);
        if (size.is_truncated) return false;
        if (size.length == 0 || size.value > TreeLimits::entry) return malformed();
        rest = rest.subspan(size.length);
        if (size.value == 0) {
            used_ += size.length;
            is_complete_ = true;
            if (!rest.empty()) return malformed();
            return false;
        }
        if (size.value > rest.size()) return false;
        const auto body = rest.first(static_cast<std::size_t>(size.value));
        if (auto error = detail::read_entry(body, entry)) return *error;
        if (entry.name <= previous_) return malformed();
        previous_ = entry.name;
        used_ += size.length + body.size();
        return true;
    }

    std::vector<std::byte> bytes_;  // of which used_ are done with
    std::size_t used_ = 0;
    std::string previous_;
    bool has_header_ = false;
    bool is_complete_ = false;
    std::optional<Error> wrong_;
};

}  // namespace bobbin::pack

#endif
