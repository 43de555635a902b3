#ifndef BOBBIN_FILE_BACKGROUND_HPP
#define BOBBIN_FILE_BACKGROUND_HPP

#include <bobbin/file/detail/background_worker.hpp>

#include <limits>

namespace bobbin {

struct BackgroundOptions {
    WritebackOptions writeback{};
    /// 0: the caller writes. Else it copies into a ring of that size, and the worker writes, too.
    Bytes ring{};
    std::stop_token stop{};  ///< ends the waits of the caller
    std::size_t most_abandoned =
        16;  ///< workers of the process that are stuck; then none is started
};

/// Workers of this process that a call of the system did not give back. A process that has any may not
/// come to its end: the system keeps it until the disk answers.
inline std::size_t abandoned_workers() noexcept { return file::detail::Census::all().count(); }

/// `Writeback` for a file that is used alone: one thread, which lives as long as the file and has a
/// descriptor of its own, starts write-back, waits, drops, syncs and closes. The caller waits for room below
/// the byte cap, and for syncs, each with a deadline; then it is told `stalled`, and told so at once until
/// the worker moves again.
///
/// Without a ring the caller writes, and `append` may wait in the kernel, on a hung disk for ever. With a ring
/// no call outlasts its deadline. A worker that does not come back when the file is closed is abandoned, with
/// its descriptor, and counted. Where none can be started, it works in line, starts write-back only, and says
/// so. External sync. The observer is told from the worker's thread.
template <FilePolicy Next, Threads T = StdThreads, Clock C = SystemClock, Observer O = NullObserver>
class Background {
    using Worker = file::detail::BackgroundWorker<Next, T, C, O>;
    using Lock = typename Worker::Lock;

public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    /// @allocates the ring and the counts of pages. @thread starts one
    explicit Background(Next next, const BackgroundOptions& options = {}, C clock = C{},
                        O observer = O{}) noexcept
        : options_{options}
        , size_{next.size()}
        , worker_{new(std::nothrow) Worker{std::move(next), options.writeback, std::move(clock),
                                           std::move(observer)}} {
        if (!worker_)
            unusable_ = Error{Errc::out_of_memory, Operation::open};
        else
            prepare();
    }
    /// @errors `invalid_argument`: a cap that is too small; `EISDIR`, `ESPIPE`: not a regular file;
    /// `out_of_memory`
    static Result<Background> open(Next next, const BackgroundOptions& options = {}, C clock = C{},
                                   O observer = O{}) noexcept {
        Background file{std::move(next), options, std::move(clock), std::move(observer)};
        if (file.unusable_) return *file.unusable_;
        return file;
    }
    Background(Background&&) noexcept = default;
    Background& operator=(Background&& other) noexcept {
        if (this != &other) {
            (void)close();
            options_ = std::move(other.options_);
            size_ = other.size_;
            unusable_ = other.unusable_;
            is_open_ = other.is_open_;
            worker_ = std::move(other.worker_);
        }
        return *this;
    }
    ~Background() { (void)close(); }

    /// @errors `deadline_passed`, `stop_requested`, where not one byte was taken; the latched one; with a
    /// ring what an earlier write met, whose bytes are kept and tried again
    Result<std::size_t> append(ByteView bytes) noexcept {
        std::size_t taken = 0;
        auto put = transfer(bytes, size_.value, taken);
        if (!put && taken == 0) return put.error();
        return taken;
    }
    /// @errors as `append`; `invalid_argument` where the range ends past the largest file
    Result<void> write_at(ByteView bytes, std::uint64_t offset) noexcept
        requires requires(Next& next, ByteView b) { next.write_at(b, std::uint64_t{}); }
    {
        if (offset > most_offset || bytes.size() > most_offset - offset)
            return Error{Errc::invalid_argument, Operation::write};
        std::size_t taken = 0;
        return transfer(bytes, offset, taken);
    }

