#ifndef BOBBIN_PACK_DETAIL_RESTORE_FILES_HPP
#define BOBBIN_PACK_DETAIL_RESTORE_FILES_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/detail/directory_handles.hpp>
#include <bobbin/pack/detail/metadata.hpp>
#include <bobbin/pack/tree_reader.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// How far a restore has come. Read from any thread.
struct RestoreProgress {
    std::atomic<std::uint64_t> files = 0;  ///< written
    std::atomic<std::uint64_t> bytes = 0;
};

namespace detail {

/// As what files are made in the staging directory: of this owner, without these bits.
struct MadeAs {
    std::uint32_t user = 0;
    std::uint32_t group = 0;
    std::uint32_t umask = 0;
};

/// A file to be made.
struct FileTask {
    DirectoryNumber dir = 0;
    std::string name;
    std::string path;  ///< in the tree, for messages
    TreeEntry entry;
};

/// Makes files of their chunks, by several threads, each of which has a source of its own. They are
/// taken up in the order in which their chunks lie on disk, as far as the next some thousand go.
/// External sync.
template <TreeFileSystem Fs, ChunkSource S>
class RestoreFiles {
public:
    /// @param sources one for each thread; with a single one the caller's does the work
    RestoreFiles(Fs fs, DirectoryHandles<Fs>& directories, std::vector<S>& sources,
                 RefusedMetadata& refused, RestoreProgress& progress)
        : fs_{std::move(fs)}
        , directories_{directories}
        , sources_{sources}
        , refused_{refused}
        , progress_{progress} {}
    RestoreFiles(const RestoreFiles&) = delete;
    RestoreFiles& operator=(const RestoreFiles&) = delete;
    ~RestoreFiles() {
        fail(Error{Errc::stop_requested, Operation::write}, {});
        end_threads();
    }

    void made_as(const MadeAs& made_as) noexcept { made_as_ = made_as; }

    /// @errors of a file added before as well
    Result<void> add(FileTask task) {
        size_ += sizeof(FileTask) + task.entry.content.extents.size() * sizeof(Extent);
        for (const auto& attribute : task.entry.attributes) size_ += attribute.value.size();
        batch_.push_back(std::move(task));
        if (batch_.size() < most_files && size_ < most_memory) return {};
        return submit();
    }

    /// Waits until all that were added are made.
    /// @errors the first of any file
    Result<void> finish() {
        auto submitted = submit();
        {
            std::unique_lock lock{mutex_};
            idle_.wait(lock, [&] { return error_ || (units_.empty() && busy_ == 0); });
        }
        if (!submitted) return submitted;
        const std::lock_guard lock{mutex_};
        if (error_) return *error_;
        return {};
    }

    /// Ends all work, whatever is left of it.
    void abandon() noexcept {
        fail(Error{Errc::stop_requested, Operation::write}, {});
        end_threads();
    }

    /// Of the file that failed.
    std::string failed_path() const {
        const std::lock_guard lock{mutex_};
        return failed_path_;
    }

private:
    static constexpr std::size_t most_files = 8192;                    // in a batch
    static constexpr std::size_t most_memory = std::size_t{16} << 20;  // of a batch
    static constexpr std::uint64_t unit_bytes = std::uint64_t{2} << 20;
    static constexpr std::size_t unit_files = 256;

    using Unit = std::vector<FileTask>;

    /// Sorts the batch and cuts it into units of work.
    Result<void> submit() {
        if (batch_.empty()) return {};
        using Key = std::pair<std::optional<typename S::Location>, std::size_t>;
        std::vector<Key> order;
        order.reserve(batch_.size());
        {
            // Threads use the others, and this one where there are none.
            auto& source = sources_.front();
            for (std::size_t n = 0; n < batch_.size(); ++n) {
                const auto& extents = batch_[n].entry.content.extents;
                const auto first = std::ranges::find(extents, false, &Extent::is_hole);
                order.push_back({first == extents.end() ? std::optional<typename S::Location>{}
                                                        : source.locate(first->address),
                                 n});
            }
        }
        std::ranges::sort(order);
        std::vector<Unit> units;
        std::uint64_t bytes = 0;
        for (const auto& key : order) {
            auto& task = batch_[key.second];
            if (units.empty() || units.back().size() >= unit_files || bytes >= unit_bytes) {
                units.emplace_back();
                bytes = 0;
            }
            bytes += std::min(task.entry.content.size, unit_bytes);
            units.back().push_back(std::move(task));
        }
        batch_.clear();
        size_ = 0;
        start_threads();
        if (threads_.empty()) {
            for (auto& unit : units)
                if (auto made = make(unit, sources_.front()); !made) return made;
            return {};
        }
        std::unique_lock lock{mutex_};
        idle_.wait(lock, [&] { return error_ || units_.size() < 2 * units.size(); });
        if (error_) return *error_;
        for (auto& unit : units) units_.push_back(std::move(unit));
        work_.notify_all();
        return {};
    }

