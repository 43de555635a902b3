#ifndef BOBBIN_STORE_MEMORY_HPP
#define BOBBIN_STORE_MEMORY_HPP

#include <bobbin/store/concept.hpp>
#include <bobbin/store/detail/checks.hpp>
#include <bobbin/store/uuid.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

namespace bobbin {

/// The null store: rows that live as long as the program. A transaction works on a copy, so it costs
/// as much as there are rows. Takes `NullRows` only. Internally synchronised.
class MemoryStore {
    struct State;
    struct Contents;

public:
    using policy_concept = metadata_store_tag;
    class Transaction;

    /// @allocates
    explicit MemoryStore(UuidSource make_uuid = random_uuid);

    /// The next open of the same contents, as if the program had been started again. Waits for the
    /// transaction under way.
    MemoryStore reopen() const { return MemoryStore{contents_, next_open()}; }
    MemoryStore reopen_read_only() const { return MemoryStore{contents_, OpenRecord{}}; }

    Result<Transaction> begin(Durability = Durability::hard) noexcept;
    bool has_soft_commits() const noexcept { return true; }
    Uuid uuid() const noexcept;
    /// Nothing where it is read-only.
    OpenRecord open_record() const noexcept { return open_; }
    bool is_read_only() const noexcept { return open_.id.value == 0; }

    Result<StreamId> stream(std::string_view name, StreamOptions options = {});
    Result<std::vector<StreamRow>> streams() const;
    Result<std::vector<UsageRow>> usage() const;
    Result<std::optional<ObjectRow>> object(ObjectId id) const;
    Result<std::vector<ObjectRow>> objects(StreamId stream, Sequence first, Sequence last) const;
    Result<std::vector<std::byte>> piece_bytes(ObjectId id, PieceKind kind) const;
    /// Growing, garbage or quarantined ones.
    Result<std::vector<ObjectRow>> in_state(DirectoryId directory, ObjectState state) const;
    Result<std::optional<DirectoryRow>> directory(const Uuid& uuid) const;

    std::string describe(const Error& error) const { return bobbin::describe(error, "the store"); }

private:
    MemoryStore(std::shared_ptr<Contents> contents, OpenRecord open) noexcept
        : contents_{std::move(contents)}
        , open_{open} {}
    OpenRecord next_open() const;
    std::shared_ptr<const State> now() const;

    std::shared_ptr<Contents> contents_;
    OpenRecord open_;
};

struct MemoryStore::State {
    std::map<ObjectId, ObjectRow> objects;
    std::map<std::tuple<ObjectId, PieceKind, std::uint32_t>,
             std::shared_ptr<const std::vector<std::byte>>>
        pieces;
    std::map<std::pair<StreamId, DirectoryId>, UsageRow> usage;
    std::vector<StreamRow> streams;  // number n at n - 1, and so below
    std::vector<DirectoryRow> directories;
    std::vector<Uuid> opens;

    bool has(StreamId stream) const noexcept {
        return stream.value >= 1 && stream.value <= streams.size();
    }
    bool has(DirectoryId directory) const noexcept {
        return directory.value >= 1 && directory.value <= directories.size();
    }
    Result<std::vector<std::byte>> piece_bytes(ObjectId id, PieceKind kind) const {
        const auto found = objects.find(id);
        if (found == objects.end() || found->second.state == ObjectState::garbage)
            return Error{Errc::object_unknown, Operation::query, id};
        std::vector<std::byte> bytes;
        for (auto at = pieces.lower_bound({id, kind, 0});
             at != pieces.end() && at->first <= std::tuple{id, kind, UINT32_MAX}; ++at)
            bytes.insert(bytes.end(), at->second->begin(), at->second->end());
        return bytes;
    }
    void drop_pieces(ObjectId id) {
        pieces.erase(pieces.lower_bound({id, PieceKind{0}, 0}),
                     pieces.upper_bound({id, PieceKind{255}, UINT32_MAX}));
    }
};

struct MemoryStore::Contents {
    Uuid uuid;
    UuidSource make_uuid;
    std::mutex writing;  // held by the transaction under way
    std::mutex reading;  // guards `now`, for a moment
    std::shared_ptr<const State> now;