    /// With a ring: waits until the worker has handed all to the kernel.
    Result<void> flush() noexcept {
        if (const auto refused = refusal()) return *refused;
        if (!has_worker()) return worker_->next.flush();
        auto& w = *worker_;
        const Stop stop{*this};
        Lock lock{w.mutex};
        if (auto told = take_error()) return *told;
        auto waited = await(lock, options_.writeback.wait_deadline, Operation::write,
                            [&] { return w.pending == 0 || w.write_error || w.report.fault; });
        if (!waited) return waited;
        if (w.report.fault) return w.report.fault->error;
        if (auto told = take_error()) return *told;
        return {};
    }

    /// @returns `timed_out` or `cancelled` where the worker has not answered; it goes on meanwhile
    SyncResult sync() noexcept {
        if (unusable_ || !worker_) return SyncResult::not_attempted(*refusal());
        if (auto refused = refusal()) return SyncResult::failed(*refused);
        if (!has_worker()) {
            if (auto flushed = worker_->next.flush(); !flushed)
                return SyncResult::not_attempted(flushed.error());
            auto syncs = [&]() noexcept { return worker_->next.sync(); };
            if (worker_->pacer.sync_now(lowest_layer(worker_->next), syncs))
                return SyncResult::durable();
            return SyncResult::failed(worker_->pacer.report().fault->error);
        }
        const Stop stop{*this};
        Lock lock{worker_->mutex};
        worker_->write_error.reset();  // tried again
        const auto ticket = ++worker_->syncs_asked;
        worker_->work.notify_all();
        const auto waited = await(lock, options_.writeback.sync_deadline, Operation::sync,
                                  [&] { return worker_->syncs_done >= ticket; });
        if (waited) return worker_->synced;
        return waited.error().is(Errc::stop_requested) ? SyncResult::cancelled()
                                                       : SyncResult::timed_out();
    }

    /// Never syncs. Waits for what is on its way, within the deadline; after it the worker is abandoned,
    /// and the file with it. May be called twice.
    Result<void> close() noexcept {
        if (!worker_ || !std::exchange(is_open_, false)) return {};
        auto& w = *worker_;
        Result<void> closed;
        if (has_worker()) {
            bool is_back = false;
            {
                Lock lock{w.mutex};
                w.is_closing = true;
                w.write_error.reset();
                w.work.notify_all();
                closed = await(lock, options_.writeback.wait_deadline, Operation::close,
                               [&] { return w.has_closed; });
                is_back = closed.has_value();
                if (is_back) closed = w.closed;
            }
            if (!is_back) {
                // The descriptor of the caller's goes along: closing it could hang.
                file::detail::Census::all().add(worker_.release());
                return closed;
            }
            w.thread.reset();
        }
        if (w.ring_size == 0) {
            const auto trimmed = trim(lowest_layer(w.next), w.pacer.report().preallocation);
            if (closed && !trimmed) closed = trimmed;
            const auto end = w.next.close();
            if (closed && !end) closed = end;
        }
        return closed;
    }

    /// Taken so far.
    Bytes size() const noexcept { return size_; }

    /// With a ring it is the worker's: to be looked at only while nothing is pending. Not after a `close`
    /// that ran out of time.
    Next& next_layer() noexcept { return worker_->next; }
    const Next& next_layer() const noexcept { return worker_->next; }

    FileReport report() const noexcept {
        if (!worker_) return {};
        if (!has_worker()) return worker_->pacer.report();
        const Lock lock{worker_->mutex};
        auto report = worker_->report;
        report.degraded_since = worker_->degraded_since;
        return report;
    }
    std::optional<WriteFault> fault() const noexcept { return report().fault; }
    /// Whether a thread does the work.
    bool has_worker() const noexcept { return worker_ && worker_->thread.has_value(); }

private:
    static constexpr auto most_offset = std::uint64_t{std::numeric_limits<std::int64_t>::max()};

    /// Wakes who waits when a stop is asked for.
    class Stop {
    public:
        explicit Stop(Background& file) : callback_{file.options_.stop, Wake{file.worker_.get()}} {}

    private:
        struct Wake {
            Worker* worker;
            void operator()() const noexcept {
                const Lock lock{worker->mutex};
                worker->progress.notify_all();
            }
        };
        std::stop_callback<Wake> callback_;
    };

