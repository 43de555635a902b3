#ifndef BOBBIN_TESTING_CONFORMANCE_DETAIL_STORE_MODEL_HPP
#define BOBBIN_TESTING_CONFORMANCE_DETAIL_STORE_MODEL_HPP

#include <bobbin/store/concept.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace bobbin::testing::conformance::detail {

inline Uuid uuid_of(unsigned char number) {
    Uuid uuid;
    uuid.bytes[15] = std::byte{number};
    return uuid;
}

inline ObjectRow committed_row(StreamId stream, Sequence number, DirectoryId directory,
                               OpenId open) {
    ObjectRow row;
    row.id = ObjectId{stream, number};
    row.directory = directory;
    row.open = open;
    row.state = ObjectState::committed;
    row.end_reason = EndReason::ended;
    row.size = Bytes{4000};
    row.allocated = Bytes{4096};
    row.index_format = FormatId{"index.v1"};
    row.digest_format = FormatId{"digest.v1"};
    row.digest.size = 4;
    row.digest.bytes[3] = std::byte{7};
    return row;
}

inline bool equal(const ObjectRow& a, const ObjectRow& b) {
    const auto all = [](const ObjectRow& r) {
        return std::tie(r.id, r.directory, r.open, r.state, r.end_reason, r.is_protected,
                        r.is_recovered, r.size, r.allocated, r.index_format,
                        r.digest_format);
    };
    return all(a) == all(b) && a.digest == b.digest;
}

inline std::string numbers(const Result<std::vector<ObjectRow>>& rows) {
    if (!rows) return "error";
    std::string text;
    for (const auto& row : *rows) text += std::to_string(row.id.sequence()) + " ";
    return text;
}

/// A store without tricks: usage is counted from the rows whenever it is asked for.
struct StoreModel {
    std::map<ObjectId, ObjectRow> rows;
    std::map<std::tuple<ObjectId, PieceKind, std::uint32_t>, std::string> pieces;
    std::map<std::pair<StreamId, DirectoryId>, Sequence> highest;

    void put(const ObjectRow& row) {
        rows[row.id] = row;
        reserve(row.id.stream(), row.directory, row.id.sequence());
    }
    void put_piece(ObjectId id, PieceKind kind, std::uint32_t number, const std::string& bytes) {
        const auto at = rows.find(id);
        if (at != rows.end() && at->second.state != ObjectState::garbage)
            pieces[{id, kind, number}] = bytes;
    }
    void make_garbage(ObjectId id) {
        const auto at = rows.find(id);
        if (at == rows.end()) return;
        at->second.state = ObjectState::garbage;
        at->second.is_protected = false;
        drop_pieces(id);
    }
    void forget(ObjectId id) {
        const auto at = rows.find(id);
        if (at == rows.end() || at->second.state != ObjectState::garbage) return;
        rows.erase(at);
        drop_pieces(id);
    }
    void drop_pieces(ObjectId id) {
        std::erase_if(pieces, [&](const auto& p) { return std::get<0>(p.first) == id; });
    }
    void reserve(StreamId stream, DirectoryId directory, Sequence number) {
        auto& high = highest[{stream, directory}];
        high = std::max(high, number);
    }
    void set_protected(ObjectId id, bool flag) {
        const auto at = rows.find(id);
        if (at != rows.end() && at->second.state != ObjectState::garbage)
            at->second.is_protected = flag;
    }
};

/// Random transactions on a store and on the model; some are given up, some done twice.
template <class S>
class StoreComparison {
public:
    using Step = std::function<void(StoreModel&, typename S::Transaction*)>;

    StoreComparison(S store, std::uint32_t seed) : store_{std::move(store)}, random_{seed} {
        streams_ = {*store_.stream("one", {}), *store_.stream("two", {})};
        auto t = store_.begin();
        directories_ = {*t->add_directory(uuid_of(1)), *t->add_directory(uuid_of(2))};
        (void)t->commit();
    }

    /// false: they differ now.
    bool round() {
        std::vector<Step> steps;
        for (unsigned n = below(8); n != 0; --n) steps.push_back(step());
        const bool gives_up = below(5) == 0;
        const unsigned times = below(4) == 0 ? 2 : 1;
        for (unsigned i = 0; i < times; ++i) {
            auto t = store_.begin();
            if (!t) return false;
            auto draft = model_;
            for (const auto& each : steps) each(draft, &*t);
            if (!same_in(*t, draft)) return false;
            if (gives_up) continue;
            if (!t->commit()) return false;
            model_ = std::move(draft);
        }
        return same_outside();
    }

    template <class Reopen>
    void reopen(Reopen& reopen) {
        S next = reopen(std::move(store_));
        store_ = std::move(next);
    }

private:
    unsigned below(unsigned count) { return static_cast<unsigned>(random_() % count); }
    StreamId stream() { return streams_[below(2)]; }
    DirectoryId directory() { return directories_[below(2)]; }
    ObjectId id() { return ObjectId{stream(), 1 + below(12)}; }