    void set(std::shared_ptr<const State> state) noexcept {
        const std::lock_guard lock{reading};
        now.swap(state);
    }
};

class MemoryStore::Transaction {
public:
    Result<void> commit() noexcept {
        if (!is_open()) return done();
        contents_->set(std::move(draft_));
        writing_.unlock();
        return {};
    }

    Result<void> put(const ObjectRow& row) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = detail::check(row); !ok) return ok;
            if (!draft_->has(row.id.stream()))
                return Error{Errc::stream_unknown, Operation::commit, row.id.stream()};
            if (!draft_->has(row.directory) || row.open.value > draft_->opens.size())
                return Error{Errc::invalid_argument, Operation::commit, row.id};
            const auto stream = row.id.stream();
            const auto before = draft_->objects.find(row.id);
            const auto from =
                before == draft_->objects.end() ? row.directory : before->second.directory;
            UsageRow leaves = usage_of(stream, from), takes = usage_of(stream, row.directory);
            auto& left = from == row.directory ? takes : leaves;
            if (before != draft_->objects.end())
                if (auto ok = detail::take_out(left, share_of(before->second)); !ok) return ok;
            if (auto ok = detail::add_in(takes, share_of(row)); !ok) return ok;
            takes.highest = std::max(takes.highest, row.id.sequence());
            draft_->objects.insert_or_assign(row.id, row);
            usage_of(stream, from) = leaves;
            usage_of(stream, row.directory) = takes;
            return {};
        });
    }

    Result<void> put_piece(const Piece& piece) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = detail::check(piece); !ok) return ok;
            const auto found = draft_->objects.find(piece.object);
            if (found == draft_->objects.end() || found->second.state == ObjectState::garbage)
                return Error{Errc::object_unknown, Operation::commit, piece.object};
            if (piece.bytes.empty()) {
                draft_->pieces.erase({piece.object, piece.kind, piece.number});
                return {};
            }
            draft_->pieces.insert_or_assign(
                {piece.object, piece.kind, piece.number},
                std::make_shared<std::vector<std::byte>>(piece.bytes.begin(), piece.bytes.end()));
            return {};
        });
    }

    Result<void> make_garbage(ObjectId id) noexcept {
        return change([&]() -> Result<void> {
            const auto found = draft_->objects.find(id);
            if (found == draft_->objects.end()) return {};
            auto& usage = usage_of(id.stream(), found->second.directory);
            if (auto ok = detail::take_out(usage, share_of(found->second)); !ok) return ok;
            found->second.state = ObjectState::garbage;
            found->second.is_protected = false;
            draft_->drop_pieces(id);
            return {};
        });
    }

    Result<void> forget(ObjectId id) noexcept {
        return change([&]() -> Result<void> {
            const auto found = draft_->objects.find(id);
            if (found == draft_->objects.end()) return {};
            if (found->second.state != ObjectState::garbage)
                return Error{Errc::invalid_argument, Operation::commit, id};
            draft_->objects.erase(found);
            draft_->drop_pieces(id);
            return {};
        });
    }

    Result<void> reserve(StreamId stream, DirectoryId directory, Sequence highest) noexcept {
        return change([&]() -> Result<void> {
            if (!draft_->has(stream)) return Error{Errc::stream_unknown, Operation::commit, stream};
            if (!draft_->has(directory))
                return Error{Errc::invalid_argument, Operation::commit, directory};
            auto& usage = usage_of(stream, directory);
            usage.highest = std::max(usage.highest, highest);
            return {};
        });
    }

    Result<void> set_retention(StreamId stream, Bytes retain) noexcept {
        return change([&]() -> Result<void> {
            if (auto ok = detail::check_retention(retain, stream); !ok) return ok;
            if (!draft_->has(stream)) return Error{Errc::stream_unknown, Operation::retain, stream};
            draft_->streams[stream.value - 1].retain = retain;
            return {};
        });
    }

    Result<void> set_protected(ObjectId id, bool flag) noexcept {
        return change([&]() -> Result<void> {
            const auto found = draft_->objects.find(id);
            if (found == draft_->objects.end() || found->second.state == ObjectState::garbage)
                return Error{Errc::object_unknown, Operation::commit, id};
            found->second.is_protected = flag;
            return {};
        });
    }

    Result<DirectoryId> add_directory(const Uuid& uuid) noexcept {
        return detail::without_throwing(Operation::commit, [&]() -> Result<DirectoryId> {
            if (!is_open()) return done();
            if (uuid.is_nil()) return Error{Errc::invalid_argument, Operation::identify};
            auto& all = draft_->directories;
            if (const auto found = std::ranges::find(all, uuid, &DirectoryRow::uuid);
                found != all.end())
                return found->id;
            const DirectoryId id{static_cast<std::uint32_t>(all.size() + 1)};
            all.push_back({.id = id, .uuid = uuid, .last_open = {}, .last_open_uuid = {}});
            return id;
        });
    }

    Result<void> complete_open(DirectoryId directory) noexcept {
        return change([&]() -> Result<void> {
            if (!draft_->has(directory))
                return Error{Errc::invalid_argument, Operation::commit, directory};
            auto& row = draft_->directories[directory.value - 1];
            row.last_open = open_.id;
            row.last_open_uuid = open_.uuid;
            return {};
        });
    }

    Result<std::optional<ObjectRow>> object(ObjectId id) {
        if (!is_open()) return done();
        const auto found = draft_->objects.find(id);
        if (found == draft_->objects.end()) return std::optional<ObjectRow>{};
        return std::optional{found->second};
    }

    Result<std::vector<ObjectRow>> oldest(StreamId stream, DirectoryId directory, std::size_t limit) {
        if (!is_open()) return done();
        std::vector<ObjectRow> rows;
        const auto& all = draft_->objects;
        for (auto at = all.lower_bound(ObjectId{stream, 0});
             at != all.end() && at->first.stream() == stream && rows.size() < limit; ++at)
            if (at->second.state == ObjectState::committed && !at->second.is_protected &&
                at->second.directory == directory)
                rows.push_back(at->second);
        return rows;
    }

    Result<std::vector<ObjectRow>> in_state(DirectoryId directory, ObjectState state) {
        if (!is_open()) return done();
        if (auto ok = detail::check_listed(state, directory); !ok) return ok.error();
        std::vector<ObjectRow> rows;
        for (const auto& [id, row] : draft_->objects)
            if (row.directory == directory && row.state == state) rows.push_back(row);
        return rows;
    }

    Result<std::vector<std::byte>> pieces(ObjectId id, PieceKind kind) {
        if (!is_open()) return done();
        return draft_->piece_bytes(id, kind);
    }

    Result<std::vector<UsageRow>> usage() {
        if (!is_open()) return done();
        std::vector<UsageRow> rows;
        for (const auto& [key, row] : draft_->usage) rows.push_back(row);
        return rows;
    }

    Result<std::vector<StreamRow>> streams() {
        if (!is_open()) return done();
        return draft_->streams;
    }

    Result<std::optional<DirectoryRow>> directory(const Uuid& uuid) {
        if (!is_open()) return done();
        for (const auto& row : draft_->directories)
            if (row.uuid == uuid) return std::optional{row};
        return std::optional<DirectoryRow>{};
    }

