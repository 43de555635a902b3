#ifndef BOBBIN_DETAIL_WORKER_HPP
#define BOBBIN_DETAIL_WORKER_HPP

#include <bobbin/detail/directory_state.hpp>
#include <bobbin/detail/restore_mark.hpp>
#include <bobbin/detail/soft_mark.hpp>
#include <bobbin/file/file_system_type.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>

namespace bobbin::detail {

/// The only one that touches a directory's data files once it is open: writes, syncs, removes, and
/// hands on what is durable. One step at a time.
template <class C>
class Worker {
public:
    using State = DirectoryState<C>;
    using Object = typename State::Object;
    using Lock = typename State::Lock;

    explicit Worker(State& state) noexcept : state_{state} {}

    /// Everything that can be done now. @returns whether anything was
    bool step() {
        const auto did = or_terminate([&] { return take_step(); });
        step_began_ = 0;
        return did;
    }

    /// How long the step under way has taken; zero between steps. Waits for nothing.
    std::chrono::nanoseconds busy_for() const noexcept {
        const auto began = step_began_.load();
        return began == 0 ? std::chrono::nanoseconds{} : state_.now().time_since_epoch() - std::chrono::nanoseconds{began};
    }

    /// How long until a step may have something to do.
    std::chrono::nanoseconds idle_time() {
        const Lock one_at_a_time{stepping_};
        const Lock lock{state_.mutex};
        std::chrono::nanoseconds most = std::chrono::seconds{1};
        const auto now = state_.now();
        if (!state_.removed.empty()) most = std::min(most, directory_not_before_ - now);
        if (!unremoved_.empty()) most = std::min(most, removal_not_before_ - now);
        for (const auto& [id, stream] : state_.streams) {
            if (stream->objects.empty()) continue;
            const auto& object = *stream->objects.front();
            if (object.not_before > now) {
                most = std::min(most, object.not_before - now);
                continue;
            }
            if (object.broken && !stream->has_number(sequence_window, &object)) continue;
            if (object.has_news()) most = std::min(most, hard_mark_due(object) - now);
            if (object.has_soft_news()) most = std::min(most, soft_mark_due(object) - now);
        }
        return std::max(most, std::chrono::nanoseconds{1'000'000});
    }

private:
    enum class Due : std::uint8_t { nothing, soft_mark, hard_mark, end };

    /// An object whose file holds what the snapshot says: durably, unless it is for a soft mark.
    struct Ready {
        StreamState<C>* stream;
        Object object;
        std::uint64_t size;
        std::size_t entries;
        typename C::Counts counts;
        Due due;
    };

    MonotonicTime hard_mark_due(const Growing<C>& object) const noexcept {
        return next_mark(object.marked_at, state_.options.mark_interval);
    }
    MonotonicTime soft_mark_due(const Growing<C>& object) const noexcept {
        // Without digests nobody could tell whether the bytes outlived a loss of power.
        if (C::Digest::size == 0 || !state_.line.store().has_soft_commits()) return MonotonicTime::max();
        return next_mark(object.soft_marked_at, state_.options.soft_mark_interval);
    }
    /// With the lock held.
    Due due(const Growing<C>& object) const noexcept {
        if (object.has_ended) return Due::end;
        if (object.has_news() && now_ >= hard_mark_due(object)) return Due::hard_mark;
        if (object.has_soft_news() && now_ >= soft_mark_due(object)) return Due::soft_mark;
        return Due::nothing;
    }

    bool take_step() {
        const Lock one_at_a_time{stepping_};
        now_ = state_.now();
        step_began_ = now_.time_since_epoch().count();
        bool did = remove_garbage();
        ready_.clear();
        for (auto* stream : streams()) did |= write_stream(*stream);
        did |= sync_directory();
        hand_on();
        return did;
    }

    std::vector<StreamState<C>*> streams() {
        const Lock lock{state_.mutex};
        is_short_ = std::exchange(state_.is_short, false);
        std::vector<StreamState<C>*> all;
        for (auto& [id, stream] : state_.streams)
            if (!stream->objects.empty()) all.push_back(stream.get());
        return all;
    }