    Step step() {
        switch (below(8)) {
            case 0:
            case 1:
            case 2: {
                auto row = committed_row({}, 0, directory(), store_.open_record().id);
                row.id = id();
                row.size = Bytes{below(100'000)};
                row.allocated = round_up(row.size, Bytes{4096});
                row.state = static_cast<ObjectState>(1 + below(4));
                if (row.state == ObjectState::growing) row.end_reason = EndReason::growing;
                row.is_protected = row.state != ObjectState::garbage && below(4) == 0;
                row.index_format = below(2) == 0 ? FormatId{"a"} : FormatId{"b.v2"};
                return [row](StoreModel& m, auto* t) {
                    m.put(row);
                    (void)t->put(row);
                };
            }
            case 3:
                return [id = id(), kind = static_cast<PieceKind>(1 + below(3)), n = below(4),
                        text = std::string(below(3000), 'x') +
                               std::to_string(below(10))](StoreModel& m, auto* t) {
                    m.put_piece(id, kind, n, text);
                    (void)t->put_piece({id, kind, n, as_bytes(text)});
                };
            case 4:
                return [id = id()](StoreModel& m, auto* t) {
                    m.make_garbage(id);
                    (void)t->make_garbage(id);
                };
            case 5:
                return [id = id()](StoreModel& m, auto* t) {
                    m.forget(id);
                    (void)t->forget(id);
                };
            case 6:
                return [s = stream(), d = directory(), n = below(20)](StoreModel& m, auto* t) {
                    m.reserve(s, d, n);
                    (void)t->reserve(s, d, n);
                };
            default:
                return [id = id(), flag = below(2) == 0](StoreModel& m, auto* t) {
                    m.set_protected(id, flag);
                    (void)t->set_protected(id, flag);
                };
        }
    }

    template <class Keep>
    static bool same_list(const Result<std::vector<ObjectRow>>& got, const StoreModel& model,
                          Keep&& keep) {
        if (!got) return false;
        std::vector<ObjectRow> wanted;
        for (const auto& [id, row] : model.rows)
            if (keep(row)) wanted.push_back(row);
        return std::ranges::equal(*got, wanted, equal);
    }

    bool same_in(typename S::Transaction& t, const StoreModel& model) {
        const auto usage = t.usage();
        if (!usage || usage->size() != model.highest.size()) return false;
        for (const auto& row : *usage) {
            UsageRow counted{row.stream, row.directory, 0, 0, {}};
            for (const auto& [id, object] : model.rows)
                if (object.state == ObjectState::committed && id.stream() == row.stream &&
                    object.directory == row.directory) {
                    counted.objects += 1;
                    counted.allocated += object.allocated;
                }
            const auto high = model.highest.find({row.stream, row.directory});
            if (high == model.highest.end() || high->second != row.highest ||
                counted.objects != row.objects || counted.allocated != row.allocated)
                return false;
        }
        for (const auto s : streams_)
            for (const auto d : directories_)
                if (!same_list(t.oldest(s, d, 100), model, [&](const ObjectRow& row) {
                        return row.id.stream() == s && row.directory == d &&
                               row.state == ObjectState::committed && !row.is_protected;
                    }))
                    return false;
        for (const auto d : directories_)
            for (const auto state :
                 {ObjectState::growing, ObjectState::garbage, ObjectState::quarantined})
                if (!same_list(t.in_state(d, state), model, [&](const ObjectRow& row) {
                        return row.directory == d && row.state == state;
                    }))
                    return false;
        return true;
    }

    bool same_outside() {
        for (const auto s : streams_)
            if (!same_list(store_.objects(s, 0, UINT32_MAX), model_, [&](const ObjectRow& row) {
                    return row.id.stream() == s && row.state == ObjectState::committed;
                }))
                return false;
        const ObjectId some = id();
        const auto row = store_.object(some);
        const auto at = model_.rows.find(some);
        if (!row || row->has_value() != (at != model_.rows.end())) return false;
        if (!*row) return true;
        if (!equal(**row, at->second)) return false;
        if ((*row)->state == ObjectState::garbage) return true;
        for (const auto kind : {PieceKind::index, PieceKind::block_digests, PieceKind::tail}) {
            std::string wanted;
            for (const auto& [key, bytes] : model_.pieces)
                if (std::get<0>(key) == some && std::get<1>(key) == kind) wanted += bytes;
            const auto bytes = store_.piece_bytes(some, kind);
            if (!bytes || as_text(*bytes) != wanted) return false;
        }
        return true;
    }

    S store_;
    std::mt19937 random_;
    StoreModel model_;
    std::vector<StreamId> streams_;
    std::vector<DirectoryId> directories_;
};

template <class S, class Make, class Reopen>
void compare_with_model(Make& make, Reopen& reopen, std::uint32_t seed, std::size_t transactions,
                        std::vector<std::string>& broken) {
    StoreComparison<S> comparison{make(), seed};
    for (std::size_t n = 0; n < transactions; ++n) {
        if (n % 50 == 49) comparison.reopen(reopen);
        if (comparison.round()) continue;
        broken.push_back("random transactions do as the model does: seed " + std::to_string(seed) +
                         ", transaction " + std::to_string(n));
        return;
    }
}

}  // namespace bobbin::testing::conformance::detail

#endif
