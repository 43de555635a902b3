#ifndef BOBBIN_TESTING_CHECKED_STORE_HPP
#define BOBBIN_TESTING_CHECKED_STORE_HPP

#include <bobbin/detail/soft_mark.hpp>
#include <bobbin/store/concept.hpp>
#include <bobbin/testing/oracle.hpp>

#include <string>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// A store that tells the ordering oracle of each row before it is committed. `directories` are the
/// paths of the directories, in the order of their numbers in the store.
template <MetadataStore S>
class CheckedStore : public S {
public:
    class Transaction : public S::Transaction {
    public:
        using Base = typename S::Transaction;
        Transaction(Base base, CheckedStore& store) noexcept
            : Base{std::move(base)}
            , store_{&store} {}

        Result<void> put(const ObjectRow& row) noexcept {
            rows_.push_back(row);
            return Base::put(row);
        }
        Result<void> put_piece(const Piece& piece) noexcept {
            if (piece.kind == PieceKind::soft_mark)
                if (const auto mark = bobbin::detail::SoftMark::decode(piece.bytes))
                    if (const auto row = Base::object(piece.object); row && *row)
                        soft_marks_.emplace_back(store_->path_of((*row)->directory, piece.object),
                                                 mark->size);
            return Base::put_piece(piece);
        }
        Result<void> make_garbage(ObjectId id) noexcept {
            garbage_.push_back(id);
            return Base::make_garbage(id);
        }
        Result<void> forget(ObjectId id) noexcept {
            if (const auto row = Base::object(id); row && *row)
                forgotten_.push_back(store_->path_of((*row)->directory, id));
            return Base::forget(id);
        }
        Result<void> commit() noexcept {
            auto& oracle = store_->oracle_;
            for (const auto& row : rows_) {
                const auto path = store_->path_of(row.directory, row.id);
                // Nothing counts of what is only soft-marked yet.
                if (row.state == ObjectState::growing && row.size.value != 0)
                    oracle.marking(path, row.size.value);
                else if (row.state == ObjectState::committed)
                    oracle.committing(path, row.size.value);
            }
            for (const auto& [path, size] : soft_marks_) oracle.soft_marking(path, size);
            for (const auto& path : forgotten_) oracle.forgetting(path);
            auto committed = Base::commit();
            if (!committed && committed.error().kind() != ErrorKind::unknown_outcome)
                return committed;
            if (committed)
                for (const auto& path : forgotten_) oracle.forgotten(path);
            for (const auto& row : rows_)
                if (row.state == ObjectState::garbage)
                    oracle.garbage_committed(store_->path_of(row.directory, row.id));
            for (const auto id : garbage_)
                for (DirectoryId d{1}; d.value <= store_->directories_.size(); ++d.value)
                    oracle.garbage_committed(store_->path_of(d, id));
            return committed;
        }

    private:
        CheckedStore* store_;
        std::vector<ObjectRow> rows_;
        std::vector<ObjectId> garbage_;
        std::vector<std::pair<std::string, std::uint64_t>> soft_marks_;
        std::vector<std::string> forgotten_;
    };

    CheckedStore(S store, OrderingOracle& oracle, std::vector<std::string> directories)
        : S{std::move(store)}
        , oracle_{oracle}
        , directories_{std::move(directories)} {}

    Result<Transaction> begin(Durability durability = Durability::hard) noexcept {
        auto tx = S::begin(durability);
        if (!tx) return tx.error();
        return Transaction{std::move(*tx), *this};
    }

    /// Tells the oracle what an earlier process left in the directory at `path`: rows say what of it
    /// is durable.
    /// @errors of the directory and the store
    template <class Directory>
    Result<void> tell_oracle_what_is_in(Directory& directory, const std::string& path) {
        auto names = directory.list();
        if (!names) return names.error();
        for (const auto& name : *names) {
            const auto id = ObjectName::parse(name);
            if (!id) continue;
            const auto row = S::object(*id);
            if (!row) return row.error();
            const auto file = path + '/' + name;
            const bool counts = *row && ((*row)->state == ObjectState::committed ||
                                         (*row)->state == ObjectState::growing);
            // Of which a soft mark at most speaks: it may be taken, or not.
            const bool is_open = counts && (*row)->size.value == 0;
            if (is_open) oracle_.found(file, 0);
            if (counts && !is_open)
                oracle_.committed_before(file, (*row)->size.value);
            else
                oracle_.unlink_allowed(file);
        }
        return {};
    }

private:
    std::string path_of(DirectoryId directory, ObjectId id) const {
        return directories_.at(directory.value - 1) + '/' + ObjectName{id}.c_str();
    }

    OrderingOracle& oracle_;
    std::vector<std::string> directories_;
};

}  // namespace bobbin::testing

#endif