    /// Fewer where the system has no more.
    void start_threads() {
        if (has_started_) return;
        has_started_ = true;
        for (std::size_t n = 1; n < sources_.size(); ++n) {
            try {
                threads_.emplace_back([this, n] { work(sources_[n]); });
            } catch (const std::system_error&) {
                return;
            }
        }
    }
    void end_threads() noexcept {
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }

    void work(S& source) noexcept {
        std::unique_lock lock{mutex_};
        for (;;) {
            work_.wait(lock, [&] { return error_ || !units_.empty(); });
            if (error_) return;
            auto unit = std::move(units_.front());
            units_.pop_front();
            ++busy_;
            lock.unlock();
            idle_.notify_all();
            (void)make(unit, source);
            unit.clear();
            lock.lock();
            --busy_;
            idle_.notify_all();
        }
    }

    Result<void> make(Unit& unit, S& source) noexcept {
        for (auto& task : unit) {
            if (has_failed_) return {};
            auto made = bobbin::detail::without_throwing(Operation::write,
                                                         [&] { return make(task, source); });
            if (!made) {
                fail(made.error(), std::move(task.path));
                return made;
            }
        }
        return {};
    }

    Result<void> make(const FileTask& task, S& source) {
        auto dir = directories_.open(task.dir);
        if (!dir) return dir.error();
        const auto& entry = task.entry;
        // Its owner must be able to write attributes.
        const auto asked = (entry.mode & 0777) | (entry.attributes.empty() ? 0U : 0600U);
        auto handle = bobbin::detail::uninterrupted(
            [&] { return fs_.create_at(**dir, task.name.c_str(), asked); });
        if (!handle) return handle.error();
        File<Fs> file{fs_, *handle};
        std::uint64_t at = 0;
        auto written = read_content(
            source, entry.content, [&](const Extent& extent, ByteView bytes) -> Result<void> {
                if (has_failed_) return Error{Errc::stop_requested, Operation::write};
                if (!extent.is_hole)
                    if (auto wrote = file.write_at(bytes, at); !wrote) return wrote;
                at += extent.length;
                progress_.bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
                return {};
            });
        if (!written) return written;
        if (at != entry.content.size) return Error{Errc::tree_malformed, Operation::decode};
        if (file.size().value != at)
            if (auto extended = file.truncate(Bytes{at}); !extended) return extended;
        NodeStatus now;
        now.mode = asked & ~made_as_.umask;
        now.user = made_as_.user;
        now.group = made_as_.group;
        if (auto set = MetadataTarget<Fs>{fs_, *handle}.set(entry, now, {}, refused_); !set)
            return set;
        progress_.files.fetch_add(1, std::memory_order_relaxed);
        return file.close();
    }

    void fail(const Error& error, std::string path) noexcept {
        const std::lock_guard lock{mutex_};
        if (!error_) {
            error_ = error;
            failed_path_.swap(path);
        }
        has_failed_ = true;
        work_.notify_all();
        idle_.notify_all();
    }

    Fs fs_;
    DirectoryHandles<Fs>& directories_;
    std::vector<S>& sources_;
    RefusedMetadata& refused_;
    RestoreProgress& progress_;
    MadeAs made_as_;
    Unit batch_;
    std::size_t size_ = 0;
    std::vector<std::thread> threads_;
    bool has_started_ = false;

    mutable std::mutex mutex_;
    std::condition_variable work_, idle_;
    std::deque<Unit> units_;
    std::size_t busy_ = 0;
    std::optional<Error> error_;
    std::string failed_path_;
    std::atomic<bool> has_failed_ = false;
};

}  // namespace detail
}  // namespace bobbin::pack

#endif
