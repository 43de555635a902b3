#ifndef BOBBIN_DETAIL_DIRECTORY_PORT_HPP
#define BOBBIN_DETAIL_DIRECTORY_PORT_HPP

#include <bobbin/detail/soft_mark.hpp>
#include <bobbin/detail/worker.hpp>

#include <algorithm>
#include <map>

namespace bobbin::detail {

/// The committer's view of a directory. Internally synchronised by the directory's mutex.
template <class C>
class DirectoryPort final : public Port<typename C::Transaction> {
public:
    using Transaction = typename C::Transaction;
    using State = DirectoryState<C>;
    using Lock = typename State::Lock;
    using Changes = typename Port<Transaction>::Changes;

    DirectoryPort(State& state, Worker<C>& worker) noexcept : state_{state}, worker_{worker} {}

    DirectoryId directory() const noexcept override { return state_.id; }
    bool deletes_for_room() const noexcept override { return state_.options.deletes_for_room; }

    std::optional<MonotonicTime> commit_due(CommitReport& why) noexcept override {
        const Lock lock{state_.mutex};
        std::optional<MonotonicTime> due;
        const auto at = [&](MonotonicTime time) { due = due ? std::min(*due, time) : time; };
        if (!state_.gone.empty())
            at(state_.hurries != 0 ? MonotonicTime{} : state_.gone_since + std::chrono::seconds{1});
        for (const auto& [id, stream] : state_.streams) {
            std::size_t count = 0;
            MonotonicTime oldest = MonotonicTime::max();
            for (const auto& change : state_.outbox) {
                if (change->row.id.stream() != id) continue;
                // Marks, and what a failure left behind, wait for nobody.
                if (!change->is_settled || change->row.state != ObjectState::committed ||
                    state_.hurries != 0)
                    at(MonotonicTime{});
                ++count;
                oldest = std::min(oldest, change->ended_at);
            }
            if (count == 0) continue;
            const auto ripe = count >= commit_count ? MonotonicTime{}
                                                    : deadline_after(oldest, stream->options.flush_interval);
            if (!due || ripe < *due)
                why = {id, state_.now() - oldest, count, commit_count, 0};
            at(ripe);
        }
        return due;
    }

    void collect(Changes& changes, std::vector<ObjectId>& gone) override {
        const Lock lock{state_.mutex};
        state_.in_commit += state_.outbox.size() + state_.gone.size();
        std::ranges::move(state_.outbox, std::back_inserter(changes));
        state_.outbox.clear();
        gone.insert(gone.end(), state_.gone.begin(), state_.gone.end());
        state_.gone.clear();
    }

    std::uint64_t hurry() noexcept override {
        const Lock lock{state_.mutex};
        ++state_.hurries;
        state_.wake_worker();
        return state_.tickets;
    }

    bool is_settled(std::uint64_t ticket, bool quiet) noexcept override {
        const Lock lock{state_.mutex};
        for (const auto& [id, object] : state_.outstanding)
            if (object->has_ended && object->ticket <= ticket) return false;
        const bool waits = !state_.outbox.empty() || state_.in_commit != 0;
        const bool has_garbage = !state_.garbage.empty() || state_.removing != 0 || !state_.removed.empty() ||
                                 !state_.gone.empty();
        return !quiet || (!waits && !has_garbage);
    }

    std::optional<Error> calm(bool is_settled) noexcept override {
        const Lock lock{state_.mutex};
        const auto met = is_settled ? state_.first_loss : state_.first_error;
        // What is met while several wait is told to all of them.
        if (--state_.hurries == 0) {
            state_.first_error.reset();
            if (is_settled) state_.first_loss.reset();
        }
        return met;
    }

    bool help() override { return state_.workers == 0 && worker_.step(); }

    void on_line_stopped() noexcept override {
        const Lock lock{state_.mutex};
        state_.progress.notify_all();
    }

    Result<void> remove_rows(Transaction& tx, ObjectId id) override {
        return state_.policy.rows.remove(tx, id);
    }

    Bytes growing(StreamId id) noexcept override {
        const Lock lock{state_.mutex};
        Bytes sum;
        const auto stream = state_.streams.find(id);
        if (stream == state_.streams.end()) return sum;
        for (const auto& object : stream->second->objects)
            sum += round_up(Bytes{object->size()}, state_.block);
        return sum;
    }

    void on_durable(std::span<const std::unique_ptr<Change<Transaction>>> changes,
                    std::size_t forgotten, const CommitReport& report) override {
        const Lock lock{state_.mutex};
        state_.in_commit -= changes.size() + forgotten;
        for (const auto& change : changes) {
            const auto& row = change->row;
            if (const auto stream = state_.streams.find(row.id.stream());
                stream != state_.streams.end()) {
                if (!change->is_soft())
                    stream->second->durable = std::max(stream->second->durable, row.id.sequence());
                --stream->second->pending;
                state_.release_if_settled(*stream->second);
            }
            if (change->wrote_nothing) {
                lose(*change);
                continue;
            }
            switch (row.state) {
                case ObjectState::growing: tell_marked(*change); break;
                case ObjectState::committed:
                    state_.outstanding.erase(row.id);
                    state_.policy.observer.on_committed(row.id, row.size);
                    break;
                case ObjectState::garbage: remove(row.id); break;
                case ObjectState::quarantined:
                    if (!change->set_aside_for) break;
                    lose(row.id, *change->set_aside_for);
                    state_.policy.observer.on_quarantined(row.id, *change->set_aside_for);
                    break;
            }
        }
        if (report.objects != 0) state_.policy.observer.on_commit(report);
        state_.progress.notify_all();
    }

    void on_garbage(std::span<const ObjectId> ids) override {
        const Lock lock{state_.mutex};
        for (const auto id : ids) remove(id);
    }

    void on_commit_failed(const Error& error, unsigned attempt,
                          std::chrono::nanoseconds delay) noexcept override {
        const Lock lock{state_.mutex};
        state_.note_error(error);
        state_.policy.observer.on_retry(error, attempt, delay);
        state_.progress.notify_all();
    }

    void on_deletion_refused(const Error& error) noexcept override {
        const Lock lock{state_.mutex};
        state_.note_error(error);
    }

    void on_retention_unmet(StreamId stream, Bytes over) noexcept override {
        const Lock lock{state_.mutex};
        state_.policy.observer.on_retention_unmet(stream, over);
    }

private:
    // With the lock held.
    void tell_marked(const Change<Transaction>& change) noexcept {
        auto& observer = state_.policy.observer;
        if (!change.is_soft()) return observer.on_marked(change.row.id, change.row.size);
        // One that was given up meanwhile ends at its hard mark.
        if (!state_.outstanding.contains(change.row.id)) return;
        if (const auto mark = SoftMark::decode(change.soft_mark))
            observer.on_soft_marked(change.row.id, Bytes{mark->size});
    }
    void remove(ObjectId id) {
        state_.garbage.push_back(id);
        state_.policy.observer.on_deleted(id);
        state_.wake_worker();
    }
    void lose(ObjectId id, const Error& error) {
        state_.lose(id, error);
        if (!state_.first_loss) state_.first_loss = Error{Errc::object_lost, Operation::commit, id};
    }
    /// The object of a change that came after its row had been set aside, or deleted by the program.
    void lose(const Change<Transaction>& change) {
        const auto id = change.row.id;
        if (!state_.outstanding.contains(id)) return;
        lose(id, {Errc::object_lost, Operation::commit, id});
        if (change.row.state == ObjectState::garbage) remove(id);
    }

    State& state_;
    Worker<C>& worker_;
};

}  // namespace bobbin::detail

#endif
