#ifndef BOBBIN_DETAIL_APPENDER_HPP
#define BOBBIN_DETAIL_APPENDER_HPP

#include <bobbin/detail/directory_state.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace bobbin::detail {

inline constexpr std::uint64_t largest_record = std::uint64_t{1} << 31;

/// The writer's side of a directory. Internally synchronised by the directory's mutex.
template <class C>
class Appender {
public:
    using State = DirectoryState<C>;
    using Stream = StreamState<C>;
    using Lock = typename State::Lock;

    Appender(State& state, Stream& stream) noexcept : state_{state}, stream_{stream} {}

    void begin(typename C::Facts facts) {
        const Lock lock{state_.mutex};
        finish(EndReason::ended);
        stream_.next_facts = std::move(facts);
        stream_.has_split = false;
    }

    /// `help` steps what has no thread; it returns false where nothing moved.
    template <class Help>
    Result<void> append(ByteView bytes, typename C::Record record, Help&& help) {
        if (bytes.empty()) return Error{Errc::sample_empty, Operation::append, stream_.id};
        if (bytes.size() > largest_record)
            return Error{Errc::sample_too_large, Operation::append, stream_.id};
        Lock lock{state_.mutex};
        const bool starts_group = stream_.prototype.starts_group(record);
        if (stream_.skips_to_group && !starts_group) {
            drop(bytes, record);
            return {};
        }
        auto room = wait_for_room(lock, bytes.size(), help);
        if (!room) return room.error();
        if (!*room) {
            finish(EndReason::overrun);
            stream_.skips_to_group = true;
            drop(bytes, record);
            return {};
        }
        // The worker may have ended the object in the middle of a group meanwhile.
        if (stream_.skips_to_group && !starts_group) {
            drop(bytes, record);
            return {};
        }
        return store(bytes, record);
    }

    /// @returns `no_object` where nothing was taken since the last end
    ObjectId end(EndReason reason, const typename C::Facts* facts) {
        const Lock lock{state_.mutex};
        const auto lost = std::exchange(stream_.last_lost, no_object);
        const auto id = stream_.current ? stream_.current->id : lost;
        if (facts && stream_.current) stream_.current->end_facts = *facts;
        finish(reason);
        stream_.next_facts = {};
        stream_.has_split = false;
        return id;
    }

private:
    /// Room in memory and in the window of numbers, or false where the option says to drop.
    template <class Help>
    Result<bool> wait_for_room(Lock& lock, std::size_t size, Help&& help) {
        const auto deadline = deadline_after(state_.now(), state_.options.append_deadline);
        for (;;) {
            const bool has_number =
                stream_.current || stream_.next == 0 || stream_.has_number(writer_window);
            const auto blocks = stream_.current
                                    ? stream_.current->bytes.blocks_needed(size)
                                    : (size + BlockPool::block_size - 1) / BlockPool::block_size;
            // A record larger than the whole budget goes alone.
            if (has_number && (blocks <= state_.pool.available() ||
                               (blocks > state_.pool.capacity() && all_is_written())))
                return true;
            if (has_number && state_.evict()) continue;
            state_.is_short = true;
            if (state_.options.when_full == WhenFull::drop) {
                state_.wake_worker();
                return false;
            }
            if (state_.now() >= deadline)
                return Error{Errc::deadline_passed, Operation::append, stream_.id};
            state_.wake_worker();
            state_.await_progress(lock, deadline, help);
        }
    }

    bool all_is_written() const noexcept {
        for (const auto& [id, stream] : state_.streams)
            for (const auto& object : stream->objects)
                if (object->written < object->size()) return false;
        return true;
    }

    Result<void> store(ByteView bytes, typename C::Record record) {
        const bool is_first = !stream_.current;
        if (is_first)
            if (auto opened = open_object(); !opened) return opened;
        if (auto taken = take(*stream_.current, bytes, record); !taken) {
            if (is_first) close_empty();
            return taken.about(stream_.id);
        }
        report_dropped();
        auto& object = *stream_.current;
        if (object.size() - object.written >= write_threshold) state_.wake_worker();
        return {};
    }

    /// All of the record, or nothing.
    static Result<void> take(Growing<C>& object, ByteView bytes, typename C::Record record) {
        auto noted = without_throwing(Operation::append, [&]() -> Result<void> {
            object.entries.push_back({record, bytes.size()});
            return {};
        });
        if (!noted) return noted;
        if (!object.bytes.append(bytes)) {
            object.entries.pop_back();
            return Error{Errc::out_of_memory, Operation::append};
        }
        auto added = object.index.add(record, Bytes{bytes.size()});
        if (!added) {
            object.entries.pop_back();
            object.bytes.unappend(bytes.size());
        }
        return added;
    }

    Result<void> open_object() {
        if (stream_.next == 0) return Error{Errc::sequence_exhausted, Operation::append, stream_.id};
        const ObjectId id{stream_.id, stream_.next};
        auto opened = without_throwing(Operation::append, [&]() -> Result<void> {
            if (stream_.has_split)
                stream_.next_facts =
                    std::as_const(state_.policy.rows)
                        .split(stream_.split_facts, stream_.split_counts, stream_.dropped);
            auto object = std::make_shared<Growing<C>>(id, stream_.next_facts, state_.pool);
            object->marked_at = object->soft_marked_at = state_.now();
            state_.outstanding.emplace(id, object);
            stream_.objects.push_back(object);
            stream_.current = std::move(object);
            return {};
        });
        if (!opened) {
            state_.outstanding.erase(id);
            return opened.about(stream_.id);
        }
        ++stream_.next;
        stream_.last_lost = no_object;
        state_.wake_worker();  // so that it knows when the first mark is due
        return {};
    }

    /// Undoes `open_object` where the first record was refused: nothing of it has been seen.
    void close_empty() {
        state_.outstanding.erase(stream_.current->id);
        stream_.objects.pop_back();
        stream_.current.reset();
        --stream_.next;
    }

    void finish(EndReason reason) {
        stream_.skips_to_group = false;
        report_dropped();
        if (!stream_.current) return;
        auto& object = *stream_.current;
        object.has_ended = true;
        object.reason = reason;
        object.ended_at = state_.now();
        object.ticket = ++state_.tickets;
        stream_.split_from(object);
        stream_.has_split = reason != EndReason::ended;
        if (stream_.has_split) state_.policy.observer.on_split(object.id, no_object, reason);
        stream_.next_facts = {};
        stream_.current.reset();
        state_.wake_worker();
    }

    void drop(ByteView bytes, typename C::Record record) {
        if (!std::exchange(stream_.has_split, true)) {
            // Before the first record of what `begin` spoke of.
            stream_.split_facts = stream_.next_facts;
            stream_.split_counts = {};
            stream_.dropped = {};
        }
        C::Index::tally(stream_.dropped, record, Bytes{bytes.size()});
        ++stream_.dropped_records;
        stream_.dropped_bytes += Bytes{bytes.size()};
    }

    void report_dropped() {
        stream_.skips_to_group = false;
        if (stream_.dropped_records == 0) return;
        state_.policy.observer.on_dropped(stream_.id, stream_.dropped_records, stream_.dropped_bytes);
        stream_.dropped_records = 0;
        stream_.dropped_bytes = {};
    }

    State& state_;
    Stream& stream_;
};

}  // namespace bobbin::detail

#endif
