#ifndef BOBBIN_COMMITTER_HPP
#define BOBBIN_COMMITTER_HPP

#include <bobbin/core/retry.hpp>
#include <bobbin/core/threads.hpp>
#include <bobbin/detail/batch.hpp>
#include <bobbin/detail/commit_line.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

namespace bobbin {

/// Commits what directories hand it, in one line of transactions: finished objects of all streams
/// together with the deletions that make room for them. The only one that writes to the store
/// while a program records. One for each store; `Control...` may name a Retry, a Clock and a
/// Threads policy.
///
/// Internally synchronised. Steps in its own thread (`start`, `run`), or in those that wait for it.
/// Must outlive its syncers; the store must outlive it.
template <MetadataStore Store, class... Control>
class Committer final : public detail::CommitLine<Store> {
public:
    using Transaction = typename Store::Transaction;
    using Retry = select_policy_t<role::retry, Backoff, Control...>;
    using Clock = select_policy_t<role::clock, SystemClock, Control...>;
    using Threads = select_policy_t<role::threads, StdThreads, Control...>;
    using Job = typename detail::CommitLine<Store>::Job;

    /// `control...` are instances of the control policies, where they carry state.
    template <class... Given>
    explicit Committer(Store& store, Given... control) : store_{store} {
        (take(std::move(control)), ...);
    }
    Committer(const Committer&) = delete;
    Committer& operator=(const Committer&) = delete;

    Store& store() noexcept override { return store_; }

    /// One transaction, if anything is due. @returns whether there was something to do
    bool step() {
        return detail::or_terminate([&] { return take_step(); });
    }

    /// Steps until asked to stop.
    void run(std::stop_token stop) {
        ++workers_;
        const std::stop_callback wake_up{stop, [this] { wake(); }};
        while (!stop.stop_requested()) {
            if (step()) continue;
            const auto idle = idle_time();
            Lock lock{mutex_};
            if (!std::exchange(is_woken_, false)) work_.wait_for(lock, idle);
            is_woken_ = false;
        }
        {
            const Lock lock{mutex_};
            --workers_;
            done_.notify_all();
        }
        const Lock one_at_a_time{stepping_};
        for (auto* port : ports_) port->on_line_stopped();
    }
    /// Makes the one thread of this committer; it stops when the handle is destroyed.
    [[nodiscard]] typename Threads::Thread start() {
        return typename Threads::Thread{[this](std::stop_token stop) { run(stop); }};
    }

    /// Waits until all objects that had ended in all directories are committed.
    /// @errors `object_lost`, where bytes of one were lost since the last flush that told; where the
    ///   deadline has passed, the first error met since, or `deadline_passed`; `stop_requested`,
    ///   where a directory was closed meanwhile
    Result<void> flush(std::chrono::nanoseconds deadline) { return settle(deadline, false); }

    /// As `flush`, and until no garbage is left to be removed: an orderly end.
    Result<void> drain(std::chrono::nanoseconds deadline) { return settle(deadline, true); }

    /// Runs the program's own statements in a transaction in line with all others.
    /// `f(Transaction&)` gives a Result<void>; an error rolls back. Called once more where there was no room.
    /// @errors what `f` gives; of the store, also where it fails to say what has become of a batch,
    ///   for which `f` would have to wait
    template <std::invocable<Transaction&> F>
    Result<void> run(F f) {
        return execute(Job{std::move(f)});
    }

    /// Deletes the oldest unprotected objects of `stream` until they take no more than `limit`,
    /// without changing its setting; 0 deletes all. In directories that are open, that is.
    /// @errors what the program's rows refuse, once the others are deleted; of the store
    Result<void> lower_retention(StreamId stream, Bytes limit) {
        Bytes over;
        auto lowered = delete_in_jobs([&](Transaction&, Deleter& deleter) -> Result<void> {
            auto left = deleter.lower(stream, limit);
            if (!left) return left.error();
            over = *left;
            return {};
        });
        if (!lowered || over.value == 0) return lowered;
        const Lock one_at_a_time{stepping_};
        for (const auto& refusal : refused_)
            if (refusal.object.stream() == stream) return refusal.error;
        return {};
    }

    /// Deletes these objects in one transaction, whatever the limits say; those that are gone are
    /// passed over. Their files go soon after; `drain` waits for that.
    /// @errors `invalid_argument`, about one that is protected, or in a directory that is not open;
    ///   what the program's rows refuse; of the store. Nothing is deleted then.
    Result<void> remove(std::span<const ObjectId> ids) {
        return delete_in_job([&](Transaction&, Deleter& deleter) -> Result<void> {
            for (const auto id : ids)
                if (auto removed = deleter.remove(id); !removed) return removed;
            return {};
        });
    }