    bool write_stream(StreamState<C>& stream) {
        bool did = false;
        for (std::size_t at = 0;; ++at) {
            Object object;
            auto what = Due::nothing;
            std::uint64_t size = 0;
            {
                const Lock lock{state_.mutex};
                if (at >= stream.objects.size()) return did;
                object = stream.objects[at];
                size = object->size();
                what = due(*object);
                if (object->not_before > now_) return did;
                // Those behind it must get their rows first, or the store catch up.
                if (object->broken && !stream.has_number(sequence_window, object.get())) continue;
                const auto enough = is_short_ ? 1 : write_threshold;
                if (what == Due::nothing && size - object->written < enough) return did;
            }
            if (object->broken) {
                give_up(stream, object, *object->broken);
                return true;
            }
            if (what == Due::nothing) return write_until(stream, object, size) || did;

            const auto ready = snapshot(stream, object);
            did = true;
            if (!write_until(stream, object, ready.size)) return did;
            if (ready.due == Due::soft_mark) {
                ready_.push_back(ready);
                return did;
            }
            if (auto synced = object->file->sync(); !synced) {
                give_up(stream, object, {EndReason::sync_failed, synced.error().about(object->id)});
                return did;
            }
            ready_.push_back(ready);
            if (ready.due != Due::end) return did;
        }
    }

    Ready snapshot(StreamState<C>& stream, const Object& object) {
        const Lock lock{state_.mutex};
        const auto piece = object->index.take_piece();
        object->piece.insert(object->piece.end(), piece.begin(), piece.end());
        object->index_so_far.insert(object->index_so_far.end(), piece.begin(), piece.end());
        return {&stream,          object, object->size(), object->entries.size(),
                object->index.counts(), due(*object)};
    }

    /// @returns whether all up to `target` is with the kernel
    bool write_until(StreamState<C>& stream, const Object& object, std::uint64_t target) {
        if (!object->file && !create(stream, object)) return false;
        while (object->written < target) {
            if (object->taken < target && !append(stream, object, target)) return false;
            if (object->taken < target && object->taken - object->written < flush_window) continue;
            if (!flush(stream, object)) return false;
        }
        return true;
    }

    bool append(StreamState<C>& stream, const Object& object, std::uint64_t target) {
        ByteView bytes;
        {
            const Lock lock{state_.mutex};
            bytes = object->bytes.peek(object->taken);
        }
        bytes = bytes.first(std::min<std::uint64_t>(bytes.size(), target - object->taken));
        auto taken = object->file->append(bytes);
        if (!taken) {
            retry_or_give_up(stream, object, taken.error().about(object->id));
            return false;
        }
        object->digests.update(bytes.first(*taken));
        object->keep_tail(bytes.first(*taken));
        object->taken += *taken;
        return true;
    }

    /// A file may hold back what it has taken; until then only memory has it.
    bool flush(StreamState<C>& stream, const Object& object) {
        if (auto flushed = object->file->flush(); !flushed) {
            retry_or_give_up(stream, object, flushed.error().about(object->id));
            return false;
        }
        recovered(*object);
        tell_mode(*object->file);
        const Lock lock{state_.mutex};
        object->written = object->taken;
        state_.progress.notify_all();
        return true;
    }

    bool create(StreamState<C>& stream, const Object& object) {
        auto file = state_.directory.create(object->id);
        if (file) {
            object->file = wrap<typename C::File>(std::move(*file), state_.writeback);
            recovered(*object);
            state_.policy.observer.on_created(object->id);
            return true;
        }
        if (file.error().is_errno(EEXIST)) {
            // Somebody else's file under a name of ours: left alone, its number given up.
            give_up(stream, object,
                    {EndReason::write_failed, file.error(), ObjectState::quarantined});
            return false;
        }
        const auto wait = state_.policy.retry.delay(file.error(), ++object->failures);
        try_later(*object, file.error(), wait.value_or(std::chrono::seconds{5}));
        return false;
    }

    /// Each file chooses by itself how it writes, with its first bytes at the latest. Told when it changes.
    void tell_mode(const typename C::File& file) noexcept {
        if constexpr (requires { file.report().mode; }) {
            const auto mode = file.report().mode;
            if (std::exchange(mode_, mode) != mode)
                state_.policy.observer.on_write_mode(mode.mode, mode.reason);
        }
    }

    void retry_or_give_up(StreamState<C>& stream, const Object& object, const Error& error) {
        const auto wait = state_.policy.retry.delay(error, ++object->failures);
        if (wait)
            try_later(*object, error, *wait);
        else
            give_up(stream, object, {EndReason::write_failed, error});
    }

    /// With the lock held. What is on its way out makes room by itself.
    void ask_for_room(const Error& error) {
        if ((error.is_errno(ENOSPC) || error.is_errno(EDQUOT)) && state_.options.deletes_for_room &&
            state_.garbage.empty() && state_.removed.empty())
            state_.line.make_room(state_.id);
    }

