#ifndef BOBBIN_PACK_CACHED_PART_HPP
#define BOBBIN_PACK_CACHED_PART_HPP

#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/fields.hpp>
#include <bobbin/pack/tree.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// What tells that a file is still the one it was.
struct FileStamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    FileTime modified;
    FileTime changed;

    static FileStamp of(const NodeStatus& status) noexcept {
        return {status.device, status.inode, status.size, status.modified, status.changed};
    }
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// An entry that was saved, and the stamp that its file had then.
struct CachedEntry {
    FileStamp stamp;
    std::string_view name;
    EntryKind kind = EntryKind::file;
    ByteView encoded;  ///< the entry as in a tree node
    ByteView record;   ///< all of this, as in the part
};

/// Some entries of a directory, by name, ascending. Thread safety: immutable.
class CachedPart {
public:
    /// None where the bytes are not what `begin` and `append_to` make.
    static std::optional<CachedPart> decode(std::vector<std::byte> bytes) {
        CachedPart part;
        part.bytes_ = std::move(bytes);
        detail::FieldReader from{part.bytes_};
        part.is_whole_ = from.byte() != 0;
        while (from.remaining() != 0) {
            CachedEntry entry;
            const auto left = from.remaining();
            auto& stamp = entry.stamp;
            stamp.device = from.varint();
            stamp.inode = from.varint();
            stamp.size = from.varint();
            for (auto* time : {&stamp.modified, &stamp.changed}) {
                time->seconds = detail::unzigzag(from.varint());
                time->nanoseconds = static_cast<std::uint32_t>(from.varint(0, UINT32_MAX));
            }
            entry.encoded = from.bytes(from.varint(1, TreeLimits::entry));
            detail::FieldReader fields{entry.encoded};
            entry.name = fields.text(1, TreeLimits::name);
            entry.kind = static_cast<EntryKind>(fields.byte());
            if (from.has_failed() || fields.has_failed() ||
                (!part.entries_.empty() && part.entries_.back().name >= entry.name))
                return {};
            entry.record =
                ByteView{part.bytes_}.subspan(part.bytes_.size() - left, left - from.remaining());
            part.entries_.push_back(entry);
        }
        return part;
    }

    /// What a part begins with. What it is to say of all is told at the end.
    static void begin(std::vector<std::byte>& bytes) { bytes.assign(1, std::byte{0}); }
    static void append_to(std::vector<std::byte>& bytes, const FileStamp& stamp, ByteView encoded) {
        detail::put_varint(bytes, stamp.device);
        detail::put_varint(bytes, stamp.inode);
        detail::put_varint(bytes, stamp.size);
        for (const auto& time : {stamp.modified, stamp.changed}) {
            detail::put_varint(bytes, detail::zigzag(time.seconds));
            detail::put_varint(bytes, time.nanoseconds);
        }
        detail::put_varint(bytes, encoded.size());
        detail::put_bytes(bytes, encoded);
    }
    static void end(std::vector<std::byte>& bytes, bool is_whole) {
        bytes.front() = static_cast<std::byte>(is_whole ? 1 : 0);
    }

    /// Whether the directory has no other names, so that its node is made of these entries.
    bool is_whole() const noexcept { return is_whole_; }
    ByteView bytes() const noexcept { return bytes_; }
    std::span<const CachedEntry> entries() const noexcept { return entries_; }

private:
    bool is_whole_ = false;
    std::vector<std::byte> bytes_;  // a move leaves the views as they are
    std::vector<CachedEntry> entries_;
};

}  // namespace bobbin::pack

#endif
