#ifndef BOBBIN_TESTING_FAULTY_FS_HPP
#define BOBBIN_TESTING_FAULTY_FS_HPP

#include <bobbin/testing/allocations.hpp>
#include <bobbin/testing/calls.hpp>

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// One thing that goes wrong.
struct Fault {
    enum class Effect : std::uint8_t {
        fail,            ///< nothing is done and `error` answered; a close still closes
        short_transfer,  ///< a read or write handles half of what was asked
        lose_pages,      ///< `start_writeback` succeeds, and the pages are lost on their way
    };
    CallSet calls = CallSet::all();
    std::uint64_t nth = 1;  ///< of these calls, counted from when the fault was added
    bool for_ever = false;  ///< all that follow as well
    int error = EIO;
    Effect effect = Effect::fail;
};

/// What goes wrong on a `FaultyFs` and all its copies. Internally synchronised.
class FaultPlan {
public:
    void add(const Fault& fault) {
        const UncountedAllocations uncounted;
        const std::lock_guard lock{mutex_};
        faults_.push_back({fault, 0});
    }
    /// Nothing fails from here on.
    void clear() noexcept {
        const std::lock_guard lock{mutex_};
        faults_.clear();
    }
    /// All calls so far.
    std::uint64_t calls() const noexcept {
        const std::lock_guard lock{mutex_};
        return calls_;
    }
    /// How many of them a fault has hit.
    std::uint64_t hits() const noexcept {
        const std::lock_guard lock{mutex_};
        return hits_;
    }

    /// Counts a call and tells what goes wrong with it.
    std::optional<Fault> meet(Call call) noexcept {
        const std::lock_guard lock{mutex_};
        ++calls_;
        std::optional<Fault> met;
        for (auto& [fault, seen] : faults_) {
            if (!fault.calls.contains(call)) continue;
            ++seen;
            if (seen == fault.nth || (fault.for_ever && seen > fault.nth)) met = fault;
        }
        if (met) ++hits_;
        return met;
    }

private:
    struct Counted {
        Fault fault;
        std::uint64_t seen = 0;
    };
    mutable std::mutex mutex_;
    std::vector<Counted> faults_;
    std::uint64_t calls_ = 0;
    std::uint64_t hits_ = 0;
};

/// Fails calls as a plan says and passes on the others. Copies share the plan.
template <FileSystem Fs>
class FaultyFs {
public:
    FaultyFs() = default;
    explicit FaultyFs(Fs fs) : fs_{std::move(fs)} {}

    FaultPlan& plan() const noexcept { return *plan_; }
    Fs& next_layer() noexcept { return fs_; }
    const Fs& next_layer() const noexcept { return fs_; }

    Result<FileHandle> open_root(const char* path, RootMode mode) noexcept {
        return run(Call::open_root, [&] { return fs_.open_root(path, mode); });
    }
    Result<FileHandle> open_at(FileHandle dir, const char* name, OpenMode mode) noexcept {
        return run(call_of(mode), [&] { return fs_.open_at(dir, name, mode); });
    }
    Result<void> close(FileHandle h) noexcept {
        const auto fault = plan_->meet(Call::close);
        auto closed = fs_.close(h);
        if (fault) return Error::system(fault->error, Operation::close);
        return closed;
    }
    Result<std::size_t> read_at(FileHandle h, MutableByteView to, std::uint64_t offset) noexcept {
        return transfer(Call::read, to,
                        [&](MutableByteView part) { return fs_.read_at(h, part, offset); });
    }
    Result<std::size_t> write_at(FileHandle h, ByteView from, std::uint64_t offset) noexcept {
        return transfer(Call::write, from,
                        [&](ByteView part) { return fs_.write_at(h, part, offset); });
    }
    Result<void> truncate(FileHandle h, std::uint64_t size) noexcept {
        return run(Call::truncate, [&] { return fs_.truncate(h, size); });
    }
    Result<void> sync(FileHandle h) noexcept {
        const auto fault = plan_->meet(Call::sync);
        if (!fault) return fs_.sync(h);
        if constexpr (requires { fs_.sync_failed(h); }) fs_.sync_failed(h);
        return Error::system(fault->error, Operation::sync);
    }
    Result<void> sync_directory(FileHandle h) noexcept {
        return run(Call::sync_directory, [&] { return fs_.sync_directory(h); });
    }
    Result<void> remove(FileHandle dir, const char* name) noexcept {
        return run(Call::remove, [&] { return fs_.remove(dir, name); });
    }
    Result<void> rename(FileHandle dir, const char* from, const char* to) noexcept {
        return run(Call::rename, [&] { return fs_.rename(dir, from, to); });
    }
    Result<std::vector<std::string>> list(FileHandle dir) {
        return run(Call::list, [&] { return fs_.list(dir); });
    }
    Result<FileStatus> status(FileHandle h) noexcept {
        return run(Call::status, [&] { return fs_.status(h); });
    }
    Result<SpaceStatus> space(FileHandle h) noexcept {
        return run(Call::space, [&] { return fs_.space(h); });
    }
    Result<void> lock(FileHandle h) noexcept {
        return run(Call::lock, [&] { return fs_.lock(h); });
    }