    void try_later(Growing<C>& object, const Error& error, std::chrono::nanoseconds wait) {
        const Lock lock{state_.mutex};
        ask_for_room(error);
        object.not_before = deadline_after(now_, wait);
        state_.note_error(error);
        state_.policy.observer.on_retry(error, object.failures, wait);
        const bool is_first = !state_.trouble;
        state_.trouble = error;
        if (is_first) state_.policy.observer.on_degraded(error);
        state_.progress.notify_all();
    }

    void recovered(Growing<C>& object) noexcept {
        object.failures = 0;
        {
            const Lock lock{state_.mutex};
            if (!state_.trouble) return;
            state_.trouble.reset();
        }
        state_.policy.observer.on_restored();
    }

    /// The file takes nothing further: its object ends at its last hard mark, and what is still in
    /// memory goes on in a new object, from the first group start after that mark.
    void give_up(StreamState<C>& stream, const Object& object,
                 const typename Growing<C>::Failure& failure) {
        const auto [reason, error, without_mark] = failure;
        {
            const Lock lock{state_.mutex};
            if (!object->broken) {
                state_.note_error(error);
                ask_for_room(error);
            }
            // Without a number to go on with, it keeps its bytes until there is one.
            if (!stream.has_number(sequence_window, object.get())) {
                object->broken = failure;
                state_.line.wake();
                return;
            }
        }
        if (object->file) (void)object->file->close();
        const bool is_mended = object->marked && cut_back(*object);
        const Lock lock{state_.mutex};
        if (!object->marked || is_mended) {
            auto change = std::make_unique<RowsChange<C>>();
            change->row = object->marked ? *object->marked : row_of(*object, 0);
            change->row.state = object->marked ? ObjectState::committed : without_mark;
            change->row.end_reason = reason;
            change->piece = object->next_piece;
            change->has_row = object->has_row;
            change->drops_tail = object->marked.has_value();
            change->drops_soft_mark = object->has_soft_mark();
            change->rows = &state_.policy.rows;
            change->facts = object->facts;
            change->counts = object->marked_counts;
            change->is_settled = true;
            change->ended_at = now_;
            state_.hand_over(stream, std::move(change));
        }

        const auto next = go_on(stream, *object, error);
        const auto at = std::ranges::find(stream.objects, object);
        if (next) {
            *at = next;
            state_.outstanding.emplace(next->id, next);
        } else {
            stream.objects.erase(at);
        }
        if (stream.current == object) {
            stream.current = next && !next->has_ended ? next : nullptr;
            if (!stream.current) {
                if (!next) stream.last_lost = object->id;
                stream.skips_to_group = true;
                stream.split_from(next ? *next : *object);
            }
        }
        state_.policy.observer.on_split(object->id, next ? next->id : no_object, reason);
        object->bytes.clear();
        state_.lose(object->id, Error{Errc::object_lost, Operation::write, object->id});
        state_.release_if_settled(stream);
        state_.line.wake();
    }

    /// Makes the file end at its mark, through a handle of its own. What lies before the marked tail
    /// is durable and untouched; the tail is written again. Where the disk refuses that, too, the
    /// object stays as it is in the store, growing, until the next recovery.
    bool cut_back(Growing<C>& object) {
        auto file = state_.directory.open_to_cut(object.id);
        auto cut = file ? restore_mark(*file, *object.marked, object.marked_tail)
                        : Result<void>{file.error()};
        if (cut) return true;
        const Lock lock{state_.mutex};
        state_.note_error(cut.error());
        return false;
    }