    /// Protected objects are never deleted to make room.
    Result<void> protect(ObjectId id, bool is_protected = true) {
        return run([=](Transaction& tx) { return tx.set_protected(id, is_protected); });
    }

    // What syncers ask; see detail/commit_line.hpp.
    void attach(detail::Port<Transaction>& port) override {
        const Lock one_at_a_time{stepping_};
        const Lock lock{mutex_};
        port.attached = ++attached_;
        ports_.push_back(&port);
    }

    void detach(detail::Port<Transaction>& port) noexcept override {
        {
            const Lock one_at_a_time{stepping_};
            const Lock lock{mutex_};
            std::erase(ports_, &port);
            if (batch_)
                std::erase_if(batch_->parts, [&](const auto& part) { return part.port == &port; });
        }
        Lock lock{mutex_};
        while (std::ranges::find(in_use_, &port) != in_use_.end())
            done_.wait_for(lock, std::chrono::seconds{1});
    }

    Result<Sequence> claim(StreamId stream, DirectoryId directory) override {
        Sequence released = 0;
        {
            const Lock lock{mutex_};
            auto& claim = claims_[stream];
            if (std::exchange(claim.is_taken, true))
                return Error{Errc::stream_in_use, Operation::begin, stream};
            released = claim.next;
        }
        auto next = next_number(stream, directory);
        if (next) return std::max(*next, released);
        const Lock lock{mutex_};
        claims_[stream] = {false, released};
        return next;
    }

    void release(StreamId stream, Sequence next) noexcept override {
        const Lock lock{mutex_};
        claims_[stream] = {false, next};
    }

    Result<void> execute(Job job) override {
        Ticket ticket{std::move(job), {}, false};
        Lock lock{mutex_};
        jobs_.push_back(&ticket);
        is_woken_ = true;
        work_.notify_all();
        while (!ticket.is_done) {
            if (workers_ == 0) {
                lock.unlock();
                if (!step()) clock_.sleep_for(std::chrono::milliseconds{1});
                lock.lock();
            } else {
                done_.wait_for(lock, std::chrono::seconds{1});
            }
        }
        return ticket.result;
    }

    Result<void> retain() override {
        auto retained = delete_in_jobs(
            [](Transaction& tx, Deleter& deleter) { return Batch::lower_all(tx, deleter, nullptr); });
        if (retained || !detail::is_refusal(retained.error())) return retained;
        // One row that is damaged keeps no directory from opening.
        const Lock one_at_a_time{stepping_};
        pass_over({}, retained.error());
        return {};
    }

    void make_room(DirectoryId directory) noexcept override {
        const Lock lock{mutex_};
        if (std::ranges::find(needs_room_, directory) == needs_room_.end())
            needs_room_.push_back(directory);
        is_woken_ = true;
        work_.notify_all();
    }

    void wake() noexcept override {
        const Lock lock{mutex_};
        is_woken_ = true;
        work_.notify_all();
    }

    bool has_thread() const noexcept override { return workers_ != 0; }
    bool help() override { return workers_ == 0 && step(); }

private:
    using Mutex = typename Threads::Mutex;
    using Lock = std::unique_lock<Mutex>;
    using Port = detail::Port<Transaction>;
    using Batch = detail::Batch<Transaction>;

    /// A directory that a `flush` waits for. It may go meanwhile.
    struct Wait {
        Port* port;
        std::uint64_t attached;
        DirectoryId directory;
        std::uint64_t ticket = 0;
        bool is_acknowledged = false;  ///< all that had ended
    };
    struct Ticket {
        Job job;
        Result<void> result;
        bool is_done;
    };
    struct Claim {
        bool is_taken = false;
        Sequence next = 0;
    };

    using Places = detail::OpenDirectories<Transaction>;
    using Deleter = typename Batch::Deleter;

    template <class P>
    void take(P policy) {
        if constexpr (std::is_same_v<P, Retry>)
            retry_ = std::move(policy);
        else if constexpr (std::is_same_v<P, Clock>)
            clock_ = std::move(policy);
        else
            static_assert(std::is_same_v<P, Threads>, "bobbin::Committer: not a control policy");
    }

