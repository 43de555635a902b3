#include "commands/tree.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

namespace packs {

using namespace bobbin;

namespace {

struct FreeArchive {
    void operator()(::archive* archive) const noexcept { ::archive_write_free(archive); }
};
struct FreeEntry {
    void operator()(::archive_entry* entry) const noexcept { ::archive_entry_free(entry); }
};

/// A file that goes again unless it was finished.
struct Unfinished {
    const char* path;
    ~Unfinished() {
        if (path) (void)::unlink(path);
    }
};

/// libarchive gives its sign to the seconds alone: what it writes as -1.5 are -1 and 0.5 to it. It has
/// no -0, so that the fraction of the last second before 1970 is left out.
void set_modified(::archive_entry* to, FileTime time) {
    if (time.seconds < -1 && time.nanoseconds != 0)
        time = {time.seconds + 1, 1'000'000'000 - time.nanoseconds};
    else if (time.seconds == -1)
        time.nanoseconds = 0;
    ::archive_entry_set_mtime(to, static_cast<time_t>(time.seconds),
                              static_cast<long>(time.nanoseconds));
}

/// Writes a tar archive in the pax format, which has room for all that a snapshot knows. Contents are
/// written after their directory was listed, as the source is busy until then. A directory is followed
/// by all that is in it: tar sets its time when something else comes.
class Tar {
public:
    /// @param checking to look for what is lost, which is left out then
    Tar(Source& source, std::optional<Source> checking, int fd)
        : source_{source}
        , checking_{std::move(checking)}
        , fd_{fd}
        , archive_{::archive_write_new()} {
        if (!archive_ || ::archive_write_set_format_pax(archive_.get()) != ARCHIVE_OK ||
            // By one of its two names for each attribute; GNU tar warns of the other.
            ::archive_write_set_format_option(archive_.get(), "pax", "xattrheader", "SCHILY") !=
                ARCHIVE_OK ||
            ::archive_write_set_bytes_per_block(archive_.get(), record) != ARCHIVE_OK ||
            ::archive_write_open_fd(archive_.get(), fd) != ARCHIVE_OK)
            throw Failure{exit_failed, "the archive can't be begun: no memory left"};
    }

    ~Tar() {
        if (!is_closed_) spoil();
    }
    Tar(const Tar&) = delete;
    Tar& operator=(const Tar&) = delete;

    Result<std::optional<std::uint64_t>> visit(std::string_view path,
                                               const pack::TreeEntry& entry) {
        Named named{std::string{path} + entry.name, entry};
        if (checking_) {
            const auto lost = pack::is_lost(*checking_, entry.content);
            if (!lost) {
                failed_path_ = ' ' + named.path;
                return lost.error();
            }
            if (*lost) {
                print_error("lost " + printable(named.path));
                lost_.push_back(json_text(named.path));
                return std::optional<std::uint64_t>{};
            }
        }
        if (entry.kind == pack::EntryKind::directory)
            directories_.emplace(++last_directory_, std::move(named));
        else
            pending_.push_back(std::move(named));
        return last_directory_;
    }
    Result<void> enter(std::string_view, std::uint64_t number) {
        if (auto done = write_pending(); !done) return done;
        const auto directory = directories_.extract(number);
        return write(directory.mapped().path, directory.mapped().entry);
    }

    Result<void> write_pending() {
        for (const auto& [path, entry] : std::exchange(pending_, {}))
            if (auto done = write(path, entry); !done) {
                failed_path_ = ' ' + path;
                return done;
            }
        return {};
    }
    /// With a blank before it, where it is known.
    const std::string& failed_path() const noexcept { return failed_path_; }
    const Json& lost() const noexcept { return lost_; }

    Result<void> close() {
        if (::archive_write_close(archive_.get()) != ARCHIVE_OK) return refused();
        is_closed_ = true;
        return {};
    }

    Result<void> write(const std::string& path, const pack::TreeEntry& entry);

    /// Why the archive could not be written, if that is why something failed.
    const std::optional<Error>& refusal() const noexcept { return refusal_; }

private:
    static constexpr int block = 512;
    static constexpr int record = 20 * block;  ///< is written at once

    /// Makes what was written an archive that no program takes for a whole one. Without its end it is
    /// none only within a file; between two, a block follows that is no header.
    void spoil() noexcept {
        (void)::archive_write_fail(archive_.get());
        const auto written = ::archive_filter_bytes(archive_.get(), 0) / record * record;
        std::array<char, 2 * block> noise;
        noise.fill('!');
        // Where a file lacks one block, the first is its content.
        const bool lacks_one = std::ranges::find(lone_ends_, written + block) != lone_ends_.end();
        (void)!::write(fd_, noise.data(), lacks_one ? 2 * block : block);
    }

    struct Named {
        std::string path;
        pack::TreeEntry entry;
    };

    Error refused() {
        const int number = ::archive_errno(archive_.get());
        return refusal_.emplace(Error::system(number > 0 ? number : EIO, Operation::write));
    }

    Source& source_;
    std::optional<Source> checking_;
    int fd_;
    bool is_closed_ = false;
    std::optional<Error> refusal_;
    std::unique_ptr<::archive, FreeArchive> archive_;
    std::vector<la_int64_t> lone_ends_;  ///< of files with one block in their last record
    std::vector<Named> pending_;
    std::map<std::uint64_t, Named> directories_;  ///< not yet entered, by their numbers
    std::uint64_t last_directory_ = 0;
    std::string failed_path_;
    Json lost_ = Json::array();
    std::multimap<std::uint64_t, Named> links_;  ///< the first name of each
};

Result<void> Tar::write(const std::string& path, const pack::TreeEntry& entry) {
    const std::unique_ptr<::archive_entry, FreeEntry> to{::archive_entry_new()};
    if (!to) return Error{Errc::out_of_memory, Operation::write};
    auto* const e = to.get();
    ::archive_entry_set_pathname(e, path.c_str());
    ::archive_entry_set_mode(
        e, static_cast<mode_t>(entry.mode | (entry.kind == pack::EntryKind::directory ? AE_IFDIR
                                             : entry.kind == pack::EntryKind::symlink ? AE_IFLNK
                                                                                      : AE_IFREG)));
    ::archive_entry_set_uid(e, entry.user);
    ::archive_entry_set_gid(e, entry.group);
    if (!entry.user_name.empty()) ::archive_entry_set_uname(e, entry.user_name.c_str());
    if (!entry.group_name.empty()) ::archive_entry_set_gname(e, entry.group_name.c_str());
    set_modified(e, entry.modified);
    for (const auto& attribute : entry.attributes)
        ::archive_entry_xattr_add_entry(e, attribute.name.c_str(), attribute.value.data(),
                                        attribute.value.size());
    bool has_content = entry.kind == pack::EntryKind::file;
    if (entry.hard_link != 0 && entry.kind != pack::EntryKind::directory) {
        auto [first, end] = links_.equal_range(entry.hard_link);
        first = std::find_if(first, end, [&](const auto& link) {
            return pack::is_same_file(link.second.entry, entry);
        });
        if (first != end) {
            ::archive_entry_set_hardlink(e, first->second.path.c_str());
            has_content = false;
        } else {
            links_.emplace(entry.hard_link, Named{path, entry});
        }
    }
    if (entry.kind == pack::EntryKind::symlink)
        ::archive_entry_set_symlink(e, entry.target.c_str());
    const auto size = has_content ? static_cast<la_int64_t>(entry.content.size) : 0;
    ::archive_entry_set_size(e, size);
    if (::archive_write_header(archive_.get(), e) < ARCHIVE_WARN) return refused();
    const auto end = ::archive_filter_bytes(archive_.get(), 0) + (size + block - 1) / block * block;
    if (end % record == block) lone_ends_.push_back(end);
    if (!has_content) return {};
    return for_each_byte(source_, entry.content, [&](ByteView bytes) -> Result<void> {
        const auto written = ::archive_write_data(archive_.get(), bytes.data(), bytes.size());
        if (written != static_cast<la_ssize_t>(bytes.size())) return refused();
        return {};
    });
}

}  // namespace

int export_tar(const Common& common, const std::string& reference, const std::string& path,
               const std::string& file, bool skips_lost) {
    Repository repository{common.store, Repository::For::reading, common.wait};
    const auto snapshot = repository.snapshot(reference);
    if (skips_lost) refuse_damaged_packs(repository);
    auto source = repository.source();
    const auto entry = entry_at(repository, source, snapshot, path);
    const bool to_stdout = file.empty() || file == "-";
    if (to_stdout && ::isatty(STDOUT_FILENO) == 1)
        throw Failure{exit_usage,
                      "an archive is nothing for a terminal; give --to FILE, or a pipe"};
    const int fd = to_stdout ? STDOUT_FILENO
                             : ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        throw Failure{exit_failed,
                      describe(Error::system(errno, Operation::create), printable(file))};
    Unfinished unfinished{to_stdout ? nullptr : file.c_str()};
    Tar tar{source, skips_lost ? std::optional{repository.source()} : std::nullopt, fd};
    auto done = Result<void>{};
    if (entry.kind == pack::EntryKind::directory) {
        done = pack::walk_tree(source, entry.content, tar);
        if (done) done = tar.write_pending();
        // Last, as tar does not know that all others are in it.
        if (done) done = tar.write(".", entry);
    } else {
        if (auto visited = tar.visit("", entry); !visited) done = visited.error();
        if (done) done = tar.write_pending();
    }
    if (done) done = tar.close();
    if (tar.refusal())
        throw Failure{exit_failed,
                      describe(*tar.refusal(), to_stdout ? "standard output" : printable(file))};
    if (!done) {
        const auto why =
            repository.failure(done.error(), "exporting" + printable(tar.failed_path()));
        throw Failure{why.code, why.what() + advice_on_lost(done.error(), skips_lost)};
    }
    if (!to_stdout && ::close(fd) != 0)
        throw Failure{exit_failed,
                      describe(Error::system(errno, Operation::close), printable(file))};
    unfinished.path = nullptr;
    if (common.is_json && skips_lost && !to_stdout) print_json({{"lost", tar.lost()}});
    if (tar.lost().empty()) return exit_ok;
    print_lost(tar.lost().size());
    return exit_damaged;
}

}  // namespace packs
