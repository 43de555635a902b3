#ifndef BOBBIN_TESTS_ENGINE_PLANTS_HPP
#define BOBBIN_TESTS_ENGINE_PLANTS_HPP

#include "plant.hpp"

#include <bobbin/bobbin.hpp>
#include <bobbin/store/concept.hpp>

#include <functional>
#include <utility>

namespace engine_tests {

using namespace bobbin;

/// The file system behind the policies' backs.
inline thread_local std::function<Result<void>(FileHandle)> raw_sync;
inline thread_local std::function<void(ObjectId)> raw_remove;

/// Does what `planted` says; without a plant it is `NoOp`.
template <class Next>
class PlantedFile {
public:
    using policy_concept = file_policy_tag;
    using directory_type = typename Next::directory_type;

    explicit PlantedFile(Next next) noexcept : next_{std::move(next)} {}
    PlantedFile(PlantedFile&&) = default;
    PlantedFile& operator=(PlantedFile&&) = default;
    ~PlantedFile() {
        if (is_late_ && lowest_layer(next_).is_open()) (void)next_.sync();
    }

    Result<std::size_t> append(ByteView bytes) noexcept { return next_.append(bytes); }
    Result<void> flush() noexcept { return next_.flush(); }
    SyncResult sync() noexcept {
        if (planted == Plant::no_file_sync) return SyncResult::durable();
        if (planted == Plant::row_before_sync) {
            is_late_ = true;
            return SyncResult::durable();
        }
        auto synced = next_.sync();
        if (!synced && planted == Plant::sync_retried && raw_sync(lowest_layer(next_).handle()))
            return SyncResult::durable();
        return synced;
    }
    Result<void> close() noexcept {
        if (is_late_) return {};
        return next_.close();
    }
    Bytes size() const noexcept { return next_.size(); }
    Next& next_layer() noexcept { return next_; }

private:
    Next next_;
    bool is_late_ = false;
};

template <FileSystem Fs>
class PlantedDirectory : public FsDirectory<Fs> {
public:
    using Base = FsDirectory<Fs>;
    explicit PlantedDirectory(Base base) noexcept : Base{std::move(base)} {}
    Result<void> sync() noexcept {
        if (planted == Plant::no_directory_sync) return {};
        return Base::sync();
    }
};

template <MetadataStore S>
class PlantedStore : public S {
public:
    class Transaction : public S::Transaction {
    public:
        using Base = typename S::Transaction;
        explicit Transaction(Base base) noexcept : Base{std::move(base)} {}

        Result<void> put(const ObjectRow& row) noexcept {
            if (planted == Plant::mark_not_written && row.state == ObjectState::growing) return {};
            return Base::put(row);
        }
        Result<void> put_piece(const Piece& piece) noexcept {
            if (planted == Plant::tail_not_kept && piece.kind == PieceKind::tail) return {};
            if (planted == Plant::mark_not_written)
                if (auto row = Base::object(piece.object); row && !*row) return {};
            return Base::put_piece(piece);
        }
        Result<void> make_garbage(ObjectId id) noexcept {
            if (planted == Plant::unlink_before_commit) raw_remove(id);
            if (auto made = Base::make_garbage(id); !made) return made;
            if (planted == Plant::garbage_row_dropped) return Base::forget(id);
            return {};
        }
    };

    explicit PlantedStore(S store) : S{std::move(store)} {}
    Result<Transaction> begin(Durability durability = Durability::hard) noexcept {
        auto tx = S::begin(durability);
        if (!tx) return tx.error();
        return Transaction{std::move(*tx)};
    }
};

}  // namespace engine_tests

#endif
