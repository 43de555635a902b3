#ifndef BOBBIN_FILE_DETAIL_BACKGROUND_WORKER_HPP
#define BOBBIN_FILE_DETAIL_BACKGROUND_WORKER_HPP

#include <bobbin/core/threads.hpp>
#include <bobbin/file/detail/abandoned.hpp>
#include <bobbin/file/detail/pacer.hpp>
#include <bobbin/file/preallocation.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace bobbin::file::detail {

/// The thread of one file and what it shares with the caller. The caller hands over ranges: it has written
/// them, or they lie in the ring and the worker writes them. Internally synchronised by `mutex`.
template <FilePolicy Next, Threads T, Clock C, Observer O>
class BackgroundWorker final : public Abandoned {
public:
    using Lowest = lowest_layer_t<Next>;
    using Pacing = Pacer<Lowest, C, O>;
    using Lock = std::unique_lock<typename T::Mutex>;
    static constexpr std::size_t most_ranges = 64;
    static constexpr std::size_t most_at_once = std::size_t{1} << 20;

    BackgroundWorker(Next file, const WritebackOptions& options, C clock_, O observer) noexcept
        : next{std::move(file)}
        , clock{clock_}
        , pacer{options, std::move(clock_), std::move(observer)} {}

    /// @errors what the system answers; then nothing has changed
    Result<void> start() noexcept {
        if (ring_size == 0) {
            // So that closing one closes no descriptor that the other is using.
            auto again = reopen(lowest_layer(next));
            if (!again) return again.error();
            own.emplace(std::move(*again));
        }
        try {
            thread.emplace([this](std::stop_token) { run(); });
        } catch (...) {
            own.reset();
            return Error::system(EAGAIN, Operation::start);
        }
        return {};
    }

    std::size_t room(std::uint64_t cap) const noexcept {
        if (count == most_ranges) return 0;
        if (ring_size != 0) return ring_size - pending;
        const auto used = pending + outstanding + margin();
        return used < cap ? static_cast<std::size_t>(cap - used) : 0;
    }
    /// A page at each end of a range.
    std::uint64_t margin() const noexcept { return 2 * pacer.unit(); }
    /// The caller holds the mutex. @param counts of `pending`
    void push(ByteRange range, std::size_t counts) noexcept {
        auto& last = handed[(first + count + most_ranges - 1) % most_ranges];
        if (count != 0 && last.range.to == range.from) {
            last.range.to = range.to;
            last.counts += counts;
        } else {
            handed[(first + count++) % most_ranges] = {range, counts};
        }
        work.notify_all();
    }

    Next next;  ///< the caller's; with a ring the worker's
    C clock;
    Pacing pacer;               ///< the worker's
    std::optional<Lowest> own;  ///< the worker's, where the caller writes
    std::unique_ptr<std::byte[]> ring;
    std::size_t ring_size = 0;

    typename T::Mutex mutex;
    typename T::Condition work, progress;
    struct Handed {
        ByteRange range;
        std::size_t counts = 0;
    };
    std::array<Handed, most_ranges> handed;
    std::size_t first = 0, count = 0;
    std::size_t pending = 0;  ///< bytes of the ring; else what counts of ranges, and of the caller's write
    std::size_t ring_at = 0;        ///< where the first of them lies in the ring
    std::uint64_t outstanding = 0;  ///< as the worker last told
    FileReport report;              ///< as the worker last told
    std::optional<MonotonicTime> degraded_since;
    std::optional<Error> write_error;  ///< the worker waits until it was told
    std::size_t wanted = 0;            ///< room that the caller waits for
    std::uint64_t syncs_asked = 0, syncs_done = 0;
    SyncResult synced = SyncResult::durable();
    bool is_closing = false, has_closed = false;
    Result<void> closed;

    std::optional<typename T::Thread> thread;  ///< last: joined before all else goes

private:
    Lowest& file() noexcept { return own ? *own : lowest_layer(next); }
    auto syncing() noexcept {
        return [this]() noexcept { return own ? own->sync() : next.sync(); };
    }

    void run() noexcept {
        Lock lock{mutex};
        publish();
        while (step(lock)) {}
        lock.unlock();
        finish();
        lock.lock();
        has_closed = true;
        publish();
        done();
    }