    bool take_step() {
        const Lock one_at_a_time{stepping_};
        const auto now = clock_.monotonic();
        // What a job does while it is not known whether a batch happened could make it look as if not.
        const bool is_in_doubt = batch_ && batch_->is_outcome_unknown;
        const bool did = !is_in_doubt && run_job();
        if (!batch_ && !next_batch(now)) return did;
        if (now < not_before_) return did;
        add_requests_for_room();
        if (auto committed = commit(*batch_); !committed) {
            if (std::exchange(batch_->is_eased, false)) return true;
            const auto error = committed.error();
            // The fewer rows, the more room: the store's disk may be another than those of the data.
            if (error.kind() == ErrorKind::no_space && !std::exchange(batch_->makes_room, true)) {
                ++attempts_;
                for (auto* port : ports_) {
                    port->on_commit_failed(error, attempts_, {});
                    if (port->deletes_for_room()) make_room(port->directory());
                }
                return true;
            }
            const auto delay = retry_.delay(error, ++attempts_).value_or(std::chrono::seconds{5});
            not_before_ = deadline_after(clock_.monotonic(), delay);
            for (auto* port : ports_) port->on_commit_failed(error, attempts_, delay);
            if (is_in_doubt && batch_->is_outcome_unknown) refuse_jobs(error);
            return true;
        }
        attempts_ = 0;
        deliver(*batch_);
        batch_.reset();
        return true;
    }

    std::chrono::nanoseconds idle_time() {
        const Lock one_at_a_time{stepping_};
        std::chrono::nanoseconds most = std::chrono::seconds{1};
        const auto now = clock_.monotonic();
        if (batch_) return std::clamp(not_before_ - now, std::chrono::nanoseconds{1'000'000}, most);
        CommitReport why;
        for (auto* port : ports_)
            if (const auto due = port->commit_due(why)) most = std::min(most, *due - now);
        return std::max(most, std::chrono::nanoseconds{0});
    }

    /// One at a time, and then the batch: neither holds up the other.
    bool run_job() {
        Ticket* ticket = nullptr;
        {
            const Lock lock{mutex_};
            if (jobs_.empty()) return false;
            ticket = jobs_.front();
            jobs_.erase(jobs_.begin());
        }
        auto result = detail::with_reserve([&]() -> Result<void> {
            auto tx = store_.begin();
            if (!tx) return tx.error();
            if (auto done = ticket->job(*tx); !done) return done;
            return tx->commit();
        });
        const Lock lock{mutex_};
        ticket->result = result;
        ticket->is_done = true;
        done_.notify_all();
        return true;
    }

    /// The store does not even say what has become of the batch: who waits for a job gets to know.
    void refuse_jobs(Error error) {
        // It is the batch that may have happened, not the job.
        if (error.kind() == ErrorKind::unknown_outcome) error.category = ErrorKind::stalled;
        const Lock lock{mutex_};
        for (auto* ticket : std::exchange(jobs_, {})) {
            ticket->result = error;
            ticket->is_done = true;
        }
        done_.notify_all();
    }

    /// A batch that fails for want of room must learn that room may be made.
    void add_requests_for_room() {
        const Lock lock{mutex_};
        for (const auto directory : std::exchange(needs_room_, {}))
            if (std::ranges::find(batch_->needs_room, directory) == batch_->needs_room.end())
                batch_->needs_room.push_back(directory);
    }

    bool next_batch(MonotonicTime now) {
        Batch batch;
        bool is_due = false;
        {
            const Lock lock{mutex_};
            is_due = !needs_room_.empty() || std::exchange(has_more_, false) || !doubted_.empty();
            is_unsettled_ = is_due;
        }
        for (auto* port : ports_) {
            CommitReport why;
            if (const auto due = port->commit_due(why); due && *due <= now) {
                is_due = true;
                if (batch.report.count == 0) batch.report = why;
            }
        }
        if (!is_due) return false;
        for (auto* port : ports_) {
            typename Batch::Part part{port, {}, {}};
            port->collect(part.changes, part.gone);
            for (const auto& change : part.changes)
                batch.report.objects += change->row.state == ObjectState::committed ? 1 : 0;
            if (!part.changes.empty() || !part.gone.empty()) batch.parts.push_back(std::move(part));
        }
        batch_ = std::move(batch);
        const Lock lock{mutex_};
        is_unsettled_ = true;
        return true;
    }

    Result<void> commit(Batch& batch) {
        const bool is_soft = batch.is_soft() && doubted_.empty();
        auto tx = store_.begin(is_soft ? Durability::soft : Durability::hard);
        if (!tx) return tx.error();
        auto committed = batch.commit(*tx, ports_, refused_, doubted_);
        if (batch.has_failed_deleting) pass_over(batch.failed, committed.error());
        return committed;
    }