    void prepare() noexcept {
        auto& w = *worker_;
        const auto& o = options_.writeback;
        auto& lowest = lowest_layer(w.next);
        if ((o.budget ? o.budget->cap() : o.cap) < WritebackOptions::smallest_cap ||
            o.target <= std::chrono::nanoseconds{})
            unusable_ = Error{Errc::invalid_argument, Operation::open};
        else if (const auto status = file::detail::status(lowest); !status) {
            if (!status.error().is(Errc::not_supported)) unusable_ = status.error();
        } else if (status->is_directory) {
            unusable_ = Error::system(EISDIR, Operation::open);
        } else if (!status->is_regular) {
            unusable_ = Error::system(ESPIPE, Operation::open);
        }
        if (unusable_) return;
        if (options_.ring != Bytes{}) {
            w.ring.reset(new (std::nothrow) std::byte[options_.ring.value]);
            if (!w.ring) {
                unusable_ = Error{Errc::out_of_memory, Operation::open};
                return;
            }
            w.ring_size = options_.ring.value;
        }
        const auto type = file::detail::type(lowest);
        if (!type && !type.error().is(Errc::not_supported))
            w.pacer.observer().on_error(type.error());
        const auto traits = traits_of(type.value_or(0u));
        auto mode = choose_mode(WrapperKind::writeback, traits,
                                file::detail::WritesRanges<decltype(lowest)>, false);
        w.pacer.watch(lowest);
        if (o.expected_size != Bytes{})
            w.pacer.report().preallocation = preallocate(lowest, o.expected_size, traits);
        auto started = abandoned_workers() < options_.most_abandoned
                           ? (w.pacer.set_mode(mode), w.start())
                           : Result<void>{Error::system(EAGAIN, Operation::start)};
        if (started) return;
        w.ring_size = 0;
        w.pacer.observer().on_error(started.error());
        if (mode.mode != WriteMode::plain)
            w.pacer.set_mode({mode.mode == WriteMode::write_back ? WriteMode::kick_only : mode.mode,
                              WriteModeReason::no_worker});
    }

    std::optional<Error> refusal() const noexcept {
        if (unusable_) return unusable_;
        if (!worker_ || !is_open_) return Error::system(EBADF, Operation::write);
        if (const auto met = fault()) return met->error;
        return {};
    }
    /// What the worker's write met; it tries again.
    std::optional<Error> take_error() noexcept {
        auto told = std::exchange(worker_->write_error, std::nullopt);
        if (told) worker_->work.notify_all();
        return told;
    }

    template <class Met>
    Result<void> await(Lock& lock, std::chrono::nanoseconds limit, Operation operation,
                       Met&& met) noexcept {
        auto& w = *worker_;
        // Who waited in vain for room waits no more before the worker has moved.
        const bool is_stuck = w.degraded_since && operation == Operation::append;
        const auto start = w.clock.monotonic();
        const auto deadline = is_stuck ? start : deadline_after(start, limit);
        while (!met()) {
            if (options_.stop.stop_requested()) return Error{Errc::stop_requested, operation};
            const auto now = w.clock.monotonic();
            if (now >= deadline) {
                const Error stalled{Errc::deadline_passed, operation};
                if (!w.degraded_since) w.pacer.observer().on_degraded(stalled);
                if (!w.degraded_since) w.degraded_since = now;
                return stalled;
            }
            w.progress.wait_for(
                lock, std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::hours{1}));
        }
        return {};
    }

