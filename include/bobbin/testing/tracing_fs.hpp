#ifndef BOBBIN_TESTING_TRACING_FS_HPP
#define BOBBIN_TESTING_TRACING_FS_HPP

#include <bobbin/testing/allocations.hpp>
#include <bobbin/testing/calls.hpp>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// One call that was made, and its answer.
struct TracedCall {
    Call call = Call::open;
    std::string path{};  ///< of the file or directory
    std::string to{};    ///< the new path of a rename
    std::uint64_t offset = 0;
    std::uint64_t size = 0;  ///< bytes asked for; of a truncation the new size
    std::uint64_t done = 0;  ///< bytes read or written
    int error = 0;           ///< 0: it succeeded
};

inline std::string to_string(const TracedCall& call) {
    std::string text{name_of(call.call)};
    text += ' ' + call.path;
    if (!call.to.empty()) text += " -> " + call.to;
    if (call.call == Call::read || call.call == Call::write || call.call == Call::write_uncached)
        text += " at " + std::to_string(call.offset) + " size " + std::to_string(call.size) +
                " done " + std::to_string(call.done);
    if (call.call == Call::start_writeback || call.call == Call::wait_writeback ||
        call.call == Call::drop_cache || call.call == Call::read_ahead ||
        call.call == Call::cache_status)
        text += " at " + std::to_string(call.offset) + " size " + std::to_string(call.size);
    if (call.call == Call::truncate || call.call == Call::preallocate)
        text += " to " + std::to_string(call.size);
    if (call.error != 0) text += " errno " + std::to_string(call.error);
    return text;
}

/// The calls made on a `TracingFs` and all its copies. Internally synchronised.
class Trace {
public:
    using Listener = std::function<void(const TracedCall&)>;

    void on_call(Listener listener) {
        const std::lock_guard lock{mutex_};
        listener_ = std::move(listener);
    }
    /// Whether calls are kept as well; on from the start.
    void keep(bool keeps) {
        const std::lock_guard lock{mutex_};
        keeps_ = keeps;
    }
    std::vector<TracedCall> calls() const {
        const std::lock_guard lock{mutex_};
        return calls_;
    }

    void add(TracedCall call) {
        const std::lock_guard lock{mutex_};
        if (listener_) listener_(call);
        if (keeps_) calls_.push_back(std::move(call));
    }
    void name(FileHandle handle, std::string path) {
        const std::lock_guard lock{mutex_};
        paths_[handle] = std::move(path);
    }
    void forget(FileHandle handle) {
        const std::lock_guard lock{mutex_};
        paths_.erase(handle);
    }
    std::string path_of(FileHandle handle) const {
        const std::lock_guard lock{mutex_};
        const auto at = paths_.find(handle);
        return at == paths_.end() ? "?" : at->second;
    }

private:
    mutable std::mutex mutex_;
    Listener listener_;
    bool keeps_ = true;
    std::vector<TracedCall> calls_;
    std::map<FileHandle, std::string> paths_;
};

/// Records all calls with the names they are about. Copies share the trace.
template <FileSystem Fs>
class TracingFs {
public:
    TracingFs() = default;
    explicit TracingFs(Fs fs) : fs_{std::move(fs)} {}

    Trace& trace() const noexcept { return *trace_; }
    Fs& next_layer() noexcept { return fs_; }
    const Fs& next_layer() const noexcept { return fs_; }

