#ifndef BOBBIN_PACK_DETAIL_RESTORE_JOURNAL_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_JOURNAL_HPP

#include <bobbin/core/crc32c.hpp>
#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/directory_handles.hpp>
#include <bobbin/pack/tree.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

enum class RestoreStep : std::uint8_t {
    create = 1,  ///< what was staged gets its name
    replace,     ///< it changes places with what has the name
    remove,      ///< what has the name goes to the staging directory
    metadata,    ///< of what stays
};

/// By which something is known again, also after a crash.
struct NodeIdentity {
    std::uint64_t inode = 0;
    bool is_directory = false;  ///< which has no size, and a time that may change
    std::uint64_t size = 0;
    FileTime modified;
    std::uint32_t mode = 0;  ///< which may change

    static NodeIdentity of(const NodeStatus& node) noexcept {
        const bool is_directory = node.kind == NodeKind::directory;
        return {node.inode, is_directory, is_directory ? 0 : node.size, node.modified, node.mode};
    }
    friend bool operator==(const NodeIdentity& a, const NodeIdentity& b) noexcept {
        return a.inode == b.inode && a.is_directory == b.is_directory && a.size == b.size &&
               (a.is_directory || a.modified == b.modified);
    }
};

struct MetadataChange {
    TreeEntry wanted;  ///< only mode, owner, time and attributes mean something
    TreeEntry before;
};

/// A step of a restore on one name, done and undone as a whole.
struct RestoreOperation {
    RestoreStep step = RestoreStep::create;
    DirectoryNumber dir = 0;
    std::string name;          ///< in it; empty: itself, for its metadata
    std::uint64_t number = 0;  ///< its name in the staging directory
    NodeIdentity staged;
    NodeIdentity before;
    std::unique_ptr<MetadataChange> metadata;
};

/// The steps of a restore on disk, from before the first is done until all are durable.
/// @source docs/formats.md, "Restore journal"
class RestoreJournal {
public:
    static constexpr const char* name = "journal";
    static constexpr const char* draft_name = "journal.new";

    /// Writes it durably under its name, unless `syncs` is false.
    /// @returns when, by the clock of the file system
    /// @errors of the file system, `not_supported`: too many names change; there is no journal then
    /// @allocates a buffer
    template <TreeFileSystem Fs>
    static Result<FileTime> write(Fs& fs, FileHandle dir,
                                  const std::vector<RestoreOperation>& steps,
                                  const DirectoryHandles<Fs>& directories, bool syncs) {
        using bobbin::detail::uninterrupted;
        auto handle = uninterrupted([&] { return fs.create_at(dir, draft_name, 0600); });
        if (!handle) return handle.error();
        File<Fs> file{fs, *handle};
        std::vector<std::byte> bytes, body;
        std::uint32_t crc = 0;
        const auto flush = [&]() -> Result<void> {
            if (file.size().value + bytes.size() > largest)
                return Error{Errc::not_supported, Operation::write};
            auto wrote = file.write_at(bytes, file.size().value);
            bytes.clear();
            return wrote;
        };
        const auto sum = [&](std::size_t from) {
            crc = crc32c(ByteView{bytes}.subspan(from), crc);
        };
        put_bytes(bytes, as_bytes(magic));
        put_byte(bytes, version);
        sum(0);
        for (const auto& step : steps) {
            body.clear();
            put_step(body, step, directories.path(step.dir));
            const auto from = bytes.size();
            put_varint(bytes, body.size());
            put_bytes(bytes, body);
            sum(from);
            if (bytes.size() >= piece)
                if (auto wrote = flush(); !wrote) return wrote.error();
        }
        put_byte(bytes, 0);
        sum(bytes.size() - 1);
        bytes.resize(bytes.size() + 4);
        store_le(bytes.data() + bytes.size() - 4, crc);
        if (auto wrote = flush(); !wrote) return wrote.error();
        const auto node = uninterrupted([&] { return fs.node(*handle); });
        if (!node) return node.error();
        if (syncs)
            if (auto synced = fs.sync(*handle); !synced) return synced.error();
        if (auto closed = file.close(); !closed) return closed.error();
        auto named = uninterrupted([&] { return fs.rename(dir, draft_name, name); });
        if (!named) return named.error();
        if (syncs)
            if (auto synced = fs.sync_directory(dir); !synced) return synced.error();
        return node->modified;
    }