private:
    friend MemoryStore;
    Transaction(std::shared_ptr<Contents> contents, OpenRecord open)
        : contents_{std::move(contents)}
        , open_{open}
        , writing_{contents_->writing} {
        // Nobody else sets it while `writing` is held.
        draft_ = std::make_shared<State>(*contents_->now);
    }

    bool is_open() const noexcept { return writing_.owns_lock(); }
    static Error done() noexcept { return {Errc::invalid_argument, Operation::commit}; }

    template <class F>
    Result<void> change(F&& f) noexcept {
        if (!is_open()) return done();
        return detail::without_throwing(Operation::commit, std::forward<F>(f));
    }

    UsageRow& usage_of(StreamId stream, DirectoryId directory) {
        auto& usage = draft_->usage[{stream, directory}];
        usage.stream = stream;
        usage.directory = directory;
        return usage;
    }
    static detail::Share share_of(const ObjectRow& row) noexcept {
        return detail::Share::of(row.state, row.allocated);
    }

    std::shared_ptr<Contents> contents_;
    OpenRecord open_;
    std::unique_lock<std::mutex> writing_;  // goes before what it is a lock of
    std::shared_ptr<State> draft_;
};

inline MemoryStore::MemoryStore(UuidSource make_uuid) : contents_{std::make_shared<Contents>()} {
    contents_->uuid = make_uuid();
    contents_->make_uuid = make_uuid;
    contents_->now = std::make_shared<State>();
    open_ = next_open();
}