    /// What the program's rows will not let go stays until the next start; the next oldest goes.
    void pass_over(std::optional<ObjectId> id, const Error& error) {
        if (id) refused_.push_back({*id, error});
        for (auto* port : ports_) port->on_deletion_refused(error);
    }

    void deliver(Batch& batch) {
        for (auto& part : batch.parts)
            part.port->on_durable(part.changes, part.gone.size(), batch.report);
        deliver_garbage(batch.deleted);
        deliver_garbage(batch.found);
        doubted_.clear();
        for (const auto& [stream, over] : batch.unmet)
            for (auto* port : ports_) port->on_retention_unmet(stream, over);
        const Lock lock{mutex_};
        has_more_ = has_more_ || batch.has_more;
        is_unsettled_ = false;
        is_woken_ = true;
    }

    void deliver_garbage(std::span<const ObjectRow> deleted) {
        for (auto* port : ports_) {
            std::vector<ObjectId> ids;
            for (const auto& row : deleted)
                if (row.directory == port->directory()) ids.push_back(row.id);
            if (!ids.empty()) port->on_garbage(ids);
        }
        // Handed over once, not twice.
        std::erase_if(doubted_, [&](const auto& row) {
            return std::ranges::find(deleted, row.id, &ObjectRow::id) != deleted.end();
        });
    }

    /// Deletes in jobs of their own until there is nothing left that `choose(tx, deleter)` would.
    template <class Choose>
    Result<void> delete_in_jobs(Choose choose) {
        for (;;) {
            bool has_more = false;
            std::optional<ObjectId> failed;
            auto done = delete_in_job([&](Transaction& tx, Deleter& deleter) {
                auto chosen = choose(tx, deleter);
                has_more = deleter.has_more();
                failed = deleter.failed();
                return chosen;
            });
            if (!done && failed && detail::is_refusal(done.error())) {
                const Lock one_at_a_time{stepping_};
                pass_over(failed, done.error());
                continue;
            }
            if (!done || !has_more) return done;
        }
    }

    /// The files are handed to their directories once it is durable. Where the store fails to say
    /// whether it is, the next batch asks again.
    template <class Choose>
    Result<void> delete_in_job(Choose choose) {
        for (unsigned attempt = 1;; ++attempt) {
            std::vector<ObjectRow> deleted;
            auto done = run([&](Transaction& tx) -> Result<void> {
                Places places{ports_};
                Deleter deleter{tx, places, refused_};
                auto chosen = choose(tx, deleter);
                deleted = deleter.take_deleted();
                return chosen;
            });
            if (!done && done.error().kind() == ErrorKind::unknown_outcome) {
                const auto has_happened = is_garbage(deleted);
                const Lock one_at_a_time{stepping_};
                if (!has_happened) {
                    doubted_.insert(doubted_.end(), deleted.begin(), deleted.end());
                    const Lock lock{mutex_};
                    is_unsettled_ = true;
                } else if (*has_happened) {
                    done = {};
                } else if (attempt < 3) {
                    continue;
                } else {
                    auto error = done.error();
                    error.category = ErrorKind::stalled;
                    done = error;
                }
            }
            if (!done) return done;
            const Lock one_at_a_time{stepping_};
            deliver_garbage(deleted);
            return done;
        }
    }

    Result<bool> is_garbage(std::span<const ObjectRow> rows) {
        bool all = true;
        auto asked = run([&](Transaction& tx) -> Result<void> {
            all = true;
            for (const auto& row : rows) {
                auto now = tx.object(row.id);
                if (!now) return now.error();
                all = all && *now && (*now)->state == ObjectState::garbage;
            }
            return {};
        });
        if (!asked) return asked.error();
        return all;
    }

    /// Above all that were ever used; and, where the stream comes from another directory, above those
    /// of which a crash may have left a file there.
    Result<Sequence> next_number(StreamId stream, DirectoryId directory) {
        auto tx = store_.begin();
        if (!tx) return tx.error();
        auto streams = tx->streams();
        if (!streams) return streams.error();
        if (std::ranges::none_of(*streams, [&](const auto& row) { return row.id == stream; }))
            return Error{Errc::stream_unknown, Operation::begin, stream};
        auto usage = tx->usage();
        if (!usage) return usage.error();
        std::uint64_t highest = 0;
        for (const auto& row : *usage) {
            if (row.stream != stream || row.highest == 0) continue;
            const auto probed = row.directory == directory ? 0 : detail::sequence_window;
            highest = std::max<std::uint64_t>(highest, std::uint64_t{row.highest} + probed);
        }
        // 0 where the numbers have run out.
        return static_cast<Sequence>(std::min<std::uint64_t>(highest, std::numeric_limits<Sequence>::max()) + 1);
    }

