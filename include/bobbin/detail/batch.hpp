#ifndef BOBBIN_DETAIL_BATCH_HPP
#define BOBBIN_DETAIL_BATCH_HPP

#include <bobbin/detail/port.hpp>
#include <bobbin/retention.hpp>
#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::detail {

/// What retention needs to know of the open directories.
template <class Transaction>
struct OpenDirectories {
    std::span<Port<Transaction>* const> ports;

    Bytes growing(StreamId stream) {
        Bytes sum;
        for (auto* port : ports) sum += port->growing(stream);
        return sum;
    }
    bool is_open(DirectoryId directory) { return find(directory) != nullptr; }
    Result<void> remove_rows(Transaction& tx, const ObjectRow& row) {
        return find(row.directory)->remove_rows(tx, row.id);
    }

private:
    Port<Transaction>* find(DirectoryId directory) {
        for (auto* port : ports)
            if (port->directory() == directory) return port;
        return nullptr;
    }
};

/// What one transaction of the committer writes: what directories have handed it, and the deletions
/// that limits ask for. Attempted until it is known to have happened.
template <class Transaction>
struct Batch {
    using Ports = std::span<Port<Transaction>* const>;
    using Places = OpenDirectories<Transaction>;
    using Deleter = Retention<Transaction, Places>;

    struct Part {
        Port<Transaction>* port;
        typename Port<Transaction>::Changes changes;
        std::vector<ObjectId> gone;
    };

    std::vector<Part> parts;
    std::vector<DirectoryId> needs_room;
    CommitReport report;

    // What the last attempt says.
    std::vector<ObjectRow> deleted;  ///< kept where it may have happened
    std::vector<ObjectRow> found;    ///< of those in doubt, which are garbage
    std::vector<std::pair<StreamId, Bytes>> unmet;
    bool has_more = false;
    bool is_outcome_unknown = false;
    bool is_eased = false;  ///< the next need not wait
    bool makes_room = false;  ///< also for the store
    bool has_failed_deleting = false;
    std::optional<ObjectId> failed;  ///< whose deletion, where it is one

    /// Whether it carries soft marks only, and so deletes nothing either.
    bool is_soft() const noexcept {
        return !parts.empty() && needs_room.empty() && std::ranges::all_of(parts, [](const Part& part) {
            return part.gone.empty() &&
                   std::ranges::all_of(part.changes, [](const auto& change) { return change->is_soft(); });
        });
    }

    /// @param refused deletions that are not tried again
    /// @param doubted deletions of which nobody knows whether they happened
    Result<void> commit(Transaction& tx, Ports ports, std::span<const Refusal> refused,
                        std::span<const ObjectRow> doubted) {
        has_failed_deleting = false;
        if (is_outcome_unknown) {
            auto happened = has_happened(tx);
            if (!happened) return happened.error();
            if (*happened) {
                auto asked = ask(tx, doubted);
                is_outcome_unknown = !asked;
                return asked;
            }
            is_outcome_unknown = false;
            deleted.clear();
        }
        if (auto asked = ask(tx, doubted); !asked) return asked;
        Places places{ports};
        Deleter deleter{tx, places, refused};
        if (auto written = write(tx, deleter); !written) return written;
        if (auto retained = apply_limits(tx, deleter); !retained) return retained;
        deleted = deleter.take_deleted();
        has_more = deleter.has_more();
        auto committed = tx.commit();
        is_outcome_unknown = !committed && committed.error().kind() == ErrorKind::unknown_outcome;
        return committed;
    }

    /// @param unmet gets what streams take too much, where they do
    static Result<void> lower_all(Transaction& tx, Deleter& deleter,
                                  std::vector<std::pair<StreamId, Bytes>>* unmet) {
        auto streams = tx.streams();
        if (!streams) return streams.error();
        for (const auto& stream : *streams) {
            auto over = deleter.lower(stream.id, stream.retain);
            if (!over) return over.error();
            if (unmet && over->value != 0) unmet->emplace_back(stream.id, *over);
        }
        return {};
    }

private:
    /// A transaction happens as a whole, so one of its rows tells.
    Result<bool> has_happened(Transaction& tx) const {
        for (const auto& part : parts) {
            // The last change of its object: what came before it in the batch is overwritten.
            const auto last = std::find_if(part.changes.rbegin(), part.changes.rend(),
                                           [](const auto& change) { return !change->wrote_nothing; });
            if (last == part.changes.rend()) continue;
            return (*last)->has_happened(tx);
        }
        for (const auto& object : deleted) {
            auto row = tx.object(object.id);
            if (!row) return row.error();
            return *row && (*row)->state == ObjectState::garbage;
        }
        return false;
    }

    Result<void> ask(Transaction& tx, std::span<const ObjectRow> doubted) {
        found.clear();
        for (const auto& row : doubted) {
            auto now = tx.object(row.id);
            if (!now) return now.error();
            if (*now && (*now)->state == ObjectState::garbage) found.push_back(row);
        }
        return {};
    }

    Result<void> write(Transaction& tx, Deleter& deleter) {
        for (auto& part : parts) {
            for (auto& change : part.changes) {
                if (auto applied = change->apply(tx); !applied) {
                    const auto error = applied.error().about(change->row.id);
                    // The others must not wait for ever for one that the program's rows refuse.
                    if (change->is_refused && is_refusal(error)) {
                        change->set_aside(error);
                        is_eased = true;
                    }
                    return error;
                }
                deleter.keep(change->row.id);
            }
            for (const auto id : part.gone) {
                auto row = tx.object(id);
                if (!row) return row.error().about(id);
                // It may have become another directory's meanwhile.
                const bool is_garbage = *row && (*row)->state == ObjectState::garbage &&
                                        (*row)->directory == part.port->directory();
                if (!is_garbage) continue;
                if (auto forgotten = tx.forget(id); !forgotten) return forgotten.error().about(id);
            }
        }
        return {};
    }

    Result<void> apply_limits(Transaction& tx, Deleter& deleter) {
        unmet.clear();
        if (skips_limits_ || is_soft()) return {};
        auto done = lower_all(tx, deleter, &unmet);
        if (deleter.has_more()) unmet.clear();
        for (const auto directory : needs_room)
            if (done) done = deleter.make_room(directory);
        // Nor must they wait for a deletion.
        if (!done && is_refusal(done.error())) {
            has_failed_deleting = true;
            failed = deleter.failed();
            skips_limits_ = is_eased = true;
        }
        return done;
    }

    bool skips_limits_ = false;  ///< a deletion would not go through
};

}  // namespace bobbin::detail

#endif