    /// The object that takes over what is still in memory, or none.
    Object go_on(StreamState<C>& stream, Growing<C>& from, const Error& cause) {
        auto offset = from.marked_size();
        auto entry = from.entries.begin();
        typename C::Counts dropped{};
        std::uint64_t records = 0;
        const auto first = std::max(offset, from.bytes.begin());
        const auto next = std::make_shared<Growing<C>>(ObjectId{stream.id, stream.next},
                                                       typename C::Facts{}, state_.pool);
        while (entry != from.entries.end() &&
               (offset < first || !from.index.starts_group(entry->record))) {
            C::Index::tally(dropped, entry->record, Bytes{entry->size});
            offset += entry->size;
            ++records;
            ++entry;
        }
        if (records != 0) lose_range(from, from.marked_size(), offset, records, cause);
        if (entry == from.entries.end()) return nullptr;

        next->facts =
            std::as_const(state_.policy.rows).split(from.facts, from.marked_counts, dropped);
        for (; entry != from.entries.end(); ++entry) {
            if (!move_record(from, *next, *entry, offset)) break;
            offset += entry->size;
        }
        const bool is_whole = entry == from.entries.end();
        if (!is_whole)
            lose_range(from, offset, from.size(),
                       static_cast<std::uint64_t>(from.entries.end() - entry),
                       {Errc::out_of_memory, Operation::write});
        if (next->size() == 0) return nullptr;
        next->retries = from.retries + 1;
        next->not_before = now_ + std::min<std::chrono::nanoseconds>(
                                      std::chrono::milliseconds{5} * (1 << std::min(next->retries, 10u)),
                                      std::chrono::seconds{5});
        next->marked_at = next->soft_marked_at = now_;
        next->has_ended = from.has_ended;
        next->reason = from.reason;
        next->ended_at = from.ended_at;
        next->ticket = from.ticket;
        next->end_facts = from.end_facts;
        if (!is_whole && !from.has_ended) {
            // Nothing may follow the gap.
            next->has_ended = true;
            next->reason = EndReason::overrun;
            next->ended_at = now_;
            next->ticket = ++state_.tickets;
        }
        ++stream.next;
        return next;
    }

    void lose_range(const Growing<C>& object, std::uint64_t from, std::uint64_t to,
                    std::uint64_t records, const Error& cause) {
        state_.policy.observer.on_lost({object.id, Bytes{from}, Bytes{to}, records, cause});
        if (!state_.first_loss) state_.first_loss = Error{Errc::object_lost, Operation::write, object.id};
    }

    /// One record whole, or nothing of it where there is no memory.
    bool move_record(Growing<C>& from, Growing<C>& to, const typename Growing<C>::Entry& entry,
                     std::uint64_t offset) {
        const auto end = offset + entry.size;
        for (auto at = offset; at != end;) {
            auto part = from.bytes.peek(at);
            part = part.first(std::min<std::uint64_t>(part.size(), end - at));
            if (part.empty() || !to.bytes.append(part)) {
                to.bytes.unappend(static_cast<std::size_t>(at - offset));
                return false;
            }
            at += part.size();
        }
        const auto noted = without_throwing(Operation::append, [&]() -> Result<void> {
            to.entries.push_back(entry);
            return {};
        });
        if (!noted || !to.index.add(entry.record, Bytes{entry.size})) {
            if (noted) to.entries.pop_back();
            to.bytes.unappend(static_cast<std::size_t>(entry.size));
            return false;
        }
        from.bytes.release_until(end);
        return true;
    }

    bool remove_garbage() {
        std::vector<ObjectId> garbage;
        {
            const Lock lock{state_.mutex};
            garbage.swap(state_.garbage);
            state_.removing = garbage.size();
        }
        if (now_ >= removal_not_before_) {
            garbage.insert(garbage.end(), unremoved_.begin(), unremoved_.end());
            unremoved_.clear();
        }
        for (const auto id : garbage) {
            auto done = state_.directory.remove(id);
            const bool was_missing = !done && done.error().is_errno(ENOENT);
            const Lock lock{state_.mutex};
            if (done || was_missing) {
                if (was_missing) state_.policy.observer.on_missing(id);
                state_.removed.push_back(id);
            } else {
                unremoved_.push_back(id);
                state_.note_error(done.error());
            }
        }
        if (!unremoved_.empty() && now_ >= removal_not_before_)
            removal_not_before_ = now_ + std::chrono::seconds{1};
        const Lock lock{state_.mutex};
        state_.removing = 0;
        return !garbage.empty();
    }

    /// Makes names durable: one sync for all that is new and all that is gone.
    bool sync_directory() {
        const auto needs_name = [](const Ready& r) {
            return r.due != Due::soft_mark && !r.object->is_name_durable;
        };
        const bool has_new = std::ranges::any_of(ready_, needs_name);
        const bool has_removed = !state_.removed.empty() && now_ >= directory_not_before_;
        if (!has_new && !has_removed) return false;
        if (auto synced = state_.directory.sync(); !synced) {
            const auto error = synced.error().about(state_.id);
            for (const auto& ready : ready_)
                if (needs_name(ready))
                    give_up(*ready.stream, ready.object, {EndReason::sync_failed, error});
            std::erase_if(ready_, needs_name);
            const Lock lock{state_.mutex};
            if (!has_new) state_.note_error(error);
            directory_not_before_ = now_ + std::chrono::seconds{1};
            return true;
        }
        const Lock lock{state_.mutex};
        for (const auto& ready : ready_) ready.object->is_name_durable = true;
        for (const auto id : state_.removed) state_.policy.observer.on_removed(id);
        if (!state_.removed.empty() && state_.gone.empty()) state_.gone_since = now_;
        state_.gone.insert(state_.gone.end(), state_.removed.begin(), state_.removed.end());
        state_.removed.clear();
        state_.line.wake();
        return true;
    }