    Result<void> calm(std::span<const Wait> waits, bool is_settled) {
        std::optional<Error> first;
        for (const auto& wait : waits) {
            const bool is_here = with(wait, [&](Port& port) {
                if (const auto error = port.calm(is_settled); !first) first = error;
            });
            if (!is_here && !wait.is_acknowledged && !first)
                first = Error{Errc::stop_requested, Operation::wait, wait.directory};
        }
        if (first) return *first;
        if (!is_settled) return Error{Errc::deadline_passed, Operation::wait};
        return {};
    }

    /// Never waits for a step under way, which may hang with the store.
    Result<void> settle(std::chrono::nanoseconds within, bool quiet) {
        const auto deadline = deadline_after(clock_.monotonic(), within);
        std::vector<Wait> waits;
        {
            const Lock lock{mutex_};
            for (auto* port : ports_) waits.push_back({port, port->attached, port->directory()});
        }
        // One that is closed before this has begun is none of its business.
        std::erase_if(waits, [&](Wait& wait) {
            return !with(wait, [&](Port& port) {
                wait.ticket = port.hurry();
                wait.is_acknowledged = port.is_settled(wait.ticket, false);
            });
        });
        wake();
        for (;;) {
            bool is_settled = true;
            for (auto& wait : waits)
                (void)with(wait, [&](Port& port) {
                    wait.is_acknowledged = port.is_settled(wait.ticket, false);
                    is_settled = is_settled && port.is_settled(wait.ticket, quiet);
                });
            if (quiet && has_work()) is_settled = false;
            if (is_settled || clock_.monotonic() >= deadline) return calm(waits, is_settled);
            bool moved = help();
            for (const auto& wait : waits) (void)with(wait, [&](Port& port) { moved |= port.help(); });
            if (!moved) clock_.sleep_for(std::chrono::milliseconds{1});
        }
    }

    /// Whether a step has something left to do, or does it.
    bool has_work() {
        const Lock lock{mutex_};
        return is_unsettled_ || has_more_;
    }

    /// Calls `f(port)` without a lock and keeps the directory from going meanwhile.
    /// @returns false where it has gone, and `f` was not called
    template <class F>
    bool with(const Wait& wait, F f) {
        {
            const Lock lock{mutex_};
            const bool is_attached = std::ranges::any_of(ports_, [&](const Port* port) {
                return port == wait.port && port->attached == wait.attached;
            });
            if (!is_attached) return false;
            in_use_.push_back(wait.port);
        }
        struct LetGo {
            Committer& line;
            Port* port;
            ~LetGo() {
                const Lock lock{line.mutex_};
                line.in_use_.erase(std::ranges::find(line.in_use_, port));
                line.done_.notify_all();
            }
        } const let_go{*this, wait.port};
        f(*wait.port);
        return true;
    }

    Store& store_;
    [[no_unique_address]] Retry retry_{};
    [[no_unique_address]] Clock clock_{};

    Mutex stepping_;  ///< held for a whole step; before `mutex_` and before any port's
    std::vector<Port*> ports_;  ///< changed under both mutexes, read under either
    std::uint64_t attached_ = 0;
    std::optional<Batch> batch_;
    unsigned attempts_ = 0;
    MonotonicTime not_before_{};
    std::vector<detail::Refusal> refused_;
    std::vector<ObjectRow> doubted_;  ///< deleted by a job, and nobody knows whether it happened

    Mutex mutex_;  ///< held for a moment
    typename Threads::Condition work_;
    typename Threads::Condition done_;
    std::vector<Ticket*> jobs_;
    std::vector<Port*> in_use_;  ///< those that a `flush` looks at or steps
    std::map<StreamId, Claim> claims_;
    std::vector<DirectoryId> needs_room_;
    bool has_more_ = false;
    bool is_unsettled_ = false;  ///< a batch is under way, or a deletion in doubt
    bool is_woken_ = false;
    std::atomic<int> workers_{0};
};

template <class Store, class... Control>
Committer(Store&, Control...) -> Committer<Store, Control...>;

}  // namespace bobbin

#endif