    Result<void> start_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        const auto fault = plan_->meet(Call::start_writeback);
        if (fault && fault->effect == Fault::Effect::fail)
            return Error::system(fault->error, Operation::write_back);
        auto started = fs_.start_writeback(h, offset, size);
        if (fault) writeback_failed(h, offset, size, false);
        return started;
    }
    /// One that fails loses the pages of its range, which count as clean, as a sync does.
    Result<void> wait_writeback(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires WritesBack<Fs>
    {
        const auto fault = plan_->meet(Call::wait_writeback);
        if (!fault) return fs_.wait_writeback(h, offset, size);
        if (fault->error != EINTR) writeback_failed(h, offset, size, true);
        return Error::system(fault->error, Operation::write_back);
    }
    Result<void> drop_cache(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires DropsCache<Fs>
    {
        return run(Call::drop_cache, [&] { return fs_.drop_cache(h, offset, size); });
    }
    Result<void> read_ahead(FileHandle h, std::uint64_t offset, std::uint64_t size) noexcept
        requires ReadsAhead<Fs>
    {
        return run(Call::read_ahead, [&] { return fs_.read_ahead(h, offset, size); });
    }
    Result<CacheStatus> cache_status(FileHandle h, std::uint64_t offset,
                                     std::uint64_t size) noexcept
        requires CountsCache<Fs>
    {
        return run(Call::cache_status, [&] { return fs_.cache_status(h, offset, size); });
    }
    Result<void> preallocate(FileHandle h, std::uint64_t size) noexcept
        requires Preallocates<Fs>
    {
        return run(Call::preallocate, [&] { return fs_.preallocate(h, size); });
    }
    Result<std::size_t> write_uncached(FileHandle h, ByteView from, std::uint64_t offset) noexcept
        requires WritesUncached<Fs>
    {
        return transfer(Call::write_uncached, from,
                        [&](ByteView part) { return fs_.write_uncached(h, part, offset); });
    }
    Result<FileHandle> reopen(FileHandle h) noexcept
        requires Reopens<Fs>
    {
        return run(Call::reopen, [&] { return fs_.reopen(h); });
    }
    Result<Bytes> adopt(FileHandle h) noexcept
        requires Adopts<Fs>
    {
        return run(Call::adopt, [&] { return fs_.adopt(h); });
    }
    Result<std::uint32_t> type(FileHandle h) noexcept
        requires KnowsType<Fs>
    {
        return run(Call::type, [&] { return fs_.type(h); });
    }

    Result<FileStatus> status_at(FileHandle dir, const char* name) noexcept
        requires requires(Fs& fs) { fs.status_at(dir, name); }
    {
        return run(Call::status, [&] { return fs_.status_at(dir, name); });
    }
    Result<FileHandle> open_unseen(const char* path) noexcept
        requires requires(Fs& fs) { fs.open_unseen(path); }
    {
        return fs_.open_unseen(path);
    }
    /// What a sync that a decorator above fails does below.
    void sync_failed(FileHandle h) noexcept
        requires requires(Fs& fs) { fs.sync_failed(h); }
    {
        fs_.sync_failed(h);
    }
    /// What write-back that a decorator above fails does below.
    void writeback_failed(FileHandle h, std::uint64_t offset, std::uint64_t size, bool told) noexcept {
        if constexpr (requires { fs_.writeback_failed(h, offset, size, told); })
            fs_.writeback_failed(h, offset, size, told);
    }
    void barrier() noexcept {
        if constexpr (requires { fs_.barrier(); }) fs_.barrier();
    }

private:
    template <class F>
    auto run(Call call, F&& f) -> std::invoke_result_t<F> {
        if (const auto fault = plan_->meet(call); fault && fault->effect == Fault::Effect::fail)
            return Error::system(fault->error, operation_of(call));
        return f();
    }
    template <class View, class F>
    Result<std::size_t> transfer(Call call, View bytes, F&& f) noexcept {
        if (const auto fault = plan_->meet(call)) {
            if (fault->effect == Fault::Effect::fail)
                return Error::system(fault->error, operation_of(call));
            bytes = bytes.first(
                std::max<std::size_t>(bytes.size() / 2, std::min<std::size_t>(bytes.size(), 1)));
        }
        return f(bytes);
    }

    Fs fs_;
    std::shared_ptr<FaultPlan> plan_ = std::make_shared<FaultPlan>();
};

}  // namespace bobbin::testing

#endif