    ObjectRow row_of(const Growing<C>& object, std::uint64_t size) const {
        ObjectRow row;
        row.id = object.id;
        row.directory = state_.id;
        row.open = state_.line.store().open_record().id;
        row.size = Bytes{size};
        row.allocated = round_up(row.size, state_.block);
        row.index_format = C::Index::format_id;
        row.digest_format = C::Digest::format_id;
        if (auto digest = DigestValue::from(object.digests.finish())) row.digest = *digest;
        return row;
    }

    void hand_on() {
        if (ready_.empty()) return;
        std::vector<Object> done;
        Lock lock{state_.mutex};
        for (auto& [stream, object, size, entries, counts, what] : ready_) {
            if (what == Due::soft_mark) {
                hand_on_soft_mark(*stream, *object, size, counts);
                continue;
            }
            const bool is_final = what == Due::end;
            auto change = std::make_unique<RowsChange<C>>();
            change->row = row_of(*object, size);
            change->row.state = is_final ? ObjectState::committed : ObjectState::growing;
            change->row.end_reason = is_final ? object->reason : EndReason::growing;
            change->piece = object->next_piece++;
            change->index = std::exchange(object->piece, {});
            change->block_digests = object->digests.piece_from(object->marked_blocks);
            change->rows = &state_.policy.rows;
            change->facts = object->facts;
            if (is_final) change->end_facts = object->end_facts;
            change->counts = counts;
            change->has_row = std::exchange(object->has_row, true);
            change->drops_tail = object->marked.has_value();
            change->drops_soft_mark = object->has_soft_mark();
            if (!is_final) change->tail = object->tail;
            change->is_settled = is_final;
            change->ended_at = is_final ? object->ended_at : now_;

            object->marked = change->row;
            object->marked_blocks = object->digests.complete_blocks();
            object->marked_counts = counts;
            object->marked_tail = object->tail;
            object->marked_at = object->soft_marked_at = now_;
            object->bytes.release_until(size);
            object->entries.erase(object->entries.begin(),
                                  object->entries.begin() + static_cast<std::ptrdiff_t>(entries));
            if (is_final) {
                done.push_back(object);
                object->bytes.clear();
                std::erase(stream->objects, object);
            }
            state_.hand_over(*stream, std::move(change));
        }
        ready_.clear();
        state_.progress.notify_all();
        state_.line.wake();
        lock.unlock();
        for (const auto& object : done)
            if (auto closed = object->file->close(); !closed) {
                lock.lock();
                state_.note_error(closed.error().about(object->id));
                lock.unlock();
            }
    }

    /// With the lock held. The row stays at the last hard mark; without one it says that nothing counts.
    void hand_on_soft_mark(StreamState<C>& stream, Growing<C>& object, std::uint64_t size,
                           const typename C::Counts& counts) {
        auto change = std::make_unique<RowsChange<C>>();
        if (object.marked) {
            change->row = *object.marked;
        } else {
            change->row = row_of(object, 0);
            change->row.digest = {};
        }
        const auto digests = object.digests.piece_from(object.marked_blocks);
        change->soft_mark = SoftMark{size, object.next_piece, object.piece, digests}.encode();
        change->rows = &state_.policy.rows;
        change->facts = object.facts;
        change->counts = counts;
        change->has_row = std::exchange(object.has_row, true);
        change->ended_at = now_;
        object.soft_size = size;
        object.soft_marked_at = now_;
        state_.hand_over(stream, std::move(change));
    }

    State& state_;
    typename C::Threads::Mutex stepping_;
    MonotonicTime now_{};
    std::atomic<std::int64_t> step_began_{0};  ///< zero: there is none
    std::vector<Ready> ready_;
    std::vector<ObjectId> unremoved_;
    MonotonicTime removal_not_before_{};
    MonotonicTime directory_not_before_{};
    std::optional<ModeChoice> mode_;  ///< that was told last
    bool is_short_ = false;
};

}  // namespace bobbin::detail

#endif