    /// @returns whether there may be more to do
    bool step(Lock& lock) noexcept {
        if (count != 0 && !(ring_size != 0 && write_error)) {
            take(lock);
        } else if (wanted != 0) {
            const auto size = std::exchange(wanted, 0);
            lock.unlock();
            (void)pacer.make_room(file(), {0, size}, syncing());
            lock.lock();
        } else if (syncs_done != syncs_asked) {
            const auto ticket = syncs_asked;
            const auto failed = write_error;
            lock.unlock();
            auto result = SyncResult::durable();
            if (failed)
                result = SyncResult::not_attempted(*failed);
            else if (pacer.has_failed() || !pacer.sync_now(file(), syncing()))
                result = SyncResult::failed(pacer.report().fault->error);
            lock.lock();
            synced = result;
            syncs_done = ticket;
        } else {
            if (is_closing) return false;
            work.wait_for(lock, std::chrono::hours{1});
            return true;
        }
        publish();
        return true;
    }

    void take(Lock& lock) noexcept {
        auto [range, counts] = handed[first];
        if (ring_size == 0) {
            // In slices, so that a window does not become as large as what has piled up.
            if (counts == range.size()) {
                counts = std::min(counts, pacer.slice());
                range.to = range.from + counts;
                handed[first].counts -= counts;
            }
            pop(range.size());
            lock.unlock();
            if (pacer.make_room(file(), range, syncing())) pacer.note(range, end);
        } else {
            const auto size = std::min<std::uint64_t>(
                {range.size(), most_at_once, ring_size - ring_at, pacer.slice()});
            range.to = range.from + size;
            lock.unlock();
            const auto wrote = write_out(range);
            lock.lock();
            if (wrote) {
                pop(range.size());
                pending -= static_cast<std::size_t>(range.size());
                ring_at = (ring_at + range.size()) % ring_size;
            } else {
                write_error = wrote.error();
            }
            lock.unlock();
        }
        end = std::max(end, range.to);
        pacer.pace(file(), syncing());
        lock.lock();
        // Only now, as from here on they are counted among what is outstanding.
        if (ring_size == 0) pending -= counts;
    }
    Result<void> write_out(ByteRange range) noexcept {
        if (!pacer.make_room(file(), range, syncing())) return pacer.report().fault->error;
        const ByteView bytes{ring.get() + ring_at, static_cast<std::size_t>(range.size())};
        auto wrote = pacer.timed(Operation::write, range.from, [&]() noexcept -> Result<void> {
            if constexpr (requires { next.write_at(bytes, range.from); }) {
                // The same range is written again where it fails in the middle.
                return next.write_at(bytes, range.from);
            } else {
                auto got = next.append(
                    bytes.subspan(static_cast<std::size_t>(next.size().value - range.from)));
                if (got && next.size().value < range.to)
                    got = next.append(
                        bytes.subspan(static_cast<std::size_t>(next.size().value - range.from)));
                return got ? Result<void>{} : Result<void>{got.error()};
            }
        });
        if (wrote) wrote = next.flush();
        pacer.note(range, end);
        return wrote;
    }
    void pop(std::uint64_t size) noexcept {
        handed[first].range.from += size;
        if (handed[first].range.size() != 0) return;
        first = (first + 1) % most_ranges;
        --count;
    }

    /// The calls came back: whoever waits may go on.
    void publish() noexcept {
        outstanding = pacer.outstanding();
        report = pacer.report();
        if (std::exchange(degraded_since, std::nullopt)) pacer.observer().on_restored();
        progress.notify_all();
    }

    void finish() noexcept {
        pacer.drain(file(), syncing());
        auto out = pacer.has_failed() ? Result<void>{pacer.report().fault->error} : Result<void>{};
        if (write_error && out) out = *write_error;
        pacer.unwatch();
        // The blocks past the end, by the descriptor that knows where it is.
        if (ring_size != 0) {
            const auto trimmed = trim(lowest_layer(next), pacer.report().preallocation);
            if (out && !trimmed) out = trimmed;
            const auto end_of = next.close();
            if (out && !end_of) out = end_of;
        } else {
            if (const auto end_of = own->close(); out && !end_of) out = end_of;
        }
        closed = out;
    }

    std::uint64_t end = 0;
};

}  // namespace bobbin::file::detail

#endif
