#ifndef BOBBIN_DETAIL_DIRECTORY_STATE_HPP
#define BOBBIN_DETAIL_DIRECTORY_STATE_HPP

#include <bobbin/detail/commit_line.hpp>
#include <bobbin/detail/composition.hpp>
#include <bobbin/detail/growing.hpp>
#include <bobbin/detail/sequence_window.hpp>
#include <bobbin/store/uuid.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>

namespace bobbin {

/// What `Writer::append` does when there is no room left in memory.
enum class WhenFull : std::uint8_t {
    wait,  ///< until the disk has taken something, or the deadline has passed
    drop,  ///< leave out whole groups, count them, and go on in a new object
};

struct SyncerOptions {
    bool create = false;  ///< make the directory if neither it nor the store knows it
    Bytes memory{std::uint64_t{32} << 20};  ///< for bytes that are not durable yet
    WhenFull when_full = WhenFull::wait;
    /// Delete the oldest objects when the disk is full; else nothing goes on until there is room.
    bool deletes_for_room = true;
    std::chrono::nanoseconds append_deadline = std::chrono::seconds{30};
    /// On its way to the disk at most, of all files together, where the file policy bounds that.
    Bytes writeback{std::uint64_t{32} << 20};
    /// Hard marks: what the loss of power costs of a growing object. Zero: none.
    std::chrono::nanoseconds mark_interval = std::chrono::seconds{5};
    /// Soft marks: what the death of the process costs. They sync nothing. Zero: none; nor are there any
    /// where the store has no soft commits, or nothing digests the bytes.
    std::chrono::nanoseconds soft_mark_interval = std::chrono::seconds{1};
    UuidSource make_uuid = &random_uuid;
};

struct WriterOptions {
    /// How long a finished object may wait for others before it is committed.
    std::chrono::nanoseconds flush_interval{0};
};

namespace detail {

/// So many finished objects of a stream start a group commit.
inline constexpr std::size_t commit_count = 8;
/// The worker writes when so many bytes of an object wait.
inline constexpr std::uint64_t write_threshold = 64 * 1024;
/// What a file may hold back, at most, before it is told to hand it over.
inline constexpr std::uint64_t flush_window = 1024 * 1024;

/// When the mark after the one at `last` is due. All objects have the same moments, so that one
/// transaction carries them all.
constexpr MonotonicTime next_mark(MonotonicTime last, std::chrono::nanoseconds interval) noexcept {
    if (interval.count() <= 0) return MonotonicTime::max();
    return deadline_after(last, interval - last.time_since_epoch() % interval);
}

template <class C>
struct StreamState {
    StreamId id;
    Sequence next = 1;     ///< the number of the next object
    Sequence durable = 0;  ///< the highest number that the store knows in this directory
    bool has_writer = false;
    bool is_claimed = false;   ///< from the committer: until the last of it is settled
    std::size_t pending = 0;   ///< changes on their way to the store
    WriterOptions options;
    std::deque<std::shared_ptr<Growing<C>>> objects;  ///< not handed on yet, oldest first
    std::shared_ptr<Growing<C>> current;              ///< the one that takes records
    typename C::Facts next_facts{};                   ///< of the next object
    typename C::Index prototype{};                    ///< tells where groups start
    bool skips_to_group = false;
    ObjectId last_lost = no_object;  ///< whose records nothing took over, since the last end
    // What was dropped since the last object that was stored.
    typename C::Facts split_facts{};
    typename C::Counts split_counts{};
    typename C::Counts dropped{};
    std::uint64_t dropped_records = 0;
    Bytes dropped_bytes;
    bool has_split = false;

    /// Whether a file of the next number would be found by recovery, and so would those of the
    /// objects that no row speaks of yet. One that gives its own number up does not count.
    bool has_number(Sequence window, const Growing<C>* giving_up = nullptr) const noexcept {
        std::uint64_t known = durable;
        for (const auto& object : objects)
            if (object.get() != giving_up && !object->marked)
                known = std::min<std::uint64_t>(known, object->id.sequence() - 1);
        return next != 0 && next <= known + window;
    }

    /// What follows the object that has ended just now, where its writer did not ask for the end.
    void split_from(const Growing<C>& object) {
        split_facts = object.facts;
        split_counts = object.index.counts();
        dropped = {};
        has_split = true;
    }
};

/// A change with the facts that the program's rows need.
template <class C>
struct RowsChange final : Change<typename C::Transaction> {
    typename C::Rows* rows = nullptr;
    typename C::Facts facts{};
    std::optional<typename C::Facts> end_facts;
    typename C::Counts counts{};

