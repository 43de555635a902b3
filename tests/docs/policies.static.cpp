// The models that docs/policies.md shows.
#include <bobbin/bobbin.hpp>
#include <bobbin/index/null.hpp>
#include <bobbin/store/sqlite.hpp>

#include <atomic>
#include <memory>

using namespace bobbin;

namespace docs_policies {

// [file]
/// Counts what passes.
template <FilePolicy Next>
class Counted {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    explicit Counted(Next next) noexcept : next_{std::move(next)} {}

    Result<std::size_t> append(ByteView bytes) noexcept {
        auto taken = next_.append(bytes);
        if (taken) total += *taken;
        return taken;
    }
    Result<void> flush() noexcept { return next_.flush(); }
    SyncResult sync() noexcept { return next_.sync(); }
    Result<void> close() noexcept { return next_.close(); }
    Bytes size() const noexcept { return next_.size(); }

    Next& next_layer() noexcept { return next_; }
    const Next& next_layer() const noexcept { return next_; }

    static inline std::atomic<std::uint64_t> total = 0;

private:
    Next next_;
};
// [file]

// [digest]
/// Adler-32: cheaper to write than to trust.
class Adler32 {
public:
    using policy_concept = digest_tag;
    static constexpr FormatId format_id{"adler32.v1"};
    static constexpr std::size_t size = 4;
    static constexpr bool is_collision_resistant = false;

    void update(ByteView bytes) noexcept {
        for (const auto byte : bytes) {
            low_ = (low_ + std::to_integer<std::uint32_t>(byte)) % 65521;
            high_ = (high_ + low_) % 65521;
        }
    }
    std::array<std::byte, size> finish() const noexcept {
        std::array<std::byte, size> out{};
        store_le(out.data(), high_ << 16 | low_);
        return out;
    }

private:
    std::uint32_t low_ = 1;
    std::uint32_t high_ = 0;
};
// [digest]

// [rows]
/// Remembers of each object where it was recorded.
struct PlaceRows {
    using policy_concept = rows_tag;
    struct Facts {
        std::string place;
    };
    static constexpr auto schema = schema_steps(
        "place", {"create table place (object integer primary key, name text not null) strict"});

    Result<void> begin(SqliteTransaction& tx, ObjectId id, const Facts& facts) {
        return tx.run("insert into place values (?1, ?2) on conflict do nothing", id, facts.place);
    }
    template <class Counts>
    Result<void> advance(SqliteTransaction&, ObjectId, const Counts&) {
        return {};
    }
    template <class Counts>
    Result<void> commit(SqliteTransaction& tx, ObjectId id, const Counts&, const Facts* facts) {
        if (!facts) return {};  // recovered: what begin has written stays
        return tx.run("update place set name = ?2 where object = ?1", id, facts->place);
    }
    Result<void> remove(SqliteTransaction& tx, ObjectId id) {
        return tx.run("delete from place where object = ?1", id);
    }
    template <class Counts>
    Facts split(const Facts& facts, const Counts&, const Counts&) const {
        return facts;
    }
};
// [rows]

// [retry]
/// Tries for ever what may pass, every second, and nothing else.
struct EverySecond {
    using policy_concept = retry_tag;
    std::optional<std::chrono::nanoseconds> delay(const Error& error, unsigned) const noexcept {
        if (error.kind() == ErrorKind::transient || error.kind() == ErrorKind::no_space)
            return std::chrono::seconds{1};
        return {};
    }
};
// [retry]

// [observer]
/// Counts what was lost. Copies count together.
struct LossCounter : NullObserver {
    std::shared_ptr<std::atomic<std::uint64_t>> records =
        std::make_shared<std::atomic<std::uint64_t>>(0);

    void on_lost(const Lost& lost) noexcept { *records += lost.records; }
    void on_dropped(StreamId, std::uint64_t count, Bytes) noexcept { *records += count; }
};
// [observer]

// [compose]
using Recorder =
    Archive<Counted<NoOp<PosixFile>>, Adler32, SqliteStore, PlaceRows, EverySecond, LossCounter>;

Result<Recorder::Syncer> open(const std::string& place, Committer<SqliteStore>& committer,
                              const LossCounter& losses) {
    return Recorder::Syncer::open(place, committer, {.create = true}, losses);
}
Result<SqliteStore> open_store(const std::string& path) {
    return SqliteStore::open(path, {.schema = {PlaceRows::schema}});
}
// [compose]

static_assert(FilePolicy<Counted<PosixFile>> && Digest<Adler32> && Retry<EverySecond> &&
              Observer<LossCounter> && Rows<PlaceRows, SqliteTransaction, NullIndex::Counts>);

}  // namespace docs_policies