    struct Found {
        std::optional<std::vector<RestoreOperation>>
            steps;  ///< empty: it is damaged, too large, or of a later version
        FileTime written;
    };
    /// Empty: there is none. The directories are added to the table.
    /// @param base of the tree
    /// @errors of the file system; `out_of_memory`
    /// @allocates all of it
    template <TreeFileSystem Fs>
    static Result<std::optional<Found>>
    read(Fs& fs, FileHandle dir, DirectoryHandles<Fs>& directories, DirectoryNumber base) {
        using bobbin::detail::uninterrupted;
        auto handle = uninterrupted([&] { return fs.open_at(dir, name, OpenMode::read); });
        if (!handle) {
            if (handle.error().is_errno(ENOENT)) return std::optional<Found>{};
            return handle.error();
        }
        const File<Fs> file{fs, *handle};
        const auto node = uninterrupted([&] { return fs.node(*handle); });
        if (!node) return node.error();
        if (node->size > largest) return std::optional{Found{{}, node->modified}};
        std::vector<std::byte> bytes(static_cast<std::size_t>(node->size));
        auto got = file.read_at(bytes, 0);
        if (!got) return got.error();
        Found found{{}, node->modified};
        if (*got != bytes.size()) return std::optional{std::move(found)};
        found.steps =
            decode(bytes, [&, known = std::map<std::string, DirectoryNumber, std::less<>>{}](
                              std::string_view path) mutable {
                auto at = base;
                for (std::size_t end = 0; end < path.size();) {
                    const auto begin = end;
                    end = path.find('/', begin) + 1;
                    const auto at_known = known.find(path.substr(0, end));
                    if (at_known != known.end()) {
                        at = at_known->second;
                        continue;
                    }
                    at = directories.add(at, std::string{path.substr(begin, end - begin - 1)});
                    known.emplace(path.substr(0, end), at);
                }
                return at;
            });
        return std::optional{std::move(found)};
    }

private:
    static constexpr std::string_view magic = "BPrj";
    static constexpr unsigned version = 1;
    static constexpr std::size_t piece = std::size_t{1} << 20;
    static constexpr std::uint64_t largest = std::uint64_t{1} << 30;  ///< some ten million names

    static void put_identity(std::vector<std::byte>& to, const NodeIdentity& identity) {
        put_varint(to, identity.inode);
        put_byte(to, identity.is_directory ? 1 : 0);
        put_varint(to, identity.size);
        put_varint(to, zigzag(identity.modified.seconds));
        put_varint(to, identity.modified.nanoseconds);
        put_varint(to, identity.mode);
    }
    static NodeIdentity get_identity(FieldReader& from) noexcept {
        NodeIdentity identity;
        identity.inode = from.varint();
        identity.is_directory = from.byte() != 0;
        identity.size = from.varint();
        identity.modified.seconds = unzigzag(from.varint());
        identity.modified.nanoseconds = static_cast<std::uint32_t>(from.varint(0, 999'999'999));
        identity.mode = static_cast<std::uint32_t>(from.varint(0, 07777));
        return identity;
    }

    /// As an entry of a tree, which has fields that say nothing here.
    static void put_metadata(std::vector<std::byte>& to, const TreeEntry& entry) {
        TreeEntry plain;
        plain.name = "-";
        plain.mode = entry.mode;
        plain.user = entry.user;
        plain.group = entry.group;
        plain.modified = entry.modified;
        plain.attributes = entry.attributes;
        std::vector<std::byte> body;
        put_entry(body, plain);
        put_varint(to, body.size());
        put_bytes(to, body);
    }
    static bool get_metadata(FieldReader& from, TreeEntry& entry, bool is_directory) {
        if (read_entry(from.bytes(from.varint()), entry)) return false;
        entry.kind = is_directory ? EntryKind::directory : EntryKind::file;
        return true;
    }

    static void put_step(std::vector<std::byte>& to, const RestoreOperation& step,
                         std::string_view path) {
        put_byte(to, static_cast<unsigned>(step.step));
        put_text(to, path);
        put_text(to, step.name);
        put_varint(to, step.number);
        put_identity(to, step.staged);
        put_identity(to, step.before);
        if (!step.metadata) return;
        put_metadata(to, step.metadata->wanted);
        put_metadata(to, step.metadata->before);
    }
    static bool is_path(std::string_view path) noexcept {
        while (!path.empty()) {
            const auto end = path.find('/');
            if (end == path.npos || !is_entry_name(path.substr(0, end))) return false;
            path.remove_prefix(end + 1);
        }
        return true;
    }

    template <class Number>
    static std::optional<std::vector<RestoreOperation>> decode(ByteView bytes, Number&& number_of) {
        if (bytes.size() < magic.size() + 6) return {};
        const auto sum = load_le<std::uint32_t>(bytes.data() + bytes.size() - 4);
        bytes = bytes.first(bytes.size() - 4);
        if (crc32c(bytes) != sum) return {};
        FieldReader all{bytes};
        if (as_text(all.bytes(magic.size())) != magic || all.byte() != version) return {};
        std::vector<RestoreOperation> steps;
        while (const auto size = all.varint()) {
            FieldReader from{all.bytes(size)};
            RestoreOperation step;
            const auto kind = from.byte();
            const auto path = from.text(0, bytes.size());
            step.step = static_cast<RestoreStep>(kind);
            step.name = from.text(0, TreeLimits::name);
            step.number = from.varint();
            step.staged = get_identity(from);
            step.before = get_identity(from);
            const bool is_metadata = step.step == RestoreStep::metadata;
            if (kind < 1 || kind > 4 || !is_path(path) ||
                !(is_entry_name(step.name) || (is_metadata && step.name.empty())))
                return {};
            if (is_metadata) {
                step.metadata = std::make_unique<MetadataChange>();
                const bool is_directory = step.before.is_directory;
                if (!get_metadata(from, step.metadata->wanted, is_directory) ||
                    !get_metadata(from, step.metadata->before, is_directory))
                    return {};
            }
            if (from.finish()) return {};
            step.dir = number_of(path);
            steps.push_back(std::move(step));
        }
        if (all.finish()) return {};
        return steps;
    }
};

}  // namespace bobbin::pack::detail

#endif