    Result<void> transfer(ByteView bytes, std::uint64_t offset, std::size_t& taken) noexcept {
        if (const auto refused = refusal()) return *refused;
        if (!has_worker()) return write_in_line(bytes, offset, taken);
        auto& w = *worker_;
        const Stop stop{*this};
        Lock lock{w.mutex};
        while (taken < bytes.size()) {
            const bool patches = w.ring_size == 0 && offset < size_.value;
            const auto rest = std::min<std::size_t>(
                bytes.size() - taken, patches ? w.pacer.folio() : Worker::most_at_once);
            const auto least = w.ring_size != 0 ? 1
                               : patches        ? counts(offset, rest)
                                                : std::min<std::size_t>(rest, 64 << 10);
            auto waited = await(lock, options_.writeback.wait_deadline, Operation::append, [&] {
                if (w.report.fault || w.write_error || w.room(cap()) >= least) return true;
                if (w.ring_size == 0) w.wanted = least + w.margin();
                w.work.notify_all();
                return false;
            });
            if (!waited) return waited;
            if (w.report.fault) return w.report.fault->error;
            if (auto told = take_error()) return *told;
            const auto part = bytes.subspan(taken, patches ? rest : std::min(rest, w.room(cap())));
            auto put = w.ring_size != 0 ? Result<std::size_t>{copy(part, offset)}
                                        : write(lock, part, offset);
            if (!put) return put.error();
            taken += *put;
            offset += *put;
            size_ = std::max(size_, Bytes{offset});
            if (*put < part.size() && w.ring_size == 0) break;
        }
        return {};
    }
    std::uint64_t cap() const noexcept {
        const auto& o = options_.writeback;
        return Worker::Pacing::below(o.budget ? o.budget->cap().value : o.cap.value);
    }

    std::size_t copy(ByteView bytes, std::uint64_t offset) noexcept {
        auto& w = *worker_;
        const auto at = (w.ring_at + w.pending) % w.ring_size;
        const auto n = std::min(bytes.size(), w.ring_size - at);
        std::memcpy(w.ring.get() + at, bytes.data(), n);
        w.pending += n;
        w.push({offset, offset + n}, n);
        return n;
    }
    /// The caller's own write, with the mutex given up.
    Result<std::size_t> write(Lock& lock, ByteView bytes, std::uint64_t offset) noexcept {
        auto& w = *worker_;
        const auto expected = counts(offset, bytes.size());
        w.pending += expected;
        lock.unlock();
        const bool appends = offset == w.next.size().value;
        auto got = write_below(bytes, offset);
        lock.lock();
        // How much of a failed patch is there is not known: all of it counts.
        const auto written = got ? *got : appends ? 0 : bytes.size();
        const auto met = counts(offset, written);
        w.pending -= expected - met;
        if (written != 0) w.push({offset, offset + written}, met);
        return got;
    }
    /// What `size` bytes at `offset` make dirty.
    std::size_t counts(std::uint64_t offset, std::size_t size) const noexcept {
        const ByteRange range{offset, offset + size};
        return static_cast<std::size_t>(worker_->pacer.widened(range, size_.value).size());
    }
    Result<std::size_t> write_below(ByteView bytes, std::uint64_t offset) noexcept {
        auto& next = worker_->next;
        if constexpr (requires { next.write_at(bytes, offset); })
            if (offset != next.size().value) {
                auto wrote = next.write_at(bytes, offset);
                return wrote ? Result<std::size_t>{bytes.size()}
                             : Result<std::size_t>{wrote.error()};
            }
        return next.append(bytes);
    }

    Result<void> write_in_line(ByteView bytes, std::uint64_t offset, std::size_t& taken) noexcept {
        auto& w = *worker_;
        auto& lowest = lowest_layer(w.next);
        while (taken < bytes.size()) {
            const auto part = bytes.subspan(taken, std::min(bytes.size() - taken, w.pacer.slice()));
            if (!w.pacer.make_room(lowest, {offset, offset + part.size()}, syncing()))
                return w.pacer.report().fault->error;
            const auto end = w.next.size().value;
            auto got = write_below(part, offset);
            if (!got) return got.error();
            w.pacer.note({offset, offset + *got}, end);
            taken += *got;
            offset += *got;
            size_ = std::max(size_, Bytes{offset});
            w.pacer.pace(lowest, syncing());
            if (*got < part.size()) break;
        }
        return {};
    }
    auto syncing() noexcept {
        return [this]() noexcept { return worker_->next.sync(); };
    }

    BackgroundOptions options_;
    Bytes size_;
    std::optional<Error> unusable_;
    bool is_open_ = true;
    std::unique_ptr<Worker> worker_;
};

}  // namespace bobbin

#endif
