#ifndef BOBBIN_REPAIR_HPP
#define BOBBIN_REPAIR_HPP

#include <bobbin/check.hpp>
#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <map>
#include <string_view>
#include <type_traits>
#include <vector>

namespace bobbin {

/// What is done about a finding.
enum class Remedy : std::uint8_t {
    none,        ///< left as it is
    quarantine,  ///< the object is set aside: kept, but neither served nor deleted by retention
    discard,     ///< the file gets a row that calls it garbage: the next open removes it
    step_over,   ///< the file is left alone, and new objects get numbers behind it
};

constexpr std::string_view name_of(Remedy remedy) noexcept {
    constexpr std::string_view names[] = {"none", "quarantine", "discard", "step over"};
    return names[static_cast<std::size_t>(remedy)];
}

struct RepairStep {
    Finding finding;
    Remedy remedy = Remedy::none;
};

/// What a repair would do, or has done.
struct RepairPlan {
    CheckSummary summary;           ///< of the check before
    std::vector<RepairStep> steps;  ///< one for each finding
    bool adopts = false;            ///< the identity file is written anew

    std::size_t count(Remedy remedy) const noexcept {
        return static_cast<std::size_t>(std::ranges::count(steps, remedy, &RepairStep::remedy));
    }
    bool changes_rows() const noexcept { return count(Remedy::none) != steps.size(); }
    bool changes_anything() const noexcept { return adopts || changes_rows(); }
};

struct RepairOptions {
    bool apply = false;  ///< else nothing at all is changed
    /// Goes on with a directory that its store refuses: one whose identity file is lost or damaged, or
    /// one that is older or younger than the store, as one of them was restored from a copy.
    bool adopt = false;
    CheckOptions check = {};
};

namespace detail {

/// Files from here on are in nobody's way: no stream gets that far.
inline constexpr Sequence most_stepped_over = Sequence{1} << 31;

/// @param is_doubtful whether store and directory may be of different ages. Then neither is a file
///   without a row known to be worthless, nor a mark to be the last: nothing is removed or cut back.
template <class Place>
Remedy remedy_for(const Finding& finding, const Place& place, bool is_doubtful) {
    const auto step_over =
        finding.object.sequence() < most_stepped_over ? Remedy::step_over : Remedy::none;
    switch (finding.kind) {
        case Disagreement::missing_file:
        case Disagreement::wrong_digest:
        case Disagreement::wrong_blocks:
        case Disagreement::wrong_index: return Remedy::quarantine;
        case Disagreement::wrong_size:
            // What a longer one has is as good as before.
            return finding.actual < finding.expected ? Remedy::quarantine : Remedy::none;
        case Disagreement::file_ahead: return step_over;
        case Disagreement::unnumbered: return is_doubtful ? step_over : Remedy::discard;
        case Disagreement::unfinished: {
            if (!is_doubtful) return Remedy::none;
            const auto exists = place.exists(finding.object);
            return exists && !*exists ? Remedy::none : Remedy::quarantine;
        }
        case Disagreement::unknown_format:
        case Disagreement::unreadable:
        case Disagreement::quarantined:
        case Disagreement::wrong_usage:
        case Disagreement::file_without_row:
        case Disagreement::unknown_stream:
        case Disagreement::misplaced_file:
        case Disagreement::garbage:
        case Disagreement::foreign_file: break;
    }
    return Remedy::none;
}

/// Calls `f(view)` with what reads all rows of a store, at one moment.
template <class Store, class F>
auto with_view(Store& store, F&& f) {
    if constexpr (requires { store.reader(); }) {
        auto reader = store.reader();
        using Answer = decltype(f(*reader));
        if (!reader) return Answer{reader.error()};
        if (auto ok = reader->snapshot(); !ok) return Answer{ok.error()};
        return f(*reader);
    } else {
        return f(store);
    }
}

/// Which directory it is whose identity file is lost: the one of whose committed objects most files
/// here have name and size.
/// @errors `directory_missing_identity` where it is none; of the directory and the store
template <class Place, class View>
Result<DirectoryRow> recognise(const Place& place, View& view) {
    auto names = place.list();
    if (!names) return names.error();
    std::map<DirectoryId, std::size_t> alike;
    std::size_t all = 0;
    for (const auto& name : *names) {
        const auto id = ObjectName::parse(name);
        if (!id) continue;
        auto row = view.object(*id);
        if (!row) return row.error();
        if (!*row || (*row)->state != ObjectState::committed) continue;
        ++all;
        auto file = place.open(*id);
        if (!file) continue;
        const auto status = file->status();
        if (status && status->size == (*row)->size) ++alike[(*row)->directory];
    }
    if constexpr (requires { view.directories(); }) {
        auto directories = view.directories();
        if (!directories) return directories.error();
        for (const auto& row : *directories)
            if (row.last_open.value != 0 && alike[row.id] * 2 > all) return row;
    }
    return Error{Errc::directory_missing_identity, Operation::identify};
}

/// Which directory of the store this is. `adopts` is set where its next open would refuse it.
/// @errors what its next open would refuse it for, unless it may be adopted; of the directory and the
///   store
template <class Place, class View>
Result<DirectoryRow> identify(Place& place, View& view, const Uuid& store, bool may_adopt,
                              bool& adopts) {
    auto found = place.read_identity();
    if (!found && !found.error().is(Errc::identity_malformed)) return found.error();
    if (!found || !*found) {
        adopts = may_adopt;
        if (may_adopt) return recognise(place, view);
        return found ? Error{Errc::directory_missing_identity, Operation::identify} : found.error();
    }
    const auto& identity = **found;
    if (identity.store != store)
        return Error{Errc::directory_used_by_other_store, Operation::identify};
    auto row = view.directory(identity.directory);
    if (!row) return row.error();
    // The store has nothing of it that could be saved.
    if (!*row || (*row)->last_open.value == 0)
        return Error{Errc::directory_unknown_to_store, Operation::identify};
    const OpenRecord last{(*row)->last_open, (*row)->last_open_uuid};
    adopts = identity.complete != last && identity.in_progress != last;
    if (adopts && !may_adopt)
        return Error{Errc::directory_mismatch, Operation::identify}.about((*row)->id);
    return **row;
}

/// One step. Done before, or no longer to be done, it changes nothing.
template <class Transaction>
Result<void> take_step(Transaction& tx, const RepairStep& step, DirectoryId directory,
                       OpenId open) {
    const auto id = step.finding.object;
    if (step.remedy == Remedy::none) return {};
    if (step.remedy == Remedy::step_over)
        return tx.reserve(id.stream(), directory, id.sequence() + sequence_window + 1);
    auto found = tx.object(id);
    if (!found) return found.error();
    ObjectRow row;
    if (step.remedy == Remedy::discard) {
        if (*found) return {};
        row.id = id;
        row.directory = directory;
        row.open = open;
        row.state = ObjectState::garbage;
        row.end_reason = EndReason::crash;
    } else {
        if (!*found || (*found)->directory != directory) return {};
        row = **found;
        if (row.state != ObjectState::committed && row.state != ObjectState::growing) return {};
        if (row.state == ObjectState::growing) row.end_reason = EndReason::crash;
        row.state = ObjectState::quarantined;
    }
    return tx.put(row).about(id);
}

}  // namespace detail

/// Mends how a directory of the archive type `A` and its store disagree, by rows alone: what can't be
/// trusted is set aside, what a crash left is given up, and what is not understood is left alone and
/// told. No data file is written, moved or removed. Nobody may be recording.
///
/// Unless `options.apply`, a dry run: it locks and changes nothing, and the store may be read-only.
/// Else locks the directory, and writes all rows in one transaction; once more changes nothing more. A
/// directory to be adopted gets its identity file last: it is refused until its rows are right.
/// @errors what an open of the directory would be refused for, where `options.adopt` is not set or no
///   help; `stream_unknown` where one to be adopted has files of a stream that the store does not have:
///   they must be moved away, or a new stream of that number would take them for its own;
///   `directory_in_use`, `read_only`; of the store and the file system
/// @allocates the plan, and what `check` does
/// @thread external sync
template <class A>
Result<RepairPlan> repair(typename A::Composition::Directory& place,
                          typename A::Composition::Store& store,
                          const RepairOptions& options = {}) {
    using C = typename A::Composition;
    if (options.apply) {
        if (store.is_read_only()) return Error{Errc::read_only, Operation::open};
        if (auto locked = place.lock(); !locked) return locked.error();
    }
    RepairPlan plan;
    auto directory = detail::with_view(store, [&](auto& view) -> Result<DirectoryRow> {
        auto row = detail::identify(place, view, store.uuid(), options.adopt, plan.adopts);
        if (!row) return row;
        auto tell = [&](const Finding& finding) { plan.steps.push_back({finding}); };
        auto summary =
            detail::Checker<C, std::remove_cvref_t<decltype(view)>, decltype(tell)>{
                place, view, options.check, tell}
                .run(row->id);
        if (!summary) return summary.error();
        plan.summary = *summary;
        return row;
    });
    if (!directory) return directory.error();
    const auto ahead = plan.summary.count(Disagreement::file_ahead);
    const auto unknown = plan.summary.count(Disagreement::unknown_stream);
    for (auto& step : plan.steps) {
        if (plan.adopts && step.finding.kind == Disagreement::unknown_stream)
            return Error{Errc::stream_unknown, Operation::identify, step.finding.object.stream()};
        // No crash leaves a file so far ahead: the store was restored from an older copy.
        step.remedy =
            detail::remedy_for(step.finding, place, plan.adopts || ahead != 0 || unknown != 0);
    }
    if (!options.apply) return plan;

    if (plan.changes_rows()) {
        auto tx = store.begin();
        if (!tx) return tx.error();
        for (const auto& step : plan.steps)
            if (auto done = detail::take_step(*tx, step, directory->id, store.open_record().id);
                !done)
                return done.error();
        if (auto committed = tx->commit(); !committed) return committed.error();
    }
    if (plan.adopts) {
        const OpenRecord last{directory->last_open, directory->last_open_uuid};
        if (auto wrote = place.write_identity({store.uuid(), directory->uuid, last, {}}); !wrote)
            return wrote.error();
    }
    return plan;
}

}  // namespace bobbin

#endif
