#ifndef BOBBIN_PACK_DETAIL_RESTORE_COMPARE_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_COMPARE_HPP

#include <bobbin/digest/sha256.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/metadata.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

enum class Difference : std::uint8_t { nothing, metadata, content };

/// Compares a file or symlink that is there with the entry of its name. External sync.
template <TreeFileSystem Fs, ChunkSource S>
class RestoreCompare {
public:
    /// @param reads files of the right size; else size and time tell
    RestoreCompare(Fs fs, S& source, bool reads)
        : fs_{std::move(fs)}
        , source_{source}
        , reads_{reads} {}

    /// @param there of the entry's kind
    Result<Difference> operator()(FileHandle dir, const char* name, const NodeStatus& there,
                                  const TreeEntry& entry) {
        auto same = entry.kind == EntryKind::symlink ? has_target(dir, name, entry)
                                                     : has_content(dir, name, there, entry);
        if (!same) return same.error();
        if (!*same) return Difference::content;
        auto attributes = or_none(fs_.attributes_at(dir, name));
        if (!attributes) return attributes.error();
        return has_metadata(there, *attributes, entry) ? Difference::nothing : Difference::metadata;
    }

private:
    static constexpr std::size_t window = std::size_t{256} << 10;

    Result<bool> has_target(FileHandle dir, const char* name, const TreeEntry& entry) {
        auto target = bobbin::detail::uninterrupted([&] { return fs_.read_link_at(dir, name); });
        if (!target) return target.error();
        return *target == entry.target;
    }
    Result<bool> has_content(FileHandle dir, const char* name, const NodeStatus& there,
                             const TreeEntry& entry) {
        if (there.size != entry.content.size) return false;
        if (!reads_) return there.modified == entry.modified;
        auto handle =
            bobbin::detail::uninterrupted([&] { return fs_.open_at(dir, name, OpenMode::read); });
        if (!handle) {
            // What can't be read is made anew.
            if (handle.error().is_errno(EACCES)) return false;
            return handle.error();
        }
        const File<Fs> file{fs_, *handle};
        if (buffer_.empty()) buffer_.resize(window);
        std::uint64_t at = 0;
        bool is_same = true;
        // Of the source only lists are read: an address says what the bytes are.
        auto compared = for_each_chunk(
            entry.content,
            [&](const Address& address) -> Result<std::vector<std::byte>> {
                const auto bytes = source_.read(address);
                if (!bytes) return bytes.error();
                if (bytes->size() > largest_list)
                    return Error{Errc::tree_malformed, Operation::decode};
                return std::vector<std::byte>(bytes->begin(), bytes->end());
            },
            [&](const Extent& extent) -> Result<void> {
                auto same =
                    extent.is_hole ? is_zero(file, at, extent.length) : is_chunk(file, at, extent);
                if (!same) return same.error();
                is_same = *same;
                at += extent.length;
                if (is_same) return {};
                return Error{Errc::stop_requested, Operation::read};
            });
        if (!is_same) return false;
        if (!compared) return compared.error();
        return true;
    }

    Result<bool> is_chunk(const File<Fs>& file, std::uint64_t at, const Extent& extent) {
        Sha256 digest;
        for (auto left = extent.length; left != 0;) {
            const auto part = std::span{buffer_}.first(
                static_cast<std::size_t>(std::min<std::uint64_t>(left, window)));
            auto got = file.read_at(part, at);
            if (!got) return got.error();
            if (*got != part.size()) return false;
            digest.update(part);
            at += part.size();
            left -= part.size();
        }
        return digest.finish() == extent.address;
    }
    Result<bool> is_zero(const File<Fs>& file, std::uint64_t at, std::uint64_t length) {
        for (const auto end = at + length; at < end;) {
            auto data = fs_.next_data(file.handle(), at);
            if (!data && !data.error().is(Errc::not_supported)) return data.error();
            if (data) {
                if (!*data || **data >= end) return true;
                at = std::max(at, **data);
            }
            const auto part = std::span{buffer_}.first(
                static_cast<std::size_t>(std::min<std::uint64_t>(end - at, window)));
            auto got = file.read_at(part, at);
            if (!got) return got.error();
            if (*got != part.size() ||
                std::ranges::any_of(part, [](std::byte byte) { return byte != std::byte{0}; }))
                return false;
            at += part.size();
        }
        return true;
    }

    Fs fs_;
    S& source_;
    bool reads_;
    std::vector<std::byte> buffer_;
};

}  // namespace bobbin::pack::detail

#endif