    Result<void> apply_rows(typename C::Transaction& tx) override {
        if (this->row.state == ObjectState::garbage) return rows->remove(tx, this->row.id);
        if (!this->has_row)
            if (auto begun = rows->begin(tx, this->row.id, facts); !begun) return begun;
        if (this->row.state == ObjectState::growing) return rows->advance(tx, this->row.id, counts);
        return rows->commit(tx, this->row.id, counts, end_facts ? &*end_facts : &facts);
    }
};

/// What writers, the worker, readers and the committer share of one directory.
template <class C>
struct DirectoryState {
    using Object = std::shared_ptr<Growing<C>>;
    using Mutex = typename C::Threads::Mutex;
    using Lock = std::unique_lock<Mutex>;

    DirectoryState(CommitLine<typename C::Store>& commit_line, typename C::Directory place,
                   DirectoryId number, SyncerOptions with, Instances<C> policies)
        : line{commit_line}, directory{std::move(place)}, id{number}, options{with},
          policy{std::move(policies)}, pool{with.memory} {
        writeback.cap = with.writeback;
        writeback.budget = std::make_shared<WritebackBudget>(with.writeback);
    }

    CommitLine<typename C::Store>& line;
    typename C::Directory directory;
    DirectoryId id;
    SyncerOptions options;
    Instances<C> policy;
    WritebackOptions writeback;  ///< of each file
    Bytes block{4096};  ///< of the file system

    Mutex mutex;
    typename C::Threads::Condition work;      ///< the worker waits here
    typename C::Threads::Condition progress;  ///< everybody else does
    bool has_work = false;
    bool is_short = false;  ///< somebody waits for room: write whatever there is
    std::atomic<int> workers{0};

    BlockPool pool;
    std::map<StreamId, std::unique_ptr<StreamState<C>>> streams;
    std::uint64_t tickets = 0;
    unsigned hurries = 0;  ///< flushes that wait

    /// Begun and not settled.
    std::map<ObjectId, Object> outstanding;
    /// Will never be whole; the last thousand.
    std::deque<std::pair<ObjectId, Error>> lost;
    // Not told by a flush yet.
    std::optional<Error> first_error;
    std::optional<Error> first_loss;
    std::optional<Error> trouble;  ///< from `on_degraded` to `on_restored`

    typename Port<typename C::Transaction>::Changes outbox;
    std::vector<ObjectId> garbage;   ///< to be removed
    std::size_t removing = 0;        ///< taken out of `garbage`, not done yet
    std::vector<ObjectId> removed;   ///< removed, not durably yet; the worker's
    std::vector<ObjectId> gone;      ///< durably gone, row not dropped yet
    std::size_t in_commit = 0;       ///< changes and forgets that the committer holds
    MonotonicTime gone_since{};

    MonotonicTime now() const noexcept { return policy.clock.monotonic(); }

    void wake_worker() noexcept {
        has_work = true;
        work.notify_all();
    }

    /// Waits until something may have changed. Where a thread is missing, `help` does what it would
    /// do, with the lock given up, and tells whether anything moved; else the lock is held from the
    /// caller's look to the wait, so that no notification comes in between.
    template <class Help>
    void await_progress(Lock& lock, MonotonicTime deadline, Help&& help) {
        if (workers != 0 && line.has_thread()) {
            progress.wait_for(
                lock, std::min<std::chrono::nanoseconds>(deadline - now(), std::chrono::hours{1}));
            return;
        }
        lock.unlock();
        if (!help()) policy.clock.sleep_for(std::chrono::milliseconds{1});
        lock.lock();
    }

    void note_error(const Error& error) noexcept {
        if (!first_error) first_error = error;
        policy.observer.on_error(error);
    }

    /// Hands a change to the committer.
    void hand_over(StreamState<C>& stream, std::unique_ptr<RowsChange<C>> change) {
        ++stream.pending;
        outbox.push_back(std::move(change));
    }

    /// Another directory may have the stream once nobody writes it and all of it is settled: its
    /// numbers go up to `next` then.
    void release_if_settled(StreamState<C>& stream) noexcept {
        if (!stream.is_claimed || stream.has_writer || stream.pending != 0 || !stream.objects.empty())
            return;
        stream.is_claimed = false;
        line.release(stream.id, stream.next);
    }

    void lose(ObjectId object, const Error& error) {
        outstanding.erase(object);
        lost.emplace_back(object, error);
        if (lost.size() > 1000) lost.pop_front();
        progress.notify_all();
    }

    /// Written bytes leave memory though they are not synced.
    /// @returns whether a block became free
    bool evict() noexcept {
        const auto before = pool.available();
        for (auto& [stream, state] : streams)
            for (auto& object : state->objects) {
                // What a broken file has taken is nowhere else.
                if (object->broken) continue;
                object->bytes.release_until(object->written);
                if (pool.available() > before) return true;
            }
        return false;
    }
};

}  // namespace detail
}  // namespace bobbin

#endif