    Result<FileHandle> open_root(const char* path, RootMode mode) noexcept {
        return opened(Call::open_root, path, fs_.open_root(path, mode));
    }
    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        return opened(call_of(mode), below(dir, name), fs_.open_at(dir, name, mode));
    }
    Result<void> close(FileHandle h) noexcept {
        const UncountedAllocations uncounted;
        auto path = trace_->path_of(h);
        trace_->forget(h);
        return traced({Call::close, std::move(path)}, fs_.close(h));
    }
    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        return traced({Call::read, about(h), {}, offset, to.size()}, fs_.read_at(h, to, offset));
    }
    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        return traced({Call::write, about(h), {}, offset, from.size()},
                      fs_.write_at(h, from, offset));
    }
    Result<void> truncate(FileHandle h, std::uint64_t size) noexcept {
        return traced({Call::truncate, about(h), {}, 0, size}, fs_.truncate(h, size));
    }
    Result<void> sync(FileHandle h) noexcept { return traced({Call::sync, about(h)}, fs_.sync(h)); }
    Result<void> sync_directory(FileHandle h) noexcept {
        return traced({Call::sync_directory, about(h)}, fs_.sync_directory(h));
    }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        return traced({Call::remove, below(dir, name)}, fs_.remove(dir, name));
    }
    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        return traced({Call::rename, below(dir, from), below(dir, to)}, fs_.rename(dir, from, to));
    }
    Result<std::vector<std::string>> list(FileHandle dir) {
        return traced({Call::list, about(dir)}, fs_.list(dir));
    }
    Result<FileStatus> status(FileHandle h) noexcept {
        return traced({Call::status, about(h)}, fs_.status(h));
    }
    Result<SpaceStatus> space(FileHandle h) noexcept {
        return traced({Call::space, about(h)}, fs_.space(h));
    }
    Result<void> lock(FileHandle h) noexcept { return traced({Call::lock, about(h)}, fs_.lock(h)); }

    Result<void> start_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        return traced({Call::start_writeback, about(h), {}, offset, size},
                      fs_.start_writeback(h, offset, size));
    }
    Result<void> wait_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        return traced({Call::wait_writeback, about(h), {}, offset, size},
                      fs_.wait_writeback(h, offset, size));
    }
    Result<void> drop_cache(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires DropsCache<Fs>
    {
        return traced({Call::drop_cache, about(h), {}, offset, size},
                      fs_.drop_cache(h, offset, size));
    }
    Result<void> read_ahead(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires ReadsAhead<Fs>
    {
        return traced({Call::read_ahead, about(h), {}, offset, size},
                      fs_.read_ahead(h, offset, size));
    }
    Result<CacheStatus> cache_status(FileHandle h, std::uint64_t offset,
                                     std::uint64_t size) noexcept
        requires CountsCache<Fs>
    {
        return traced({Call::cache_status, about(h), {}, offset, size},
                      fs_.cache_status(h, offset, size));
    }
    Result<void> preallocate(FileHandle h, std::uint64_t size) noexcept
        requires Preallocates<Fs>
    {
        return traced({Call::preallocate, about(h), {}, 0, size}, fs_.preallocate(h, size));
    }
    Result<std::size_t> write_uncached(FileHandle h, ByteView from, std::uint64_t offset) noexcept
        requires WritesUncached<Fs>
    {
        return traced({Call::write_uncached, about(h), {}, offset, from.size()},
                      fs_.write_uncached(h, from, offset));
    }
    Result<FileHandle> reopen(FileHandle h) noexcept
        requires Reopens<Fs>
    {
        return opened(Call::reopen, about(h), fs_.reopen(h));
    }
    Result<Bytes> adopt(FileHandle h) noexcept
        requires Adopts<Fs>
    {
        return traced({Call::adopt, about(h)}, fs_.adopt(h));
    }
    Result<std::uint32_t> type(FileHandle h) noexcept
        requires KnowsType<Fs>
    {
        return traced({Call::type, about(h)}, fs_.type(h));
    }

    Result<FileStatus> status_at(FileHandle dir, const char* name) noexcept
        requires requires(Fs& fs) { fs.status_at(dir, name); }
    {
        return traced({Call::status, below(dir, name)}, fs_.status_at(dir, name));
    }
    /// Passes on that a sync failed above, so that a `FaultyFs` may lie over this one.
    void sync_failed(FileHandle h) noexcept
        requires requires(Fs& fs) { fs.sync_failed(h); }
    {
        const UncountedAllocations uncounted;
        fs_.sync_failed(h);
        TracedCall call{Call::sync, about(h)};
        call.error = EIO;
        trace_->add(std::move(call));
    }
    void writeback_failed(FileHandle h, std::uint64_t offset, std::uint64_t size, bool told) noexcept
        requires requires(Fs& fs) { fs.writeback_failed(h, offset, size, told); }
    {
        fs_.writeback_failed(h, offset, size, told);
    }
    Result<FileHandle> open_unseen(const char* path) noexcept
        requires requires(Fs& fs) { fs.open_unseen(path); }
    {
        auto handle = fs_.open_unseen(path);
        if (handle) trace_->name(*handle, path);
        return handle;
    }
    void barrier() noexcept {
        if constexpr (requires { fs_.barrier(); }) fs_.barrier();
    }

private:
    std::string about(FileHandle h) const {
        const UncountedAllocations uncounted;
        return trace_->path_of(h);
    }
    std::string below(FileHandle dir, const char* name) const {
        const UncountedAllocations uncounted;
        return trace_->path_of(dir) + '/' + name;
    }
    template <class R>
    R traced(TracedCall call, R result) {
        const UncountedAllocations uncounted;
        if (!result) call.error = result.error().code;
        if constexpr (std::is_same_v<R, Result<std::size_t>>)
            if (result) call.done = *result;
        trace_->add(std::move(call));
        return result;
    }
    Result<FileHandle> opened(Call call, std::string path, Result<FileHandle> handle) {
        const UncountedAllocations uncounted;
        if (handle) trace_->name(*handle, path);
        return traced({call, std::move(path)}, handle);
    }

    Fs fs_;
    std::shared_ptr<Trace> trace_ = std::make_shared<Trace>();
};

}  // namespace bobbin::testing

#endif
