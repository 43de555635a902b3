#ifndef BOBBIN_FILE_DURABLE_HPP
#define BOBBIN_FILE_DURABLE_HPP

#include <bobbin/core/sync_result.hpp>
#include <bobbin/file/detail/errand.hpp>
#include <bobbin/file/detail/file_calls.hpp>
#include <bobbin/fs/file.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin {

struct DurableOptions {
    /// The longest span there is: the caller makes the calls itself. Else a thread does, and one that does not
    /// come back is abandoned: see `abandoned_workers`.
    std::chrono::nanoseconds deadline = std::chrono::nanoseconds::max();
    std::stop_token stop{};
};

namespace file::detail {

template <FileSystem Fs>
struct OwnHandle {
    OwnHandle(Fs of, FileHandle h) noexcept : fs{std::move(of)}, handle{h} {}
    OwnHandle(OwnHandle&& other) noexcept
        : fs{other.fs}
        , handle{std::exchange(other.handle, no_file)} {}
    OwnHandle& operator=(OwnHandle&&) = delete;
    ~OwnHandle() {
        if (handle != no_file) (void)fs.close(handle);
    }
    Fs fs;
    FileHandle handle;
};

/// Runs `job(fs, h)`, in line or by a thread that has a handle of its own.
template <Threads T, FileSystem Fs, Clock C, class Job>
Result<void> within_deadline(Fs fs, FileHandle h, const DurableOptions& options, const C& clock,
                             Operation operation, Job job) noexcept {
    if (options.deadline == std::chrono::nanoseconds::max()) return job(fs, h);
    if constexpr (!Reopens<Fs>) {
        return not_supported(operation);
    } else {
        auto again = fs.reopen(h);
        if (!again) return again.error();
        auto errand = [own = OwnHandle<Fs>{fs, *again}, job = std::move(job)]() mutable noexcept {
            return job(own.fs, own.handle);
        };
        return Errand<T, decltype(errand)>::run(std::move(errand), options.deadline, options.stop,
                                                clock, operation);
    }
}

template <FileSystem Fs>
Result<void> write_and_rename(Fs& fs, FileHandle dir, const std::string& name,
                              ByteView content) noexcept {
    const auto fails = [&](const std::string& draft, Error error) {
        (void)fs.remove(dir, draft.c_str());
        return Result<void>{error};
    };
    try {
        const auto draft = name + ".new";
        auto handle = bobbin::detail::uninterrupted(
            [&] { return fs.open_at(dir, draft.c_str(), OpenMode::create_or_write); });
        if (!handle) return handle.error();
        File<Fs> file{fs, *handle};
        if (auto cut = file.truncate(Bytes{}); !cut) return fails(draft, cut.error());
        if (auto wrote = file.write_at(content, 0); !wrote) return fails(draft, wrote.error());
        if (auto synced = file.sync(); !synced) return fails(draft, synced.error());
        if (auto closed = file.close(); !closed) return fails(draft, closed.error());
        auto renamed = bobbin::detail::uninterrupted(
            [&] { return fs.rename(dir, draft.c_str(), name.c_str()); });
        if (!renamed) return fails(draft, renamed.error());
        return fs.sync_directory(dir);
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::create};
    }
}

}  // namespace file::detail

/// Makes data and size of an open file durable. With a deadline, what another description of the file was
/// told of first is told here as well.
/// @returns `timed_out` or `cancelled` where there was no answer: it may become durable all the same
template <Threads T = StdThreads, FileSystem Fs, Clock C = SystemClock>
SyncResult durable_file(Fs fs, FileHandle file, const DurableOptions& options = {},
                        const C& clock = C{}) noexcept {
    auto synced =
        file::detail::within_deadline<T>(fs, file, options, clock, Operation::sync,
                                         [](Fs& on, FileHandle h) noexcept { return on.sync(h); });
    // The caller's own description may have an error of its own pending.
    if constexpr (WritesBack<Fs>)
        if (synced && options.deadline != std::chrono::nanoseconds::max())
            if (auto seen = fs.wait_writeback(file, 0, 1);
                !seen && !seen.error().is(Errc::not_supported))
                synced = seen;
    if (synced) return SyncResult::durable();
    if (synced.error().is(Errc::deadline_passed)) return SyncResult::timed_out();
    if (synced.error().is(Errc::stop_requested)) return SyncResult::cancelled();
    if (synced.error().operation != Operation::sync &&
        synced.error().operation != Operation::write_back)
        return SyncResult::not_attempted(synced.error());
    return SyncResult::failed(synced.error());
}

/// Makes the names in an open directory durable.
/// @errors `deadline_passed`, `stop_requested`: it may become durable all the same; of the file system
template <Threads T = StdThreads, FileSystem Fs, Clock C = SystemClock>
Result<void> durable_directory(Fs fs, FileHandle directory, const DurableOptions& options = {},
                               const C& clock = C{}) noexcept {
    return file::detail::within_deadline<T>(
        fs, directory, options, clock, Operation::sync_directory,
        [](Fs& on, FileHandle h) noexcept { return on.sync_directory(h); });
}

/// Puts `content` under `name`, durably, and in one step: whoever looks finds the old content or the
/// new. Written to `name.new` first, which is gone afterwards. Not for objects of the engine.
/// @errors of the file system: the old content is there, unless it is the sync of the directory that
/// failed; `deadline_passed`, `stop_requested`: either is there
/// @allocates a copy of the content, if there is a deadline
template <Threads T = StdThreads, FileSystem Fs, Clock C = SystemClock>
Result<void> durable_replace(Fs fs, FileHandle directory, std::string_view name, ByteView content,
                             const DurableOptions& options = {}, const C& clock = C{}) noexcept {
    try {
        std::string own_name{name};
        if (options.deadline == std::chrono::nanoseconds::max())
            return file::detail::write_and_rename(fs, directory, own_name, content);
        std::vector<std::byte> copy{content.begin(), content.end()};
        return file::detail::within_deadline<T>(
            fs, directory, options, clock, Operation::rename,
            [own_name = std::move(own_name), copy = std::move(copy)](Fs& on,
                                                                     FileHandle h) noexcept {
                return file::detail::write_and_rename(on, h, own_name, copy);
            });
    } catch (const std::bad_alloc&) {
        return Error{Errc::out_of_memory, Operation::create};
    }
}

}  // namespace bobbin

#endif
