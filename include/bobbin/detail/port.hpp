#ifndef BOBBIN_DETAIL_PORT_HPP
#define BOBBIN_DETAIL_PORT_HPP

#include <bobbin/core/clock.hpp>
#include <bobbin/core/observer.hpp>
#include <bobbin/store/rows.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bobbin::detail {

/// One object's next row, as a directory hands it to the committer once the bytes that it speaks of
/// are durable.
template <class Transaction>
struct Change {
    ObjectRow row;
    std::uint32_t piece = 0;  ///< number of the two pieces
    std::vector<std::byte> index;
    std::vector<std::byte> block_digests;
    std::vector<std::byte> tail;  ///< replaces that of the last mark
    std::vector<std::byte> soft_mark;  ///< nothing else is new, where there is one
    bool has_row = false;        ///< by an earlier change
    bool drops_tail = false;       ///< of the last mark
    bool drops_soft_mark = false;
    bool is_settled = false;  ///< nothing follows for this object
    MonotonicTime ended_at{};
    bool is_refused = false;         ///< the program's rows would not have it
    bool wrote_nothing = false;      ///< what was set aside, or deleted, stays as it is
    std::optional<Error> set_aside_for;

    virtual ~Change() = default;
    /// The program's rows for this change.
    virtual Result<void> apply_rows(Transaction& tx) = 0;

    Result<void> apply(Transaction& tx) {
        is_refused = wrote_nothing = false;
        if (has_row) {
            auto before = tx.object(row.id);
            if (!before) return before.error();
            // What was set aside, or deleted by the program, stays so, whatever was written behind it.
            if (!*before || (*before)->state != ObjectState::growing) {
                row.state = *before ? (*before)->state : ObjectState::garbage;
                wrote_nothing = true;
                return {};
            }
            // The program's to change at any time.
            row.is_protected = row.state != ObjectState::garbage && (*before)->is_protected;
        }
        if (!is_soft() || !has_row)
            if (auto put = tx.put(row); !put) return put;
        if (row.state == ObjectState::quarantined) return {};
        if (row.state == ObjectState::garbage) return has_row ? write_rows(tx) : Result<void>{};
        if (!index.empty())
            if (auto put = tx.put_piece({row.id, PieceKind::index, piece, index}); !put) return put;
        if (!block_digests.empty())
            if (auto put = tx.put_piece({row.id, PieceKind::block_digests, piece, block_digests}); !put)
                return put;
        if (!tail.empty() || drops_tail)
            if (auto put = tx.put_piece({row.id, PieceKind::tail, 0, tail}); !put) return put;
        if (is_soft() || drops_soft_mark)
            if (auto put = tx.put_piece({row.id, PieceKind::soft_mark, 0, soft_mark}); !put) return put;
        return write_rows(tx);
    }

    bool is_soft() const noexcept { return !soft_mark.empty(); }

    /// Whether a transaction that may have happened has.
    Result<bool> has_happened(Transaction& tx) const {
        auto now = tx.object(row.id);
        if (!now) return now.error();
        const bool is_there = *now && (*now)->open == row.open && (*now)->state == row.state &&
                              (*now)->size == row.size;
        if (!is_there || !is_soft()) return is_there;
        auto bytes = tx.pieces(row.id, PieceKind::soft_mark);
        if (!bytes) return bytes.error();
        return *bytes == soft_mark;
    }

    /// The object keeps its file and a row that says so, and counts as lost.
    void set_aside(const Error& error) noexcept {
        row.state = ObjectState::quarantined;
        if (row.end_reason == EndReason::growing) row.end_reason = EndReason::unclean;
        set_aside_for = error;
    }

private:
    Result<void> write_rows(Transaction& tx) {
        auto applied = apply_rows(tx);
        is_refused = !applied;
        return applied;
    }
};

/// What the committer asks of a directory. It holds no lock meanwhile but that of its step.
template <class Transaction>
struct Port {
    using Changes = std::vector<std::unique_ptr<Change<Transaction>>>;

    std::uint64_t attached = 0;  ///< the committer's: tells apart what comes to lie at one address

    virtual ~Port() = default;
    virtual DirectoryId directory() const noexcept = 0;
    /// Whether the oldest may go from it when a disk is full.
    virtual bool deletes_for_room() const noexcept = 0;
    /// When the oldest thing that waits here wants to be committed; empty: nothing waits.
    virtual std::optional<MonotonicTime> commit_due(CommitReport& why) noexcept = 0;
    /// Moves out all that waits, in order; and the garbage whose files are durably gone.
    virtual void collect(Changes& changes, std::vector<ObjectId>& gone) = 0;
    /// Asks for all that has ended to be handed over at once, whatever flush intervals say.
    /// @returns the ticket of the last object that has ended
    virtual std::uint64_t hurry() noexcept = 0;
    /// Whether everything up to `ticket` is settled; `quiet`: and no garbage is left to be removed.
    virtual bool is_settled(std::uint64_t ticket, bool quiet) noexcept = 0;
    /// Ends the hurry. @returns the first loss since it began; if it is not settled, the first error
    virtual std::optional<Error> calm(bool is_settled) noexcept = 0;
    /// Steps, if no thread does. @returns whether anything was done
    virtual bool help() = 0;
    /// The committer's thread has stopped: those who wait have to help from now on.
    virtual void on_line_stopped() noexcept = 0;
    virtual Result<void> remove_rows(Transaction& tx, ObjectId id) = 0;
    /// Bytes that a stream's growing objects take here.
    virtual Bytes growing(StreamId stream) noexcept = 0;
    /// These changes and forgets are durable.
    virtual void on_durable(std::span<const std::unique_ptr<Change<Transaction>>> changes,
                            std::size_t forgotten,
                            const CommitReport& report) = 0;
    /// These rows say garbage; the files may be removed.
    virtual void on_garbage(std::span<const ObjectId> ids) = 0;
    virtual void on_commit_failed(const Error& error, unsigned attempt,
                                  std::chrono::nanoseconds delay) noexcept = 0;
    virtual void on_deletion_refused(const Error& error) noexcept = 0;
    virtual void on_retention_unmet(StreamId stream, Bytes over) noexcept = 0;
};

}  // namespace bobbin::detail

#endif