inline Uuid MemoryStore::uuid() const noexcept { return contents_->uuid; }

inline std::shared_ptr<const MemoryStore::State> MemoryStore::now() const {
    const std::lock_guard lock{contents_->reading};
    return contents_->now;
}

inline OpenRecord MemoryStore::next_open() const {
    const std::lock_guard lock{contents_->writing};
    auto state = std::make_shared<State>(*now());
    const Uuid uuid = contents_->make_uuid();
    state->opens.push_back(uuid);
    const OpenId id{static_cast<std::uint32_t>(state->opens.size())};
    contents_->set(std::move(state));
    return {id, uuid};
}

inline auto MemoryStore::begin(Durability) noexcept -> Result<Transaction> {
    if (is_read_only()) return Error{Errc::read_only, Operation::begin};
    return detail::without_throwing(Operation::begin, [&]() -> Result<Transaction> {
        return Transaction{contents_, open_};
    });
}

inline Result<StreamId> MemoryStore::stream(std::string_view name, StreamOptions options) {
    if (auto ok = detail::check_stream_name(name); !ok) return ok.error();
    if (auto ok = detail::check_retention(options.retain); !ok) return ok.error();
    const auto find = [&](const State& state) -> std::optional<StreamId> {
        const auto found = std::ranges::find(state.streams, name, &StreamRow::name);
        if (found == state.streams.end()) return {};
        return found->id;
    };
    if (const auto id = find(*now())) return *id;
    auto t = begin();
    if (!t) return t.error();
    if (const auto id = find(*t->draft_)) return *id;
    const StreamId id{static_cast<std::uint32_t>(t->draft_->streams.size() + 1)};
    t->draft_->streams.push_back({id, std::string{name}, options.retain});
    if (auto ok = t->commit(); !ok) return ok.error();
    return id;
}

inline Result<std::vector<StreamRow>> MemoryStore::streams() const { return now()->streams; }

inline Result<std::optional<ObjectRow>> MemoryStore::object(ObjectId id) const {
    const auto state = now();
    const auto found = state->objects.find(id);
    if (found == state->objects.end()) return std::optional<ObjectRow>{};
    return std::optional{found->second};
}

inline Result<std::vector<ObjectRow>> MemoryStore::objects(StreamId stream, Sequence first,
                                                           Sequence last) const {
    const auto state = now();
    std::vector<ObjectRow> rows;
    for (auto at = state->objects.lower_bound(ObjectId{stream, first});
         at != state->objects.end() && at->first <= ObjectId{stream, last}; ++at)
        if (at->second.state == ObjectState::committed) rows.push_back(at->second);
    return rows;
}

inline Result<std::vector<UsageRow>> MemoryStore::usage() const {
    const auto state = now();
    std::vector<UsageRow> rows;
    for (const auto& [key, row] : state->usage) rows.push_back(row);
    return rows;
}

inline Result<std::vector<std::byte>> MemoryStore::piece_bytes(ObjectId id, PieceKind kind) const {
    return now()->piece_bytes(id, kind);
}

inline Result<std::vector<ObjectRow>> MemoryStore::in_state(DirectoryId directory,
                                                            ObjectState state) const {
    if (auto ok = detail::check_listed(state, directory); !ok) return ok.error();
    const auto contents = now();
    std::vector<ObjectRow> rows;
    for (const auto& [id, row] : contents->objects)
        if (row.directory == directory && row.state == state) rows.push_back(row);
    return rows;
}

inline Result<std::optional<DirectoryRow>> MemoryStore::directory(const Uuid& uuid) const {
    const auto state = now();
    const auto found = std::ranges::find(state->directories, uuid, &DirectoryRow::uuid);
    if (found == state->directories.end()) return std::optional<DirectoryRow>{};
    return std::optional{*found};
}

static_assert(MetadataStore<MemoryStore>);

}  // namespace bobbin

#endif
